//! Timelines: slices are nested and closed, arrows paired and fastened, and what they show is what the records say.

use std::collections::{BTreeMap, BTreeSet};

use peerglass_trace::Row;
use peerglass_trace::export::Options;
use serde_json::Value;

use crate::samples::{exported, made_up, nasty};

/// The events of a timeline, checked as Perfetto would: sorted by time, equal ones as they stand.
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
    let mut events = timeline["traceEvents"].as_array().unwrap().clone();
    events.sort_by_key(ns);
    check(&events);
    events
}

fn ns(event: &Value) -> u64 {
    (event["ts"].as_f64().unwrap() * 1_000.0).round() as u64
}

fn thread(event: &Value) -> (u64, u64) {
    (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap())
}

/// What is open on a thread: names of operations, and the ends of messages that are as short as can be.
#[derive(Default)]
struct Track {
    open: Vec<String>,
    until: u64,
}

fn check(events: &[Value]) {
    let mut tracks: BTreeMap<(u64, u64), Track> = BTreeMap::new();
    let (mut begun, mut ended, mut named) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for event in events.iter().filter(|event| event["ph"] == "M") {
        assert!(named.insert((event["name"].to_string(), thread(event))), "{event}");
    }
    for event in events {
        let track = tracks.entry(thread(event)).or_default();
        let name = event["name"].to_string();
        assert!(event["ph"] == "M" || named.contains(&("\"thread_name\"".to_owned(), thread(event))), "{event}");
        match event["ph"].as_str().unwrap() {
            "B" => track.open.push(name),
            "E" => assert_eq!(track.open.pop(), Some(name), "{event}"),
            "X" => {
                assert!(event["dur"].as_f64() == Some(0.001) && track.open.is_empty(), "{event}");
                assert!(ns(event) >= track.until || ns(event) + 1 == track.until, "slices are nested: {event}");
                track.until = ns(event) + 1;
            }
            "s" => assert!(track.until == ns(event) + 1 && begun.insert(event["id"].to_string()), "{event}"),
            "f" => assert!(event["bp"] == "e" && track.until == ns(event) + 1 && ended.insert(event["id"].to_string()), "{event}"),
            "i" => assert!(event["s"] == "t" || event["s"] == "p", "{event}"),
            "M" => assert!(event["args"]["name"].is_string()),
            _ => panic!("{event}"),
        }
    }
    assert!(tracks.values().all(|track| track.open.is_empty()), "every operation ends");
    assert_eq!(begun, ended, "every arrow has two ends");
}

#[test]
fn every_record_is_a_slice_or_an_instant_and_messages_are_arrows() {
    for rows in [made_up(1, 6, 800), nasty(1, 6, 800)] {
        let events = events(&rows, None);
        let of = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
        let is_message = |row: &&Row| ["sent", "received", "dropped"].contains(&&*row.kind);
        assert_eq!(of("X"), rows.iter().filter(is_message).count());
        assert_eq!(of("i"), rows.len() - of("X"));
        let fates: BTreeSet<u64> = rows.iter().filter(|row| ["received", "dropped"].contains(&&*row.kind)).filter_map(|row| row.cause).collect();
        assert_eq!(of("f"), fates.len());
        let row: BTreeMap<u64, &Row> = rows.iter().map(|row| (row.seq, row)).collect();
        for event in events.iter().filter(|event| ["X", "i"].contains(&event["ph"].as_str().unwrap())) {
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
    assert!(events.iter().any(|event| event["ph"] == "E" && event["args"]["end"] == "done"));
}

#[test]
fn a_filter_shows_messages_whole_and_operations_by_the_steps_that_pass() {
    let rows = made_up(3, 6, 800);
    let lost = events(&rows, Some("kind == dropped"));
    assert_eq!(lost.iter().filter(|event| event["ph"] == "X").count(), 2 * rows.iter().filter(|row| row.kind == "dropped").count());
    let steps = events(&rows, Some("kind == step && type == query"));
    assert!(steps.iter().filter(|event| event["ph"] == "i").all(|event| event["name"] == "query"));
    assert!(steps.iter().any(|event| event["ph"] == "B") && steps.iter().all(|event| event["ph"] != "X"));
}
