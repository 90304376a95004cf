//! Text, tree, evaluation and bounds agree, on random filters and random records.
//!
//! The oracle knows nothing of the tree: a condition is made together with a closure that says what it means, and is written in one of the ways that people
//! may write it in. Numbers and words come from small sets, so that most filters keep some records and lose some.

use std::rc::Rc;

use peerglass_core::{Peer, Time, Value};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Bounds, Filter};
use crate::{Row, What};

/// What a filter means.
type Meaning = Rc<dyn Fn(&Row) -> bool>;

/// A filter's text, its meaning, and how tightly it binds: 3 a condition or negation, 2 `&&`, 1 `||`.
#[derive(Clone)]
struct Said(String, Meaning, u8);

impl core::fmt::Debug for Said {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Said {
    fn new(text: String, meaning: impl Fn(&Row) -> bool + 'static) -> Self {
        Said(text, Rc::new(meaning), 3)
    }

    /// The text, in parentheses if it has to be, or if somebody likes them.
    fn at(&self, level: u8, more: bool) -> String {
        if self.2 < level || more { format!("({})", self.0) } else { self.0.clone() }
    }
}

const NAMES: [&str; 6] = ["FIND_NODE", "NODES", "BLOCK", "refresh", "find node", "done"];
const WHYS: [&str; 3] = ["loss", "Peer down", "404"];
const PROTOCOLS: [&str; 3] = ["kad", "transfer", "flood"];
const OPERATIONS: [&str; 3] = ["kad#1", "kad#2", "flood#1"];

fn number_of(column: &str, row: &Row) -> Option<u64> {
    let (me, other) = (u64::from(row.peer.0), row.other.map(|peer| u64::from(peer.0)));
    match (column, &*row.kind) {
        ("seq", _) => Some(row.seq),
        ("time", _) => Some(row.time.as_nanos() / 500_000_000),
        ("peer", _) => Some(me),
        ("other", _) => other,
        ("cause", _) => row.cause,
        ("size", _) => row.bytes.map(|bytes| bytes / 512),
        ("from", "sent" | "dropped") | ("to", "received") => other.and(Some(me)),
        ("to", "sent" | "dropped") | ("from", "received") => other,
        _ => None,
    }
}

/// A number as it may be written beside `column`: times count half seconds, sizes half KiB.
fn written(column: &'static str, number: u64) -> impl Strategy<Value = String> {
    let forms = match column {
        "time" => vec![format!("{}ms", number * 500), format!("{}.{}s", number / 2, number % 2 * 5), format!("{}us", number * 500_000)],
        "size" => vec![format!("{}", number * 512), format!("{}.{}KiB", number / 2, number % 2 * 5), format!("{}B", number * 512)],
        "seq" | "cause" => vec![format!("{number}")],
        _ => vec![format!("{number}"), format!("p{number}")],
    };
    select(forms)
}

fn compares(sign: &str, a: u64, b: u64) -> bool {
    match sign {
        "==" => a == b,
        "!=" => a != b,
        "<" => a < b,
        "<=" => a <= b,
        ">" => a > b,
        _ => a >= b,
    }
}

fn numbers() -> impl Strategy<Value = Said> {
    let column = select(vec!["seq", "time", "peer", "other", "from", "to", "cause", "size"]);
    (column, 0..6u64, 1..4u64, select(vec!["==", "!=", "<", "<=", ">", ">=", "..", "..=", "{}"])).prop_flat_map(|(column, low, more, sign)| {
        (written(column, low), written(column, low + more)).prop_map(move |(a, b)| {
            let high = low + more;
            let test = move |meaning: fn(u64, u64, u64) -> bool| move |row: &Row| number_of(column, row).is_some_and(|n| meaning(n, low, high));
            match sign {
                ".." => Said::new(format!("{column} in {a}..{b}"), test(|n, low, high| low <= n && n < high)),
                "..=" => Said::new(format!("{column} in {{{a}..={b}}}"), test(|n, low, high| low <= n && n <= high)),
                "{}" => Said::new(format!("{column} in {{{a}, {b}}}"), test(|n, low, high| n == low || n == high)),
                sign => Said::new(format!("{column}{sign}{a}"), move |row| number_of(column, row).is_some_and(|n| compares(sign, n, low))),
            }
        })
    })
}

fn texts() -> impl Strategy<Value = Said> {
    let pick = |column: &'static str, words: Vec<&'static str>| (Just(column), select(words.clone()), select(words));
    let places = prop_oneof![
        pick("kind", What::NAMES.to_vec()),
        pick("type", NAMES.to_vec()),
        pick("why", WHYS.to_vec()),
        pick("operation", OPERATIONS.to_vec()),
        pick("proto", vec!["kad", "transfer", "flood"]),
        pick("fields.text", NAMES.to_vec()),
    ];
    (places, select(vec!["==", "!=", "in", "contains", "^=", "~"]), 1..4usize).prop_map(|((column, a, b), sign, length)| {
        let of = move |row: &Row| match column {
            "kind" => Some(row.kind.clone()),
            "type" => row.name.clone(),
            "why" => row.why.clone(),
            "operation" => row.operation.clone(),
            "proto" => row.protocol.clone(),
            _ => row.field("text").map(ToString::to_string),
        };
        let test = move |meaning: Rc<dyn Fn(&str) -> bool>| move |row: &Row| of(row).is_some_and(|text| meaning(&text));
        let length = length.min(a.len());
        let part = &a[..length];
        match sign {
            "in" => Said::new(format!("{column} in {{'{a}',\"{b}\"}}"), test(Rc::new(move |text| text == a || text == b))),
            "contains" => Said::new(format!("{column} contains '{part}'"), test(Rc::new(move |text| text.contains(&a[..length])))),
            "^=" => Said::new(format!("{column}^='{part}'"), test(Rc::new(move |text| text.starts_with(&a[..length])))),
            "~" => Said::new(format!("{column} ~ '{part}'"), test(Rc::new(move |text| text.to_lowercase().contains(&a[..length].to_lowercase())))),
            "==" => Said::new(format!("{column} == '{a}'"), test(Rc::new(move |text| text == a))),
            _ => Said::new(format!("{column} != \"{a}\""), test(Rc::new(move |text| text != a))),
        }
    })
}

fn others() -> impl Strategy<Value = Said> {
    let text_of = |row: &Row| {
        format!("{row:?} {} p{} {:?}", row.protocol.as_deref().unwrap_or(""), row.peer.0, row.other.map(|peer| peer.to_string())).to_lowercase()
    };
    prop_oneof![
        (0..6u64).prop_map(|n| Said::new(format!("fields.count >= {n}"), move |row| matches!(row.field("count"), Some(Value::Number(v)) if *v >= n))),
        (0..6u32).prop_map(|n| Said::new(format!("fields.list contains p{n}"), move |row| {
            matches!(row.field("list"), Some(Value::List(list)) if list.contains(&Value::Peer(Peer(n))))
        })),
        select(vec!["why", "other", "cause", "operation", "size"]).prop_map(|column| Said::new(format!("has {column}"), move |row| match column {
            "why" => row.why.is_some(),
            "operation" => row.operation.is_some(),
            column => number_of(column, row).is_some(),
        })),
        Just(Said::new("fields.list".to_owned(), |row| row.field("list").is_some())),
        // Words that stand in no name of a column or type of Rust.
        select(vec!["find n", "LOSS", "404", "kad#", "flood", "refresh", "transfer"])
            .prop_map(move |word| Said::new(format!("any ~ '{word}'"), move |row| text_of(row).contains(&word.to_lowercase()))),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let condition = prop_oneof![4 => numbers(), 3 => texts(), 2 => others()];
    condition.prop_recursive(5, 24, 3, |inner| {
        let joined = (vec((inner.clone(), any::<bool>()), 1..4), any::<bool>(), any::<bool>());
        prop_oneof![
            joined.prop_map(|(parts, and, words)| {
                let (level, sign) = match (and, words) {
                    (true, true) => (2, " and "),
                    (true, false) => (2, "&&"),
                    (false, true) => (1, " or "),
                    (false, false) => (1, "||"),
                };
                let text = parts.iter().map(|(part, more)| part.at(level, *more)).collect::<Vec<_>>().join(sign);
                let meanings: Vec<Meaning> = parts.into_iter().map(|(part, _)| part.1).collect();
                Said(text, Rc::new(move |row| if and { meanings.iter().all(|m| m(row)) } else { meanings.iter().any(|m| m(row)) }), level)
            }),
            (inner, any::<bool>()).prop_map(|(part, word)| {
                let text = format!("{}{}", if word { "not " } else { "! " }, part.at(3, false));
                Said::new(text, move |row| !(part.1)(row))
            }),
        ]
    })
}

fn row() -> impl Strategy<Value = Row> {
    let fields = (option::of(0..6u64), option::of(vec(0..6u32, 0..3)), option::of(select(NAMES.to_vec())));
    let fields = fields.prop_map(|(count, list, text)| {
        let list = list.map(|list| Value::List(list.into_iter().map(|n| Value::Peer(Peer(n))).collect()));
        let named = [("count", count.map(Value::Number)), ("list", list), ("text", text.map(Value::from))];
        named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Vec<_>>()
    });
    let kinds = What::NAMES.into_iter().chain(["sent", "received", "sent", "step", "novel"]).collect::<Vec<_>>();
    let who = (0..9u64, 0..9u64, 0..9u32, option::of(0..9u64), select(kinds), option::of(0..9u32));
    let what = (
        option::of(select(NAMES.to_vec())),
        option::of(0..9u64),
        option::of(select(WHYS.to_vec())),
        option::weighted(0.3, select(OPERATIONS.to_vec())),
        option::of(select(PROTOCOLS.to_vec())),
    );
    (who, what, fields).prop_map(|((seq, time, peer, cause, kind, other), (name, bytes, why, operation, protocol), fields)| Row {
        seq,
        time: Time::from_millis(time * 500),
        peer: Peer(peer),
        cause,
        kind: kind.to_owned(),
        other: other.map(Peer),
        protocol: protocol.map(str::to_owned),
        name: name.map(str::to_owned),
        bytes: bytes.map(|n| n * 512),
        why: why.map(str::to_owned),
        operation: operation.map(str::to_owned),
        fields,
        ..Row::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_filter_keeps_what_it_says(said in said(), rows in vec(row(), 16)) {
        let filter: Filter = said.0.parse().map_err(|why| TestCaseError::fail(format!("{why}")))?;
        for row in &rows {
            prop_assert_eq!(filter.matches(row), (said.1)(row), "{} on {:?}", filter, row);
        }
    }

    #[test]
    fn the_canonical_text_is_the_same_filter(said in said()) {
        let filter: Filter = said.0.parse().map_err(|why| TestCaseError::fail(format!("{why}")))?;
        let text = filter.to_string();
        let again: Filter = text.parse().map_err(|why| TestCaseError::fail(format!("{why}")))?;
        prop_assert_eq!(&again, &filter);
        prop_assert_eq!(again.to_string(), text);
    }

    #[test]
    fn bounds_admit_every_record_that_passes(said in said(), rows in vec(row(), 16)) {
        let filter: Filter = said.0.parse().map_err(|why| TestCaseError::fail(format!("{why}")))?;
        let bounds = filter.bounds();
        for row in rows.iter().filter(|row| filter.matches(*row)) {
            prop_assert!(bounds.admit(row), "{} on {:?}: {:?}", filter, row, bounds);
            prop_assert!(!bounds.admit_nothing());
        }
        prop_assert!(rows.iter().all(|row| Bounds::all().admit(row)));
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_that_can_be_shown(text in "[a-z.=!<>&|~^(){}, 0-9\"'\\\\#éµ\t\n-]{0,60}") {
        match text.parse::<Filter>() {
            Ok(filter) => {
                let shown = filter.to_string();
                prop_assert_eq!(shown.parse::<Filter>().map_err(|why| TestCaseError::fail(format!("{why}")))?, filter);
            }
            Err(why) => {
                prop_assert!(text.get(why.span()).is_some(), "{:?}", why.span());
                prop_assert!(!why.to_string().is_empty());
            }
        }
    }
}
