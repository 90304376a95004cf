//! What is written is read back: every kind of record, every type of value, texts as hostile as they come.

#[path = "support/cells.rs"]
mod cells;

use core::time::Duration;

use peerglass_core::describe::Step;
use peerglass_core::{Fields, Key, Operation, Peer, Time, Value};
use peerglass_trace::csv::{COLUMNS, unguard};
use peerglass_trace::{Csv, Described, DropCause, JsonLines, ReadError, Reader, Record, Recorder, Row, RunHeader, What};
use proptest::prelude::*;

use cells::cells;

fn text() -> impl Strategy<Value = String> {
    let nasty = ["", "'", "''=1", "=1+1", "@x", "-1", "+", "\t", "\r\n", "\"", ",\"", "\\", "\0", "\u{2028}", "\u{202e}evil", "</script>"];
    prop_oneof![proptest::sample::select(nasty.to_vec()).prop_map(str::to_owned), any::<String>(), "[=+@'\",\r\n\t\\\\a-]{0,8}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::Number),
        (0u64..100).prop_map(Value::Number),
        any::<f64>().prop_filter("NaN is not equal to itself", |v| !v.is_nan()).prop_map(Value::Real),
        prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0)].prop_map(Value::Real),
        text().prop_map(Value::Text),
        any::<Vec<u8>>().prop_map(Value::Bytes),
        any::<[u8; 32]>().prop_map(|v| Value::Key(Key::from_bytes(v))),
        any::<u32>().prop_map(|v| Value::Peer(Peer(v))),
        any::<u64>().prop_map(|v| Value::Time(Time::from_nanos(v))),
        any::<(u64, u32)>().prop_map(|(s, n)| Value::Duration(Duration::new(s, n % 1_000_000_000))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(Value::List))
}

fn fields() -> impl Strategy<Value = Fields> {
    let names = ["target", "key", "t_ns", "peer", "a \"quoted\" name", "=cmd"];
    proptest::collection::vec((proptest::sample::select(names.to_vec()), value()), 0..4).prop_map(|list| {
        let mut fields = Fields::new();
        list.into_iter().for_each(|(name, value)| fields.add(name, value));
        fields
    })
}

fn what() -> impl Strategy<Value = What> {
    let peer = || any::<u32>().prop_map(Peer);
    let wire = || proptest::collection::vec(any::<u8>(), 0..40);
    let described = || (fields(), wire()).prop_map(|(fields, wire)| Described { protocol: "@kad", name: "=FIND,\"NODE\"", fields, wire });
    prop_oneof![
        Just(What::Up),
        text().prop_map(|why| What::Down { why: why.into() }),
        described().prop_map(What::Command),
        described().prop_map(What::Event),
        described().prop_map(What::Timer),
        (peer(), described(), any::<u64>()).prop_map(|(to, message, bytes)| What::Sent { to, message, bytes }),
        (peer(), described(), any::<u64>()).prop_map(|(from, message, bytes)| What::Received { from, message, bytes }),
        (peer(), any::<u64>(), proptest::sample::select(DropCause::ALL.to_vec())).prop_map(|(to, bytes, why)| What::Dropped {
            to,
            message: Described { name: "PING", ..Described::default() },
            bytes,
            why
        }),
        peer().prop_map(|peer| What::Unreachable { peer }),
        (peer(), text()).prop_map(|(peer, detail)| What::LinkUp { peer, detail: detail.into() }),
        (peer(), text()).prop_map(|(peer, detail)| What::LinkDown { peer, detail: detail.into() }),
        (any::<u32>(), fields())
            .prop_map(|(number, fields)| What::Step { operation: Operation { protocol: "kad", number }, step: Step { name: "query", fields } }),
        text().prop_map(|detail| What::Fault { name: "partition", detail: detail.into() }),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    (any::<u64>(), any::<u64>(), any::<u32>(), any::<Option<u64>>(), what()).prop_map(|(seq, time, peer, cause, what)| Record {
        seq,
        time: Time::from_nanos(time),
        peer: Peer(peer),
        cause,
        what,
    })
}

fn json(header: &RunHeader, records: &[Record]) -> Vec<u8> {
    let mut out = JsonLines::new(Vec::new(), header);
    records.iter().for_each(|record| out.record(record));
    out.into_inner().expect("a Vec takes everything")
}

proptest! {
    #[test]
    fn json_lines_round_trip(records in proptest::collection::vec(record(), 0..6), name in text(), seed: u64) {
        let header = RunHeader::sim(&name, seed).with_scenario_hash("00ff");
        let bytes = json(&header, &records);
        prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), records.len() + 1);
        let mut reader = Reader::new(&bytes[..]).unwrap();
        prop_assert_eq!(reader.header(), &header);
        for record in &records {
            prop_assert_eq!(reader.next().unwrap().unwrap(), Row::from(record));
        }
        prop_assert!(reader.next().is_none());
    }

    #[test]
    fn csv_tables_round_trip_and_no_text_cell_is_a_formula(records in proptest::collection::vec(record(), 0..6)) {
        let mut out = Csv::new(Vec::new());
        records.iter().for_each(|record| out.record(record));
        let table = String::from_utf8(out.into_inner().unwrap()).unwrap();
        let rows = cells(&table);
        prop_assert_eq!(&rows[0], &COLUMNS);
        prop_assert_eq!(rows.len(), records.len() + 1);
        for (cells, record) in rows[1..].iter().zip(&records) {
            let row = Row::from(record);
            prop_assert_eq!(cells.len(), COLUMNS.len());
            prop_assert_eq!(&cells[0], &row.seq.to_string());
            prop_assert_eq!(&cells[4], &row.kind);
            prop_assert_eq!(unguard(&cells[7]), row.name.clone().unwrap_or_default());
            prop_assert_eq!(unguard(&cells[9]), row.why.clone().unwrap_or_default());
            let digits = row.wire.iter().flatten().map(|byte| format!("{byte:02x}")).collect::<String>();
            prop_assert_eq!(&cells[12], &digits);
            prop_assert!(cells.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{:?}", cells);
        }
    }

    #[test]
    fn hostile_lines_are_errors_and_never_panics(line: Vec<u8>, inside in "[\\[\\]{}\":,a-z0-9.e-]{0,80}") {
        for tail in [&line[..], inside.as_bytes()] {
            let mut bytes = json(&RunHeader::sim("x", 1), &[]);
            bytes.extend_from_slice(tail);
            let read = Reader::new(&bytes[..]).unwrap().count();
            prop_assert!(read <= tail.len() + 1);
            let _ = Reader::new(tail).map(Iterator::count);
        }
    }
}

#[test]
fn a_file_that_was_cut_off_is_read_up_to_the_cut() {
    let up = |seq| Record { seq, time: Time::ZERO, peer: Peer(0), cause: None, what: What::Up };
    let bytes = json(&RunHeader::node("n", 1_700_000_000_000_000_000), &[up(0), up(1)]);
    let rows: Vec<_> = Reader::new(&bytes[..bytes.len() - 5]).unwrap().collect();
    assert!(matches!(rows[..], [Ok(_), Err(ReadError::Truncated { line: 3 })]), "{rows:?}");
}

#[test]
fn a_file_of_another_kind_or_schema_is_refused_with_its_reason() {
    assert!(matches!(Reader::new(&b"hello\n"[..]), Err(ReadError::NoHeader)));
    let later = RunHeader { schema: 99, ..RunHeader::sim("x", 1) };
    assert!(matches!(Reader::new(&json(&later, &[])[..]), Err(ReadError::Schema { found: 99 })));
}

#[test]
fn a_deeply_nested_value_is_an_error_and_no_stack_overflow() {
    let mut bytes = json(&RunHeader::sim("x", 1), &[]);
    bytes.extend(format!(r#"{{"seq":0,"t_ns":"0","peer":0,"kind":"up","fields":{{"a":{}"#, "[".repeat(100_000)).bytes());
    bytes.push(b'\n');
    assert!(matches!(Reader::new(&bytes[..]).unwrap().next(), Some(Err(ReadError::Malformed { line: 2, .. }))));
}
