//! ShiViz logs: an oracle of our own holds the clocks to the rules that ShiViz's parser enforces, and a second one to what really happened before what.
//!
//! The rules are those of ShiViz's source: the clock of an event has an entry for its host (1); the own entries of a host are 1, 2, 3, … (2); no entry for
//! a host without events (3); none larger than that host's number of events (4); each clock is the join of the event before on its host and of the events
//! that it depends on (5); the order is transitive and acyclic (6).

use std::collections::{BTreeMap, BTreeSet};

use peerglass_trace::Row;
use peerglass_trace::export::{ExportError, Options};
use proptest::prelude::*;

use crate::samples::{exported, made_up, nasty, row};

type Clock = BTreeMap<String, u64>;

/// An event as ShiViz's default expression finds it: its text, host and clock.
#[derive(Debug)]
pub(crate) struct Event {
    text: String,
    host: String,
    clock: Clock,
}

/// What the expression `(?<event>.*)\n(?<host>\S*) (?<clock>{.*})` finds in the log, and how many lines it does not.
pub(crate) fn parse(log: &str) -> (Vec<Event>, usize) {
    let body = log.strip_prefix("(?<event>.*)\\n(?<host>p\\d+) (?<clock>{.*})\n\n").expect("the log begins with its expression and no delimiter");
    assert!(!body.contains(['\r', '\u{2028}', '\u{2029}']), "these end a line in JavaScript");
    let lines: Vec<&str> = body.lines().collect();
    let (mut events, mut left, mut at) = (Vec::new(), 0, 0);
    while at < lines.len() {
        let clock = lines.get(at + 1).and_then(|line| line.split_once(' ')).filter(|(_, clock)| clock.starts_with('{') && clock.ends_with('}'));
        if let Some((host, clock)) = clock {
            events.push(Event { text: lines[at].to_owned(), host: host.to_owned(), clock: serde_json::from_str(clock).expect("a clock is JSON") });
            at += 2;
        } else {
            left += 1;
            at += 1;
        }
    }
    (events, left)
}

/// Rules 1 to 6.
pub(crate) fn check_rules(events: &[Event]) {
    let mut by_host: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    events.iter().for_each(|event| by_host.entry(&event.host).or_default().push(event));
    for (host, own) in &mut by_host {
        own.sort_by_key(|event| event.clock.get(*host).copied().expect("rule 1"));
        assert!(own.iter().zip(1..).all(|(event, count)| event.clock[*host] == count), "rule 2 at {host}");
    }
    for event in events {
        for (host, count) in &event.clock {
            let own = by_host.get(host.as_str()).unwrap_or_else(|| panic!("rule 3: {event:?}"));
            assert!((1..=own.len() as u64).contains(count), "rule 4: {event:?}");
        }
        // The events that it names are those that it depends on, directly or not; its own entry names itself.
        let mut joined = Clock::from([(event.host.clone(), event.clock[&event.host])]);
        for (host, count) in &event.clock {
            let count = if *host == event.host { count - 1 } else { *count };
            let Some(named) = count.checked_sub(1).map(|at| by_host[host.as_str()][at as usize]) else { continue };
            for (host, count) in &named.clock {
                let entry = joined.entry(host.clone()).or_default();
                *entry = (*entry).max(*count);
            }
            assert!(named.clock.get(&event.host).is_none_or(|back| *back < event.clock[&event.host]), "rule 6: {event:?} and {named:?}");
        }
        assert_eq!(joined, event.clock, "rule 5: {event:?}");
    }
}

/// For every kept record the kept records before it, by host: found by walking back over all records, not with clocks.
fn before(rows: &[Row], kept: &BTreeSet<u64>) -> BTreeMap<u64, Clock> {
    let index: BTreeMap<u64, usize> = rows.iter().enumerate().map(|(at, row)| (row.seq, at)).collect();
    let mut last: BTreeMap<u32, usize> = BTreeMap::new();
    let previous: Vec<Option<usize>> = rows.iter().enumerate().map(|(at, row)| last.insert(row.peer.0, at)).collect();
    let mut known = BTreeMap::new();
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| kept.contains(&row.seq)) {
        let (mut open, mut seen) = (vec![at], BTreeSet::new());
        while let Some(at) = open.pop() {
            if seen.insert(at) {
                open.extend(previous[at]);
                open.extend(rows[at].cause.and_then(|cause| index.get(&cause)).copied());
            }
        }
        let mut clock = Clock::new();
        seen.iter().filter(|at| kept.contains(&rows[**at].seq)).for_each(|at| *clock.entry(format!("p{}", rows[*at].peer.0)).or_default() += 1);
        known.insert(row.seq, clock);
    }
    known
}

fn seq(event: &Event) -> u64 {
    event.text[1..].split(' ').next().unwrap().parse().unwrap()
}

fn check(rows: &[Row], filter: Option<&str>, kept: impl Fn(&Row) -> bool) -> usize {
    let (events, left) = parse(&exported("shiviz", rows, filter, &Options::default()).unwrap());
    let kept: BTreeSet<u64> = rows.iter().filter(|row| kept(row)).map(|row| row.seq).collect();
    assert_eq!(left, 5 + usize::from(filter.is_some()), "only the lines about the run are no events");
    assert_eq!(events.iter().map(seq).collect::<Vec<_>>(), kept.iter().copied().collect::<Vec<_>>());
    check_rules(&events);
    let truth = before(rows, &kept);
    events.iter().for_each(|event| assert_eq!(event.clock, truth[&seq(event)], "{event:?}"));
    events.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn clocks_obey_all_rules_and_say_what_happened_before_whatever_is_left_out(seed: u64, peers in 1..12u32, nasty_too: bool) {
        let rows = if nasty_too { nasty(seed, peers, 200) } else { made_up(seed, peers, 200) };
        check(&rows, None, |_| true);
        check(&rows, Some("kind in {sent, received, step}"), |row| ["sent", "received", "step"].contains(&&*row.kind));
        check(&rows, Some("peer in {0, 3, 4}"), |row| [0, 3, 4].contains(&row.peer.0));
        check(&rows, Some("seq in 60..120 && kind == received"), |row| (60..120).contains(&row.seq) && row.kind == "received");
        check(&rows, Some("kind == event"), |row| row.kind == "event");
    }
}

#[test]
fn knowledge_travels_through_records_that_are_not_shown() {
    let rows = [
        row(0, 0, 1, None, "command"),
        row(1, 0, 1, Some(0), "sent"),
        row(2, 5, 2, Some(1), "received"),
        row(3, 5, 2, Some(2), "sent"),
        row(4, 9, 3, Some(3), "received"),
    ];
    let log = exported("shiviz", &rows, Some("peer in {1, 3} && kind != sent"), &Options::default()).unwrap();
    assert!(log.ends_with("#0 command, at 0 s\np1 {\"p1\":1}\n#4 received, at 0.000000009 s\np3 {\"p1\":1,\"p3\":1}\n"), "{log}");
}

#[test]
fn a_clock_of_the_whole_run_would_break_the_rules_after_a_filter() {
    let rows = made_up(1, 5, 200);
    let (events, _) = parse(&exported("shiviz", &rows, None, &Options::default()).unwrap());
    let some: Vec<Event> = events.into_iter().filter(|event| event.text.contains("received")).collect();
    assert!(std::panic::catch_unwind(|| check_rules(&some)).is_err(), "the oracle sees what ShiViz would refuse");
}

#[test]
fn clocks_that_nobody_can_draw_are_refused_with_the_way_out() {
    let why = exported("shiviz", &made_up(1, 400, 40_000), None, &Options::default()).unwrap_err();
    assert!(matches!(why, ExportError::LargeClocks { events: 10_000..40_000, hosts: 400, limit: 4_000_000, .. }), "{why}");
    assert!(["4000000 entries", "peer in", "limit"].iter().all(|word| why.to_string().contains(word)), "{why}");
}
