//! `chrome`: a timeline in the Trace Event Format of Chrome, for [Perfetto](https://ui.perfetto.dev), `chrome://tracing` and speedscope.
//!
//! ```text
//!   p1 │ kad            │ sent FIND_NODE ╲              received NODES      slices of 1 ns
//!      │ kad operations │ [ kad#7 lookup   ╲· query      · answer  ]        a slice with the instants of its steps
//!      │ application    │ · command find     ╲
//!   p2 │ kad            │                      received FIND_NODE           the arrow is a flow
//! ```
//!
//! A process is a peer, and its threads are its protocols, with one more wherever operations of a protocol overlap: slices of one thread have to be nested. An arrow
//! goes from a slice to a slice, so each end of a message is one, as short as can be: simulated peers take no time to think. A lost message is an arrow to the
//! slice that says why. Messages of one instant are slices in each other.
//!
//! Perfetto sorts events, and among those of one instant puts whole slices first. So there are only whole ones (`X`: a `B` and `E` of one instant would
//! be turned round), and arrows are named in the slices themselves (`bind_id`: an event of its own, `s` or `f`, would be fastened to whichever
//! slice of that instant comes last).
//!
//! Times are microseconds with the nanoseconds as their fraction, since the epoch of the run. The events stand in the order in which they are known: a message
//! when its fate is, an operation when it ends.

use std::collections::BTreeMap;
use std::io::Write;

use peerglass_core::{Peer, Time, Value};

use super::about::About;
use super::error::ExportError;
use super::messages::{Message, Messages, Seen, decimal};
use super::operations::{Operation, Operations};
use super::select::Rows;
use crate::Row;
use crate::columns::Contents;
use crate::json::{BUFFER, EXACT, put_contents, put_key, put_number, put_text};

/// Where an operation stands.
struct Lane {
    protocol: String,
    /// Which of the lanes of its protocol, from 1.
    number: usize,
    /// What its slice is called.
    title: String,
}

/// A timeline as far as it is written.
#[derive(Default)]
struct Timeline {
    bytes: Vec<u8>,
    /// The threads of each peer.
    threads: BTreeMap<Peer, BTreeMap<(String, usize), u64>>,
    /// Which of the lanes of a peer's protocol are taken.
    taken: BTreeMap<(Peer, String), Vec<bool>>,
    events: u64,
}

pub(crate) fn write(about: &About<'_>, rows: Rows<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut timeline = Timeline::default();
    let (mut messages, mut operations) = (Messages::default(), Operations::new());
    timeline.begin(about);
    for shown in rows {
        let (gone, seen) = messages.see(shown?);
        gone.iter().for_each(|message| timeline.message(message));
        match seen {
            Seen::Message(message) => timeline.message(&message),
            Seen::Other(shown) => {
                timeline.step_or_instant(&shown.row, shown.kept, &mut operations);
                operations.ended_by(&shown.row).iter().for_each(|operation| timeline.end(operation));
            }
            Seen::Nothing => {}
        }
        timeline.spill(BUFFER, out)?;
    }
    messages.rest().for_each(|message| timeline.message(&message));
    operations.rest().for_each(|operation| timeline.end(&operation));
    timeline.bytes.extend_from_slice(b"\n]}\n");
    timeline.spill(0, out)
}

impl Timeline {
    fn begin(&mut self, about: &About<'_>) {
        self.bytes.extend_from_slice(b"{\"displayTimeUnit\":\"ms\",\"otherData\":{\"format\":\"peerglass\"");
        for (name, value) in about.pairs() {
            put_key(&mut self.bytes, name);
            put_text(&mut self.bytes, &value);
        }
        self.bytes.extend_from_slice(b"},\"traceEvents\":[");
    }

    /// Writes whole events out, once there are so many bytes of them. Perfetto finds their ends by looking for quotes, and takes one behind `\\` for a part of
    /// the text; behind the same sign as a number it does not.
    fn spill(&mut self, least: usize, out: &mut dyn Write) -> Result<(), ExportError> {
        if self.bytes.len() < least {
            return Ok(());
        }
        let (mut calm, mut rest) = (Vec::with_capacity(self.bytes.len()), &self.bytes[..]);
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            let (plain, escape) = rest.split_at(at);
            let (escape, after) = escape.split_at(escape.len().min(2));
            calm.extend_from_slice(plain);
            calm.extend_from_slice(if escape == b"\\\\" { b"\\u005c" } else { escape });
            rest = after;
        }
        calm.extend_from_slice(rest);
        self.bytes.clear();
        out.write_all(&calm).map_err(ExportError::Write)
    }

    /// Begins an event, up to its arguments; what follows ends it with [`Timeline::close`].
    fn event(&mut self, phase: &str, peer: Peer, thread: u64, time: Time, name: &str, category: &str) -> &mut Vec<u8> {
        self.bytes.extend_from_slice(if self.events > 0 { b",\n" } else { b"\n" });
        self.events += 1;
        let out = &mut self.bytes;
        out.extend_from_slice(
            format!("{{\"ph\":\"{phase}\",\"pid\":{},\"tid\":{thread},\"ts\":{}", peer.0, decimal(time.as_nanos(), 3, 3)).as_bytes(),
        );
        put_key(out, "name");
        put_text(out, name);
        put_key(out, "cat");
        put_text(out, category);
        out
    }

    /// Ends an event, with these arguments.
    fn close(&mut self, row: &Row, more: &[(&str, String)]) {
        let out = &mut self.bytes;
        out.extend_from_slice(b",\"args\":{\"seq\":");
        put_id(out, row.seq);
        if let Some(cause) = row.cause {
            put_key(out, "cause");
            put_id(out, cause);
        }
        if let Some(bytes) = row.bytes {
            put_key(out, "bytes");
            put_id(out, bytes);
        }
        let peer = row.other.map(|other| ("other", other.to_string()));
        let why = row.why.clone().map(|why| ("why", why));
        for (name, value) in peer.iter().chain(&why).chain(more) {
            put_key(out, name);
            put_text(out, value);
        }
        if !row.fields.is_empty() {
            put_key(out, "fields");
            put_contents(out, Contents::Owned(&row.fields));
        }
        out.extend_from_slice(b"}}");
    }

    /// The thread of a protocol: 0 for its messages, 1 and more for its operations. It is told when it is new, and so is its peer.
    fn thread(&mut self, peer: Peer, protocol: &str, lane: usize) -> u64 {
        let place = (protocol.to_owned(), lane);
        if let Some(known) = self.threads.get(&peer).and_then(|threads| threads.get(&place)) {
            return *known;
        }
        let threads = self.threads.entry(peer).or_default();
        let number = threads.len() as u64 + 1;
        threads.insert(place, number);
        if number == 1 {
            self.metadata(peer, 0, "process_name", &peer.to_string());
        }
        let name = match lane {
            0 => protocol.to_owned(),
            1 => format!("{protocol} operations"),
            _ => format!("{protocol} operations {lane}"),
        };
        self.metadata(peer, number, "thread_name", &name);
        number
    }

    fn metadata(&mut self, peer: Peer, thread: u64, what: &str, name: &str) {
        let out = self.event("M", peer, thread, Time::ZERO, what, "__metadata");
        out.extend_from_slice(b",\"args\":{\"name\":");
        put_text(out, name);
        out.extend_from_slice(b"}}");
    }

    /// The slices at both ends of a message, and the arrow from one to the other.
    fn message(&mut self, message: &Message) {
        if !message.kept {
            return;
        }
        let fate = ("fate", message.fate_in_words());
        let latency = message.latency_ns().map(|ns| ("latency_us", decimal(ns, 3, 3)));
        let more: Vec<(&str, String)> = [Some(fate), latency].into_iter().flatten().collect();
        let arrow = message.sent.as_ref().filter(|_| message.end.is_some()).map(|sent| sent.seq);
        for (row, direction) in [(&message.sent, "flow_out"), (&message.end, "flow_in")] {
            let Some(row) = row else { continue };
            let thread = self.thread(row.peer, protocol(row), 0);
            let name = format!("{} {}", row.kind, row.name.as_deref().unwrap_or("message"));
            let out = self.event("X", row.peer, thread, row.time, &name, "message");
            out.extend_from_slice(b",\"dur\":0.001");
            if let Some(arrow) = arrow {
                out.extend_from_slice(format!(",\"bind_id\":\"0x{arrow:x}\",\"{direction}\":true").as_bytes());
            }
            self.close(row, &more);
        }
    }

    /// A step in its operation, any other record as an instant.
    fn step_or_instant(&mut self, row: &Row, kept: bool, operations: &mut Operations<Lane>) {
        let operation = operations.of(row, || kept.then(|| self.take_lane(row)));
        if !kept {
            return;
        }
        let thread = match operation {
            Some(Operation { kept: lane, .. }) => self.thread(row.peer, &lane.protocol, lane.number),
            None => self.thread(row.peer, protocol(row), 0),
        };
        let name = row
            .name
            .as_deref()
            .map_or_else(|| row.kind.clone(), |name| if row.kind == "step" { name.to_owned() } else { format!("{} {name}", row.kind) });
        let whole_peer = matches!(row.kind.as_str(), "up" | "down" | "fault");
        let scope: &[u8] = if whole_peer { b",\"s\":\"p\"" } else { b",\"s\":\"t\"" };
        self.event("i", row.peer, thread, row.time, &name, &row.kind).extend_from_slice(scope);
        self.close(row, &[]);
    }

    /// The slice of an operation that is over. One that took no time is as short as can be.
    fn end(&mut self, operation: &Operation<Lane>) {
        let (lane, (first, start)) = (&operation.kept, operation.first);
        let thread = self.thread(operation.peer, &lane.protocol, lane.number);
        let took = operation.last.as_nanos().saturating_sub(start.as_nanos()).max(1);
        let out = self.event("X", operation.peer, thread, start, &lane.title, "operation");
        out.extend_from_slice(format!(",\"dur\":{},\"args\":{{\"seq\":", decimal(took, 3, 3)).as_bytes());
        put_id(out, first);
        put_key(out, "steps");
        put_id(out, operation.steps);
        put_key(out, "end");
        put_text(out, &operation.end);
        out.extend_from_slice(b"}}");
        if let Some(taken) = self.taken.get_mut(&(operation.peer, lane.protocol.clone())).and_then(|lanes| lanes.get_mut(lane.number - 1)) {
            *taken = false;
        }
    }

    /// The first lane that is free for an operation of the protocol of `row`.
    fn take_lane(&mut self, row: &Row) -> Lane {
        let protocol = protocol(row).to_owned();
        let lanes = self.taken.entry((row.peer, protocol.clone())).or_default();
        let free = lanes.iter().position(|taken| !taken).unwrap_or(lanes.len());
        lanes.resize(lanes.len().max(free + 1), true);
        lanes[free] = true;
        let operation = row.operation.as_deref().unwrap_or_default();
        let title = match row.field("job") {
            Some(Value::Text(job)) => format!("{operation} {job}"),
            _ => operation.to_owned(),
        };
        Lane { protocol, number: free + 1, title }
    }
}

/// The thread of a record: its protocol, `application` for what passes between the two, `peer` for what becomes of the peer itself.
fn protocol(row: &Row) -> &str {
    let other = if matches!(row.kind.as_str(), "command" | "event") { "application" } else { "peer" };
    row.protocol.as_deref().filter(|protocol| !protocol.is_empty()).unwrap_or(other)
}

/// A number, as a text where JavaScript would round it.
fn put_id(out: &mut Vec<u8>, id: u64) {
    if id <= EXACT {
        return put_number(out, id);
    }
    put_text(out, &id.to_string());
}
