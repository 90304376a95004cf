//! Traces: identifiers of the right form, parents that exist, no end before its start; and what they say is what the records say.

use std::collections::{BTreeMap, BTreeSet};

use peerglass_trace::Row;
use peerglass_trace::export::Options;
use serde_json::Value;

use crate::outside::{self, skip};
use crate::samples::{exported, made_up, nasty};

/// A span as a reader of OTLP's JSON finds it.
#[derive(Debug)]
pub(crate) struct Span {
    trace: String,
    id: String,
    parent: Option<String>,
    service: String,
    name: String,
    start: u64,
    end: u64,
    attributes: BTreeMap<String, String>,
    events: usize,
    failed: bool,
}

fn hex(value: &Value, digits: usize) -> String {
    let text = value.as_str().unwrap_or_default();
    assert!(
        text.len() == digits
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            && text.bytes().any(|byte| byte != b'0'),
        "{value}"
    );
    text.to_owned()
}

fn time(value: &Value) -> u64 {
    value.as_str().expect("64-bit numbers are texts").parse().unwrap()
}

fn attributes(of: &Value) -> BTreeMap<String, String> {
    let all = of["attributes"].as_array().unwrap();
    let map: BTreeMap<String, String> =
        all.iter().map(|pair| (pair["key"].as_str().unwrap().to_owned(), pair["value"]["stringValue"].as_str().unwrap().to_owned())).collect();
    assert_eq!(map.len(), all.len(), "keys are unique");
    map
}

fn span(span: &Value, service: &str) -> Span {
    let events = span["events"].as_array().map(Vec::len).unwrap_or_default();
    assert!(span["events"].as_array().into_iter().flatten().all(|event| time(&event["timeUnixNano"]) >= time(&span["startTimeUnixNano"])));
    assert!((1..=5).contains(&span["kind"].as_u64().unwrap()));
    Span {
        trace: hex(&span["traceId"], 32),
        id: hex(&span["spanId"], 16),
        parent: span.get("parentSpanId").map(|parent| hex(parent, 16)),
        service: service.to_owned(),
        name: span["name"].as_str().unwrap().to_owned(),
        start: time(&span["startTimeUnixNano"]),
        end: time(&span["endTimeUnixNano"]),
        attributes: attributes(span),
        events,
        failed: span["status"]["code"] == 2,
    }
}

/// All spans, checked for themselves and against each other.
fn spans(rows: &[Row], filter: Option<&str>) -> Vec<Span> {
    read(&exported("otlp", rows, filter, &Options::default()).unwrap(), filter)
}

/// All spans of a document.
pub(crate) fn read(text: &str, filter: Option<&str>) -> Vec<Span> {
    let document: Value = serde_json::from_str(text).unwrap();
    let mut spans = Vec::new();
    for resource in document["resourceSpans"].as_array().unwrap() {
        let about = attributes(&resource["resource"]);
        assert_eq!((about["peerglass.seed"].as_str(), about.get("peerglass.filter").map(String::as_str)), ("42", filter));
        let found = resource["scopeSpans"][0]["spans"].as_array().unwrap();
        spans.extend(found.iter().map(|found| span(found, &about["service.name"])));
    }
    let by_id: BTreeMap<&str, &Span> = spans.iter().map(|span| (&*span.id, span)).collect();
    assert_eq!(by_id.len(), spans.len(), "identifiers are unique");
    for span in &spans {
        assert!(span.start <= span.end, "{span:?}");
        if let Some(parent) = &span.parent {
            let parent = by_id.get(parent.as_str()).unwrap_or_else(|| panic!("{span:?} has a parent that is not there"));
            assert!(parent.trace == span.trace && parent.start <= span.start && parent.id != span.id, "{span:?} below {parent:?}");
        }
    }
    spans
}

fn number(span: &Span, name: &str) -> u64 {
    span.attributes[&format!("peerglass.{name}")].parse().unwrap()
}

/// The record with which the trace of `row` begins.
fn root(rows: &[Row], row: &Row) -> u64 {
    let is_root = ["command", "timer", "up", "fault"].contains(&&*row.kind);
    row.cause.filter(|_| !is_root).map_or(row.seq, |cause| root(rows, &rows[cause as usize]))
}

#[test]
fn what_came_of_one_root_is_one_trace() {
    for rows in [made_up(1, 6, 800), nasty(1, 6, 800)] {
        let spans = spans(&rows, None);
        let mut trace_of = BTreeMap::new();
        for span in &spans {
            let root = root(&rows, &rows[number(span, "seq") as usize]);
            assert_eq!(trace_of.entry(root).or_insert(&span.trace), &&span.trace, "{span:?}");
            assert_eq!(span.parent.is_none(), root == number(span, "seq"), "only roots have no parent: {span:?}");
        }
        let traces: BTreeSet<_> = trace_of.values().collect();
        assert_eq!(traces.len(), trace_of.len(), "two roots are two traces");
        let whole = |span: &&Span| span.parent.is_none();
        assert!(
            spans.iter().filter(whole).all(|root| spans.iter().all(|span| span.trace != root.trace || span.end <= root.end)),
            "a root lasts as long as its trace"
        );
    }
}

#[test]
fn a_message_is_a_span_of_its_sender_from_sent_to_its_fate() {
    let rows = made_up(2, 6, 800);
    let spans = spans(&rows, None);
    let messages: Vec<&Span> = spans.iter().filter(|span| span.attributes.contains_key("peerglass.fate")).collect();
    let sent = rows.iter().filter(|row| row.kind == "sent").count();
    let fates: Vec<&Row> = rows.iter().filter(|row| ["received", "dropped"].contains(&&*row.kind)).collect();
    let copies = fates.len() - fates.iter().map(|row| row.cause).collect::<BTreeSet<_>>().len();
    assert_eq!(messages.len(), sent + copies);
    assert_eq!(messages.iter().filter(|span| span.failed).count(), fates.iter().filter(|row| row.kind == "dropped").count());
    for span in messages {
        let row = &rows[number(span, "seq") as usize];
        assert_eq!((span.start, span.service.clone(), &span.name), (row.time.as_nanos(), row.peer.to_string(), row.name.as_ref().unwrap()));
        if span.attributes.contains_key("peerglass.end_seq") {
            assert_eq!(span.end, rows[number(span, "end_seq") as usize].time.as_nanos());
        }
    }
}

#[test]
fn an_operation_is_a_span_with_its_steps_as_events() {
    let rows = made_up(3, 3, 800);
    let operations: Vec<Span> = spans(&rows, None).into_iter().filter(|span| span.attributes.contains_key("peerglass.steps")).collect();
    assert_eq!(operations.iter().map(|span| number(span, "steps")).sum::<u64>(), rows.iter().filter(|row| row.kind == "step").count() as u64);
    assert!(operations.iter().all(|span| span.events as u64 == number(span, "steps").min(128)));
    assert!(operations.iter().filter(|span| span.attributes["peerglass.end"] == "done").count() > 20);
}

#[test]
fn after_a_filter_spans_stand_below_the_nearest_that_is_left() {
    let rows = made_up(4, 6, 800);
    let spans = spans(&rows, Some("kind == received && peer in p0..p3 || kind == command"));
    let ids: BTreeMap<&str, u64> = spans.iter().map(|span| (&*span.id, number(span, "seq"))).collect();
    let shown: BTreeMap<u64, u64> = spans
        .iter()
        .map(|span| (span.attributes.get("peerglass.end_seq").map_or(number(span, "seq"), |seq| seq.parse().unwrap()), number(span, "seq")))
        .collect();
    for span in &spans {
        // Walks up over the records to the nearest that is shown.
        let mut above = rows[number(span, "seq") as usize].cause;
        while let Some(seq) = above.filter(|seq| !shown.contains_key(seq)) {
            above = rows[seq as usize].cause.filter(|_| !["timer", "up", "fault"].contains(&&*rows[seq as usize].kind));
        }
        if !span.name.starts_with("command") && !span.name.contains("copy") {
            let copy = rows[number(span, "seq") as usize].kind == "received";
            assert!(copy || span.parent.as_deref().map(|parent| ids[parent]) == above.map(|seq| shown[&seq]), "{span:?}");
        }
    }
    assert!(spans.iter().any(|span| span.parent.is_some()) && spans.iter().all(|span| !span.name.starts_with("event")));
}

#[test]
fn opentelemetry_itself_knows_everything_in_a_trace() {
    let Some(python) = outside::python("google.protobuf, opentelemetry.proto") else {
        let why = "python3 has no opentelemetry-proto here; `cargo xtask test` installs it in target/python";
        return skip("opentelemetry_itself_knows_everything_in_a_trace", why);
    };
    for (name, rows) in [("made-up", made_up(5, 6, 800)), ("nasty", nasty(5, 6, 800))] {
        let text = exported("otlp", &rows, None, &Options::default()).unwrap();
        let mut command = std::process::Command::new(&python);
        let said = outside::said(command.arg(outside::script("otlp.py")).arg(outside::file(&format!("{name}.otlp.json"), text.as_bytes())));
        assert_eq!(said, Some(format!("{}\n", read(&text, None).len())));
    }
}
