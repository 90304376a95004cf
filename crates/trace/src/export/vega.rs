//! `vega:messages`, `vega:hops`, `vega:latency`, `vega:alive`: plots as [Vega-Lite](https://vega.github.io/vega-lite/), for notebooks, web pages and slides.
//!
//! | plot | shows | counts |
//! |---|---|---|
//! | messages | messages by type over time, stacked | every message, when it was sent; eleven types and the others |
//! | hops | how many hops lookups took | the field `hops` of steps called `done`; of events, where no step has one |
//! | latency | share of messages that arrived within a time | every message that arrived, to 3 % |
//! | alive | peers that are up over time | all peers; a filter only says from when to when |
//!
//! The numbers are counted here and stand in the specification: a viewer cannot be asked to load a file (vl-convert draws an empty plot then, without an
//! error), and Altair refuses more than 5,000 rows. Names of columns are plain words, because `.` and `[` in them would be taken for paths. Where the plot
//! comes from stands in `usermeta`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use peerglass_core::{Peer, Value};

use super::about::About;
use super::bins::{Bins, Course, Latencies};
use super::error::ExportError;
use super::format::Plot;
use super::messages::{Message, Messages, Seen, decimal, is_treacherous};
use super::select::Rows;
use crate::json::{put_key, put_text};
use crate::{Row, Source};

/// The version of Vega-Lite that is written.
const SCHEMA: &str = "https://vega.github.io/schema/vega-lite/v6.json";

/// Hops beyond are counted as so many: the bound on what a hostile file can make of a plot.
const MAX_HOPS: u64 = 256;

pub(crate) fn write(plot: Plot, about: &About<'_>, rows: Rows<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let spec = match plot {
        Plot::Messages => messages(about, rows)?,
        Plot::Hops => hops(rows)?,
        Plot::Latency => latency(rows)?,
        Plot::Alive => alive(about, rows)?,
    };
    out.write_all(&spec.text(about)).map_err(ExportError::Write)
}

/// A plot: its title, how it is drawn, and the rows that are drawn, each a JSON object.
struct Spec {
    title: &'static str,
    drawing: &'static str,
    values: Vec<String>,
}

impl Spec {
    fn text(&self, about: &About<'_>) -> Vec<u8> {
        let mut text = format!("{{\"$schema\":\"{SCHEMA}\",\n\"title\":{{\"text\":\"{}\",\"subtitle\":", self.title).into_bytes();
        put_text(&mut text, &harmless(&about.header.scenario));
        text.extend_from_slice(b"},\n\"usermeta\":{\"peerglass\":{\"format\":\"vega-lite\"");
        for (name, value) in about.pairs() {
            put_key(&mut text, name);
            put_text(&mut text, &value);
        }
        text.extend_from_slice(b"}},\n\"width\":600,\"height\":300,\n");
        text.extend_from_slice(self.drawing.as_bytes());
        text.extend_from_slice(b",\n\"data\":{\"values\":[\n");
        text.extend_from_slice(self.values.join(",\n").as_bytes());
        text.extend_from_slice(b"\n]}}\n");
        text
    }
}

/// A text that is drawn. A picture is XML, which has no control characters: vl-convert ends the whole process over one.
fn harmless(text: &str) -> String {
    text.replace(is_treacherous, "\u{fffd}")
}

/// Where the axis of time begins: with a simulated run, or with the first record of a real node, whose times are years.
#[derive(Default)]
struct Origin(Option<u64>);

impl Origin {
    fn see(&mut self, about: &About<'_>, row: &Row) {
        self.0.get_or_insert(if about.header.source == Source::Sim { 0 } else { row.time.as_nanos() });
    }

    fn seconds(&self, ns: u64) -> String {
        decimal(ns.saturating_sub(self.0.unwrap_or(0)), 9, 9)
    }
}

/// Shows every message that passes, once.
fn each_message(rows: Rows<'_>, mut see_row: impl FnMut(&Row), mut see: impl FnMut(&Message)) -> Result<(), ExportError> {
    let mut messages = Messages::default();
    for shown in rows {
        let shown = shown?;
        see_row(&shown.row);
        let (gone, seen) = messages.see(shown);
        gone.iter().for_each(&mut see);
        if let Seen::Message(message) = seen {
            see(&message);
        }
    }
    messages.rest().for_each(|message| see(&message));
    Ok(())
}

fn messages(about: &About<'_>, rows: Rows<'_>) -> Result<Spec, ExportError> {
    let (mut bins, mut origin) = (Bins::default(), Origin::default());
    let count = |message: &Message| {
        if let Some(row) = message.row().filter(|_| message.kept && !message.copy) {
            bins.add(row.name.as_deref().unwrap_or("message"), row.time.as_nanos());
        }
    };
    each_message(rows, |row| origin.see(about, row), count)?;
    let value = |(name, bin, count): (&str, u64, u64)| {
        let mut quoted = Vec::new();
        put_text(&mut quoted, &harmless(name));
        let (from, to) = (bin.saturating_mul(bins.width), (bin + 1).saturating_mul(bins.width));
        format!(
            "{{\"from\":{},\"to\":{},\"type\":{},\"messages\":{count}}}",
            origin.seconds(from),
            origin.seconds(to),
            String::from_utf8_lossy(&quoted)
        )
    };
    let values = bins.shown().into_iter().map(value).collect();
    let drawing = r#""mark":{"type":"bar","tooltip":true},"encoding":{"x":{"field":"from","type":"quantitative","bin":"binned","title":"time in s"},"x2":{"field":"to"},"y":{"field":"messages","type":"quantitative","stack":"zero","title":"messages sent"},"color":{"field":"type","type":"nominal","title":"type"}}"#;
    Ok(Spec { title: "Messages by type", drawing, values })
}

fn hops(rows: Rows<'_>) -> Result<Spec, ExportError> {
    let (mut of_steps, mut of_events) = (BTreeMap::new(), BTreeMap::new());
    for shown in rows {
        let shown = shown?;
        let counts = match shown.row.kind.as_str() {
            "step" if shown.row.name.as_deref() == Some("done") => &mut of_steps,
            "event" => &mut of_events,
            _ => continue,
        };
        if let (true, Some(Value::Number(hops))) = (shown.kept, shown.row.field("hops")) {
            *counts.entry((*hops).min(MAX_HOPS)).or_insert(0u64) += 1;
        }
    }
    let counts = if of_steps.is_empty() { of_events } else { of_steps };
    let values = counts.iter().map(|(hops, lookups)| format!("{{\"hops\":{hops},\"lookups\":{lookups}}}")).collect();
    let drawing = r#""mark":{"type":"bar","tooltip":true},"encoding":{"x":{"field":"hops","type":"ordinal","title":"hops","axis":{"labelAngle":0}},"y":{"field":"lookups","type":"quantitative","title":"lookups"}}"#;
    Ok(Spec { title: "Hops of lookups", drawing, values })
}

fn latency(rows: Rows<'_>) -> Result<Spec, ExportError> {
    let mut latencies = Latencies::default();
    each_message(rows, |_| (), |message| message.latency_ns().filter(|_| message.kept).into_iter().for_each(|ns| latencies.add(ns)))?;
    let values = latencies.shares().map(|(ns, share)| format!("{{\"ms\":{},\"share\":{share:.6}}}", decimal(ns, 6, 6))).collect();
    let drawing = r#""mark":{"type":"line","interpolate":"step-after","tooltip":true},"encoding":{"x":{"field":"ms","type":"quantitative","scale":{"type":"log"},"title":"latency in ms"},"y":{"field":"share","type":"quantitative","scale":{"domain":[0,1]},"axis":{"format":"%"},"title":"messages that arrived within it"}}"#;
    Ok(Spec { title: "Latency of messages", drawing, values })
}

fn alive(about: &About<'_>, rows: Rows<'_>) -> Result<Spec, ExportError> {
    let (mut origin, mut course, mut up, mut end) = (Origin::default(), Course::default(), BTreeSet::<Peer>::new(), None);
    for shown in rows {
        let shown = shown?;
        let (row, time) = (&shown.row, shown.row.time.as_nanos());
        origin.see(about, row);
        match row.kind.as_str() {
            "up" => _ = up.insert(row.peer),
            "down" => _ = up.remove(&row.peer),
            _ => {}
        }
        if shown.kept {
            course.add(time, up.len() as u64);
            end = Some((time, up.len() as u64));
        }
    }
    // The line goes on to the end, where nothing needs to have changed.
    let points = course.points.iter().chain(&end);
    let values = points.map(|(ns, peers)| format!("{{\"time\":{},\"peers\":{peers}}}", origin.seconds(*ns))).collect();
    let drawing = r#""mark":{"type":"line","interpolate":"step-after","tooltip":true},"encoding":{"x":{"field":"time","type":"quantitative","title":"time in s"},"y":{"field":"peers","type":"quantitative","title":"peers that are up"}}"#;
    Ok(Spec { title: "Peers that are up", drawing, values })
}
