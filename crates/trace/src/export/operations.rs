//! [`Operations`]: puts the steps of an operation together, from its first to its last.
//!
//! An operation ends with a step called `done`, `failed` or `cancelled`, or when its peer goes down: then its number may be given again. One that does neither,
//! such as the upkeep of a routing table, goes on until the records end. Open operations are remembered, and there are at most [`MOST`] of them.

use std::collections::BTreeMap;

use peerglass_core::{Peer, Time};

use crate::Row;

/// How many operations may be open at once; beyond, the one with the lowest peer and name is let go. A protocol has a few at each peer.
const MOST: usize = 1 << 20;

/// Steps that end their operation.
const LAST: [&str; 3] = ["done", "failed", "cancelled"];

/// An operation as far as its steps were seen. `T` is what a format keeps of it.
#[derive(Clone, Debug)]
pub(crate) struct Operation<T> {
    pub(crate) peer: Peer,
    /// Its first record and when.
    pub(crate) first: (u64, Time),
    /// How many of its steps were seen.
    pub(crate) steps: u64,
    /// When its last step was.
    pub(crate) last: Time,
    /// How it ended: the name of its last step, `down`, or `open` when it did not.
    pub(crate) end: String,
    pub(crate) kept: T,
}

/// Open operations, by peer and name.
#[derive(Debug)]
pub(crate) struct Operations<T> {
    open: BTreeMap<(Peer, String), Operation<T>>,
}

impl<T> Operations<T> {
    pub(crate) fn new() -> Self {
        Self { open: BTreeMap::new() }
    }

    /// The operation of a step, new when `make` makes one. `None` for other records, and when `make` wants none.
    pub(crate) fn of(&mut self, row: &Row, make: impl FnOnce() -> Option<T>) -> Option<&mut Operation<T>> {
        let place = key(row)?;
        if !self.open.contains_key(&place) {
            let new = Operation { peer: row.peer, first: (row.seq, row.time), steps: 0, last: row.time, end: "open".to_owned(), kept: make()? };
            self.open.insert(place.clone(), new);
        }
        let operation = self.open.get_mut(&place)?;
        operation.steps += 1;
        operation.last = row.time;
        Some(operation)
    }

    /// The operations that `row` ends.
    pub(crate) fn ended_by(&mut self, row: &Row) -> Vec<Operation<T>> {
        let last = row.name.as_deref().unwrap_or_default();
        let mut ended: Vec<_> = if row.kind == "down" {
            let from = (row.peer, String::new());
            let keys: Vec<_> = self.open.range(from..).map(|(key, _)| key).take_while(|(peer, _)| *peer == row.peer).cloned().collect();
            keys.iter().filter_map(|key| self.open.remove(key)).map(|open| Operation { end: "down".to_owned(), last: row.time, ..open }).collect()
        } else if LAST.contains(&last) {
            key(row).and_then(|place| self.open.remove(&place)).map(|operation| Operation { end: last.to_owned(), ..operation }).into_iter().collect()
        } else {
            Vec::new()
        };
        if self.open.len() > MOST {
            ended.extend(self.open.pop_first().map(|(_, operation)| operation));
        }
        ended
    }

    /// Those that are open when the records end.
    pub(crate) fn rest(self) -> impl Iterator<Item = Operation<T>> {
        self.open.into_values()
    }
}

fn key(row: &Row) -> Option<(Peer, String)> {
    Some((row.peer, row.operation.clone().filter(|_| row.kind == "step")?))
}
