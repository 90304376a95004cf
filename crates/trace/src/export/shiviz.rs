//! `shiviz`: a log with vector clocks for [ShiViz](https://bestchai.bitbucket.io/shiviz/), which draws who knew of what.
//!
//! ```text
//! (?<event>.*)\n(?<host>p\d+) (?<clock>{.*})          the expression that ShiViz reads the rest with
//!                                                     (no delimiter: there is one run)
//! # seed: 7
//! #8 sent FIND_NODE to p2, 71 B, at 1.5 s             an event, and below it
//! p1 {"p1":3}                                         whose it is, and its clock
//! #12 received FIND_NODE from p1, 71 B, at 1.5785 s
//! p2 {"p1":3,"p2":1}
//! ```
//!
//! # Clocks
//!
//! ShiViz computes all clocks again and shows nothing when one differs. After a filter the clocks of the whole run are wrong: they count events that are not
//! shown. So clocks are made here, and they count what is shown only; yet knowledge travels through everything:
//!
//! ```text
//!   shown       #1 p1 ────────────────────────────▶ #9 p3      #9 knows of #1, though
//!   not shown        ╲▶ #5 received at p2, #6 sent ╱           nothing of p2 is shown
//! ```
//!
//! Every record, shown or not, takes over the clock of the record before it at its peer and of its cause; a shown one then adds one to its peer's
//! entry. That the entries of a peer rise by one, that none is without an event and that the order is transitive follows from that.
//!
//! **Size.** A clock has an entry for every peer that it knows of, so clocks grow with events times peers. They are shared while they do not change,
//! and refused beyond [`MAX_ENTRIES`]; ShiViz, which draws every event in a browser, is past its use long before.

use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;

use peerglass_core::Peer;

use super::about::About;
use super::error::ExportError;
use super::messages::{is_treacherous, seconds};
use super::select::{Rows, Shown};
use super::tables::spill;
use crate::Row;

/// The most entries that all clocks together may have: 100,000 events of 40 peers.
const MAX_ENTRIES: usize = 4_000_000;

/// How many messages are remembered: one that arrives later brings no knowledge.
const WINDOW: usize = 1 << 20;

/// The longest text of one event; more is cut.
const MAX_TEXT: usize = 500;

/// How many shown events of which peer are known, by peer.
type Clock = Vec<(Peer, u32)>;

/// An event that is shown.
struct Event {
    host: Peer,
    text: String,
    clock: Rc<Clock>,
}

/// What is known where, as far as the rows were read.
#[derive(Default)]
struct Clocks {
    hosts: BTreeMap<Peer, Rc<Clock>>,
    /// The clocks of messages, by their `sent` record. Only they carry knowledge to other peers.
    sent: BTreeMap<u64, Rc<Clock>>,
    entries: usize,
}

pub(crate) fn write(about: &About<'_>, rows: Rows<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let (mut clocks, mut events) = (Clocks::default(), Vec::new());
    for shown in rows {
        let Shown { row, kept } = shown?;
        let clock = clocks.see(&row, kept);
        if kept {
            events.push(Event { host: row.peer, text: text(&row), clock });
        }
        if clocks.entries > MAX_ENTRIES {
            let mut hosts: Vec<Peer> = events.iter().map(|event| event.host).collect();
            hosts.sort_unstable();
            hosts.dedup();
            return Err(ExportError::LargeClocks { seq: row.seq, events: events.len() as u64, hosts: hosts.len() as u64, limit: MAX_ENTRIES as u64 });
        }
    }
    put(about, &events, out)
}

impl Clocks {
    /// The clock of the next record.
    fn see(&mut self, row: &Row, kept: bool) -> Rc<Clock> {
        let before = self.hosts.get(&row.peer).cloned().unwrap_or_default();
        let mut clock = match row.cause.and_then(|cause| self.sent.get(&cause)) {
            Some(cause) => join(&before, cause),
            None => None,
        };
        if kept {
            tick(clock.get_or_insert_with(|| (*before).clone()), row.peer);
        }
        let clock = clock.map_or(before, |new| {
            self.entries += new.len();
            Rc::new(new)
        });
        self.hosts.insert(row.peer, Rc::clone(&clock));
        // Who knows nothing has nothing to tell.
        if row.kind == "sent" && !clock.is_empty() {
            self.sent.insert(row.seq, Rc::clone(&clock));
            if self.sent.len() > WINDOW {
                self.sent.pop_first();
            }
        }
        clock
    }
}

/// What two clocks know together; `None` when the second knows nothing that the first does not.
fn join(first: &Clock, second: &Clock) -> Option<Clock> {
    let known = |(peer, count): &(Peer, u32)| first.binary_search_by_key(peer, |(known, _)| *known).is_ok_and(|at| first[at].1 >= *count);
    if second.iter().all(known) {
        return None;
    }
    let mut joined: BTreeMap<Peer, u32> = first.iter().copied().collect();
    for (peer, count) in second {
        let entry = joined.entry(*peer).or_default();
        *entry = (*entry).max(*count);
    }
    Some(joined.into_iter().collect())
}

/// Counts one more event of `peer`.
fn tick(clock: &mut Clock, peer: Peer) {
    match clock.binary_search_by_key(&peer, |(known, _)| *known) {
        Ok(at) => clock[at].1 += 1,
        Err(at) => clock.insert(at, (peer, 1)),
    }
}

fn put(about: &About<'_>, events: &[Event], out: &mut dyn Write) -> Result<(), ExportError> {
    let mut bytes = b"(?<event>.*)\\n(?<host>p\\d+) (?<clock>{.*})\n\n".to_vec();
    for (name, value) in about.pairs() {
        bytes.extend_from_slice(format!("# {name}: {}\n", harmless(&value)).as_bytes());
    }
    for event in events {
        bytes.extend_from_slice(format!("{}\np{} {{", event.text, event.host.0).as_bytes());
        for (i, (peer, count)) in event.clock.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            bytes.extend_from_slice(format!("{comma}\"p{}\":{count}", peer.0).as_bytes());
        }
        bytes.extend_from_slice(b"}\n");
        spill(&mut bytes, out)?;
    }
    out.write_all(&bytes).map_err(ExportError::Write)
}

/// An event in one line that begins with its number: so it is never taken for a host and its clock.
fn text(row: &Row) -> String {
    let mut text = format!("#{} {}", row.seq, row.kind);
    [row.operation.as_deref(), row.name.as_deref()].into_iter().flatten().for_each(|part| text.push_str(&format!(" {part}")));
    let toward = if row.kind == "received" { "from" } else { "to" };
    row.other.iter().for_each(|other| text.push_str(&format!(" {toward} p{}", other.0)));
    row.bytes.iter().for_each(|bytes| text.push_str(&format!(", {bytes} B")));
    row.why.iter().for_each(|why| text.push_str(&format!(", {why}")));
    let text: String = text.chars().take(MAX_TEXT).collect();
    format!("{}, at {} s", harmless(&text), seconds(row.time))
}

/// `text` in one line.
fn harmless(text: &str) -> String {
    text.replace(is_treacherous, "\u{fffd}")
}
