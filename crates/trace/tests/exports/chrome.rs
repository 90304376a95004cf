//! Timelines: slices are nested and closed, arrows paired and fastened, and what they show is what the records say.

use std::collections::{BTreeMap, BTreeSet};

use peerglass_trace::Row;
use peerglass_trace::export::Options;
use serde_json::Value;

use crate::samples::{exported, made_up, nasty};

/// The events of a timeline, checked.
fn events(rows: &[Row], filter: Option<&str>) -> Vec<Value> {
    read(&exported("chrome", rows, filter, &Options::default()).unwrap(), filter)
}

/// The events of a timeline's text.
pub(crate) fn read(text: &str, filter: Option<&str>) -> Vec<Value> {
    let timeline: Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        (&timeline["displayTimeUnit"], &timeline["otherData"]["seed"], &timeline["otherData"]["scenario_hash"]),
        (&"ms".into(), &"42".into(), &"00ff".into())
    );
    assert_eq!(timeline["otherData"]["filter"].as_str(), filter);
    let events = timeline["traceEvents"].as_array().unwrap().clone();
    check(&events);
    events
}

fn ns(event: &Value) -> u64 {
    (event["ts"].as_f64().unwrap() * 1_000.0).round() as u64
}

fn thread(event: &Value) -> (u64, u64) {
    (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap())
}

/// How long a slice takes, in ns.
fn took(event: &Value) -> u64 {
    (event["dur"].as_f64().unwrap() * 1_000.0).round() as u64
}

fn check(events: &[Value]) {
    let mut named = BTreeSet::new();
    for event in events.iter().filter(|event| event["ph"] == "M") {
        assert!(event["args"]["name"].is_string() && named.insert((event["name"].to_string(), thread(event))), "{event}");
    }
    let mut slices: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X").collect();
    // As Perfetto sorts them: of those that begin together, the longest first.
    slices.sort_by_key(|slice| (ns(slice), std::cmp::Reverse(took(slice))));
    let mut open: BTreeMap<(u64, u64), Vec<u64>> = BTreeMap::new();
    for slice in &slices {
        let (until, open) = (ns(slice) + took(slice), open.entry(thread(slice)).or_default());
        open.retain(|end| *end > ns(slice));
        assert!(took(slice) > 0 && open.iter().all(|end| *end >= until), "slices are nested: {slice}");
        open.push(until);
    }
    let ends = |direction: &str| {
        let ends: Vec<String> = slices.iter().filter(|slice| slice[direction] == true).map(|slice| slice["bind_id"].to_string()).collect();
        let unique: BTreeSet<String> = ends.iter().cloned().collect();
        assert_eq!(unique.len(), ends.len());
        unique
    };
    assert_eq!(ends("flow_out"), ends("flow_in"), "every arrow has two ends");
    for event in events.iter().filter(|event| event["ph"] != "M") {
        assert!(named.contains(&("\"thread_name\"".to_owned(), thread(event))), "{event}");
        assert!(event["ph"] == "X" || event["ph"] == "i" && (event["s"] == "t" || event["s"] == "p"), "{event}");
    }
}

fn is_message(event: &&Value) -> bool {
    event["ph"] == "X" && event["cat"] == "message"
}

#[test]
fn every_record_is_a_slice_or_an_instant_and_messages_are_arrows() {
    for rows in [made_up(1, 6, 800), nasty(1, 6, 800)] {
        let events = events(&rows, None);
        let ends = events.iter().filter(is_message).count();
        assert_eq!(ends, rows.iter().filter(|row| ["sent", "received", "dropped"].contains(&&*row.kind)).count());
        assert_eq!(events.iter().filter(|event| event["ph"] == "i").count(), rows.len() - ends);
        let fates: BTreeSet<u64> = rows.iter().filter(|row| ["received", "dropped"].contains(&&*row.kind)).filter_map(|row| row.cause).collect();
        assert_eq!(events.iter().filter(|event| event["flow_in"] == true).count(), fates.len());
        let row: BTreeMap<u64, &Row> = rows.iter().map(|row| (row.seq, row)).collect();
        for event in events.iter().filter(|event| event["ph"] != "M") {
            let row = row[&event["args"]["seq"].as_u64().unwrap()];
            assert_eq!((event["pid"].as_u64(), ns(event)), (Some(u64::from(row.peer.0)), row.time.as_nanos()));
        }
    }
}

#[test]
fn operations_that_overlap_stand_beside_each_other() {
    let events = events(&made_up(2, 2, 800), None);
    let names: BTreeSet<&str> =
        events.iter().filter(|event| event["name"] == "thread_name").filter_map(|event| event["args"]["name"].as_str()).collect();
    assert!(names.is_superset(&BTreeSet::from(["kad", "kad operations", "kad operations 2", "application", "peer"])), "{names:?}");
    assert!(events.iter().any(|event| event["cat"] == "operation" && event["args"]["end"] == "done"));
}

#[test]
fn a_filter_shows_messages_whole_and_operations_by_the_steps_that_pass() {
    let rows = made_up(3, 6, 800);
    let lost = events(&rows, Some("kind == dropped"));
    assert_eq!(lost.iter().filter(is_message).count(), 2 * rows.iter().filter(|row| row.kind == "dropped").count());
    let steps = events(&rows, Some("kind == step && type == query"));
    assert!(steps.iter().filter(|event| event["ph"] == "i").all(|event| event["name"] == "query"));
    assert!(steps.iter().any(|event| event["cat"] == "operation") && !steps.iter().any(|event| is_message(&event)));
}

/// Perfetto 52 takes a quote behind `\\\\` for a part of the text, and so a text that ends with a backslash for the beginning of chaos.
#[test]
fn no_quote_stands_behind_a_backslash_that_is_not_its_own() {
    let text = exported("chrome", &nasty(5, 6, 800), None, &Options::default()).unwrap();
    assert!(!text.contains("\\\\") && text.contains("\\u005c\""), "backslashes are written as numbers");
    let names: BTreeSet<String> = read(&text, None).iter().filter_map(|event| event["name"].as_str().map(str::to_owned)).collect();
    assert!(names.iter().any(|name| name.ends_with('\\')), "and read as what they are");
}
