//! Hostile names: whatever peers put into texts, every export keeps its form.

use peerglass_core::Value;
use peerglass_trace::Row;
use peerglass_trace::export::Options;
use proptest::prelude::*;

use crate::samples::{NASTY, exported, made_up};

fn text() -> impl Strategy<Value = String> {
    let words = proptest::collection::vec(prop_oneof![proptest::sample::select(NASTY.to_vec()).prop_map(str::to_owned), any::<String>()], 1..3);
    words.prop_map(|words| words.concat())
}

/// The texts for a record: its name, its reason, its protocol, a field's name and value.
fn texts() -> impl Strategy<Value = [String; 5]> {
    [text(), text(), text(), text(), text()]
}

/// A made-up run with these texts in it.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    (any::<u64>(), proptest::collection::vec(texts(), 1..8)).prop_map(|(seed, texts)| {
        let mut rows = made_up(seed, 4, 60);
        for (row, [name, why, protocol, field, value]) in rows.iter_mut().zip(texts.iter().cycle()) {
            (row.name, row.why) = (Some(name.clone()), Some(why.clone()));
            row.protocol = Some(protocol.clone());
            row.operation = row.operation.is_some().then(|| format!("{protocol}#1"));
            row.fields.push((field.clone(), Value::Text(value.clone())));
        }
        rows
    })
}

proptest! {
    #[test]
    fn json_is_json(rows in rows()) {
        let options = Options { steps: true, ..Options::default() };
        for format in ["jsonl", "json"] {
            let text = exported(format, &rows, None, &options).unwrap();
            let parts: Vec<&str> = if format == "jsonl" { text.split_terminator('\n').collect() } else { vec![&text] };
            for part in parts {
                prop_assert!(serde_json::from_str::<serde_json::Value>(part).is_ok(), "{format}: {part}");
            }
        }
    }
}
