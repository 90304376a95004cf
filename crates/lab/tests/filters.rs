//! Filters on the records of the real stack: what the filter language knows of the protocols is what the protocols say.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use peerglass_core::{Describe, Peer};
use peerglass_kad::{Message, Name, Record, Request, Response, Target};
use peerglass_lab::{Run, Scenario};
use peerglass_trace::read::Reader;
use peerglass_trace::{Filter, JsonLines, Row, RunHeader};

fn filter(text: &str) -> Filter {
    text.parse().unwrap_or_else(|why| panic!("{why}"))
}

/// The records of a small first look, as a reader gives them.
fn rows() -> Vec<Row> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs/first-look.toml");
    let scenario = Scenario::load(&file).expect("the lab is valid").with_peers(60);
    let mut run = Run::new(scenario, 1, JsonLines::new(Vec::new(), &RunHeader::sim("first look", 1))).expect("the lab can be run");
    run.run(|_| {});
    let written = run.into_recorder().and_then(JsonLines::into_inner).expect("memory takes all records");
    Reader::new(&written[..]).expect("there is a header").collect::<Result<_, _>>().expect("every line is a record")
}

fn keep<'a>(rows: &'a [Row], text: &str) -> Vec<&'a Row> {
    let filter = filter(text);
    rows.iter().filter(|row| filter.matches(*row)).collect()
}

#[test]
fn every_message_timer_and_step_of_the_stack_tells_its_protocol() {
    let rows = rows();
    let stray: BTreeSet<_> =
        keep(&rows, "kind in {sent, received, dropped, timer, step} && not has proto").iter().map(|row| (&row.kind, &row.name)).collect();
    assert!(stray.is_empty(), "these tell no protocol: {stray:?}");
    let with = keep(&rows, "has proto").len();
    let [kad, transfer] = ["proto == kad", "proto == transfer"].map(|text| keep(&rows, text).len());
    assert!(kad > 1_000 && transfer > 100 && kad + transfer == with, "{kad} and {transfer} of {with}");
    assert_eq!(keep(&rows, "type ^= FIND_ && proto == kad").len(), keep(&rows, "type == FIND_NODE").len());
}

#[test]
fn every_message_of_kademlia_is_known_by_its_name() {
    let name = Name::new(b"/pk/it").expect("it is short");
    let record = || Box::new(Record { key: name.clone(), value: Arc::from(&b"value"[..]) });
    let requests = [
        Request::FindNode { target: Target::Peer(Peer(1)) },
        Request::GetValue { key: name.clone() },
        Request::PutValue { record: record() },
        Request::GetProviders { key: name.clone() },
        Request::AddProvider { key: name.clone(), provider: Peer(1) },
    ];
    let responses = [
        Response::Nodes { closer: Vec::new() },
        Response::Value { record: None, closer: Vec::new() },
        Response::Stored { record: record() },
        Response::Providers { providers: Box::default(), closer: Vec::new() },
        Response::Rejected,
    ];
    let messages = requests.map(|request| Message::Request { id: 1, request }).into_iter();
    for message in messages.chain(responses.map(|response| Message::Response { id: 1, response })) {
        // Who writes a message where a column belongs is told how it is meant.
        let why = message.name().parse::<Filter>().expect_err("a message is no condition").to_string();
        assert!(why.contains(&format!("type == {}", message.name())), "{why}");
    }
}

#[test]
fn a_message_has_the_same_ends_wherever_it_is_recorded() {
    let rows = rows();
    let seen = keep(&rows, "from == 3 && to in 10..20");
    assert!(seen.iter().any(|row| row.kind == "sent") && seen.iter().any(|row| row.kind == "received"));
    for row in seen.iter().filter(|row| row.kind != "sent") {
        let cause = row.cause.expect("what arrives was sent");
        assert!(seen.iter().any(|sent| sent.seq == cause), "{row:?}");
    }
}

#[test]
fn bounds_skip_groups_of_a_run_and_lose_no_record() {
    let rows = rows();
    for text in [
        "peer in 3..9 && time > 2s && proto == kad",
        "kind == step && type == done && fields.hops >= 2",
        "(from == 3 || to == 3) && size > 100B",
        "other == 5 || not (kind in {sent, received} || time < 10s)",
        "fields.closer contains p7 && type == NODES",
        "any ~ find_node && seq < 5000",
    ] {
        let (wanted, bounds) = (filter(text), filter(text).bounds());
        assert!(rows.iter().any(|row| wanted.matches(row)), "nothing is kept by {text}");
        assert!(rows.iter().filter(|row| wanted.matches(*row)).all(|row| bounds.admit(row)), "{text}");
        let groups = rows.chunks(256).filter(|group| match (group.first(), group.last()) {
            (Some(first), Some(last)) => {
                bounds.seq.overlaps(first.seq, last.seq) && bounds.time.overlaps(first.time.as_nanos(), last.time.as_nanos())
            }
            _ => false,
        });
        assert_eq!(groups.flatten().filter(|row| wanted.matches(*row)).count(), keep(&rows, text).len(), "{text}");
    }
}
