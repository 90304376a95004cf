//! What a plan does to the simulated world, and when. Rules of links are the engine's own; faults of peers are what [`peerglass_sim::PeerFault`] will be made of, as
//! data that can be compared and takes little room.
//!
//! Everything that a scenario says about faults and churn (scopes, durations, repetitions, distributions) is resolved into these: one instant, one peer or one rule,
//! one change. What lasts has its end as a strike of its own.

use std::time::Duration;

use peerglass_core::{Peer, Time};
use peerglass_sim::LinkRule;

use crate::scenario::{Behaviour, DiskState};
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
        rule: Box<LinkRule>,
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
