//! [`Csv`]: the records as one table, quoted after RFC 4180.
//!
//! ```text
//! seq,t_ns,peer,cause,kind,other,protocol,name,bytes,why,operation,fields,wire
//! 8,1500000,1,7,sent,2,kad,FIND_NODE,71,,,"{""target"":{""key"":""e43d…""}}",
//! ```
//!
//! Lines end with a bare line feed, which every reader takes and which keeps files equal on all systems. `fields` is JSON as in [`crate::json`], `wire` hexadecimal.
//!
//! Spreadsheets run a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return as a formula, and texts may come from hostile peers.
//! Such a text gets an apostrophe in front, and so does one that begins with an apostrophe, so that the guard can be taken off again
//! ([`unguard`]). The header of the run goes to a file of its own: [`RunHeader::write_to`](crate::RunHeader::write_to).

use std::io::{self, Write};

use crate::columns::Columns;
use crate::json::{Buffered, put_contents, put_hex, put_number};
use crate::{Capture, Record, Recorder};

/// The columns, in order.
pub const COLUMNS: [&str; 13] = ["seq", "t_ns", "peer", "cause", "kind", "other", "protocol", "name", "bytes", "why", "operation", "fields", "wire"];

/// Writes records as a CSV table.
#[derive(Debug)]
pub struct Csv<W: Write> {
    out: Buffered<W>,
    scratch: Vec<u8>,
    capture: Capture,
}

impl<W: Write> Csv<W> {
    /// Starts a table with its line of column names.
    pub fn new(out: W) -> Self {
        let mut out = Buffered::new(out);
        put_names(&mut out.bytes);
        Self { out, scratch: Vec::new(), capture: Capture::Full }
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

/// Appends the line of column names.
pub(crate) fn put_names(out: &mut Vec<u8>) {
    out.extend_from_slice(COLUMNS.join(",").as_bytes());
    out.push(b'\n');
}

/// Appends one row. `scratch` is memory to work in.
pub(crate) fn put_line(out: &mut Vec<u8>, scratch: &mut Vec<u8>, line: &Columns<'_>) {
    put_number(out, line.seq);
    put_optional(out, Some(line.time.as_nanos()));
    put_optional(out, Some(u64::from(line.peer.0)));
    put_optional(out, line.cause);
    put_text(out, Some(line.kind));
    put_optional(out, line.other.map(|peer| u64::from(peer.0)));
    put_text(out, line.protocol);
    put_text(out, line.name);
    put_optional(out, line.bytes);
    put_text(out, line.why);
    put_text(out, line.operation.as_deref());
    out.push(b',');
    if !line.contents.is_empty() {
        scratch.clear();
        put_contents(scratch, line.contents);
        put_quoted(out, scratch);
    }
    out.push(b',');
    line.wire.into_iter().for_each(|wire| put_hex(out, wire));
    out.push(b'\n');
}

impl<W: Write> Recorder for Csv<W> {
    fn wants(&self) -> Capture {
        self.capture
    }

    fn record(&mut self, record: &Record) {
        put_line(&mut self.out.bytes, &mut self.scratch, &Columns::from(&record.view()));
        self.out.spill();
    }

    fn error(&self) -> Option<&io::Error> {
        self.out.error.as_ref()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.finish()
    }
}

fn put_optional(out: &mut Vec<u8>, number: Option<u64>) {
    out.push(b',');
    if let Some(number) = number {
        put_number(out, number);
    }
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(b',');
    let Some(text) = text else { return };
    let guard = is_risky(text);
    if text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r')) {
        let guarded = if guard { format!("'{text}") } else { text.to_owned() };
        put_quoted(out, guarded.as_bytes());
        return;
    }
    if guard {
        out.push(b'\'');
    }
    out.extend_from_slice(text.as_bytes());
}

fn is_risky(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\''])
}

/// Appends `bytes` in quotes, with the quotes inside doubled.
fn put_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for part in bytes.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

/// Takes the guard against formulas off a text cell.
#[must_use]
pub fn unguard(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_risky(rest)).unwrap_or(cell)
}
