"""Reads traces with the definitions of OpenTelemetry itself: every name, type and nesting has to be one that they know.

A reader of protocol buffers takes identifiers for base64, which OTLP's JSON has in hexadecimal, so they are turned round first.
"""

import base64
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData


def spans_of(path: str) -> int:
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    # Raises at anything that the definitions do not know.
    traces = json_format.ParseDict(document, TracesData())
    spans = [span for resource in traces.resource_spans for scope in resource.scope_spans for span in scope.spans]
    assert all(len(span.trace_id) == 16 and len(span.span_id) == 8 and len(span.parent_span_id) in (0, 8) for span in spans)
    assert all(0 < span.end_time_unix_nano >= span.start_time_unix_nano or span.start_time_unix_nano == 0 for span in spans)
    return len(spans)


for name in sys.argv[1:]:
    print(spans_of(name))
