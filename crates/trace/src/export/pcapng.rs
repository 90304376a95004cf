//! `pcapng`: the messages as packets, for Wireshark, tshark, and everything that reads captures.
//!
//! Each peer is an interface of its own, named `p7`. A message is captured twice, as if somebody had listened at both ends: at its sender (outbound) and, when
//! it arrives, at its receiver (inbound), with the same packet id, so that loss and latency can be computed from the file alone.
//!
//! ```text
//!   section header      the run: engine, seed, scenario, filter as its comment
//!   interface p1        nanoseconds; written before the first packet of p1
//!   packet  → #8        sent by p1, packet id 8, comment "record 8, cause 7, received as record 12 after 78.5 ms"
//!   interface p2
//!   packet  ← #12       received by p2, packet id 8
//! ```
//!
//! # What is in a packet
//!
//! Link type 252, *exported PDU*: tags name the dissector and the ends, then comes the message itself. That needs no made-up UDP, which ends at 65,507 bytes.
//! Peers have the addresses 10.x.y.z of their numbers. The message is what its record says of it: items of type (1 byte), length (4 bytes, big-endian) and value, in the order of this table.
//!
//! | item | holds | | item | holds |
//! |---|---|---|---|---|
//! | 1 | record: u64 | | 8 | size on the wire: u64 |
//! | 2 | peer whose record it is: u32 | | 9 | fate: `received`, `dropped`, `under way` |
//! | 3 | the other peer: u32 | | 10 | record of the fate: u64 |
//! | 4 | cause: u64 | | 11 | why it was dropped |
//! | 5 | message: record of its sending, u64 | | 12 | latency in ns: u64 |
//! | 6 | protocol | | 13 | fields, as JSON |
//! | 7 | type | | 14 | the bytes of the wire, where records hold them |
//!
//! [`DISSECTOR`] teaches Wireshark to read them: `wireshark -X lua_script:peerglass.lua run.pcapng`.
//!
//! The fate of a message stands in its first packet already. So packets are held until it is known, up to [`WINDOW`] of them; a message that is under way for longer
//! is written with the fate `unknown`.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;

use peerglass_core::{Peer, Time};

use super::about::About;
use super::error::ExportError;
use super::messages::{Ended, in_words, is_treacherous};
use super::select::{Rows, Shown};
use super::tables::spill;
use crate::Row;
use crate::columns::Contents;
use crate::json::put_contents;

/// A dissector for Wireshark and tshark in Lua: the text of a file to be written beside the capture or into Wireshark's folder of plugins.
pub const DISSECTOR: &str = include_str!("peerglass.lua");

/// How many packets are held until the fate of the oldest is known.
const WINDOW: usize = 1 << 16;

/// Wireshark takes no packet of more than 256 KiB: what is longer is captured in part.
const MAX_CAPTURED: usize = 256 << 10;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;

const COMMENT: u16 = 1;
const LINK_EXPORTED_PDU: u16 = 252;

/// Tags of an exported PDU.
const DISSECTOR_NAME: u16 = 12;
const IPV4_SOURCE: u16 = 20;
const IPV4_DESTINATION: u16 = 21;

/// A message as captured at one end, and what became of it.
struct Slot {
    row: Row,
    kept: bool,
    fate: Fate,
}

/// What became of a message, as far as it is known where it is written.
#[derive(Clone, Default)]
struct Fate {
    /// `received` or `dropped`, once it is known.
    name: Option<&'static str>,
    record: Option<u64>,
    why: Option<String>,
    latency_ns: Option<u64>,
}

/// A capture as far as it is written.
struct Capture<'a> {
    out: &'a mut dyn Write,
    bytes: Vec<u8>,
    /// The numbers of interfaces, in the order in which their peers appear.
    interfaces: BTreeMap<Peer, u32>,
}

/// Packets whose fate is waited for, and those behind them.
#[derive(Default)]
struct Held {
    slots: VecDeque<Slot>,
    ended: Ended,
}

pub(crate) fn write(about: &About<'_>, rows: Rows<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut capture = Capture { out, bytes: Vec::new(), interfaces: BTreeMap::new() };
    capture.section(about);
    let mut held = Held::default();
    for shown in rows {
        held.take(shown?);
        while held.slots.len() > WINDOW || held.slots.front().is_some_and(|slot| slot.fate.name.is_some()) {
            held.slots.pop_front().map_or(Ok(()), |slot| capture.packet(&slot, "unknown"))?;
        }
    }
    held.slots.iter().try_for_each(|slot| capture.packet(slot, "under way"))?;
    capture.out.write_all(&capture.bytes).map_err(ExportError::Write)
}

impl Held {
    /// Puts a row that is a packet behind the others, and a fate to the packet whose it is.
    fn take(&mut self, shown: Shown) {
        match shown.row.kind.as_str() {
            "sent" => self.slots.push_back(Slot { row: shown.row, kept: shown.kept, fate: Fate::default() }),
            "received" => self.end("received", shown),
            "dropped" => self.end("dropped", shown),
            _ => {}
        }
    }

    fn end(&mut self, name: &'static str, Shown { mut row, mut kept }: Shown) {
        let mut fate = Fate { name: Some(name), record: Some(row.seq), why: row.why.clone(), latency_ns: None };
        let latency = |since: Time| Some(row.time.as_nanos().saturating_sub(since.as_nanos())).filter(|_| name == "received");
        let place = row.cause.and_then(|cause| self.slots.binary_search_by_key(&cause, |slot| slot.row.seq).ok());
        if let Some(sent) = place.and_then(|at| self.slots.get_mut(at)) {
            fate.latency_ns = latency(sent.row.time);
            (sent.kept, kept) = (sent.kept || kept, sent.kept || kept);
            if sent.fate.name.is_none() {
                sent.fate = fate.clone();
                self.ended.add(&sent.row, kept);
            }
            if row.fields.is_empty() {
                row.fields.clone_from(&sent.row.fields);
            }
            row.wire = row.wire.or_else(|| sent.row.wire.clone());
        } else if let Some((since, shown)) = self.ended.of(&row) {
            fate.latency_ns = latency(since);
            kept |= shown;
        }
        if name == "received" {
            self.slots.push_back(Slot { row, kept, fate });
        }
    }
}

impl Capture<'_> {
    fn section(&mut self, about: &About<'_>) {
        let mut body = Vec::new();
        body.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        body.extend_from_slice(&[1, 0, 0, 0]);
        // The length of the section is not known while it is written.
        body.extend_from_slice(&(-1i64).to_le_bytes());
        let comment: Vec<String> = about.pairs().iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let comment: Vec<String> = comment.into_iter().map(|line| line.replace(is_treacherous, "\u{fffd}")).collect();
        option(&mut body, COMMENT, comment.join("\n").as_bytes());
        option(&mut body, 4, format!("peerglass {}", about.header.engine).as_bytes());
        self.block(SECTION, body);
    }

    /// The number of the interface of `peer`, which is written when it is new.
    fn interface(&mut self, peer: Peer) -> u32 {
        if let Some(known) = self.interfaces.get(&peer) {
            return *known;
        }
        let number = self.interfaces.len() as u32;
        self.interfaces.insert(peer, number);
        let mut body = Vec::new();
        body.extend_from_slice(&LINK_EXPORTED_PDU.to_le_bytes());
        body.extend_from_slice(&[0, 0]);
        body.extend_from_slice(&(MAX_CAPTURED as u32).to_le_bytes());
        option(&mut body, 2, format!("p{}", peer.0).as_bytes());
        // Times are in units of 10^-9 seconds.
        option(&mut body, 9, &[9]);
        self.block(INTERFACE, body);
        number
    }

    /// Writes a packet; `otherwise` is its fate where none is known.
    fn packet(&mut self, slot: &Slot, otherwise: &str) -> Result<(), ExportError> {
        if !slot.kept {
            return Ok(());
        }
        let row = &slot.row;
        let interface = self.interface(row.peer);
        let (message, flags) = if row.kind == "sent" { (Some(row.seq), 2u32) } else { (row.cause, 1u32) };
        let fate = slot.fate.name.unwrap_or(otherwise);
        let data = pdu(slot, message, fate);
        let captured = &data[..data.len().min(MAX_CAPTURED)];
        let time = row.time.as_nanos();
        let mut body = Vec::with_capacity(captured.len() + 200);
        for number in [interface, (time >> 32) as u32, time as u32, captured.len() as u32, data.len() as u32] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        body.extend_from_slice(captured);
        pad(&mut body);
        option(&mut body, COMMENT, comment(slot, fate).as_bytes());
        option(&mut body, 2, &flags.to_le_bytes());
        if let Some(message) = message {
            option(&mut body, 5, &message.to_le_bytes());
        }
        self.block(PACKET, body);
        spill(&mut self.bytes, self.out)
    }

    /// Writes a block around `body`, which ends with options.
    fn block(&mut self, kind: u32, mut body: Vec<u8>) {
        body.extend_from_slice(&[0; 4]);
        let length = (body.len() as u32 + 12).to_le_bytes();
        self.bytes.extend_from_slice(&kind.to_le_bytes());
        self.bytes.extend_from_slice(&length);
        self.bytes.extend_from_slice(&body);
        self.bytes.extend_from_slice(&length);
    }
}

/// Appends an option of a block. A longer value than it can hold is cut.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&(value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// A packet in words.
fn comment(slot: &Slot, fate: &str) -> String {
    let mut text = format!("record {}", slot.row.seq);
    slot.row.cause.iter().for_each(|cause| text.push_str(&format!(", cause {cause}")));
    text.push_str(&format!(", {fate}"));
    slot.fate.record.iter().filter(|record| **record != slot.row.seq).for_each(|record| text.push_str(&format!(" as record {record}")));
    slot.fate.latency_ns.iter().for_each(|latency| text.push_str(&format!(" after {}", in_words(*latency))));
    slot.fate.why.iter().filter(|_| fate == "dropped").for_each(|why| text.push_str(&format!(" ({why})")));
    text.replace(is_treacherous, "\u{fffd}")
}

/// The data of a packet: tags for Wireshark, then the items.
fn pdu(slot: &Slot, message: Option<u64>, fate: &str) -> Vec<u8> {
    let row = &slot.row;
    let mut data = Vec::new();
    tag(&mut data, DISSECTOR_NAME, b"peerglass");
    let (source, destination) = if row.kind == "sent" { (Some(row.peer), row.other) } else { (row.other, Some(row.peer)) };
    let addresses = source.and_then(address).zip(destination.and_then(address));
    if let Some((source, destination)) = addresses {
        tag(&mut data, IPV4_SOURCE, &source);
        tag(&mut data, IPV4_DESTINATION, &destination);
    }
    tag(&mut data, 0, &[]);
    let number = |number: u64| Some(number.to_be_bytes().to_vec());
    let text = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
    let peer = |peer: Peer| Some(peer.0.to_be_bytes().to_vec());
    let mut fields = Vec::new();
    put_contents(&mut fields, Contents::Owned(&row.fields));
    let items = [
        number(row.seq),
        peer(row.peer),
        row.other.and_then(peer),
        row.cause.and_then(number),
        message.and_then(number),
        text(row.protocol.as_deref()),
        text(row.name.as_deref()),
        row.bytes.and_then(number),
        text(Some(fate)),
        slot.fate.record.and_then(number),
        text(slot.fate.why.as_deref()),
        slot.fate.latency_ns.and_then(number),
        Some(fields).filter(|_| !row.fields.is_empty()),
        row.wire.clone(),
    ];
    for (kind, value) in (1u8..).zip(items) {
        // An item without a value is left out: Wireshark has no fields of no length.
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        data.push(kind);
        data.extend_from_slice(&(value.len() as u32).to_be_bytes());
        data.extend_from_slice(&value);
    }
    data
}

fn tag(data: &mut Vec<u8>, kind: u16, value: &[u8]) {
    data.extend_from_slice(&kind.to_be_bytes());
    data.extend_from_slice(&(value.len().next_multiple_of(4) as u16).to_be_bytes());
    data.extend_from_slice(value);
    pad(data);
}

/// 10.x.y.z, for all but the peers whose number does not fit.
fn address(peer: Peer) -> Option<[u8; 4]> {
    let [high, x, y, z] = peer.0.to_be_bytes();
    (high == 0).then_some([10, x, y, z])
}
