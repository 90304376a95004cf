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
//! purpose; such a pair is ordered by handle.
//!
//! Only those who were asked and the k closest of the others are kept in order (`lookup/near.rs`). Whoever is farther waits in an unsorted reserve until so many of the
//! closer ones have failed that fewer than k are left. So a step costs little, and a search through a network full of dead peers still finds those who live.
//!
//! It always ends: each candidate is queried once, candidates are bounded by [`Shape::shortlist`], and one that was queried is never forgotten.

use core::time::Duration;

use peerglass_core::{Peer, Time};
use smallvec::SmallVec;

mod near;
#[cfg(test)]
mod tests;

use near::{Near, Standing};

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

    /// Its first letter, for lists of many.
    #[must_use]
    pub fn letter(self) -> &'static str {
        &self.name()[..1]
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
    /// Who holds a slot.
    in_flight: SmallVec<[InFlight; 4]>,
    /// Everybody asked, and the k closest of the others.
    near: Near,
    /// How many were asked.
    asked: usize,
    /// Others that are farther: unsorted, because they are only needed when too many of the closer ones fail.
    reserve: Vec<Reserved>,
    /// Where the reserve begins: whoever is as far as this belongs to it.
    beyond: (u64, Peer),
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    distance: u64,
    peer: Peer,
    since: Time,
}

/// A candidate in the reserve, and how far it was when it came in.
#[derive(Clone, Copy, Debug)]
struct Reserved {
    distance: u64,
    peer: Peer,
    depth: u8,
}

/// How a search stands, judged by the k closest candidates that are not known to be silent.
#[derive(Clone, Copy, Debug, Default)]
struct Outlook {
    /// Whether the beta closest have all answered.
    converged: bool,
    /// The closest that was not asked.
    unasked: Option<usize>,
    /// Whether one of them, closer than that, has not answered yet.
    awaited: bool,
    /// How many there are up to there.
    reachable: usize,
}

/// Nobody is as far as this.
const NOWHERE: (u64, Peer) = (u64::MAX, Peer(u32::MAX));

impl Lookup {
    /// A lookup by `me` that starts from `seeds`.
    #[must_use]
    pub fn new(shape: Shape, me: Peer, seeds: impl IntoIterator<Item = (Peer, u64)>) -> Self {
        let (in_flight, near) = (SmallVec::new(), Near::new());
        let mut lookup = Self { shape, me, phase: Phase::Searching, in_flight, near, asked: 0, reserve: Vec::new(), beyond: NOWHERE };
        for (peer, distance) in seeds {
            lookup.hear(peer, distance, 1);
        }
        lookup
    }

    /// What to do next. Ask again after every answer or failure, until it is not [`Next::Query`].
    #[allow(clippy::should_implement_trait, reason = "it needs the time")]
    pub fn next(&mut self, now: Time) -> Next {
        self.lose_patience(now);
        if self.phase == Phase::Finished {
            return Next::Finished;
        }
        let mut outlook = self.outlook();
        while outlook.unasked.is_none() && outlook.reachable < self.shape.k && !self.reserve.is_empty() {
            self.call_up();
            outlook = self.outlook();
        }
        if self.phase == Phase::Searching && outlook.converged {
            self.phase = Phase::FollowUp;
        }
        match outlook.unasked {
            Some(i) if self.in_flight.len() < self.shape.alpha => {
                let Candidate { distance, peer, .. } = self.near.set_state(i, State::Waiting);
                self.asked += 1;
                self.in_flight.push(InFlight { distance, peer, since: now });
                Next::Query(peer)
            }
            Some(_) => Next::Waiting,
            None if !self.in_flight.is_empty() && outlook.awaited => Next::Waiting,
            None => {
                self.phase = Phase::Finished;
                Next::Finished
            }
        }
    }

    /// `peer` answered and named `closer`, which are as far from the target as `distance` says. Answers of peers that were not asked are ignored. Says whether
    /// the answer counted.
    pub fn on_answer(&mut self, peer: Peer, closer: &[Peer], distance: impl Fn(Peer) -> u64) -> bool {
        let Some(depth) = self.settle(peer, State::Answered) else { return false };
        if self.phase == Phase::Searching {
            for peer in closer.iter().take(self.shape.per_answer) {
                if !self.near.is_marked(*peer) {
                    self.hear(*peer, distance(*peer), depth.saturating_add(1));
                }
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
    pub fn closest(&self) -> impl Iterator<Item = Candidate> {
        let answered = self.near.standing().iter().enumerate().filter(|(_, standing)| standing.state == State::Answered);
        answered.take(self.shape.k).map(|(i, _)| self.near.candidate(i))
    }

    /// Everybody that was asked, and the closest of the others the search knows of: sorted, closest first.
    pub fn candidates(&self) -> impl ExactSizeIterator<Item = Candidate> {
        (0..self.near.len()).map(|i| self.near.candidate(i))
    }

    /// Everybody the search knows of, in no promised order.
    pub fn peers(&self) -> impl Iterator<Item = Peer> {
        self.near.peers().iter().copied().chain(self.reserve.iter().map(|r| r.peer))
    }

    /// How many queries hold a slot.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// When the next query will have lost its slot, if any is in flight: ask [`Lookup::next`] again then.
    #[must_use]
    pub fn patience_ends(&self) -> Option<Time> {
        self.in_flight.iter().map(|query| query.since + self.shape.patience).min()
    }

    /// Reads a word of each cache line that the next step will need.
    pub(crate) fn touch(&self) -> u64 {
        self.near.touch() ^ self.in_flight.first().map_or(0, |query| query.distance)
    }

    fn lose_patience(&mut self, now: Time) {
        while let Some(i) = self.in_flight.iter().position(|query| query.since + self.shape.patience <= now) {
            let query = self.in_flight.swap_remove(i);
            if let Ok(at) = self.near.find(query.distance, query.peer) {
                self.near.set_state(at, State::Slow);
            }
        }
    }

    /// One pass over the closest, which is all that a step needs to know. It ends where the reserve begins: whoever was asked and is farther is not among the
    /// closest as long as somebody waits there.
    fn outlook(&self) -> Outlook {
        let mut outlook = Outlook { converged: true, ..Outlook::default() };
        let end = if self.reserve.is_empty() { self.near.len() } else { self.near.find(self.beyond.0, self.beyond.1).unwrap_or_else(|at| at) };
        for (i, Standing { state, .. }) in self.near.standing()[..end].iter().enumerate() {
            match state {
                State::Failed | State::Slow => continue,
                State::Answered => {}
                State::Waiting => {
                    outlook.awaited = true;
                    outlook.converged &= outlook.reachable >= self.shape.beta;
                }
                State::Heard => {
                    outlook.converged &= outlook.reachable >= self.shape.beta;
                    outlook.unasked = Some(i);
                    return outlook;
                }
            }
            outlook.reachable += 1;
            if outlook.reachable == self.shape.k {
                break;
            }
        }
        outlook
    }

    /// Settles what was asked of `peer` and returns its depth.
    fn settle(&mut self, peer: Peer, outcome: State) -> Option<u8> {
        let slot = self.in_flight.iter().position(|query| query.peer == peer);
        let at = match slot {
            Some(slot) => {
                let query = self.in_flight.remove(slot);
                self.near.find(query.distance, peer).ok()?
            }
            // Who has no slot has lost it, or was never asked.
            None => self.near.position(peer).filter(|at| self.near.standing()[*at].state == State::Slow)?,
        };
        Some(self.near.set_state(at, outcome).depth)
    }

    /// Somebody was named, who may be known already.
    fn hear(&mut self, peer: Peer, distance: u64, depth: u8) {
        let Err(at) = self.near.find(distance, peer) else { return };
        if peer == self.me {
            return;
        }
        if (distance, peer) >= self.beyond {
            return self.set_aside(Reserved { distance, peer, depth });
        }
        self.near.insert(at, distance, peer, depth);
        if self.near.len() > self.shape.shortlist.min(self.asked + self.shape.k) {
            self.dismiss_farthest();
        }
    }

    /// Puts the farthest candidate that was never asked into the reserve.
    fn dismiss_farthest(&mut self) {
        if let Some(farthest) = self.near.standing().iter().rposition(|c| c.state == State::Heard) {
            let Candidate { distance, peer, depth, .. } = self.near.remove(farthest);
            self.beyond = (distance, peer);
            self.set_aside(Reserved { distance, peer, depth });
        }
    }

    /// Puts somebody into the reserve, who may be there already; when it is full, the farther half is forgotten.
    fn set_aside(&mut self, reserved: Reserved) {
        let room = self.shape.shortlist.saturating_sub(self.near.len());
        if self.reserve.len() >= room {
            self.tidy_reserve();
            self.reserve.truncate(room / 2);
        }
        if room > 0 {
            if self.reserve.capacity() == 0 {
                self.reserve.reserve(2 * self.shape.k);
            }
            self.reserve.push(reserved);
        }
    }

    /// Sorts the reserve, and takes out who is in it twice: the way by which it came in first counts.
    fn tidy_reserve(&mut self) {
        self.reserve.sort_by_key(|r| (r.distance, r.peer));
        self.reserve.dedup_by_key(|r| r.peer);
    }

    /// Fills the sorted candidates up from the reserve.
    fn call_up(&mut self) {
        self.tidy_reserve();
        let reserve = core::mem::take(&mut self.reserve);
        let (called, left) = reserve.split_at(reserve.len().min(self.shape.k.max(1)));
        self.beyond = left.first().map_or(NOWHERE, |first| (first.distance, first.peer));
        for Reserved { distance, peer, depth } in called {
            // Who was asked in the meantime is still here.
            if let Err(at) = self.near.find(*distance, *peer) {
                self.near.insert(at, *distance, *peer, *depth);
            }
        }
        self.reserve = left.to_vec();
    }
}
