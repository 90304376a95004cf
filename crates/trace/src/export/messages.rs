//! [`Messages`]: puts the two records of a message together, the `sent` and its fate.
//!
//! ```text
//!   #8 sent p1→p2 ─────────▶ #12 received at p2, cause 8      one message
//!   #9 sent p1→p3 ─────────▶ #15 dropped, cause 9             one message
//!                  └───────▶ #16 received at p3, cause 9      its copy, where the network doubled it
//! ```
//!
//! What is under way is remembered, up to [`WINDOW`] messages: the memory does not grow with the run. A message that is under way for longer than that many
//! others is let go as one of unknown fate.

use std::collections::BTreeMap;

use peerglass_core::{Peer, Time};

use super::select::Shown;
use crate::Row;

/// How many messages are remembered.
pub(crate) const WINDOW: usize = 1 << 17;

/// A message. At least one of its records is known.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// When it was sent.
    since: Option<Time>,
    pub(crate) sent: Option<Row>,
    /// Its fate: its `received` or `dropped` record.
    pub(crate) end: Option<Row>,
    /// Whether so many others were sent since that it was let go before its fate was known.
    forgotten: bool,
    /// Whether it is the copy of one that had its fate before.
    pub(crate) copy: bool,
    /// Whether one of its records passes.
    pub(crate) kept: bool,
}

impl Message {
    /// The record that tells most: `sent`, else its fate.
    pub(crate) fn row(&self) -> Option<&Row> {
        self.sent.as_ref().or(self.end.as_ref())
    }

    /// From whom and to whom.
    pub(crate) fn ends(&self) -> Option<(Peer, Peer)> {
        let row = self.row()?;
        let other = row.other?;
        Some(if row.kind == "received" { (other, row.peer) } else { (row.peer, other) })
    }

    /// How long it was under way, where it arrived.
    pub(crate) fn latency_ns(&self) -> Option<u64> {
        let end = self.end.as_ref().filter(|row| row.kind == "received")?;
        Some(end.time.as_nanos().saturating_sub(self.since?.as_nanos()))
    }

    /// Its fate in words: `received`, `dropped (loss)`, `under way`, `fate unknown`.
    pub(crate) fn fate_in_words(&self) -> String {
        match &self.end {
            Some(row) => row.why.as_ref().map_or_else(|| row.kind.clone(), |why| format!("{} ({why})", row.kind)),
            None if self.forgotten => "fate unknown".to_owned(),
            None => "under way".to_owned(),
        }
    }
}

/// What a row turned out to be.
#[derive(Debug)]
pub(crate) enum Seen {
    /// No message.
    Other(Box<Shown>),
    /// A message, whole as far as it ever will be.
    Message(Box<Message>),
    /// Something that is waited for.
    Nothing,
}

/// Messages under way.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    open: BTreeMap<u64, Shown>,
    ended: Ended,
}

/// Messages that had their fate, the latest [`WINDOW`]: copies of them may still come.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// By the number of the `sent` record: when, and whether the message is shown.
    sent: BTreeMap<u64, (Time, bool)>,
}

impl Ended {
    pub(crate) fn add(&mut self, sent: &Row, kept: bool) {
        if self.sent.len() >= WINDOW {
            self.sent.pop_first();
        }
        self.sent.insert(sent.seq, (sent.time, kept));
    }

    /// When the message of which `fate` is one more fate was sent, and whether it is shown.
    pub(crate) fn of(&self, fate: &Row) -> Option<(Time, bool)> {
        self.sent.get(&fate.cause?).copied()
    }
}

impl Messages {
    /// Takes the next row. Gives what it completes, after a message that had to be let go for it.
    pub(crate) fn see(&mut self, shown: Shown) -> (Option<Message>, Seen) {
        match shown.row.kind.as_str() {
            "sent" => {
                let oldest = if self.open.len() >= WINDOW { self.open.pop_first() } else { None };
                self.open.insert(shown.row.seq, shown);
                (oldest.map(|(_, shown)| alone(shown, true)), Seen::Nothing)
            }
            "received" | "dropped" => (None, Seen::Message(Box::new(self.end(shown)))),
            _ => (None, Seen::Other(Box::new(shown))),
        }
    }

    fn end(&mut self, fate: Shown) -> Message {
        let sent = fate.row.cause.and_then(|cause| self.open.remove(&cause));
        let before = if sent.is_none() { self.ended.of(&fate.row) } else { None };
        let kept = fate.kept || sent.as_ref().is_some_and(|sent| sent.kept) || before.is_some_and(|(_, kept)| kept);
        if let Some(sent) = &sent {
            self.ended.add(&sent.row, kept);
        }
        let since = sent.as_ref().map(|sent| sent.row.time).or(before.map(|(time, _)| time));
        Message { since, sent: sent.map(|sent| sent.row), end: Some(fate.row), forgotten: false, copy: before.is_some(), kept }
    }

    /// Those that were sent before `time` and have no fate yet: of a real node's messages only the other side knows it.
    pub(crate) fn let_go_before(&mut self, time: Time) -> Vec<Message> {
        let old = self.open.values().take_while(|shown| shown.row.time < time).count();
        (0..old).filter_map(|_| self.open.pop_first()).map(|(_, shown)| alone(shown, true)).collect()
    }

    /// Those that are under way when the records end, in order.
    pub(crate) fn rest(self) -> impl Iterator<Item = Message> {
        self.open.into_values().map(|shown| alone(shown, false))
    }
}

fn alone(shown: Shown, forgotten: bool) -> Message {
    Message { since: Some(shown.row.time), sent: Some(shown.row), end: None, forgotten, copy: false, kept: shown.kept }
}

/// A length of time for people, to a thousandth of its unit.
pub(crate) fn in_words(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", decimal(ns, 3, 3)),
        1_000_000..1_000_000_000 => format!("{} ms", decimal(ns, 6, 3)),
        _ => format!("{} s", decimal(ns, 9, 3)),
    }
}

/// A time of the run in seconds, exact.
pub(crate) fn seconds(time: Time) -> String {
    decimal(time.as_nanos(), 9, 9)
}

/// `number` with its point moved to the left by so many digits, of which so many are kept.
pub(crate) fn decimal(number: u64, shift: u32, keep: usize) -> String {
    let unit = 10u64.pow(shift);
    let digits = format!("{:0width$}", number % unit, width = shift as usize);
    let text = format!("{}.{}", number / unit, &digits[..keep]);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whether a reader could take `char` for the end of something, or be led astray by it: controls, and marks that turn the direction of writing.
pub(crate) fn is_treacherous(char: char) -> bool {
    char.is_control() || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
