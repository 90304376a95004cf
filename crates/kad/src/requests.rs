//! [`Requests`]: what has been asked and not been answered yet.
//!
//! One timer event per request would double the events of a simulation. All requests have the same timeout and clocks do not go back, so requests
//! in the order of asking are also in the order of their deadlines, and of their numbers:
//!
//! ```text
//!   front ─▶ │ 17 → p4, due 10.0 s │ 19 → p9, due 10.1 s │ 20 → p2, due 10.4 s │ ◀─ push
//! ```
//!
//! One armed timer for the front is enough; whoever answers is found by binary search.
//!
//! An answer counts only if it carries the number of an outstanding request and comes from the peer that was asked. Anything else (late, twice,
//! forged) finds nothing here and is dropped.

use std::collections::VecDeque;

use peerglass_core::{Peer, Time};

/// An unanswered request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outstanding {
    pub(crate) id: u64,
    pub(crate) peer: Peer,
    pub(crate) purpose: Purpose,
    pub(crate) deadline: Time,
}

/// Why something was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A step of the lookup of this operation.
    Lookup(u32),
    /// To store a value, for this operation.
    Store(u32),
    /// To repair a replica that a GET found missing or stale (entry correction).
    Correct,
    /// To see whether a peer serves the protocol, before it becomes a contact.
    Probe,
    /// To see whether a contact is alive.
    Check,
    /// To hear, from a peer it once joined through, of peers nearby that it does not know.
    Knock,
}

/// The unanswered requests of one peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    last_id: u64,
    queue: VecDeque<Outstanding>,
}

impl Requests {
    /// Notes a request to `peer` and returns its number.
    pub(crate) fn push(&mut self, peer: Peer, deadline: Time, purpose: Purpose) -> u64 {
        self.last_id += 1;
        self.queue.push_back(Outstanding { id: self.last_id, peer, purpose, deadline });
        self.last_id
    }

    /// A number for a request that gets no answer.
    pub(crate) fn unanswered(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Takes out the request `id` if it was put to `peer`.
    pub(crate) fn settle(&mut self, id: u64, peer: Peer) -> Option<Outstanding> {
        let at = self.queue.binary_search_by_key(&id, |o| o.id).ok()?;
        let settled = if self.queue[at].peer == peer { self.queue.remove(at) } else { None };
        self.rest();
        settled
    }

    /// Gives the memory of a busy time back, once nothing is outstanding: of a million peers few are busy at a time.
    fn rest(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() > 8 {
            self.queue = VecDeque::new();
        }
    }

    /// Takes out the first request that is due.
    pub(crate) fn expire(&mut self, now: Time) -> Option<Outstanding> {
        let due = if self.queue.front()?.deadline <= now { self.queue.pop_front() } else { None };
        self.rest();
        due
    }

    /// Takes out all that was asked of `peer`.
    pub(crate) fn take(&mut self, peer: Peer) -> Vec<Outstanding> {
        let taken: Vec<Outstanding> = self.queue.iter().filter(|o| o.peer == peer).copied().collect();
        self.queue.retain(|o| o.peer != peer);
        self.rest();
        taken
    }

    /// Forgets all of them. Their numbers are not used again, so late answers find nothing.
    pub(crate) fn forget(&mut self) {
        self.queue = VecDeque::new();
    }

    /// When the first is due.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.queue.front().map(|o| o.deadline)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many probes and checks there are, and whether one of them goes to `peer`.
    pub(crate) fn probes(&self, peer: Peer) -> (usize, bool) {
        let probes = self.queue.iter().filter(|o| matches!(o.purpose, Purpose::Probe | Purpose::Check));
        probes.fold((0, false), |(count, asked), o| (count + 1, asked || o.peer == peer))
    }

    /// Reads a word of what is outstanding, to have it in the cache.
    pub(crate) fn touch(&self) -> u64 {
        self.queue.front().map_or(0, |o| o.id) ^ self.queue.back().map_or(0, |o| o.id)
    }

    /// Whom something has been asked of.
    pub(crate) fn peers(&self) -> impl Iterator<Item = Peer> {
        self.queue.iter().map(|o| o.peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_only_from_the_peer_that_was_asked() {
        let mut requests = Requests::default();
        let id = requests.push(Peer(4), Time::from_secs(10), Purpose::Probe);
        assert_eq!(requests.settle(id, Peer(5)), None);
        assert_eq!(requests.settle(id + 1, Peer(4)), None);
        assert_eq!(requests.settle(id, Peer(4)).map(|o| o.purpose), Some(Purpose::Probe));
        assert_eq!(requests.settle(id, Peer(4)), None);
    }

    #[test]
    fn requests_fall_due_in_order() {
        let mut requests = Requests::default();
        let ids: Vec<u64> = (1..=3).map(|i| requests.push(Peer(i), Time::from_secs(u64::from(i)), Purpose::Check)).collect();
        requests.settle(ids[1], Peer(2));
        assert_eq!(requests.next_deadline(), Some(Time::from_secs(1)));
        assert_eq!(requests.expire(Time::from_secs(3)).map(|o| o.peer), Some(Peer(1)));
        assert_eq!(requests.expire(Time::from_secs(2)), None);
        assert_eq!(requests.expire(Time::from_secs(3)).map(|o| o.peer), Some(Peer(3)));
        assert_eq!(requests.expire(Time::MAX), None);
    }

    #[test]
    fn all_that_was_asked_of_one_peer_can_be_given_up() {
        let mut requests = Requests::default();
        for peer in [1, 2, 1, 3] {
            requests.push(Peer(peer), Time::MAX, Purpose::Lookup(1));
        }
        assert_eq!(requests.take(Peer(1)).len(), 2);
        assert_eq!(requests.peers().collect::<Vec<_>>(), [Peer(2), Peer(3)]);
    }
}
