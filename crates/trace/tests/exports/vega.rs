//! Plots: their numbers are those of the records, few enough for every viewer, and what is not ours draws them.

use std::collections::BTreeMap;

use peerglass_core::{Peer, Value as Field};
use peerglass_trace::Row;
use peerglass_trace::export::{Format, Options, Plot};
use serde_json::Value;

use crate::outside::{self, skip};
use crate::samples::{exported, made_up, nasty, row};

const PLOTS: [Format; 4] = [Format::Vega(Plot::Messages), Format::Vega(Plot::Hops), Format::Vega(Plot::Latency), Format::Vega(Plot::Alive)];

fn values(plot: &str, rows: &[Row], filter: Option<&str>) -> Vec<Value> {
    read(&exported(plot, rows, filter, &Options::default()).unwrap(), filter)
}

/// The rows of a plot.
pub(crate) fn read(text: &str, filter: Option<&str>) -> Vec<Value> {
    let spec: Value = serde_json::from_str(text).unwrap();
    assert_eq!(spec["$schema"], "https://vega.github.io/schema/vega-lite/v6.json");
    assert_eq!((&spec["usermeta"]["peerglass"]["seed"], spec["usermeta"]["peerglass"]["filter"].as_str()), (&"42".into(), filter));
    let values = spec["data"]["values"].as_array().unwrap().clone();
    // What is drawn is there, under a name that is no path.
    for channel in spec["encoding"].as_object().unwrap().values() {
        let field = channel["field"].as_str().unwrap();
        assert!(field.bytes().all(|byte| byte.is_ascii_lowercase()) && values.iter().all(|value| value.get(field).is_some()), "{field}");
    }
    values
}

fn sum(values: &[Value], column: &str) -> u64 {
    values.iter().map(|value| value[column].as_u64().unwrap()).sum()
}

#[test]
fn messages_are_counted_by_type_when_they_were_sent() {
    for rows in [made_up(1, 6, 2_000), nasty(1, 6, 2_000)] {
        let values = values("vega:messages", &rows, None);
        assert_eq!(sum(&values, "messages"), rows.iter().filter(|row| row.kind == "sent").count() as u64);
        assert!(values.len() <= 120 * 12 && values.iter().all(|value| value["from"].as_f64() < value["to"].as_f64()));
    }
    let rows = made_up(1, 6, 2_000);
    let mut by_bin: BTreeMap<String, u64> = BTreeMap::new();
    let shown = values("vega:messages", &rows, None);
    let width = shown[0]["to"].as_f64().unwrap() - shown[0]["from"].as_f64().unwrap();
    rows.iter()
        .filter(|row| row.kind == "sent")
        .for_each(|row| *by_bin.entry(((row.time.as_nanos() as f64 / 1e9 / width).floor()).to_string()).or_default() += 1);
    let shown: BTreeMap<String, u64> =
        shown.iter().map(|value| ((value["from"].as_f64().unwrap() / width).round().to_string(), value["messages"].as_u64().unwrap())).collect();
    assert_eq!(shown, by_bin);
}

#[test]
fn hops_are_those_of_steps_and_of_events_where_no_step_has_any() {
    let rows = made_up(2, 6, 2_000);
    let done = rows.iter().filter(|row| row.kind == "step" && row.name.as_deref() == Some("done")).count() as u64;
    let shown = values("vega:hops", &rows, None);
    assert!(done > 20 && sum(&shown, "lookups") == done && shown.len() == 5, "{shown:?}");
    let event = |seq, hops| Row { fields: vec![("hops".to_owned(), Field::Number(hops))], ..row(seq, 0, 0, None, "event") };
    let shown = values("vega:hops", &[event(0, 3), event(1, u64::MAX), event(2, 3)], None);
    assert_eq!(shown, [serde_json::json!({"hops": 3, "lookups": 2}), serde_json::json!({"hops": 256, "lookups": 1})]);
}

#[test]
fn the_share_of_messages_within_a_latency_is_true_to_three_percent() {
    let rows = made_up(3, 6, 2_000);
    let by_seq: BTreeMap<u64, &Row> = rows.iter().map(|row| (row.seq, row)).collect();
    let arrived = rows.iter().filter(|row| row.kind == "received");
    let latencies: Vec<f64> = arrived.map(|row| (row.time.as_nanos() - by_seq[&row.cause.unwrap()].time.as_nanos()) as f64 / 1e6).collect();
    let shown = values("vega:latency", &rows, None);
    assert!(shown.len() > 20 && shown.len() < 2_000 && shown.last().unwrap()["share"] == 1.0);
    for value in shown {
        let (ms, share) = (value["ms"].as_f64().unwrap(), value["share"].as_f64().unwrap());
        let within = |ms: f64| latencies.iter().filter(|latency| **latency <= ms).count() as f64 / latencies.len() as f64;
        assert!((within(ms) - share).abs() < 1e-5, "{value}: {}", within(ms));
    }
}

#[test]
fn peers_are_up_from_up_to_down_and_a_filter_only_chooses_the_time() {
    let rows =
        [row(0, 0, 0, None, "up"), row(1, 5, 1, None, "up"), row(2, 7, 1, None, "timer"), row(3, 8, 0, None, "down"), row(4, 9, 1, None, "timer")];
    let point = |time: f64, peers: u64| serde_json::json!({"time": time, "peers": peers});
    assert_eq!(values("vega:alive", &rows, None), [point(0.0, 1), point(5e-9, 2), point(8e-9, 1), point(9e-9, 1)].map(whole));
    assert_eq!(values("vega:alive", &rows, Some("kind == timer")), [point(7e-9, 2), point(9e-9, 1), point(9e-9, 1)].map(whole));
}

/// 0.0 as it is written, without a point.
fn whole(mut point: Value) -> Value {
    if point["time"] == 0.0 {
        point["time"] = 0.into();
    }
    point
}

#[test]
fn a_long_run_of_many_types_is_few_rows() {
    let message = |seq: u64| Row { name: Some(format!("type {}", seq % 3_000)), other: Some(Peer(1)), ..row(seq, seq * 1_000_003, 0, None, "sent") };
    let up_and_down = |seq: u64| row(seq, seq * 1_000_003, (seq % 7) as u32, None, ["up", "down"][(seq / 7 % 2) as usize]);
    let rows: Vec<Row> = (0..200_000).map(|seq| if seq % 2 == 0 { message(seq) } else { up_and_down(seq) }).collect();
    for plot in PLOTS {
        assert!(values(plot.name(), &rows, None).len() <= 1_500, "{plot}");
    }
}

#[test]
fn altair_takes_the_plots_and_vl_convert_draws_every_row() {
    let name = "altair_takes_the_plots_and_vl_convert_draws_every_row";
    let Some(python) = outside::python("altair, vl_convert") else {
        return skip(name, "python3 has no altair and vl-convert-python here; `cargo xtask test` installs them in target/python");
    };
    for (kind, rows) in [("made-up", made_up(4, 12, 3_000)), ("nasty", nasty(4, 12, 3_000))] {
        let files: Vec<_> = PLOTS
            .map(|plot| {
                let text = exported(plot.name(), &rows, None, &Options::default()).unwrap();
                outside::file(&format!("{kind}-{}.vl.json", plot.name().replace(':', "-")), text.as_bytes())
            })
            .into();
        let mut command = std::process::Command::new(&python);
        let said = outside::said(command.arg(outside::script("vega.py")).args(&files)).expect("it was there before");
        assert_eq!(said.lines().filter(|line| line.starts_with("fine")).count(), 4, "{said}");
    }
}
