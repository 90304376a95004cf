"""Reads metrics with the parser of Prometheus' own client, which takes nothing but OpenMetrics, and prints each sample as a line of JSON."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

with open(sys.argv[1], encoding="utf-8") as file:
    for family in text_string_to_metric_families(file.read()):
        assert family.documentation, family.name
        for sample in family.samples:
            print(json.dumps({"family": family.name, "type": family.type, "unit": family.unit, "name": sample.name, "labels": sample.labels, "value": sample.value}))
