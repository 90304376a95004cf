//! [`Lookup`]: the iterative search for the peers closest to a key, as a pure iterator.
//!
//! This is the heart of Kademlia (Maymounkov and Mazières, 2002, section 2.3). Nobody knows the whole network, but everybody knows many peers
//! near themselves and a few far away; so whoever is asked for a key can name somebody closer. A lookup repeats that, alpha questions at a time,
//! until nobody can name anybody closer:
//!
//! ```text
//!   shortlist, sorted by distance to the key        next()            on_answer / on_failure
//!   ┌───┬───┬───┬───┬───┬───┬───┐
//!   │ A │ A │ W │ A │ H │ F │ H │ …                 Heard ──query──▶ Waiting ──answer──▶ Answered
//!   └───┴───┴───┴───┴───┴───┴───┘                                      │  │               ▲
//!     ◀── the beta closest ──▶                                failure  │  │ patience ends │ late answer
//!   ◀──── the k closest reachable ────▶                                ▼  ▼               │
//!                                                                  Failed Slow ───────────┘
//! ```
//!
//! * It is *converged* when the `beta` closest reachable candidates have all answered: then nobody closer is to be expected. With `beta = k` this is
//!   the classic rule; Amino uses 3 and then asks the rest of the k closest once more (the *follow-up*), whose answers add nobody, so that k
//!   peers have been contacted at the end.
//! * A candidate that does not answer within `patience` is *slow*: it gives its slot back and is not waited for, but a late answer counts.
//! * Starvation is success: in a network smaller than k the lookup ends when everybody heard of has answered or failed.
//!
//! Nothing is sent from here and nothing waits: the caller asks [`Lookup::next`] what to do and feeds in what came of it. So the rules above can be
//! tested as properties, against every hostile answer that a generator can think of (`lookup/tests.rs`).
//!
//! Distances are given as their first 64 bits: that orders all keys but those that agree in as many bits with each other, which takes 2^64 tries to bring about on
//! purpose; such a pair is ordered by handle. So a candidate takes 16 bytes, and a search of a hundred candidates fits the first-level cache.
//!
//! It always ends: each candidate is queried once, candidates are bounded by [`Shape::shortlist`], and one that was queried is never forgotten.

use core::time::Duration;

use peerglass_core::{Peer, Time};
use smallvec::SmallVec;

#[cfg(test)]
mod tests;

/// The parameters of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many closest peers are wanted.
    pub k: usize,
    /// How many queries may be in flight.
    pub alpha: usize,
    /// How many of the closest must have answered before the search is over: 1 to k.
    pub beta: usize,
    /// How long a query holds its slot.
    pub patience: Duration,
    /// How many candidates are remembered at most.
    pub shortlist: usize,
    /// How many peers are taken from one answer at most.
    pub per_answer: usize,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask this peer.
    Query(Peer),
    /// Nothing now: answers are outstanding.
    Waiting,
    /// The search is over.
    Finished,
}

/// Where a candidate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Named by somebody, not asked yet.
    Heard,
    /// Asked.
    Waiting,
    /// Asked, and silent for longer than the patience.
    Slow,
    /// It answered.
    Answered,
    /// It did not, or cannot be reached.
    Failed,
}

impl State {
    /// The word for it in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            State::Heard => "heard",
            State::Waiting => "waiting",
            State::Slow => "slow",
            State::Answered => "answered",
            State::Failed => "failed",
        }
    }
}

/// A peer that the lookup knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// How far from the target: the first 64 bits of the distance.
    pub distance: u64,
    /// Who.
    pub peer: Peer,
    /// How many hops away: 1 for what the searcher knew itself, one more than the peer that first named it otherwise.
    pub depth: u8,
    /// Where it stands.
    pub state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Searching,
    FollowUp,
    Finished,
}

/// An iterative lookup.
#[derive(Clone, Debug)]
pub struct Lookup {
    shape: Shape,
    me: Peer,
    phase: Phase,
    /// Who holds a slot, and since when.
    in_flight: SmallVec<[(Peer, Time); 4]>,
    /// Sorted by distance.
    candidates: Vec<Candidate>,
}

impl Lookup {
    /// A lookup by `me` that starts from `seeds`.
    #[must_use]
    pub fn new(shape: Shape, me: Peer, seeds: impl IntoIterator<Item = (Peer, u64)>) -> Self {
        let mut lookup = Self { shape, me, phase: Phase::Searching, in_flight: SmallVec::new(), candidates: Vec::with_capacity(2 * shape.k) };
        for (peer, distance) in seeds {
            lookup.hear(peer, distance, 1);
        }
        lookup
    }

    /// What to do next. Ask again after every answer or failure, until it is not [`Next::Query`].
    #[allow(clippy::should_implement_trait, reason = "it needs the time")]
    pub fn next(&mut self, now: Time) -> Next {
        self.lose_patience(now);
        if self.phase == Phase::Searching && self.converged() {
            self.phase = Phase::FollowUp;
        }
        if self.phase == Phase::Finished {
            return Next::Finished;
        }
        match self.closest_unasked() {
            Some(i) if self.in_flight.len() < self.shape.alpha => {
                let candidate = &mut self.candidates[i];
                candidate.state = State::Waiting;
                self.in_flight.push((candidate.peer, now));
                Next::Query(candidate.peer)
            }
            Some(_) => Next::Waiting,
            None if !self.in_flight.is_empty() && self.awaits() => Next::Waiting,
            None => {
                self.phase = Phase::Finished;
                Next::Finished
            }
        }
    }

    /// `peer` answered and named `closer`. Answers of peers that were not asked are ignored. Says whether the answer counted.
    pub fn on_answer(&mut self, peer: Peer, closer: impl IntoIterator<Item = (Peer, u64)>) -> bool {
        let Some(depth) = self.settle(peer, State::Answered) else { return false };
        if self.phase == Phase::Searching {
            for (peer, distance) in closer.into_iter().take(self.shape.per_answer) {
                self.hear(peer, distance, depth.saturating_add(1));
            }
        }
        true
    }

    /// `peer` will not answer. Says whether it had been asked.
    pub fn on_failure(&mut self, peer: Peer) -> bool {
        self.settle(peer, State::Failed).is_some()
    }

    /// Ends the search where it stands.
    pub fn finish(&mut self) {
        self.phase = Phase::Finished;
    }

    /// Whether the search is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// The closest peers that answered, closest first, at most k.
    pub fn closest(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(|c| c.state == State::Answered).take(self.shape.k)
    }

    /// Everybody the search knows of, closest first.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// How many queries hold a slot.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// When the next query will have lost its slot, if any is in flight: ask [`Lookup::next`] again then.
    #[must_use]
    pub fn patience_ends(&self) -> Option<Time> {
        self.in_flight.iter().map(|(_, asked)| *asked + self.shape.patience).min()
    }

    fn lose_patience(&mut self, now: Time) {
        while let Some(i) = self.in_flight.iter().position(|(_, asked)| *asked + self.shape.patience <= now) {
            let (peer, _) = self.in_flight.swap_remove(i);
            if let Some(candidate) = self.candidates.iter_mut().find(|c| c.peer == peer) {
                candidate.state = State::Slow;
            }
        }
    }

    /// The candidates that are not known to be silent, closest first.
    fn reachable(&self) -> impl Iterator<Item = (usize, &Candidate)> {
        self.candidates.iter().enumerate().filter(|(_, c)| !matches!(c.state, State::Failed | State::Slow))
    }

    fn converged(&self) -> bool {
        self.reachable().take(self.shape.beta).all(|(_, c)| c.state == State::Answered)
    }

    fn closest_unasked(&self) -> Option<usize> {
        self.reachable().take(self.shape.k).find(|(_, c)| c.state == State::Heard).map(|(i, _)| i)
    }

    /// Whether an outstanding answer still matters: one of the k closest.
    fn awaits(&self) -> bool {
        self.reachable().take(self.shape.k).any(|(_, c)| c.state == State::Waiting)
    }

    /// Settles what was asked of `peer` and returns its depth.
    fn settle(&mut self, peer: Peer, outcome: State) -> Option<u8> {
        let candidate = self.candidates.iter_mut().find(|c| c.peer == peer)?;
        match candidate.state {
            State::Waiting => self.in_flight.retain(|(asked, _)| *asked != peer),
            State::Slow => {}
            State::Heard | State::Answered | State::Failed => return None,
        }
        candidate.state = outcome;
        Some(candidate.depth)
    }

    fn hear(&mut self, peer: Peer, distance: u64, depth: u8) {
        if peer == self.me {
            return;
        }
        let at = self.candidates.partition_point(|c| (c.distance, c.peer) < (distance, peer));
        if self.candidates.get(at).is_some_and(|c| c.peer == peer) {
            return;
        }
        if self.candidates.len() >= self.shape.shortlist && !self.make_room(at) {
            return;
        }
        self.candidates.insert(at, Candidate { distance, peer, depth, state: State::Heard });
    }

    /// Forgets the farthest candidate that was never asked, if it is farther than position `at`.
    fn make_room(&mut self, at: usize) -> bool {
        match self.candidates.iter().rposition(|c| c.state == State::Heard) {
            Some(farthest) if farthest >= at => {
                self.candidates.remove(farthest);
                true
            }
            _ => false,
        }
    }
}
