//! The bytes of one message, and which of them are which field.

use std::fmt::{self, Display};

use peerglass_core::layout::{Holding, Kind, Name, Part, parts};
use peerglass_store::Cid;
use peerglass_trace::Row;
use serde::Serialize;

use super::causes::{missing, row};
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::recording::Recorded;

/// Bytes of a field that are shown.
const BYTES: usize = 12;
/// Bytes of a value that are shown where they mean nothing else.
const VALUE: usize = 32;

/// Shows the bytes of the message that record `seq` tells of, field by field.
pub(super) fn show(recorded: &Recorded, seq: u64, output: Output) -> Result<(), Failure> {
    let told = row(recorded, seq)?.ok_or_else(|| missing(seq))?;
    let (told, wire) = bytes_of(recorded, told)?;
    let protocol = told.protocol.as_deref().unwrap_or_default();
    let format = peerglass_stack::wire_format(protocol)
        .ok_or_else(|| failure(&told, &format!("the wire format of the protocol `{protocol}` is not known to this version")))?;
    let parts = parts(&wire, told.bytes.unwrap_or_default(), format);
    let shown = Shown { row: &told, wire: &wire, parts: &parts };
    output.result(&shown.fields(), &shown);
    Ok(())
}

/// The record that holds the bytes: of a message that was received in a simulation that is the record of its sending.
fn bytes_of(recorded: &Recorded, mut told: Row) -> Result<(Row, Vec<u8>), Failure> {
    if !matches!(told.kind.as_str(), "sent" | "received" | "dropped") {
        return Err(failure(&told, &format!("it is of kind `{}`: only messages have bytes", told.kind)));
    }
    if let Some(wire) = told.wire.take() {
        return Ok((told, wire));
    }
    let sent = if told.kind == "sent" { None } else { told.cause.map(|cause| row(recorded, cause)).transpose()?.flatten() };
    if let Some(mut sent) = sent.filter(|sent| sent.kind == "sent")
        && let Some(wire) = sent.wire.take()
    {
        return Ok((sent, wire));
    }
    let why = if told.bytes == Some(0) {
        "it has no bytes: a refusal is the reset of a stream"
    } else {
        "no bytes were recorded: run it again with --capture wire"
    };
    Err(failure(&told, why))
}

fn failure(told: &Row, why: &str) -> Failure {
    Failure::new(Code::NotFound, format!("show the bytes of record {}", told.seq), why)
}

struct Shown<'a> {
    row: &'a Row,
    wire: &'a [u8],
    parts: &'a [Part<'a>],
}

/// A part for scripts.
#[derive(Serialize)]
struct Field {
    start: usize,
    end: usize,
    depth: usize,
    name: String,
    value: String,
    bytes: String,
}

impl Shown<'_> {
    /// The bytes that are the part's own: of one that holds parts, what stands before them.
    fn own(&self, at: usize) -> &[u8] {
        let part = &self.parts[at];
        let inner = self.parts.get(at + 1).filter(|inner| inner.depth > part.depth && part.value == Holding::Parts);
        &self.wire[part.range.start..inner.map_or(part.range.end, |inner| inner.range.start)]
    }

    fn fields(&self) -> Vec<Field> {
        let field = |(at, part): (usize, &Part<'_>)| Field {
            start: part.range.start,
            end: part.range.end,
            depth: part.depth,
            name: part.name.to_string(),
            value: value(part),
            bytes: hex(self.own(at), usize::MAX, ""),
        };
        self.parts.iter().enumerate().map(field).collect()
    }
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.row)?;
        for (at, part) in self.parts.iter().enumerate() {
            let name = format!("{:indent$}{}", "", part.name, indent = 2 * part.depth);
            let line = format!("{:04x}  {:<37}  {name:<20}  {}", part.range.start, hex(self.own(at), BYTES, " "), value(part));
            write!(f, "\n{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// What a part holds, in words.
fn value(part: &Part<'_>) -> String {
    match part.value {
        Holding::Number(number, None) => number.to_string(),
        Holding::Number(number, Some(meaning)) => format!("{meaning} ({number})"),
        Holding::Parts => String::new(),
        Holding::Absent(bytes) => format!("{bytes} bytes"),
        Holding::Wrong(why) => why.to_owned(),
        Holding::Bytes(bytes, Kind::Data) => format!("{} bytes here", bytes.len()),
        Holding::Bytes(bytes, kind) => in_words(bytes, kind).unwrap_or_else(|| plain(bytes, part.name)),
    }
}

/// Ids and addresses as people write them, if they are any.
fn in_words(bytes: &[u8], kind: Kind) -> Option<String> {
    match kind {
        Kind::PeerId => match peerglass_lab::simulated_peer(bytes) {
            Some(peer) => Some(format!("the made-up id of {peer}")),
            None => peerglass_node::words::peer_id(bytes),
        },
        Kind::Address => peerglass_node::words::address(bytes),
        Kind::Cid => Cid::try_from(bytes).ok().map(|cid| cid.to_string()),
        Kind::Bytes | Kind::Data => None,
    }
}

/// Text where it is text, and a key that is a peer id or hash as that.
fn plain(bytes: &[u8], name: Name) -> String {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty() && text.chars().all(|c| !c.is_control()) && text.is_ascii());
    match text {
        Some(text) => format!("{text:?}"),
        None if name == Name::Field("key") => in_words(bytes, Kind::PeerId).unwrap_or_else(|| hex(bytes, VALUE, "")),
        None => hex(bytes, VALUE, ""),
    }
}

fn hex(bytes: &[u8], most: usize, between: &str) -> String {
    let shown: Vec<String> = bytes.iter().take(most).map(|byte| format!("{byte:02x}")).collect();
    shown.join(between) + if bytes.len() > most { "…" } else { "" }
}
