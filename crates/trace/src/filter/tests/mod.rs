//! What filters keep. What they refuse is in `errors.rs`; that text, tree, evaluation and bounds agree in `properties.rs`.

mod errors;
mod properties;

use core::time::Duration;

use peerglass_core::{Key, Peer, Time, Value};

use super::*;
use crate::{Row, What};

fn filter(text: &str) -> Filter {
    text.parse().unwrap_or_else(|why| panic!("{why}"))
}

/// A FIND_NODE that peer 5 sends to peer 8 after 2.5 s.
fn sent() -> Row {
    Row {
        seq: 17,
        time: Time::from_millis(2_500),
        peer: Peer(5),
        cause: Some(16),
        kind: "sent".to_owned(),
        other: Some(Peer(8)),
        protocol: Some("kad".to_owned()),
        name: Some("FIND_NODE".to_owned()),
        bytes: Some(1_500),
        fields: vec![("id".to_owned(), 3u64.into()), ("target".to_owned(), Key::from_bytes([0x3f; 32]).into())],
        ..Row::default()
    }
}

fn received() -> Row {
    Row { seq: 18, peer: Peer(8), other: Some(Peer(5)), kind: "received".to_owned(), fields: Vec::new(), ..sent() }
}

fn step() -> Row {
    Row {
        kind: "step".to_owned(),
        name: Some("done".to_owned()),
        operation: Some("kad#7".to_owned()),
        other: None,
        bytes: None,
        fields: vec![
            ("hops".to_owned(), 4u32.into()),
            ("closest".to_owned(), Value::List(vec![Peer(3).into(), Peer(7).into()])),
            ("words".to_owned(), Value::List(vec!["Alpha".into(), "beta".into()])),
            ("took".to_owned(), Duration::from_millis(1_500).into()),
            ("at".to_owned(), Time::from_secs(2).into()),
            ("share".to_owned(), 0.25.into()),
            ("found".to_owned(), true.into()),
            ("outcome".to_owned(), "no peers".into()),
            ("hash".to_owned(), Value::Bytes(vec![0x00, 0x11, 0xab])),
            ("by".to_owned(), Peer(9).into()),
        ],
        ..sent()
    }
}

/// All of `texts` keep `row`.
fn keep(row: &Row, texts: &[&str]) {
    for text in texts {
        assert!(filter(text).matches(row), "{text}");
    }
}

/// None of `texts` keeps `row`.
fn lose(row: &Row, texts: &[&str]) {
    for text in texts {
        assert!(!filter(text).matches(row), "{text}");
    }
}

#[test]
fn the_filter_of_the_requirements_keeps_what_it_says() {
    let text = "proto == kad && type == FIND_NODE && peer in 3..9 && time > 2s && size > 1KiB";
    keep(&sent(), &[text]);
    lose(&Row { peer: Peer(9), ..sent() }, &[text]);
    lose(&Row { time: Time::from_secs(2), ..sent() }, &[text]);
    lose(&Row { bytes: Some(1_024), ..sent() }, &[text]);
}

#[test]
fn columns_compare_with_what_they_hold() {
    keep(
        &sent(),
        &["seq == 17", "cause < 17", "peer == 5", "peer == p5", "other != 7", "kind == sent", "type != NODES", "size >= 1500", "name == FIND_NODE"],
    );
    keep(
        &sent(),
        &["time == 2500ms", "time == 2.5s", "time <= 2500000us", "time < 1min", "time > 0.0005h", "size < 1.5KiB", "size == 1.5kB", "bytes == 1500B"],
    );
    lose(&sent(), &["seq != 17", "cause == 17", "peer > 5", "kind == dropped", "type == find_node", "time > 2500ms", "size > 1500"]);
    keep(&step(), &["operation == kad#7", "operation ^= kad", "operation in {kad#6, kad#7}"]);
    lose(&step(), &["operation == kad#70"]);
}

#[test]
fn from_and_to_are_the_ends_of_a_message_on_both_sides() {
    for row in [sent(), received(), Row { kind: "dropped".to_owned(), ..sent() }] {
        keep(&row, &["from == 5 && to == 8"]);
        lose(&row, &["from == 8", "to == 5"]);
    }
    lose(&Row { kind: "unreachable".to_owned(), ..sent() }, &["has from", "has to", "from == 5", "from != 5"]);
}

#[test]
fn sets_and_ranges_take_in_what_they_show() {
    keep(
        &sent(),
        &[
            "peer in 5..6",
            "peer in 3..=5",
            "peer in {1, 5}",
            "peer in {0..2, 4..=5}",
            "time in 2s..3s",
            "type in {NODES, FIND_NODE}",
            "size in 1KiB..2KiB",
        ],
    );
    lose(&sent(), &["peer in 3..5", "peer in 6..=9", "peer in {1, 4}", "time in 2s..2500ms", "kind in {received, dropped}"]);
    keep(
        &step(),
        &["fields.hops in 4..=4", "fields.took in 1s..2s", "fields.share in 0..0.5", "fields.by in p9..p10", "fields.outcome in {done, 'no peers'}"],
    );
}

#[test]
fn what_is_not_there_passes_no_condition_and_not_turns_that_round() {
    lose(&sent(), &["why == loss", "why != loss", "why ~ l", "has why", "why", "fields.why != 3", "operation != kad#1"]);
    keep(&sent(), &["not why == loss", "not why != loss", "!why", "not has fields.why", "cause", "has other", "fields.target"]);
}

#[test]
fn values_of_other_types_pass_no_condition() {
    lose(
        &step(),
        &[
            "fields.hops == yes",
            "fields.hops != yes",
            "fields.hops > 1s",
            "fields.by == 'p9'",
            "fields.outcome != 4",
            "fields.closest == p7",
            "fields.took > 1",
        ],
    );
}

#[test]
fn fields_compare_by_the_form_of_the_value() {
    keep(&step(), &["fields.hops >= 3", "fields.hops == 4.0", "fields.hops < 1KiB", "fields.share < 1", "fields.share > -1", "fields.share == 0.25"]);
    keep(&step(), &["fields.took == 1.5s", "fields.at <= 2s", "fields.found == true", "fields.found != false", "fields.outcome == \"no peers\""]);
    keep(&step(), &["fields.by == p9", "fields.by == 9", "fields.by > 8", "fields.hash == '0011ab'", "fields.hash == 0011AB", "fields.hash ^= 0011"]);
    lose(&step(), &["fields.hash == 0011", "fields.hash == '0011'", "fields.by == 8", "fields.found == false", "fields.hash ^= 0011abcd"]);
}

#[test]
fn keys_are_compared_whole_or_by_their_beginning() {
    let (key, other) = ("3f".repeat(32), "3e".repeat(32));
    keep(
        &sent(),
        &[&format!("fields.target == {key}"), &format!("fields.target == {}", key.to_uppercase()), "fields.target ^= 3f3F3", "fields.target != abc"],
    );
    lose(&sent(), &[&format!("fields.target == {other}"), "fields.target == 3f3f", "fields.target ^= 3e"]);
}

#[test]
fn lists_contain_elements_and_texts_contain_parts() {
    keep(
        &step(),
        &[
            "fields.closest contains p7",
            "fields.closest contains 3",
            "fields.words contains beta",
            "fields.outcome contains peer",
            "type contains on",
        ],
    );
    lose(&step(), &["fields.closest contains p1", "fields.words contains bet", "fields.outcome contains Peer", "fields.hops contains 4"]);
    keep(&sent(), &["kind contains en", "type ^= FIND_", "type ~ node"]);
}

#[test]
fn a_search_looks_everywhere_and_not_at_the_case() {
    keep(&step(), &["any ~ ALPHA", "any ~ kad#7", "any ~ p7", "any ~ 'No Peers'", "any ~ outcome", "any ~ 0011ab", "any ~ STEP", "any ~ p5"]);
    lose(&step(), &["any ~ gamma", "any ~ p8"]);
    let long = "x".repeat(200);
    keep(&Row { why: Some(format!("a{}b", long.to_uppercase())), ..step() }, &[&format!("any ~ {long}B")]);
}

#[test]
fn negation_binds_tighter_than_and_and_and_tighter_than_or() {
    let [sent, received] = [sent(), received()];
    keep(&sent, &["kind == sent || kind == step && peer == 1", "not peer == 5 || seq == 17", "not (peer == 5 && seq == 18)", "!!peer == 5"]);
    lose(&received, &["kind == sent or kind == step and peer == 1", "not peer == 8 and peer == 8"]);
}

#[test]
fn records_tell_their_protocol() {
    let of = |protocol: &str| Row { protocol: Some(protocol.to_owned()), ..sent() };
    keep(&of("transfer"), &["proto == transfer", "proto in {transfer}", "proto ^= trans"]);
    keep(&step(), &["proto == kad"]);
    keep(&of("flood"), &["proto == \"flood\"", "proto != kad"]);
    lose(&Row { protocol: None, ..sent() }, &["proto", "proto == kad", "proto != kad"]);
}

#[test]
fn the_canonical_text_is_short_and_exact() {
    for (text, canonical) in [
        ("((peer==p3)and(peer==4))", "peer == p3 && peer == p4"),
        ("not(kind==sent or(kind==step or has why))", "not (kind == sent || kind == step || has why)"),
        ("!(!why)", "not not has why"),
        ("(a_b || x) && c", ""),
        ("time>1500ms && time<=90s && time != 7200s && time > 0h", "time > 1500ms && time <= 90s && time != 2h && time > 0ns"),
        ("size > 1024 && size < 1.5KiB && size == 2097152", "size > 1KiB && size < 1536B && size == 2MiB"),
        ("peer in {3..9}", "peer in p3..p9"),
        ("seq in {1,4..=9}", "seq in {1, 4..=9}"),
        ("name == 'in' || type == \"find node\" || why == \"a\\\"b\"", "type == \"in\" || type == \"find node\" || why == \"a\\\"b\""),
        ("proto == 'kad' || proto == 'flood'", "proto == kad || proto == \"flood\""),
        (
            "fields.x == '7' || fields.x == 7 || fields.x == -3 || fields.x == 'p7'",
            "fields.x == \"7\" || fields.x == 7 || fields.x == -3.0 || fields.x == \"p7\"",
        ),
        ("ANY ~ x", ""),
        ("any ~ 'Time Out' && why ~ LOSS", "any ~ \"time out\" && why ~ loss"),
    ] {
        match text.parse::<Filter>() {
            Ok(filter) => assert_eq!(filter.to_string(), canonical, "{text}"),
            Err(why) => assert_eq!(canonical, "", "{why}"),
        }
    }
}

#[test]
fn bounds_say_what_follows_from_the_filter_and_no_more() {
    let bounds = filter("peer in 3..9 && time > 2s && type == NODES").bounds();
    assert_eq!((bounds.peers.extremes(), bounds.time.extremes()), (Some((3, 8)), Some((2_000_000_001, u64::MAX))));
    assert_eq!(bounds.names.map(Vec::from_iter), Some(vec!["NODES".to_owned()]));
    assert_eq!(filter("peer == 3 || why ~ loss").bounds(), Bounds::all());
    let bounds = filter("not (time < 2s || kind == step)").bounds();
    assert_eq!(bounds.time.extremes(), Some((2_000_000_000, u64::MAX)));
    assert_eq!(bounds.kinds.iter().collect::<Vec<_>>(), What::NAMES.into_iter().filter(|kind| *kind != "step").collect::<Vec<_>>());
    assert!(bounds.kinds.contains("a kind of a later version"));
    assert_eq!(filter("from == 3").bounds().kinds.iter().collect::<Vec<_>>(), ["sent", "received", "dropped"]);
    assert_eq!(filter("seq == 3 && seq == 4 || peer in {1, 7}").bounds().peers.iter().collect::<Vec<_>>(), [(1, 1), (7, 7)]);
    assert!(filter("seq == 3 && seq == 4 || other == 1 && other == 2").bounds().admit_nothing());
    assert!(!filter("not type == NODES").bounds().admit_nothing());
}

#[test]
fn nesting_is_bounded_and_length_too() {
    let nested = |depth| format!("{}peer == 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(nested(MAX_DEPTH).parse::<Filter>().is_ok());
    let problem = |text: &str| text.parse::<Filter>().map_err(|why| why.problem().clone());
    assert_eq!(problem(&nested(MAX_DEPTH + 1)), Err(Problem::TooDeep));
    assert_eq!(problem(&nested(30_000)), Err(Problem::TooDeep));
    assert_eq!(problem(&"!".repeat(MAX_LENGTH)), Err(Problem::TooDeep));
    assert_eq!(problem(&"!".repeat(MAX_LENGTH + 1)), Err(Problem::TooLong { length: MAX_LENGTH + 1 }));
    // Wide is not deep.
    let wide = vec!["peer != 1"; 4_000].join(" && ");
    assert!(filter(&wide).matches(&sent()));
    assert_eq!(filter(&wide).bounds().peers.iter().count(), 2);
}

/// The blocks of a page of Markdown that are marked as `language`.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    page.split(&start).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_documentation_shows_filters_that_are_filters_and_errors_that_are_said() {
    let page = include_str!("../../../../../docs/filters.md");
    let examples: Vec<&str> = blocks(page, "filter").into_iter().flat_map(str::lines).filter(|line| !line.starts_with('#')).collect();
    assert!(examples.len() > 10, "{examples:?}");
    for text in examples {
        filter(text);
    }
    let [refused, grammar] = blocks(page, "text")[..] else { panic!("there are a block of errors and a grammar") };
    errors::say(refused);
    let essay: Vec<&str> = include_str!("../mod.rs").lines().filter_map(|line| line.strip_prefix("//! ")).collect();
    assert!(grammar.lines().all(|line| essay.contains(&line)), "the grammar of the documentation is not that of the code");
}
