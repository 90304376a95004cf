//! What a record led to, and what led to it.
//!
//! Causes go back in time, so the two directions differ. What a record led to is found in one pass over the records ([`Follow`]), by remembering which of them
//! belong to it. What led to a record is a chain, and a chain needs its links one by one ([`why`]):
//!
//! ```text
//!   Follow::everything_after(7):   #7 ─┬─▶ #8 sent ──▶ #12 received ─┬─▶ #13 sent ──▶ …
//!                                      └─▶ #9 sent ──▶ #10 dropped   └─▶ #14 step
//!
//!   why(13):                       #7 command ◀── #8 sent ◀── #12 received ◀── #13
//! ```
//!
//! A timer stands in between: it fires because it was set, and it was set because of something else, in the end because the peer came up. Mostly one wants to
//! know that a timer did it, sometimes all of it, so one says how far ([`Until`]).

use std::collections::BTreeMap;

use peerglass_core::Peer;

use crate::{Filter, FilterError, Row};

/// Records that are remembered at most, unless told otherwise.
pub const MAX_MEMBERS: usize = 1_000_000;

/// The longest chain of causes that is gone back.
pub const MAX_CHAIN: usize = 100_000;

/// Finds what a record led to, in records in the order of their numbers.
#[derive(Clone, Debug)]
pub struct Follow {
    first: u64,
    depth: u32,
    at_most: usize,
    /// Of a record that belongs to it, how many causes it is away.
    members: BTreeMap<u64, u32>,
    is_cut: bool,
}

impl Follow {
    /// The record of number `seq` and all that it led to.
    #[must_use]
    pub fn everything_after(seq: u64) -> Self {
        Self { first: seq, depth: u32::MAX, at_most: MAX_MEMBERS, members: BTreeMap::new(), is_cut: false }
    }

    /// No further than so many causes away.
    #[must_use]
    pub fn depth(mut self, depth: u32) -> Self {
        self.depth = depth;
        self
    }

    /// No more records than so many.
    #[must_use]
    pub fn at_most(mut self, members: usize) -> Self {
        self.at_most = members;
        self
    }

    /// Looks at a record; how many causes it is away, if it belongs to it.
    pub fn add(&mut self, row: &Row) -> Option<u32> {
        let away = if row.seq == self.first { 0 } else { self.members.get(&row.cause?)?.checked_add(1)? };
        if away > self.depth {
            return None;
        }
        if self.members.len() >= self.at_most {
            self.is_cut = true;
            return None;
        }
        self.members.insert(row.seq, away);
        Some(away)
    }

    /// How many records belong to it so far.
    #[must_use]
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Whether records were left out because there were more than [`Follow::at_most`] allows. Those further away than [`Follow::depth`] are not left out,
    /// they are not asked for.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// How far back [`why`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// To the command, timer or fault that set it off.
    Trigger,
    /// Through timers, and through commands that answer an event, to what came from outside.
    Origin,
}

/// What led to a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// From the oldest cause to the record that was asked about.
    pub rows: Vec<Row>,
    /// Why it begins where it begins.
    pub end: End,
}

/// Why a chain begins where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With something that came from outside: a record without a cause.
    Outside,
    /// With the command, timer or fault that set it off, which has a cause in turn.
    Trigger,
    /// The record of this number is not there.
    Missing(u64),
    /// The record of this number is not older than what it is said to have led to: the run is damaged.
    NotOlder(u64),
    /// It is longer than [`MAX_CHAIN`].
    TooLong,
}

/// What led to the record of number `seq`, the oldest first. `row` gives a record by its number, `None` when there is none.
///
/// # Errors
///
/// Those of `row`.
pub fn why<E>(seq: u64, until: Until, mut row: impl FnMut(u64) -> Result<Option<Row>, E>) -> Result<Chain, E> {
    let (mut rows, mut next) = (Vec::<Row>::new(), seq);
    let end = loop {
        if rows.last().is_some_and(|last| last.seq <= next) {
            break End::NotOlder(next);
        }
        if rows.len() == MAX_CHAIN {
            break End::TooLong;
        }
        let Some(found) = row(next)? else { break End::Missing(next) };
        let is_trigger = matches!(&*found.kind, "command" | "timer" | "fault");
        // What is asked about may be a trigger itself.
        let stops = until == Until::Trigger && is_trigger && !rows.is_empty();
        let cause = found.cause;
        rows.push(found);
        match cause {
            None => break End::Outside,
            Some(_) if stops => break End::Trigger,
            Some(cause) => next = cause,
        }
    };
    rows.reverse();
    Ok(Chain { rows, end })
}

/// Keeps the messages between two peers, in both directions.
///
/// # Errors
///
/// None that is known: the text is a filter.
pub fn conversation(a: Peer, b: Peer) -> Result<Filter, FilterError> {
    format!("(from == {a} && to == {b}) || (from == {b} && to == {a})").parse()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::Told;
    use core::convert::Infallible;
    use proptest::prelude::*;

    /// A command that asks two peers, of which one answers; and something else.
    fn run() -> Told {
        let mut told = Told::new();
        let command = told.command(0, 1);
        let (asked, lost) = (told.sent(1, Some(command), (1, 2), "FIND_NODE"), told.sent(1, Some(command), (1, 3), "FIND_NODE"));
        let arrived = told.received(2, Some(asked), (2, 1), "FIND_NODE");
        told.dropped(2, lost, (1, 3), "FIND_NODE", "loss");
        told.command(3, 9);
        let answer = told.sent(3, Some(arrived), (2, 1), "NODES");
        told.received(4, Some(answer), (1, 2), "NODES");
        told
    }

    fn back(told: &Told, seq: u64, until: Until) -> (Vec<u64>, End) {
        let Ok(chain) = why(seq, until, |seq| Ok::<_, Infallible>(told.rows.iter().find(|row| row.seq == seq).cloned()));
        (chain.rows.iter().map(|row| row.seq).collect(), chain.end)
    }

    fn after(told: &Told, mut follow: Follow) -> (Vec<(u64, u32)>, bool) {
        let found = told.rows.iter().filter_map(|row| follow.add(row).map(|away| (row.seq, away))).collect();
        (found, follow.is_cut())
    }

    #[test]
    fn everything_that_a_record_led_to_is_found_across_peers() {
        let told = run();
        assert_eq!(after(&told, Follow::everything_after(0)), (vec![(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (6, 3), (7, 4)], false));
        assert_eq!(after(&told, Follow::everything_after(1).depth(2)), (vec![(1, 0), (3, 1), (6, 2)], false));
        assert_eq!(after(&told, Follow::everything_after(0).at_most(3)), (vec![(0, 0), (1, 1), (2, 1)], true), "it says that it is cut");
    }

    #[test]
    fn why_goes_back_to_what_set_it_off() {
        let mut told = run();
        assert_eq!(back(&told, 7, Until::Trigger), (vec![0, 1, 3, 6, 7], End::Outside));
        let timer = told.note("timer", 10, Some(7), (1, None), Some("refresh"));
        let sent = told.sent(10, Some(timer), (1, 2), "PING");
        assert_eq!(back(&told, sent, Until::Trigger), (vec![timer, sent], End::Trigger));
        assert_eq!(back(&told, timer, Until::Trigger).0, [0, 1, 3, 6, 7, timer], "of the timer itself one wants to know more");
        assert_eq!(back(&told, sent, Until::Origin).0, [0, 1, 3, 6, 7, timer, sent]);
    }

    #[test]
    fn why_ends_in_damaged_runs_too() {
        let mut told = run();
        told.rows[3].cause = Some(6);
        assert_eq!(back(&told, 7, Until::Trigger), (vec![3, 6, 7], End::NotOlder(6)));
        told.rows.remove(3);
        assert_eq!(back(&told, 7, Until::Trigger), (vec![6, 7], End::Missing(3)));
        assert_eq!(back(&told, 99, Until::Trigger), (vec![], End::Missing(99)));
    }

    #[test]
    fn a_conversation_is_what_two_peers_send_each_other() {
        let filter = conversation(Peer(2), Peer(1)).expect("it is a filter");
        let kept: Vec<u64> = run().rows.iter().filter(|row| filter.matches(*row)).map(|row| row.seq).collect();
        assert_eq!(kept, [1, 3, 6, 7]);
    }

    proptest! {
        /// The two directions agree: a record was led to by another exactly when that is in its chain.
        #[test]
        fn what_follows_a_record_has_it_in_its_chain(causes in prop::collection::vec(prop::option::of(any::<prop::sample::Index>()), 1..60), first in any::<prop::sample::Index>()) {
            let mut told = Told::new();
            for (n, cause) in causes.iter().enumerate() {
                told.note("step", n as u64, cause.filter(|_| n > 0).map(|cause| cause.index(n) as u64), (1, None), None);
            }
            let first = first.index(causes.len()) as u64;
            let (found, _) = after(&told, Follow::everything_after(first));
            for seq in 0..causes.len() as u64 {
                let (chain, _) = back(&told, seq, Until::Origin);
                let away = chain.iter().position(|link| *link == first).map(|at| (chain.len() - 1 - at) as u32);
                prop_assert_eq!(found.iter().find(|(member, _)| *member == seq).map(|(_, away)| *away), away);
            }
        }
    }
}
