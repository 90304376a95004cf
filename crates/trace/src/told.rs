//! Invented runs for tests: records numbered and dated as they are told.

use std::collections::BTreeMap;

use peerglass_core::{Peer, Time, Value};
use proptest::prelude::*;

use crate::Row;

/// A run under the pen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) rows: Vec<Row>,
    sizes: BTreeMap<&'static str, u64>,
}

impl Told {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new(), sizes: BTreeMap::from([("NODES", 300), ("BLOCK", 1000)]) }
    }

    /// A record at `ms` of one peer, or of one with another; gives its number.
    pub(crate) fn note(&mut self, kind: &str, ms: u64, cause: Option<u64>, (peer, other): (u32, Option<u32>), name: Option<&str>) -> u64 {
        let seq = self.rows.len() as u64;
        self.rows.push(Row {
            seq,
            time: Time::from_millis(ms),
            peer: Peer(peer),
            cause,
            kind: kind.to_owned(),
            other: other.map(Peer),
            protocol: name.map(|_| "kad".to_owned()),
            name: name.map(str::to_owned),
            ..Row::default()
        });
        seq
    }

    pub(crate) fn command(&mut self, ms: u64, peer: u32) -> u64 {
        self.note("command", ms, None, (peer, None), Some("get"))
    }

    pub(crate) fn sent(&mut self, ms: u64, cause: Option<u64>, (from, to): (u32, u32), name: &str) -> u64 {
        self.message("sent", ms, cause, (from, to), name)
    }

    pub(crate) fn received(&mut self, ms: u64, cause: Option<u64>, (at, from): (u32, u32), name: &str) -> u64 {
        self.message("received", ms, cause, (at, from), name)
    }

    pub(crate) fn dropped(&mut self, ms: u64, cause: u64, (from, to): (u32, u32), name: &str, why: &str) -> u64 {
        let seq = self.message("dropped", ms, Some(cause), (from, to), name);
        self.rows.last_mut().expect("just told").why = Some(why.to_owned());
        seq
    }

    fn message(&mut self, kind: &str, ms: u64, cause: Option<u64>, (peer, other): (u32, u32), name: &str) -> u64 {
        let seq = self.note(kind, ms, cause, (peer, Some(other)), Some(name));
        self.rows.last_mut().expect("just told").bytes = Some(self.sizes.get(name).copied().unwrap_or(70));
        seq
    }

    /// Gives the last record contents.
    pub(crate) fn with(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.rows.last_mut().expect("something was told").fields.push((name.to_owned(), value.into()));
        self
    }

    /// A question from `a` to `b` that is answered: four records, each `ms` after the one before. Gives the numbers.
    pub(crate) fn round_trip(&mut self, from: u64, ms: u64, (a, b): (u32, u32)) -> [u64; 4] {
        let asked = self.sent(from, None, (a, b), "FIND_NODE");
        let arrived = self.received(from + ms, Some(asked), (b, a), "FIND_NODE");
        let answer = self.sent(from + 2 * ms, Some(arrived), (b, a), "NODES");
        [asked, arrived, answer, self.received(from + 3 * ms, Some(answer), (a, b), "NODES")]
    }
}

/// Records as nobody would write them: numbers, times and causes in any order, sizes without bound.
pub(crate) fn damaged() -> impl Strategy<Value = Vec<Row>> {
    let number = || prop_oneof![0u64..24, any::<u64>()];
    let kind = prop::sample::select(vec!["sent", "sent", "received", "received", "dropped", "timer", "event", "link_up", ""]);
    let row = (number(), number(), prop::option::of(number()), kind, 0u32..3, prop::option::of(0u32..3), number(), prop::option::of(0u64..3));
    let row = row.prop_map(|(seq, ns, cause, kind, peer, other, bytes, target)| {
        let mut told = Told::new();
        told.note(kind, 0, cause, (peer, other), target.map(|_| "identity"));
        let mut row = told.with("id", "ID1").rows.remove(0);
        row.fields.extend(target.map(|target| ("target".to_owned(), Value::Number(target))));
        (row.seq, row.time, row.bytes) = (seq, Time::from_nanos(ns), Some(bytes));
        row.why = other.map(|other| format!("dialled /memory/1 of ID{other}"));
        row
    });
    prop::collection::vec(row, 0..60)
}
