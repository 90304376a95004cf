//! [`Entries`]: what a box keeps of each peer, with the time of the last packet, within a bound.
//!
//! Nothing is done on time's passing. Entries are swept when there are twice as many as were live at the last sweep, so each is looked at about
//! once for each time that one is put in, and memory follows what is live. If all are live and there are too many, the oldest eighth goes.

use std::collections::BTreeMap;

use core::time::Duration;

use peerglass_core::{Peer, Time};

use super::Nat;

/// A bounded map from peers to something, with the time when it was put.
#[derive(Clone, Debug)]
pub(super) struct Entries<T> {
    map: BTreeMap<Peer, (T, Time)>,
    /// How many there may be before the next sweep.
    sweep_at: usize,
}

/// So few entries are never swept.
const FEW: usize = 32;

impl<T: Copy> Entries<T> {
    pub(super) fn new() -> Self {
        Self { map: BTreeMap::new(), sweep_at: FEW }
    }

    pub(super) fn get(&self, peer: Peer) -> Option<(T, Time)> {
        self.map.get(&peer).copied()
    }

    /// Puts or replaces. Entries older than `lifetime` may go.
    pub(super) fn put(&mut self, peer: Peer, value: T, now: Time, lifetime: Duration) {
        self.map.insert(peer, (value, now));
        if self.map.len() > self.sweep_at {
            self.sweep(now, lifetime);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    fn sweep(&mut self, now: Time, lifetime: Duration) {
        self.map.retain(|_, (_, at)| now.since(*at) < lifetime);
        if self.map.len() > Nat::MOST {
            self.drop_oldest(Nat::MOST / 8);
        }
        self.sweep_at = (2 * self.map.len()).clamp(FEW, Nat::MOST);
    }

    /// Of equally old ones the lower handles go: the order is total, so the outcome is one.
    fn drop_oldest(&mut self, count: usize) {
        let mut ages: Vec<(Time, Peer)> = self.map.iter().map(|(peer, (_, at))| (*at, *peer)).collect();
        let (oldest, _, _) = ages.select_nth_unstable(count);
        for (_, peer) in oldest {
            self.map.remove(peer);
        }
    }
}
