//! The candidates that a lookup keeps in order.

use peerglass_core::Peer;
use smallvec::{SmallVec, smallvec};

use super::{Candidate, State};

/// Candidates, sorted by distance.
///
/// Nine of ten peers named are candidates already, so the question is mostly whether a peer is one. A look at its mark answers that for four of five candidates in a few
/// instructions. Of the others the distance is worked out, and a search by halves finds them, or else where they belong. What each question needs stands together, and
/// the lookup of a busy peer fits a few cache lines.
#[derive(Clone, Debug)]
pub(super) struct Near {
    marks: [u16; MARKS],
    /// Filled up with [`NOWHERE`] to a multiple of [`ROOM`].
    distances: SmallVec<[u64; ROOM]>,
    peers: SmallVec<[Peer; ROOM]>,
    standing: SmallVec<[Standing; ROOM]>,
}

/// So many candidates stand in place, and are searched by halves without a branch: those of a search with k = 20.
const ROOM: usize = 64;

/// Twice as many as that. Where the low bits of a candidate's handle say stand the others, of whoever came last of all with the same low bits: handles are dealt out in
/// order, so their low bits spread as evenly as a hash.
const MARKS: usize = 128;

/// The mark of nobody, and of those whose handle has more bits: they are looked for by distance.
const UNMARKED: u16 = u16::MAX;

/// Nobody is as far as this.
const NOWHERE: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) depth: u8,
    pub(super) state: State,
}

impl Near {
    pub(super) fn new() -> Self {
        Self { marks: [UNMARKED; MARKS], distances: smallvec![NOWHERE; ROOM], peers: SmallVec::new(), standing: SmallVec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.standing.len()
    }

    pub(super) fn peers(&self) -> &[Peer] {
        &self.peers
    }

    pub(super) fn standing(&self) -> &[Standing] {
        &self.standing
    }

    pub(super) fn candidate(&self, i: usize) -> Candidate {
        let Standing { depth, state } = self.standing[i];
        Candidate { distance: self.distances[i], peer: self.peers[i], depth, state }
    }

    /// Whether `peer` is marked as a candidate: true of candidates only, though not of all.
    #[inline]
    pub(super) fn is_marked(&self, peer: Peer) -> bool {
        let mark = u32::from(self.marks[peer.index() % MARKS]);
        mark == peer.0 / MARKS as u32 && mark != u32::from(UNMARKED)
    }

    fn mark(&mut self, peer: Peer) {
        self.marks[peer.index() % MARKS] = u16::try_from(peer.0 / MARKS as u32).unwrap_or(UNMARKED);
    }

    fn unmark(&mut self, peer: Peer) {
        if self.is_marked(peer) {
            self.marks[peer.index() % MARKS] = UNMARKED;
        }
    }

    /// Where `peer` stands, which is at `distance`, or else how many candidates are closer.
    #[inline]
    pub(super) fn find(&self, distance: u64, peer: Peer) -> Result<usize, usize> {
        let mut at = self.closer_than(distance);
        // Two peers at the same distance are ordered by handle, and next to impossible.
        while self.distances.get(at) == Some(&distance)
            && let Some(known) = self.peers.get(at).filter(|known| **known <= peer)
        {
            if *known == peer {
                return Ok(at);
            }
            at += 1;
        }
        Err(at)
    }

    /// How many candidates are closer than `distance`.
    #[inline]
    fn closer_than(&self, distance: u64) -> usize {
        match self.distances.first_chunk::<ROOM>() {
            Some(front) if front[ROOM - 1] >= distance => {
                // Each half is one bit of the answer. Who is named is as good as random, so a processor would guess half of all branches wrong: there are none.
                let mut at = 0;
                for half in [32, 16, 8, 4, 2, 1] {
                    at |= if front[at | (half - 1)] < distance { half } else { 0 };
                }
                at
            }
            _ => self.distances.partition_point(|known| *known < distance),
        }
    }

    /// Reads a word of each cache line.
    pub(super) fn touch(&self) -> u64 {
        let marks = self.marks.iter().step_by(32).fold(0, |word, mark| word ^ *mark);
        let peers = self.peers.iter().step_by(16).fold(u32::from(marks), |word, peer| word ^ peer.0);
        let standing = self.standing.first().map_or(0, |s| s.depth) ^ self.standing.get(31).map_or(0, |s| s.depth);
        self.distances.iter().step_by(8).fold(u64::from(peers) ^ u64::from(standing), |word, distance| word ^ distance)
    }

    /// Where `peer` stands, whose distance is not at hand.
    pub(super) fn position(&self, peer: Peer) -> Option<usize> {
        self.peers.iter().position(|known| *known == peer)
    }

    /// Gives the candidate back that was changed.
    #[inline]
    pub(super) fn set_state(&mut self, at: usize, state: State) -> Candidate {
        self.standing[at].state = state;
        self.candidate(at)
    }

    /// Puts a candidate that was not asked yet where [`Near::find`] says that it belongs.
    pub(super) fn insert(&mut self, at: usize, distance: u64, peer: Peer, depth: u8) {
        let len = self.len();
        if len == self.distances.len() {
            self.distances.extend([NOWHERE; ROOM]);
        }
        self.distances.copy_within(at..len, at + 1);
        self.distances[at] = distance;
        self.peers.insert(at, peer);
        self.standing.insert(at, Standing { depth, state: State::Heard });
        self.mark(peer);
    }

    pub(super) fn remove(&mut self, at: usize) -> Candidate {
        let (candidate, len) = (self.candidate(at), self.len());
        self.distances.copy_within(at + 1..len, at);
        self.distances[len - 1] = NOWHERE;
        self.peers.remove(at);
        self.standing.remove(at);
        self.unmark(candidate.peer);
        candidate
    }
}
