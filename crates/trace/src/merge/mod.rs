//! Runs of several real nodes, merged into one.
//!
//! A real node records its own side. With the records of several nodes that talked to each other there is more in them than any one of them knows: which receipt
//! is of which message, how the clocks stand to each other, and so why something happened, across peers. A merged run has the form of a simulated one, and every
//! view of it works:
//!
//! ```text
//!   run A ─┐   Survey                                             Woven
//!   run B ─┼──▶ who is who ──▶ which receipt is ──▶ how clocks ──▶ one stream: renumbered, in order of the corrected time,
//!   run C ─┘    (identity)     of which message     stand          a receipt's cause its sending at the other node
//!                              (matching)           (clocks)
//! ```
//!
//! The runs are read twice, first each by itself ([`Survey`]), then together ([`Plan::weave`]):
//!
//! ```
//! use peerglass_trace::{Row, merge::Survey};
//!
//! # fn merged(runs: &[Vec<Row>]) -> Result<Vec<Row>, Box<dyn std::error::Error>> {
//! let mut survey = Survey::new(runs.len());
//! for (node, run) in runs.iter().enumerate() {
//!     run.iter().for_each(|row| survey.add(node, row));
//! }
//! let plan = survey.finish()?;
//! println!("{plan}"); // whose clock is how far ahead
//! let woven = plan.weave(runs.iter().map(|run| run.iter().cloned().map(Ok::<_, std::io::Error>)));
//! Ok(woven.collect::<Result<_, _>>()?)
//! # }
//! # assert!(merged(&[]).is_ok_and(|rows| rows.is_empty()));
//! ```
//!
//! # Memory
//!
//! The survey keeps some fifty bytes for each message to or from somebody, until it is known who is who; weaving keeps sixteen for each record, because a cause
//! may lie far back.

mod clocks;
mod identity;
mod matching;
#[cfg(test)]
mod tests;
mod weave;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use peerglass_core::Peer;
use thiserror::Error;

pub use clocks::Clock;
pub use identity::Identities;
pub use weave::Woven;

use crate::Row;
use crate::line::Shortened;
use matching::{Match, Messages};

/// Why runs cannot be merged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MergeError {
    /// A run does not tell whose it is.
    #[error("run {run} does not tell whose it is: give the peer id of its node")]
    NoIdentity {
        /// Which, from 0.
        run: usize,
    },
    /// Two runs are of the same node.
    #[error("runs {first} and {second} are of the same node, {id}: give one run of each node")]
    SameNode {
        /// The first, from 0.
        first: usize,
        /// The second, from 0.
        second: usize,
        /// The node's peer id.
        id: String,
    },
}

/// Gathers from the runs what is needed to merge them.
#[derive(Clone, Debug)]
pub struct Survey {
    nodes: Vec<(Identities, Messages)>,
}

impl Survey {
    /// Of so many runs, each of another node.
    #[must_use]
    pub fn new(runs: usize) -> Self {
        Self { nodes: vec![Default::default(); runs] }
    }

    /// Says that run `run` is of the node with this peer id, for runs that do not tell.
    pub fn is_of(&mut self, run: usize, id: &str) {
        if let Some((identities, _)) = self.nodes.get_mut(run) {
            identities.tell(Identities::ME, id);
        }
    }

    /// Looks at a record of run `run`; the records of each run in the order of their numbers.
    pub fn add(&mut self, run: usize, row: &Row) {
        if let Some((identities, messages)) = self.nodes.get_mut(run) {
            identities.add(row);
            messages.add(row);
        }
    }

    /// Works out who is who, which receipt is of which message, and how the clocks stand.
    ///
    /// # Errors
    ///
    /// When it is not known whose a run is, or two runs are of one node.
    pub fn finish(self) -> Result<Plan, MergeError> {
        let mut by_id = BTreeMap::<String, usize>::new();
        for (run, (identities, _)) in self.nodes.iter().enumerate() {
            let id = identities.id(Identities::ME).ok_or(MergeError::NoIdentity { run })?;
            if let Some(first) = by_id.insert(id.to_owned(), run) {
                return Err(MergeError::SameNode { first, second: run, id: id.to_owned() });
            }
        }
        let (identities, messages): (Vec<_>, Vec<_>) = self.nodes.into_iter().unzip();
        let node_of = |run: usize, handle: Peer| identities.get(run)?.id(handle).and_then(|id| by_id.get(id)).copied();
        let (mut groups, receipts) = matching::group(&messages, node_of);
        let clocks = clocks::solve(identities.len(), &groups.iter().flat_map(matching::Group::earliest).collect::<Vec<_>>());
        let mut matches: Vec<Match> = groups.iter_mut().flat_map(|group| group.latest(&clocks)).collect();
        matches.sort_unstable_by_key(|of| (of.receiver, of.received));
        Ok(Plan { identities, clocks, receipts, matches })
    }
}

/// How runs are merged.
#[derive(Clone, Debug)]
pub struct Plan {
    identities: Vec<Identities>,
    clocks: Vec<Clock>,
    /// From nodes of which there is a run.
    receipts: usize,
    /// In the order of receivers and their records.
    matches: Vec<Match>,
}

impl Plan {
    /// The clock of each run's node.
    #[must_use]
    pub fn clocks(&self) -> &[Clock] {
        &self.clocks
    }

    /// How many receipts are known by their sending at another node.
    #[must_use]
    pub fn matches(&self) -> usize {
        self.matches.len()
    }

    /// How many receipts from nodes of which there is a run are not: their sending was not recorded, or looks different.
    #[must_use]
    pub fn unmatched(&self) -> usize {
        self.receipts.saturating_sub(self.matches.len())
    }

    /// The message that is received with record `received` of run `receiver`.
    fn sending(&self, receiver: usize, received: u64) -> Option<&Match> {
        let at = self.matches.binary_search_by_key(&(receiver, received), |of| (of.receiver, of.received)).ok()?;
        self.matches.get(at)
    }
}

impl fmt::Display for Plan {
    /// A line for each node: how its clock stands, and how well that is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages are known at both ends, {} at their receiver only", self.matches(), self.unmatched())?;
        for (run, (identities, clock)) in self.identities.iter().zip(&self.clocks).enumerate() {
            write!(f, "\n{}  {}: ", Peer(u32::try_from(run).unwrap_or(u32::MAX)), Shortened(identities.id(Identities::ME).unwrap_or_default()))?;
            let Some(via) = clock.via() else {
                let leads = self.clocks.iter().any(|other| other.via().is_some() && other.reference() == run);
                f.write_str(if leads { "its clock is the reference" } else { "its clock is as it is, no messages tell how it stands" })?;
                continue;
            };
            write!(f, "its clock is {:+.6} s", clock.ahead_ns() as f64 / 1e9)?;
            if clock.drift() != 0.0 {
                write!(f, " and drifts {:+.1} ppm", clock.drift() * 1e6)?;
            }
            write!(f, ", give or take {:.6} s, by its messages with p{via}", clock.bound().unwrap_or(Duration::ZERO).as_secs_f64())?;
        }
        Ok(())
    }
}
