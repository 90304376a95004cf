//! [`JsonLines`]: one JSON object a line, the header first.
//!
//! ```text
//! {"format":"peerglass-records","schema":1,"engine":"0.1.0","source":"sim","seed":"42","scenario":"first look"}
//! {"seq":8,"t_ns":"1500000","peer":1,"cause":7,"kind":"sent","other":2,"protocol":"kad","name":"FIND_NODE","bytes":71,"fields":{"target":{"key":"e43d…"}}}
//! ```
//!
//! Columns that have no meaning for a record are left out; the rest stand in a fixed order, so equal runs give equal bytes. Times are strings,
//! because JavaScript reads integers exactly only up to 2^53. JSON has fewer types than [`Value`](peerglass_core::Value); those it lacks are objects with one member that
//! names the type, so that nothing has to be guessed when reading:
//!
//! | value | JSON |
//! |---|---|
//! | bool, text, list | as they are |
//! | number | as it is up to 2^53, above `{"number":"18446744073709551615"}` |
//! | real | with a point or exponent; `{"real":"NaN"}`, `{"real":"inf"}`, `{"real":"-inf"}` |
//! | bytes | `{"bytes":"00ff"}` |
//! | key | `{"key":"` 64 hexadecimal digits `"}` |
//! | peer | `{"peer":7}` |
//! | list of peers | `{"peers":[7,12]}` |
//! | time, duration | `{"t_ns":"…"}`, `{"ns":"…"}` |
//!
//! The serialiser is written by hand: records are written at the rate a simulation makes them, and a generic one spends more on its own machinery
//! than on the bytes.

use std::io::{self, Write};

use peerglass_core::value::Values;
use peerglass_core::{Fields, ValueRef};

use crate::columns::{Columns, Contents};
use crate::{Capture, Record, Recorder, Row, RunHeader};

/// Bytes gathered before they are written.
pub(crate) const BUFFER: usize = 64 * 1024;

/// The largest integer up to which all integers are exact in every JSON reader.
pub(crate) const EXACT: u64 = 1 << 53;

/// Writes records as JSON Lines.
#[derive(Debug)]
pub struct JsonLines<W: Write> {
    out: Buffered<W>,
    capture: Capture,
}

impl<W: Write> JsonLines<W> {
    /// Starts a file with its header.
    pub fn new(out: W, header: &RunHeader) -> Self {
        let mut out = Buffered::new(out);
        out.bytes.extend_from_slice(header.to_json().as_bytes());
        out.bytes.push(b'\n');
        Self { out, capture: Capture::Full }
    }

    /// The recorder, wanting this much.
    #[must_use]
    pub fn capturing(mut self, capture: Capture) -> Self {
        self.capture = capture;
        self
    }

    /// Finishes, and gives the writer back.
    pub fn into_inner(self) -> io::Result<W> {
        self.out.into_writer()
    }
}

impl<W: Write> Recorder for JsonLines<W> {
    fn wants(&self) -> Capture {
        self.capture
    }

    fn record(&mut self, record: &Record) {
        put_record(&mut self.out.bytes, record);
        self.out.bytes.push(b'\n');
        self.out.spill();
    }

    fn error(&self) -> Option<&io::Error> {
        self.out.error.as_ref()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.finish()
    }
}

/// A buffer in front of a writer that keeps the first error and drops what follows it.
#[derive(Debug)]
pub(crate) struct Buffered<W: Write> {
    /// None once it was given back.
    out: Option<W>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) error: Option<io::Error>,
}

impl<W: Write> Buffered<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out: Some(out), bytes: Vec::with_capacity(BUFFER + 4096), error: None }
    }

    /// Finishes, and gives the writer back.
    pub(crate) fn into_writer(mut self) -> io::Result<W> {
        self.finish()?;
        self.out.take().ok_or_else(|| io::Error::other("the writer was given back before"))
    }

    /// Writes the buffer out once it is full.
    pub(crate) fn spill(&mut self) {
        if self.bytes.len() >= BUFFER {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        if let (Some(out), None) = (&mut self.out, &self.error) {
            self.error = out.write_all(&self.bytes).err();
        }
        self.bytes.clear();
    }

    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.write_out();
        if let (Some(out), None) = (&mut self.out, &self.error) {
            self.error = out.flush().err();
        }
        // `io::Error` cannot be cloned: the same kind and text go to the caller, and the first error stays for `error()`.
        self.error.as_ref().map_or(Ok(()), |error| Err(io::Error::new(error.kind(), error.to_string())))
    }
}

impl<W: Write> Drop for Buffered<W> {
    /// Saves what it can when a run ends early. Only [`Recorder::finish`] tells whether that went well.
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// Appends `record` as one JSON object, without the line's end.
pub fn put_record(out: &mut Vec<u8>, record: &Record) {
    put_line(out, &Columns::from(&record.view()));
}

/// Appends `row` as one JSON object, without the line's end: as the record that it was.
pub fn put_row(out: &mut Vec<u8>, row: &Row) {
    put_line(out, &Columns::from(row));
}

fn put_line(out: &mut Vec<u8>, line: &Columns<'_>) {
    out.extend_from_slice(b"{\"seq\":");
    put_number(out, line.seq);
    out.extend_from_slice(b",\"t_ns\":\"");
    put_number(out, line.time.as_nanos());
    out.extend_from_slice(b"\",\"peer\":");
    put_number(out, u64::from(line.peer.0));
    put_optional(out, "cause", line.cause);
    put_optional_text(out, "kind", Some(line.kind));
    put_optional(out, "other", line.other.map(|peer| u64::from(peer.0)));
    put_optional_text(out, "protocol", line.own_protocol());
    put_optional_text(out, "name", line.name);
    put_optional(out, "bytes", line.bytes);
    put_optional_text(out, "why", line.why);
    put_optional_text(out, "operation", line.operation.as_deref());
    if !line.contents.is_empty() {
        put_key(out, "fields");
        put_contents(out, line.contents);
    }
    if let Some(wire) = line.wire {
        put_key(out, "wire");
        out.push(b'"');
        put_hex(out, wire);
        out.push(b'"');
    }
    out.push(b'}');
}

fn put_optional_text(out: &mut Vec<u8>, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        put_key(out, name);
        put_text(out, text);
    }
}

fn put_optional(out: &mut Vec<u8>, name: &str, number: Option<u64>) {
    if let Some(number) = number {
        put_key(out, name);
        put_number(out, number);
    }
}

/// Appends `,"name":`. `name` is one of ours: it needs no escapes.
pub(crate) fn put_key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends `fields` as a JSON object.
pub fn put_fields(out: &mut Vec<u8>, fields: &Fields) {
    put_contents(out, Contents::Lent(Some(fields)));
}

pub(crate) fn put_contents(out: &mut Vec<u8>, contents: Contents<'_>) {
    let mut before = b'{';
    contents.each(|name, value| {
        out.push(before);
        before = b',';
        put_text(out, name);
        out.push(b':');
        put_value(out, value);
    });
    out.extend_from_slice(if before == b'{' { b"{}" } else { b"}" });
}

/// Appends `value`, as the [module documentation](self) shows.
pub fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Bool(v) => out.extend_from_slice(if v { b"true" } else { b"false" }),
        ValueRef::Number(v) if v <= EXACT => put_number(out, v),
        ValueRef::Number(v) => put_tagged(out, b"number", |out| put_number(out, v)),
        // Debug always writes a point or an exponent, and the shortest digits that read back as the same number.
        ValueRef::Real(v) if v.is_finite() => out.extend_from_slice(format!("{v:?}").as_bytes()),
        ValueRef::Real(v) => put_tagged(out, b"real", |out| out.extend_from_slice(v.to_string().as_bytes())),
        ValueRef::Text(v) => put_text(out, v),
        ValueRef::Bytes(v) => put_tagged(out, b"bytes", |out| put_hex(out, v)),
        ValueRef::Key(v) => put_tagged(out, b"key", |out| put_hex(out, &v.to_bytes())),
        ValueRef::Peer(v) => {
            out.extend_from_slice(b"{\"peer\":");
            put_number(out, u64::from(v.0));
            out.push(b'}');
        }
        ValueRef::Time(v) => put_tagged(out, b"t_ns", |out| put_number(out, v.as_nanos())),
        ValueRef::Duration(v) => put_tagged(out, b"ns", |out| out.extend_from_slice(v.as_nanos().to_string().as_bytes())),
        ValueRef::List(v) if v.are_peers() => {
            out.extend_from_slice(b"{\"peers\":[");
            put_peers(out, v);
            out.extend_from_slice(b"]}");
        }
        ValueRef::List(v) => put_list(out, v, put_value),
    }
}

fn put_list(out: &mut Vec<u8>, values: Values<'_>, mut put: impl FnMut(&mut Vec<u8>, ValueRef<'_>)) {
    out.push(b'[');
    for (i, value) in values.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        put(out, value);
    }
    out.push(b']');
}

fn put_tagged(out: &mut Vec<u8>, tag: &[u8], content: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(tag);
    out.extend_from_slice(b"\":\"");
    content(out);
    out.extend_from_slice(b"\"}");
}

const HEX: &[u8; 16] = b"0123456789abcdef";

pub(crate) fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    // A piece at a time, because a vector that grows by every byte asks each time whether there is room.
    for piece in bytes.chunks(32) {
        let mut digits = [0u8; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(piece) {
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        out.extend_from_slice(&digits[..2 * piece.len()]);
    }
}

/// Appends `number` in decimal.
pub(crate) fn put_number(out: &mut Vec<u8>, number: u64) {
    let (digits, at) = decimal(number);
    out.extend_from_slice(&digits[at..]);
}

/// The digits of `number`, and where they begin.
#[inline]
fn decimal(mut number: u64) -> ([u8; 20], usize) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return (digits, at);
        }
    }
}

/// Appends the numbers of peers with commas between them: the bulk of what a lookup tells.
fn put_peers(out: &mut Vec<u8>, peers: Values<'_>) {
    // Room for all at once: ten digits and a comma for each.
    let (least, most) = peers.size_hint();
    let start = out.len();
    out.resize(start + 11 * most.unwrap_or(least), 0);
    let mut end = start;
    for value in peers {
        let ValueRef::Peer(peer) = value else { continue };
        if end > start {
            out[end] = b',';
            end += 1;
        }
        let (digits, at) = decimal(u64::from(peer.0));
        let length = digits.len() - at;
        out[end..end + length].copy_from_slice(&digits[at..]);
        end += length;
    }
    out.truncate(end);
}

/// Appends `text` as a JSON string. Quotes, backslashes and control characters are escaped; everything else is UTF-8 as it stands.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        put_escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn put_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Described, What};
    use core::time::Duration;
    use peerglass_core::{Key, Operation, Peer, Time, Value, describe::Step};

    fn record(what: What) -> Record {
        Record { seq: 8, time: Time::from_nanos(1_500_000), peer: Peer(1), cause: Some(7), what }
    }

    fn line(what: What) -> String {
        let mut out = Vec::new();
        put_record(&mut out, &record(what));
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn a_message_is_one_line_of_columns_in_a_fixed_order() {
        let mut fields = Fields::new();
        fields.add("target", Key::from_bytes([0xab; 32]));
        let message = Described { protocol: "kad", name: "FIND_NODE", fields, ..Described::default() };
        let key = "ab".repeat(32);
        assert_eq!(
            line(What::Sent { to: Peer(2), message, bytes: 71 }),
            format!(
                r#"{{"seq":8,"t_ns":"1500000","peer":1,"cause":7,"kind":"sent","other":2,"protocol":"kad","name":"FIND_NODE","bytes":71,"fields":{{"target":{{"key":"{key}"}}}}}}"#
            )
        );
    }

    #[test]
    fn a_step_names_its_operation() {
        let step = Step::new("query").with("left", 3u32).with("after", Duration::from_millis(2));
        assert_eq!(
            line(What::Step { operation: Operation { protocol: "kad", number: 12 }, step }),
            r#"{"seq":8,"t_ns":"1500000","peer":1,"cause":7,"kind":"step","name":"query","operation":"kad#12","fields":{"left":3,"after":{"ns":"2000000"}}}"#
        );
    }

    #[test]
    fn numbers_that_json_readers_would_round_are_tagged_strings() {
        let mut out = Vec::new();
        let mut fields = Fields::new();
        fields.add("n", vec![Value::Number(EXACT), Value::Number(EXACT + 1), Value::Real(1.0), Value::Real(f64::NAN)]);
        put_fields(&mut out, &fields);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"n":[9007199254740992,{"number":"9007199254740993"},1.0,{"real":"NaN"}]}"#);
    }

    /// Takes so many bytes, then fails.
    struct Disk(usize);
    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(io::Error::new(io::ErrorKind::StorageFull, "no space left")) } else { Ok(taken) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_not_lost_on_the_way() {
        let mut out = JsonLines::new(Disk(100_000), &RunHeader::sim("full", 1));
        for _ in 0..10_000 {
            out.record(&record(What::Up));
        }
        assert_eq!(out.error().map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        assert_eq!(out.finish().map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
    }

    #[test]
    fn a_recorder_that_is_dropped_early_saves_what_it_has() {
        let mut file = Vec::new();
        JsonLines::new(&mut file, &RunHeader::sim("early", 1)).record(&record(What::Up));
        assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), 2);
    }

    #[test]
    fn memory_stays_bounded_whatever_is_recorded() {
        let mut out = JsonLines::new(io::sink(), &RunHeader::sim("long", 1));
        for _ in 0..100_000 {
            out.record(&record(What::Up));
        }
        assert!(out.out.bytes.capacity() <= 2 * BUFFER, "{} bytes", out.out.bytes.capacity());
    }
}
