//! Hostile names: whatever peers put into texts, every export keeps its form.

use peerglass_core::Value;
use peerglass_trace::export::Options;
use peerglass_trace::{Reader, Row, RunHeader};
use proptest::prelude::*;

use crate::cells::cells;
use crate::samples::{NASTY, bytes_of, header, made_up};
use crate::{chrome, mermaid, otlp, pcapng, shiviz, vega};

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

fn text_of(header: &RunHeader, format: &str, rows: &[Row]) -> String {
    let options = Options { steps: true, ..Options::default() };
    String::from_utf8(bytes_of(header, format, rows, None, &options).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn every_export_keeps_its_form(rows in rows(), scenario in text()) {
        let header = RunHeader { scenario, ..header() };
        let text = |format: &str| text_of(&header, format, &rows);
        let messages = rows.iter().filter(|row| row.kind == "sent").count();

        let lines = text("jsonl");
        prop_assert_eq!(Reader::new(lines.as_bytes()).unwrap().map(Result::unwrap).count(), rows.len());
        let document: serde_json::Value = serde_json::from_str(&text("json")).unwrap();
        prop_assert_eq!(document["records"].as_array().map(Vec::len), Some(rows.len()));
        let table = cells(&text("csv"));
        prop_assert!(table.len() == rows.len() + 1 && table.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])));

        let chart = mermaid::parse(&text("mermaid"));
        prop_assert!(chart.arrows.len() >= messages);
        let page = text("mermaid:parts");
        prop_assert!(page.matches("```").count() == 2 && !page.replace("<br/>", "").contains(['<', '\0']), "{}", page);

        let (section, packets) = pcapng::read(&bytes_of(&header, "pcapng", &rows, None, &Options::default()).unwrap());
        prop_assert!(packets.len() >= messages && section.lines().count() == 5, "{}", section);
        let (events, left) = shiviz::parse(&text("shiviz"));
        prop_assert_eq!((events.len(), left), (rows.len(), 5));
        shiviz::check_rules(&events);

        prop_assert!(chrome::read(&text("chrome"), None).len() > rows.len());
        prop_assert!(otlp::read(&text("otlp"), None).len() > messages);
        for plot in ["vega:messages", "vega:hops", "vega:latency", "vega:alive"] {
            vega::read(&text(plot), None);
        }
    }
}
