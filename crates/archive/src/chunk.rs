//! [`Chunk`]: records gathered until there are enough for a row group.
//!
//! This is the side that a simulation waits for, so nothing is asked for here but one copy: a record becomes 64 bytes, a line of the cache; names become small
//! numbers by their addresses; contents stay the bytes in which they were told. Columns, and what contents look like in a file, are the business of
//! [`encode`](crate::encode), on another thread, which gives the chunk back for its memory.

use std::sync::Arc;

use peerglass_core::Operation;
use peerglass_trace::{Record, What};

use crate::schema::{GROUP, GROUP_CONTENTS};

/// Records, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) rows: Vec<Packed>,
    /// The numbers of the names of all fields, one after the other.
    pub(crate) fields: Vec<i16>,
    /// Their values, as they were told.
    pub(crate) values: Vec<u8>,
    /// Of every record that has one, its place in the chunk and the reason.
    pub(crate) why: Vec<(u32, String)>,
    /// Of every record that has some, its place in the chunk and the bytes of the wire.
    pub(crate) wire: Vec<(u32, Vec<u8>)>,
    /// How many bytes these are.
    wire_bytes: usize,
    /// All names so far, of things and of fields.
    pub(crate) names: Arc<Vec<&'static str>>,
}

/// A record without its texts and contents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    pub(crate) seq: u64,
    pub(crate) time: i64,
    /// -1 for none.
    pub(crate) cause: i64,
    /// Meaningful where [`has_bytes`].
    pub(crate) bytes: i64,
    pub(crate) peer: u32,
    pub(crate) other: u32,
    /// Meaningful where the kind is a step.
    pub(crate) operation: u32,
    /// Where its fields end among those of the chunk, and where their values do.
    pub(crate) ends: (u32, u32),
    /// -1 for none.
    pub(crate) protocol: i16,
    /// -1 for none.
    pub(crate) name: i16,
    pub(crate) kind: i8,
    /// Whether there is another peer.
    pub(crate) has_other: bool,
}

impl Chunk {
    pub(crate) fn with_room() -> Self {
        Self {
            rows: Vec::with_capacity(GROUP),
            fields: Vec::with_capacity(2 * GROUP),
            values: Vec::with_capacity(GROUP_CONTENTS / 4),
            ..Self::default()
        }
    }

    /// Takes all out and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.fields.clear();
        self.values.clear();
        self.why.clear();
        self.wire.clear();
        self.wire_bytes = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= GROUP || self.values.len() + self.wire_bytes >= GROUP_CONTENTS
    }

    pub(crate) fn push(&mut self, record: &Record, names: &mut Names) {
        let view = record.view();
        if let Some(why) = view.why {
            self.why.push((self.len() as u32, why.to_owned()));
        }
        if let Some(wire) = view.wire {
            self.wire.push((self.len() as u32, wire.to_vec()));
            self.wire_bytes += wire.len();
        }
        if let Some(fields) = view.fields {
            self.fields.extend(fields.names().iter().map(|(name, _)| names.number(name)));
            self.values.extend_from_slice(fields.values());
        }
        self.rows.push(Packed {
            seq: view.seq,
            time: i64::try_from(view.time.as_nanos()).unwrap_or(i64::MAX),
            cause: view.cause.map_or(-1, |cause| cause as i64),
            bytes: view.bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            peer: view.peer.0,
            other: view.other.map_or(0, |peer| peer.0),
            operation: view.operation.map_or(0, |Operation { number, .. }| number),
            ends: (self.fields.len() as u32, self.values.len() as u32),
            protocol: view.protocol.map_or(-1, |name| names.number(name)),
            name: view.name.map_or(-1, |name| names.number(name)),
            kind: record.what.index() as i8,
            has_other: view.other.is_some(),
        });
    }
}

/// The kinds whose records have a size.
pub(crate) fn has_bytes(kind: i8) -> bool {
    // `sent`, `received`, `dropped`.
    (5..=7).contains(&kind)
}

/// The kind of a step.
pub(crate) const STEP: i8 = 11;

const _: () = assert!(What::KINDS == 13, "the kinds above are numbers of `What::index`");

/// Numbers of names, by their addresses: protocols name things with a small set of literals.
#[derive(Debug)]
pub(crate) struct Names {
    all: Arc<Vec<&'static str>>,
    /// The number of the name that was last seen at an address, by a few of its bits.
    seen: [(usize, usize, i16); SLOTS],
}

const SLOTS: usize = 512;

impl Names {
    pub(crate) fn new() -> Self {
        Self { all: Arc::default(), seen: [(0, 0, 0); SLOTS] }
    }

    /// All names, for whoever reads the numbers.
    pub(crate) fn all(&self) -> Arc<Vec<&'static str>> {
        Arc::clone(&self.all)
    }

    #[inline]
    fn number(&mut self, name: &'static str) -> i16 {
        let (at, len) = (name.as_ptr() as usize, name.len());
        let slot = (at ^ (at >> 9)) % SLOTS;
        match self.seen[slot] {
            (known, length, number) if known == at && length == len => number,
            _ => {
                let number = self.by_text(name);
                self.seen[slot] = (at, len, number);
                number
            }
        }
    }

    /// Beyond what a column takes, which no protocol comes near, names are lost as "(other)".
    #[cold]
    fn by_text(&mut self, name: &'static str) -> i16 {
        let full = self.all.len() >= i16::MAX as usize;
        let name = if full { "(other)" } else { name };
        let known = self.all.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            Arc::make_mut(&mut self.all).push(name);
            self.all.len() - 1
        }) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerglass_core::{Peer, Time};

    #[test]
    fn what_has_columns_is_what_the_view_says() {
        let said = peerglass_trace::Described::default;
        let all = [
            What::Up,
            What::Down { why: "x".into() },
            What::Command(said()),
            What::Event(said()),
            What::Timer(said()),
            What::Sent { to: Peer(1), message: said(), bytes: 1 },
            What::Received { from: Peer(1), message: said(), bytes: 1 },
            What::Dropped { to: Peer(1), message: said(), bytes: 1, why: peerglass_trace::DropCause::Loss },
            What::Unreachable { peer: Peer(1) },
            What::LinkUp { peer: Peer(1), detail: "x".into() },
            What::LinkDown { peer: Peer(1), detail: "x".into() },
            What::Step { operation: Operation { protocol: "kad", number: 1 }, step: peerglass_core::describe::Step::new("x") },
            What::Fault { name: "x", detail: "x".into() },
        ];
        assert_eq!(all.len(), What::KINDS);
        for (kind, what) in all.into_iter().enumerate() {
            let record = Record { seq: 0, time: Time::ZERO, peer: Peer(0), cause: None, what };
            let (view, kind) = (record.view(), kind as i8);
            assert_eq!(record.what.index() as i8, kind);
            assert_eq!((view.bytes.is_some(), view.operation.is_some()), (has_bytes(kind), kind == STEP));
        }
    }

    #[test]
    fn a_record_is_a_line_of_the_cache() {
        assert_eq!(size_of::<Packed>(), 64);
    }

    #[test]
    fn a_name_has_one_number_wherever_it_stands() {
        let mut names = Names::new();
        let copy: &'static str = Box::leak("PING".to_owned().into_boxed_str());
        let (first, other) = (names.number("PING"), names.number("PONG"));
        assert_eq!((names.number(copy), names.number("PONG")), (first, other));
        assert_eq!(*names.all(), ["PING", "PONG"]);
    }
}
