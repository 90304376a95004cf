//! [`Span`]: one span of OTLP as JSON, and the identifiers that it has.
//!
//! OTLP's JSON is not the usual JSON of protocol buffers: identifiers are hexadecimal, 32 digits for traces and 16 for spans. Integers of 64 bits are texts.

use peerglass_core::Peer;

use crate::Row;
use crate::columns::Contents;
use crate::json::{put_contents, put_key, put_text};

/// The kind of a span that stays at its peer.
pub(crate) const INTERNAL: u8 = 1;

/// The kind of a span that begins something at another peer.
pub(crate) const PRODUCER: u8 = 4;

/// The most events that are told of a span, as in the defaults of OpenTelemetry.
const MAX_EVENTS: usize = 128;

/// Makes identifiers: of equal runs, equal ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids(u64);

impl Ids {
    /// For the run of that header.
    pub(crate) fn of(header: &str) -> Self {
        Self(header.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    /// The trace that begins with record `root`.
    fn trace(self, root: u64) -> String {
        format!("{:016x}{:016x}", mix(!self.0 ^ root), mix(self.0 ^ root))
    }

    /// The span of record `seq`. Two records never have the same.
    fn span(self, seq: u64) -> String {
        format!("{:016x}", mix(self.0 ^ seq))
    }
}

/// The finaliser of SplitMix64, which gives no value twice; but never the identifier 0, which means none.
fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).max(1)
}

/// Where a record belongs: to the trace that began with a record, below the span of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) root: u64,
    pub(crate) parent: Option<u64>,
}

/// Something that took time, in the course of a trace.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// The number of its record, by which it is known.
    pub(crate) seq: u64,
    pub(crate) peer: Peer,
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) kind: u8,
    /// Nanoseconds since the Unix epoch.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// What went wrong.
    pub(crate) error: Option<String>,
    /// Attributes and events as JSON, each with a comma before it.
    attributes: Vec<u8>,
    events: Vec<u8>,
    told: usize,
}

impl Span {
    /// A span that begins, and until now ends, with `row`.
    pub(crate) fn new(row: &Row, place: Place, name: String, start: u64) -> Self {
        let mut span = Span {
            seq: row.seq,
            peer: row.peer,
            place,
            name,
            kind: INTERNAL,
            start,
            end: start,
            error: None,
            attributes: Vec::new(),
            events: Vec::new(),
            told: 0,
        };
        let number = |number: u64| number.to_string();
        let pairs = [
            ("seq", Some(number(row.seq))),
            ("kind", Some(row.kind.clone())),
            ("cause", row.cause.map(number)),
            ("protocol", row.protocol.clone()),
            ("type", row.name.clone()),
            ("other", row.other.map(|other| other.to_string())),
            ("bytes", row.bytes.map(number)),
            ("operation", row.operation.clone()),
            ("why", row.why.clone()),
        ];
        pairs.iter().for_each(|(name, value)| value.iter().for_each(|value| span.tell(name, value)));
        span.tell_fields(row);
        span
    }

    /// Adds an attribute.
    pub(crate) fn tell(&mut self, name: &str, value: &str) {
        attribute(&mut self.attributes, &format!("peerglass.{name}"), value);
    }

    fn tell_fields(&mut self, row: &Row) {
        if !row.fields.is_empty() {
            let mut fields = Vec::new();
            put_contents(&mut fields, Contents::Owned(&row.fields));
            self.tell("fields", &String::from_utf8_lossy(&fields));
        }
    }

    /// Adds an event at `time`, unless there are enough of them.
    pub(crate) fn event(&mut self, row: &Row, time: u64) {
        self.told += 1;
        if self.told > MAX_EVENTS {
            return;
        }
        let mut attributes = Vec::new();
        attribute(&mut attributes, "peerglass.seq", &row.seq.to_string());
        let mut fields = Vec::new();
        if !row.fields.is_empty() {
            put_contents(&mut fields, Contents::Owned(&row.fields));
            attribute(&mut attributes, "peerglass.fields", &String::from_utf8_lossy(&fields));
        }
        self.events.extend_from_slice(format!(",{{\"timeUnixNano\":\"{time}\",\"name\":").as_bytes());
        put_text(&mut self.events, row.name.as_deref().unwrap_or(&row.kind));
        put_list(&mut self.events, "attributes", &attributes);
        self.events.push(b'}');
    }

    /// Appends it as a JSON object.
    pub(crate) fn put(&self, out: &mut Vec<u8>, ids: Ids) {
        out.extend_from_slice(format!("{{\"traceId\":\"{}\",\"spanId\":\"{}\"", ids.trace(self.place.root), ids.span(self.seq)).as_bytes());
        if let Some(parent) = self.place.parent {
            out.extend_from_slice(format!(",\"parentSpanId\":\"{}\"", ids.span(parent)).as_bytes());
        }
        put_key(out, "name");
        put_text(out, &self.name);
        let (kind, start, end) = (self.kind, self.start, self.end.max(self.start));
        out.extend_from_slice(format!(",\"kind\":{kind},\"startTimeUnixNano\":\"{start}\",\"endTimeUnixNano\":\"{end}\"").as_bytes());
        put_list(out, "attributes", &self.attributes);
        put_list(out, "events", &self.events);
        if self.told > MAX_EVENTS {
            out.extend_from_slice(format!(",\"droppedEventsCount\":{}", self.told - MAX_EVENTS).as_bytes());
        }
        if let Some(error) = &self.error {
            out.extend_from_slice(b",\"status\":{\"code\":2,\"message\":");
            put_text(out, error);
            out.push(b'}');
        }
        out.push(b'}');
    }
}

/// Appends an attribute, with a comma before it.
pub(crate) fn attribute(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b",{\"key\":");
    put_text(out, name);
    out.extend_from_slice(b",\"value\":{\"stringValue\":");
    put_text(out, value);
    out.extend_from_slice(b"}}");
}

/// Appends a list of elements that each have a comma before them, if there are any.
pub(crate) fn put_list(out: &mut Vec<u8>, name: &str, elements: &[u8]) {
    if let Some(elements) = elements.get(1..) {
        put_key(out, name);
        out.push(b'[');
        out.extend_from_slice(elements);
        out.push(b']');
    }
}
