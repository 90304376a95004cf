//! Which receipt is of which message.
//!
//! A message is the same at both ends if sender, receiver, type, contents and size are. What differs is what each node has words of its own for: handles, and
//! the numbers by which questions are told apart. Among messages that say the same, streams keep the order, so of the sent ones some arrived, in order, and it
//! is open which were lost:
//!
//! ```text
//!   sent at A        s1 ─ ✗    s2 ─────▶ r1    s3 ─ ✗    s4 ─────▶ r2
//!
//!   earliest         s1 ───────────────▶ r1    s3 or s2 ──────────▶ r2      never later than it was sent
//!   latest                     s2 ─────▶ r1              s4 ─────▶ r2       of those sent before it arrived
//! ```
//!
//! *Earliest* gives each receipt the first message that is left. By induction that is never one sent after its own, so a delay may be taken for longer than it
//! was and never for shorter. That is what estimating clocks from the shortest delays needs: what is wrong is not the shortest.
//!
//! *Latest* gives each receipt, from the last backwards, the last message that was sent before it arrived, which takes clocks that are set right. A question
//! that was lost is asked again after a time-out, later than an answer takes, so this is nearly always its own. It decides causes.
//!
//! A node that asks for a peer it knows writes its handle, and the asked one, which does not know it, a key. So what does not match to the letter is matched
//! once more with peers and keys taken for the same.

use std::collections::BTreeMap;

use peerglass_core::{Peer, Time};

use super::Clock;
use crate::Row;
use crate::fingerprint::{self, Peers};

/// A message known at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) sender: usize,
    /// The sent record there.
    pub(super) sent: u64,
    /// By the sender's clock.
    pub(super) sent_at: Time,
    pub(super) receiver: usize,
    /// The received record there.
    pub(super) received: u64,
    /// By the receiver's clock.
    pub(super) received_at: Time,
}

/// A message at one end.
#[derive(Clone, Copy, Debug)]
struct End {
    seq: u64,
    time: Time,
    other: Peer,
    wording: u64,
    loose: u64,
    bytes: u64,
}

/// The messages of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages {
    /// Those that were not dropped at once, in the order of their numbers.
    sent: Vec<End>,
    received: Vec<End>,
}

impl Messages {
    pub(super) fn add(&mut self, row: &Row) {
        let Some(other) = row.other else { return };
        let [wording, loose] = [Peers::Apart, Peers::ApartOrKeys].map(|peers| fingerprint::wording(row, peers));
        let end = End { seq: row.seq, time: row.time, other, wording, loose, bytes: row.bytes.unwrap_or_default() };
        match &*row.kind {
            "sent" => self.sent.push(end),
            "received" => self.received.push(end),
            // A node drops what it cannot send, mostly at once.
            "dropped" => {
                if let Some(at) = row.cause.and_then(|cause| self.sent.binary_search_by_key(&cause, |sent| sent.seq).ok()) {
                    self.sent.remove(at);
                }
            }
            _ => {}
        }
    }
}

/// Messages from one node to another that say the same.
#[derive(Clone, Debug)]
pub(super) struct Group {
    sender: usize,
    receiver: usize,
    sent: Vec<(u64, Time)>,
    received: Vec<(u64, Time)>,
}

/// Sender and receiver, wording, and size.
type Key = ((usize, usize), u64, u64);

/// A message at one end, of which sender and receiver are known.
type Known = ((usize, usize), End);

/// Puts together what may belong together, and counts the receipts from nodes of which there is a run. `node_of` tells which run's node a handle in a run stands
/// for.
pub(super) fn group(messages: &[Messages], node_of: impl Fn(usize, Peer) -> Option<usize>) -> (Vec<Group>, usize) {
    let (mut sent, mut received) = (Vec::<Known>::new(), Vec::<Known>::new());
    for (node, messages) in messages.iter().enumerate() {
        let known = |end: &End| node_of(node, end.other).map(|other| (other, *end));
        sent.extend(messages.sent.iter().filter_map(known).map(|(other, end)| ((node, other), end)));
        received.extend(messages.received.iter().filter_map(known).map(|(other, end)| ((other, node), end)));
    }
    let receipts = received.len();
    let (mut groups, sent, received) = put_together(sent, received, |end| end.wording);
    groups.extend(put_together(sent, received, |end| end.loose).0);
    (groups, receipts)
}

/// The groups by `wording`, and the messages that are left at their senders and at their receivers.
fn put_together(sent: Vec<Known>, received: Vec<Known>, wording: impl Fn(&End) -> u64) -> (Vec<Group>, Vec<Known>, Vec<Known>) {
    let mut groups = BTreeMap::<Key, (Vec<Known>, Vec<Known>)>::new();
    for (ends, end) in sent {
        groups.entry((ends, wording(&end), end.bytes)).or_default().0.push((ends, end));
    }
    let (mut left_sent, mut left_received) = (Vec::new(), Vec::new());
    for (ends, end) in received {
        let group = groups.get_mut(&(ends, wording(&end), end.bytes)).map_or(&mut left_received, |group| &mut group.1);
        group.push((ends, end));
    }
    let mut found = Vec::new();
    for (((sender, receiver), ..), (sent, received)) in groups {
        if received.is_empty() {
            left_sent.extend(sent);
        } else {
            let moments = |of: Vec<Known>| of.into_iter().map(|(_, end)| (end.seq, end.time)).collect();
            found.push(Group { sender, receiver, sent: moments(sent), received: moments(received) });
        }
    }
    left_sent.sort_by_key(|((sender, _), end)| (*sender, end.seq));
    (found, left_sent, left_received)
}

impl Group {
    /// Each receipt with the first message that is left.
    pub(super) fn earliest(&self) -> impl Iterator<Item = Match> {
        self.sent.iter().zip(&self.received).map(|(sent, received)| self.of(*sent, *received))
    }

    /// Each receipt, from the last backwards, with the last message that is left and was sent before it arrived; if there is none, with the message that it
    /// has by [`Group::earliest`].
    pub(super) fn latest(&mut self, clocks: &[Clock]) -> Vec<Match> {
        let (Some(sender), Some(receiver)) = (clocks.get(self.sender), clocks.get(self.receiver)) else { return Vec::new() };
        let are_comparable = sender.reference() == receiver.reference();
        let mut found = Vec::new();
        let mut left = self.sent.len();
        for (nth, received) in self.received.iter().enumerate().rev() {
            let arrived = receiver.at_ns(received.1);
            let before = self.sent[..left].partition_point(|(_, time)| sender.at_ns(*time) <= arrived);
            let at = match before.checked_sub(1).filter(|_| are_comparable) {
                Some(at) => at,
                None if nth < left => nth,
                None => continue,
            };
            left = at;
            found.push(self.of(self.sent[at], *received));
        }
        found
    }

    fn of(&self, (sent, sent_at): (u64, Time), (received, received_at): (u64, Time)) -> Match {
        Match { sender: self.sender, sent, sent_at, receiver: self.receiver, received, received_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(sent: &[u64], received: &[u64]) -> Group {
        let ends = |times: &[u64]| times.iter().map(|ms| (*ms, Time::from_millis(*ms))).collect();
        Group { sender: 0, receiver: 1, sent: ends(sent), received: ends(received) }
    }

    fn pairs(matches: impl IntoIterator<Item = Match>) -> Vec<(u64, u64)> {
        matches.into_iter().map(|of| (of.sent, of.received)).collect()
    }

    #[test]
    fn of_messages_that_say_the_same_the_repetition_is_the_one_that_arrived() {
        let mut group = group(&[0, 5000, 9000, 14_000], &[5040, 14_030]);
        assert_eq!(pairs(group.earliest()), [(0, 5040), (5000, 14_030)]);
        let mut clocks = [Clock::its_own(0), Clock::its_own(1)];
        clocks[1].reference = 0;
        assert_eq!(pairs(group.latest(&clocks)), [(14_000, 14_030), (5000, 5040)]);
        let apart = [Clock::its_own(0), Clock::its_own(1)];
        assert_eq!(pairs(group.latest(&apart)), [(5000, 14_030), (0, 5040)], "clocks that cannot be compared say nothing");
    }
}
