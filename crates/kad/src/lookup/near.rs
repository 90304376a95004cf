//! The candidates that a lookup keeps in order.

use peerglass_core::Peer;
use smallvec::SmallVec;

use super::{Candidate, State};

/// Candidates, sorted by distance.
///
/// Nine of ten peers named are candidates already, so the question is mostly whether a peer is one, then who is next, and rarely how far somebody is. What each
/// question needs stands together, and the lookup of a busy peer fits a few cache lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Near {
    /// Filled up with nobody, in chunks that a few vector instructions compare.
    pub(super) peers: SmallVec<[Peer; ROOM]>,
    pub(super) standing: SmallVec<[Standing; ROOM]>,
    distances: SmallVec<[u64; ROOM]>,
}

/// So many candidates stand in place: those of a search with k = 20.
const ROOM: usize = 64;
const CHUNK: usize = 8;

/// The handle of no peer.
const NOBODY: Peer = Peer(u32::MAX);

#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) depth: u8,
    pub(super) state: State,
}

impl Near {
    pub(super) fn len(&self) -> usize {
        self.standing.len()
    }

    pub(super) fn peers(&self) -> &[Peer] {
        &self.peers[..self.len()]
    }

    pub(super) fn candidate(&self, i: usize) -> Candidate {
        let Standing { depth, state } = self.standing[i];
        Candidate { distance: self.distances[i], peer: self.peers[i], depth, state }
    }

    #[inline]
    pub(super) fn contains(&self, peer: Peer) -> bool {
        // Who is named is mostly among the closest: the others are only compared if not.
        self.peers.chunks(4 * CHUNK).any(|part| {
            let mut lanes = [0u32; CHUNK];
            for chunk in part.as_chunks::<CHUNK>().0 {
                for (lane, known) in lanes.iter_mut().zip(chunk) {
                    *lane |= if *known == peer { u32::MAX } else { 0 };
                }
            }
            lanes.iter().fold(0, |any, lane| any | lane) != 0
        })
    }

    pub(super) fn position(&self, peer: Peer) -> Option<usize> {
        self.peers().iter().position(|known| *known == peer)
    }

    pub(super) fn set_state(&mut self, peer: Peer, state: State) {
        if let Some(i) = self.position(peer) {
            self.standing[i].state = state;
        }
    }

    /// How many candidates are closer than `peer` at `distance`.
    pub(super) fn place(&self, distance: u64, peer: Peer) -> usize {
        let mut at = self.distances.partition_point(|d| *d < distance);
        while at < self.len() && self.distances[at] == distance && self.peers[at] < peer {
            at += 1;
        }
        at
    }

    pub(super) fn insert(&mut self, distance: u64, peer: Peer, depth: u8) {
        let len = self.len();
        // Seeds come closest first.
        let at = if self.distances.last().is_none_or(|last| *last < distance) { len } else { self.place(distance, peer) };
        if len == self.peers.len() {
            self.peers.extend([NOBODY; CHUNK]);
        }
        self.peers.copy_within(at..len, at + 1);
        self.peers[at] = peer;
        self.standing.insert(at, Standing { depth, state: State::Heard });
        self.distances.insert(at, distance);
    }

    pub(super) fn remove(&mut self, at: usize) -> Candidate {
        let (candidate, len) = (self.candidate(at), self.len());
        self.peers.copy_within(at + 1..len, at);
        self.peers[len - 1] = NOBODY;
        self.standing.remove(at);
        self.distances.remove(at);
        candidate
    }
}
