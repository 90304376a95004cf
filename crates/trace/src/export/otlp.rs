//! `otlp`: traces of OpenTelemetry as JSON, for Jaeger, Tempo, Zipkin and what else takes OTLP.
//!
//! A trace is what came of one root: a command, a timer, a fault, a peer that came up, or whatever has no cause. A timer begins a trace of its own, for
//! otherwise the upkeep of a routing table would be one trace that never ends.
//!
//! ```text
//!   command find at p1           root: as long as anything comes of it
//!   ├─ kad#7 lookup              operation: from its first step to its last, with the steps as events
//!   ├─ FIND_NODE p1→p2           message: from sent to received; an error where it is dropped
//!   │  └─ NODES p2→p1            the answer, caused by the message's being received
//!   │     └─ FIND_NODE p1→p3     …
//!   └─ event found               what is neither takes no time
//! ```
//!
//! Each peer is a service. Virtual time begins at the epoch: a simulated run is shown in January 1970. Identifiers are computed from the header of the run (its seed
//! among others) and the numbers of records, so equal runs give equal traces and two runs different ones.
//!
//! What is not kept is no span: what it caused stands below the nearest span above it. Spans are written in batches of a few thousand, each grouped by
//! peer. Places of records are remembered for the latest [`MEMORY`] records, and roots may grow while they are among the latest [`ROOTS`]; what is caused by
//! something older begins a trace of its own.

use std::collections::BTreeMap;
use std::io::Write;

use peerglass_core::{Peer, Time, Value};

use super::about::About;
use super::error::ExportError;
use super::messages::{Message, Messages, Seen};
use super::operations::{Operation, Operations};
use super::select::{Rows, Shown};
use super::span::{Ids, PRODUCER, Place, Span, attribute};
use crate::Row;
use crate::json::put_text;

/// How many records are remembered as possible causes.
const MEMORY: usize = 1 << 20;

/// How many roots may grow.
const ROOTS: usize = 1 << 17;

/// How many spans are written together.
const BATCH: usize = 4_096;

/// The longest text of the filter that each peer's resource carries.
const MAX_ABOUT: usize = 2_000;

/// Traces as far as they have come.
#[derive(Debug)]
pub(crate) struct Traces {
    /// What the run was, as attributes.
    about: Vec<(&'static str, String)>,
    engine: String,
    epoch_unix_ns: u64,
    ids: Ids,
    places: BTreeMap<u64, Place>,
    roots: BTreeMap<u64, Span>,
    messages: Messages,
    operations: Operations<Span>,
    batch: Vec<Span>,
}

pub(crate) fn write(about: &About<'_>, rows: Rows<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut traces = Traces::new(about);
    let mut between = &b"{\"resourceSpans\":["[..];
    let mut put = |traces: &mut Traces| {
        let mut bytes = Vec::from(between);
        if traces.take(&mut bytes) {
            between = b",";
            return out.write_all(&bytes).map_err(ExportError::Write);
        }
        Ok(())
    };
    for shown in rows {
        traces.see(shown?);
        if traces.waiting() >= BATCH {
            put(&mut traces)?;
        }
    }
    traces.end();
    put(&mut traces)?;
    let end: &[u8] = if between == b"," { b"\n]}\n" } else { b"{\"resourceSpans\":[\n]}\n" };
    out.write_all(end).map_err(ExportError::Write)
}

impl Traces {
    pub(crate) fn new(about: &About<'_>) -> Self {
        Self {
            about: about.pairs(),
            engine: about.header.engine.clone(),
            epoch_unix_ns: about.header.epoch_unix_ns.unwrap_or_default(),
            ids: Ids::of(&about.header.to_json()),
            places: BTreeMap::new(),
            roots: BTreeMap::new(),
            messages: Messages::default(),
            operations: Operations::new(),
            batch: Vec::new(),
        }
    }

    /// Takes the next record.
    pub(crate) fn see(&mut self, shown: Shown) {
        self.place(&shown.row);
        let (gone, seen) = self.messages.see(shown);
        gone.iter().for_each(|message| self.message(message));
        match seen {
            Seen::Message(message) => self.message(&message),
            Seen::Other(shown) => self.other(&shown),
            Seen::Nothing => {}
        }
    }

    /// How many spans are over and not taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.batch.len()
    }

    /// Ends everything that is open.
    pub(crate) fn end(&mut self) {
        std::mem::take(&mut self.messages).rest().for_each(|message| self.message(&message));
        std::mem::replace(&mut self.operations, Operations::new()).rest().for_each(|operation| self.operation(operation));
        self.batch.extend(std::mem::take(&mut self.roots).into_values());
    }

    /// Ends messages and roots of which nothing was heard since `time`: somebody waits for them while a node runs.
    pub(crate) fn end_before(&mut self, time: Time) {
        for message in self.messages.let_go_before(time) {
            self.message(&message);
        }
        let time = self.unix_ns(time);
        let over = self.roots.extract_if(.., |_, root| root.end < time).map(|(_, root)| root);
        self.batch.extend(over);
    }

    /// Nanoseconds since the Unix epoch at a time of the run. A simulated run is taken to begin at the epoch.
    fn unix_ns(&self, time: Time) -> u64 {
        self.epoch_unix_ns.saturating_add(time.as_nanos())
    }

    /// Finds out where a record belongs, by its cause.
    fn place(&mut self, row: &Row) {
        let is_root = matches!(row.kind.as_str(), "command" | "timer" | "up" | "fault");
        let inherited = row.cause.filter(|_| !is_root).and_then(|cause| self.places.get(&cause)).copied();
        if self.places.len() >= MEMORY {
            self.places.pop_first();
        }
        self.places.insert(row.seq, inherited.unwrap_or(Place { root: row.seq, parent: None }));
    }

    fn place_of(&self, seq: u64) -> Place {
        self.places.get(&seq).copied().unwrap_or(Place { root: seq, parent: None })
    }

    /// Has what `seq` caused stand below `span`.
    fn adopt(&mut self, seq: u64, span: u64) {
        if let Some(place) = self.places.get_mut(&seq) {
            place.parent = Some(span);
        }
    }

    /// Takes a span that is over. Its root is not over before it.
    fn add(&mut self, span: Span) {
        if let Some(root) = self.roots.get_mut(&span.place.root) {
            root.end = root.end.max(span.end);
        }
        self.batch.push(span);
    }

    fn message(&mut self, message: &Message) {
        let Some(row) = message.row().filter(|_| message.kept) else { return };
        let name = row.name.clone().unwrap_or_else(|| "message".to_owned());
        let mut span = Span::new(row, self.place_of(row.seq), name, self.unix_ns(row.time));
        span.kind = PRODUCER;
        span.tell("fate", &message.fate_in_words());
        if let Some(end) = &message.end {
            span.end = self.unix_ns(end.time);
            span.tell("end_seq", &end.seq.to_string());
            span.error = Some(message.fate_in_words()).filter(|_| end.kind == "dropped");
            self.adopt(end.seq, span.seq);
        }
        self.add(span);
    }

    fn other(&mut self, shown: &Shown) {
        let Shown { row, kept } = shown;
        let time = self.unix_ns(row.time);
        if row.kind == "step" && row.operation.is_some() {
            let place = self.place_of(row.seq);
            let begin = || kept.then(|| begin(row, place, time));
            if let Some(operation) = self.operations.of(row, begin).filter(|_| *kept) {
                operation.kept.event(row, time);
            }
        } else if *kept {
            self.moment(row, time);
        }
        self.operations.ended_by(row).into_iter().for_each(|operation| self.operation(operation));
    }

    fn operation(&mut self, operation: Operation<Span>) {
        let mut span = operation.kept;
        span.end = self.unix_ns(operation.last);
        span.tell("end", &operation.end);
        span.tell("steps", &operation.steps.to_string());
        span.error = Some(operation.end).filter(|end| matches!(end.as_str(), "failed" | "down"));
        self.add(span);
    }

    /// A record that takes no time by itself. A root lasts until nothing more comes of it.
    fn moment(&mut self, row: &Row, time: u64) {
        let name = row.name.as_ref().map_or_else(|| row.kind.clone(), |name| format!("{} {name}", row.kind));
        let place = self.place_of(row.seq);
        let span = Span::new(row, place, name, time);
        self.adopt(row.seq, row.seq);
        if place.root != row.seq {
            return self.add(span);
        }
        if self.roots.len() >= ROOTS {
            self.batch.extend(self.roots.pop_first().map(|(_, root)| root));
        }
        self.roots.insert(row.seq, span);
    }

    /// Appends the resources with the spans that are over, the spans of a peer together; whether there are any.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        let mut by_peer: BTreeMap<Peer, Vec<Span>> = BTreeMap::new();
        self.batch.drain(..).for_each(|span| by_peer.entry(span.peer).or_default().push(span));
        for (at, (peer, spans)) in by_peer.iter().enumerate() {
            out.extend_from_slice(if at > 0 { b",\n" } else { b"\n" });
            self.put_resource(out, *peer);
            for (i, span) in spans.iter().enumerate() {
                out.extend_from_slice(if i > 0 { b",\n" } else { b"\n" });
                span.put(out, self.ids);
            }
            out.extend_from_slice(b"\n]}]}");
        }
        !by_peer.is_empty()
    }

    /// The peer as a service, with what the run was, up to its spans.
    fn put_resource(&self, out: &mut Vec<u8>, peer: Peer) {
        let mut attributes = Vec::new();
        attribute(&mut attributes, "service.name", &peer.to_string());
        for (name, value) in &self.about {
            let value: String = value.chars().take(MAX_ABOUT).collect();
            attribute(&mut attributes, &format!("peerglass.{name}"), &value);
        }
        out.extend_from_slice(b"{\"resource\":{\"attributes\":[");
        out.extend_from_slice(attributes.get(1..).unwrap_or_default());
        out.extend_from_slice(b"]},\"scopeSpans\":[{\"scope\":{\"name\":\"peerglass\",\"version\":");
        put_text(out, &self.engine);
        out.extend_from_slice(b"},\"spans\":[");
    }
}

fn begin(row: &Row, place: Place, time: u64) -> Span {
    let operation = row.operation.as_deref().unwrap_or_default();
    let name = match row.field("job") {
        Some(Value::Text(job)) => format!("{operation} {job}"),
        _ => operation.to_owned(),
    };
    Span::new(row, place, name, time)
}
