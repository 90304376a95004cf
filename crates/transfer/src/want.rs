//! What is wanted, by all fetches together: [`Wants`].
//!
//! A block that two fetches want is one want that serves both. A want goes through these phases; every transition is a method here or in `client`:
//!
//! ```text
//!              not here                 asked of one source            arrived, may link to others
//!   Looking ───────────────▶ Wanted ─────────────────────────┬───────────────────▶ Learning
//!      │ here                  ready ⇄ asked ⇄ stuck          │ arrived, a leaf         │ links known
//!      └───────────────────────────────────────────▶ settled ◀┴────────────────────────┘
//! ```
//!
//! A wanted block that is outstanding at nobody is *ready* if some source may be asked for it, or *stuck* when all are known to lack it.

use std::collections::BTreeMap;

use peerglass_core::Peer;
use peerglass_store::Cid;
use smallvec::SmallVec;

pub(crate) type Peers = SmallVec<[Peer; 4]>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The driver was asked whether it is here.
    Looking,
    /// It is not here.
    Wanted,
    /// It arrived, and the driver was asked this many times for its links.
    Learning(u8),
}

#[derive(Clone, Debug)]
pub(crate) struct Want {
    /// The DAG order in which it was met, over all fetches.
    pub(crate) order: u64,
    /// The fetches that want it.
    pub(crate) fetches: SmallVec<[u32; 1]>,
    pub(crate) phase: Phase,
    /// At whom a want-block is outstanding.
    pub(crate) asked: Option<Peer>,
    /// Whose wantlist has it.
    pub(crate) told: Peers,
    /// Who does not have it or failed, in this round.
    pub(crate) tried: Peers,
    /// Who was late with it: the want or the answer may have been lost, so they are asked again when nobody else is left.
    pub(crate) late: Peers,
    /// Who said HAVE.
    pub(crate) haves: Peers,
    /// How often it was moved to a faster source.
    pub(crate) moves: u8,
}

impl Want {
    /// Earlier blocks come first; the numbers mean nothing beyond their order.
    pub(crate) fn priority(&self) -> i32 {
        i32::MAX - (self.order % (1 << 30)) as i32
    }

    pub(crate) fn tell(&mut self, peer: Peer) {
        add(&mut self.told, peer);
    }
}

/// Adds `peer` to a small set.
pub(crate) fn add(peers: &mut Peers, peer: Peer) {
    if !peers.contains(&peer) {
        peers.push(peer);
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Wants {
    table: BTreeMap<Cid, Want>,
    ready: BTreeMap<u64, Cid>,
    stuck: BTreeMap<u64, Cid>,
    next: u64,
}

impl Wants {
    pub(crate) fn get(&self, cid: &Cid) -> Option<&Want> {
        self.table.get(cid)
    }

    pub(crate) fn get_mut(&mut self, cid: &Cid) -> Option<&mut Want> {
        self.table.get_mut(cid)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Cid, &Want)> {
        self.table.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Want> {
        self.table.values_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Starts to look for `cid`, on behalf of a fetch.
    pub(crate) fn insert(&mut self, cid: Cid, fetch: u32) {
        let want = Want {
            order: self.next,
            fetches: SmallVec::from_slice(&[fetch]),
            phase: Phase::Looking,
            asked: None,
            told: Peers::new(),
            tried: Peers::new(),
            late: Peers::new(),
            haves: Peers::new(),
            moves: 0,
        };
        self.next += 1;
        self.table.insert(cid, want);
    }

    pub(crate) fn remove(&mut self, cid: &Cid) -> Option<Want> {
        let want = self.table.remove(cid)?;
        self.ready.remove(&want.order);
        self.stuck.remove(&want.order);
        Some(want)
    }

    /// It is outstanding at nobody and should be asked for.
    pub(crate) fn make_ready(&mut self, cid: &Cid) {
        if let Some(want) = self.table.get_mut(cid) {
            want.asked = None;
            self.stuck.remove(&want.order);
            self.ready.insert(want.order, *cid);
        }
    }

    /// Another fetch wants it too: its sources may help.
    pub(crate) fn rouse(&mut self, cid: &Cid) {
        if self.table.get(cid).is_some_and(|want| self.stuck.contains_key(&want.order)) {
            self.make_ready(cid);
        }
    }

    /// No source is left that may be asked for it.
    pub(crate) fn make_stuck(&mut self, order: u64) {
        if let Some(cid) = self.ready.remove(&order) {
            self.stuck.insert(order, cid);
        }
    }

    /// A want-block is outstanding at `peer`.
    pub(crate) fn make_asked(&mut self, cid: &Cid, peer: Peer) {
        if let Some(want) = self.table.get_mut(cid) {
            self.ready.remove(&want.order);
            self.stuck.remove(&want.order);
            want.asked = Some(peer);
            want.tell(peer);
        }
    }

    /// The wants that are neither ready nor stuck any more because the block arrived.
    pub(crate) fn make_learning(&mut self, cid: &Cid) {
        if let Some(want) = self.table.get_mut(cid) {
            self.ready.remove(&want.order);
            self.stuck.remove(&want.order);
            want.phase = Phase::Learning(1);
        }
    }

    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The first ready want at or after `order`.
    pub(crate) fn ready_from(&self, order: u64) -> Option<(u64, Cid)> {
        self.ready.range(order..).next().map(|(order, cid)| (*order, *cid))
    }

    /// Wants that wait, the ready ones first, each kind in order.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Cid> {
        self.ready.values().chain(self.stuck.values())
    }

    /// The stuck wants of `fetch`.
    pub(crate) fn stuck_of(&self, fetch: u32) -> Vec<Cid> {
        self.stuck.values().filter(|cid| self.table.get(cid).is_some_and(|want| want.fetches.contains(&fetch))).copied().collect()
    }

    /// The wants of `fetch`, whatever their phase.
    pub(crate) fn of(&self, fetch: u32) -> Vec<Cid> {
        self.table.iter().filter(|(_, want)| want.fetches.contains(&fetch)).map(|(cid, _)| *cid).collect()
    }
}
