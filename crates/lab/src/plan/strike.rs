//! What a plan does to the simulated world, and when: the lab's mirror of what the engine can carry out.
//!
//! Everything that a scenario says about faults and churn (scopes, durations, repetitions, distributions) is resolved into these: one instant, one peer or one rule,
//! one change. What lasts has its end as a strike of its own.

use std::sync::Arc;
use std::time::Duration;

use peerglass_core::{Peer, Time};

use crate::scenario::{Behaviour, DiskState, LinkTrouble};
use crate::units::Rate;

/// One change at one instant. They are carried out in the order of [`Plan::strikes`](super::Plan::strikes).
#[derive(Clone, Debug, PartialEq)]
pub enum Strike {
    /// Something goes wrong with a peer, or goes well again.
    Peer {
        /// Which.
        peer: Peer,
        /// What.
        what: PeerStrike,
    },
    /// From now on something befalls packets from some peers to others.
    Rule {
        /// Its number in the plan, to lift it by.
        number: u32,
        /// What befalls whose packets.
        rule: Box<Rule>,
    },
    /// That ends.
    Lift {
        /// The number of the rule.
        number: u32,
    },
}

/// Something that goes wrong with a peer, or goes well again.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerStrike {
    /// It goes down without a word. It is up.
    Crash,
    /// It comes up again. It is down.
    Restart {
        /// As on its first day, and not with what it had.
        fresh: bool,
    },
    /// It stands still for so long.
    Freeze(Duration),
    /// It takes so long over everything; zero: as fast as ever.
    Slow(Duration),
    /// Its clock goes wrong, or right again.
    Clock {
        /// It jumps so many nanoseconds ahead; back if negative.
        skew: i64,
        /// From now on it runs so much too fast, in parts per million.
        drift: f64,
    },
    /// Its access links carry this; `None`: their own again.
    Access(Option<Box<Throttle>>),
    /// Its disk fails; `None`: works again.
    Disk(Option<DiskState>),
    /// It is Byzantine; `None`: honest again.
    Bend(Option<Behaviour>),
}

/// What access links carry for now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// Towards the network; `None`: as ever.
    pub up: Option<Rate>,
    /// From the network; `None`: as ever.
    pub down: Option<Rate>,
}

/// Something that befalls packets.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Whose.
    pub from: PeerSet,
    /// To whom.
    pub to: PeerSet,
    /// What.
    pub what: Trouble,
}

/// What befalls packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// They are lost: a partition.
    Cut,
    /// Something that a scenario can ask for directly.
    Link(LinkTrouble),
}

/// A set of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerSet {
    /// Everybody, attackers that come later too.
    All,
    /// These, in ascending order.
    These(Arc<[Peer]>),
}

impl Strike {
    /// Whether it ends something that another strike began: at one instant, ends come first.
    #[must_use]
    pub fn is_end(&self) -> bool {
        match self {
            Strike::Lift { .. } => true,
            Strike::Rule { .. } => false,
            Strike::Peer { what, .. } => match what {
                PeerStrike::Restart { .. } | PeerStrike::Access(None) | PeerStrike::Disk(None) | PeerStrike::Bend(None) => true,
                PeerStrike::Slow(each) => each.is_zero(),
                _ => false,
            },
        }
    }

    /// What it is, in a word of scenario files.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Strike::Lift { .. } => "the end of a link fault",
            Strike::Rule { rule, .. } => match rule.what {
                Trouble::Cut => "partition",
                Trouble::Link(LinkTrouble::Delay(_)) => "delay",
                Trouble::Link(LinkTrouble::Loss(_)) => "loss",
                Trouble::Link(LinkTrouble::Duplicate(_)) => "duplicate",
                Trouble::Link(LinkTrouble::Corrupt(_)) => "corrupt",
            },
            Strike::Peer { what, .. } => match what {
                PeerStrike::Crash => "crash",
                PeerStrike::Restart { .. } => "restart",
                PeerStrike::Freeze(_) => "freeze",
                PeerStrike::Slow(_) => "slow",
                PeerStrike::Clock { .. } => "clock",
                PeerStrike::Access(_) => "throttle",
                PeerStrike::Disk(_) => "disk",
                PeerStrike::Bend(_) => "byzantine",
            },
        }
    }
}

/// Puts strikes into the order in which they are carried out: by time; at one instant ends first, then as planned.
pub(super) fn sort(strikes: &mut [(Time, Strike)]) {
    strikes.sort_by_key(|(at, strike)| (*at, !strike.is_end()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_peers_that_come_and_go_fit_into_memory() {
        assert!(size_of::<(Time, Strike)>() <= 40, "{} bytes", size_of::<(Time, Strike)>());
    }
}
