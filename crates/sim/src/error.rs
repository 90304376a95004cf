//! What callers can do wrong. Failures of the simulated world are not errors: they are records.

use core::time::Duration;

use peerglass_core::Peer;
use thiserror::Error;

/// Why a simulation cannot be set up as asked.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SetupError {
    /// A probability that is none.
    #[error("the {what} is {value}: give a probability from 0 to 1")]
    Probability {
        /// Which parameter.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// A negative or infinite spread.
    #[error("the {what} is {value}: give a finite number that is not negative")]
    Spread {
        /// Which parameter.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// An interval that ends before it starts.
    #[error("the latency goes from {from:?} down to {to:?}: give the smaller one first")]
    Interval {
        /// Its start.
        from: Duration,
        /// Its end.
        to: Duration,
    },
    /// A median of zero.
    #[error("the median latency is zero: give a positive one, or a constant latency of zero")]
    Median,
    /// A number outside its range.
    #[error("the {what} is {value}: give a number from {least} to {most}")]
    Range {
        /// Which parameter.
        what: &'static str,
        /// What was given.
        value: f64,
        /// The smallest that is allowed.
        least: f64,
        /// The largest that is allowed.
        most: f64,
    },
    /// A plane without places.
    #[error("no places are given for peers: give at least one place, or a square to draw them from")]
    NoPlaces,
    /// A delay longer than any model takes.
    #[error("the {what} is {value:?}: give at most {most:?}")]
    Delay {
        /// Which parameter.
        what: &'static str,
        /// What was given.
        value: Duration,
        /// The longest that is allowed.
        most: Duration,
    },
    /// A delay of zero where there must be some.
    #[error("the {what} is zero: give more than that, and at most {most:?}")]
    NoDelay {
        /// Which parameter.
        what: &'static str,
        /// The longest that is allowed.
        most: Duration,
    },
    /// A clock that runs backwards or not at all.
    #[error("a clock's drift is {value} ppm: give a finite number above -1,000,000")]
    Drift {
        /// What was given.
        value: f64,
    },
    /// A link that carries nothing.
    #[error("the {what} of an access link is zero: give a positive one, or none for a link that is never the bottleneck")]
    ZeroLink {
        /// Which parameter.
        what: &'static str,
    },
}

/// Why something cannot be asked of a simulation.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ControlError {
    /// No such peer.
    #[error("there is no peer {peer}: {peers} peers have been added, from p0 on")]
    NoSuchPeer {
        /// Who was asked for.
        peer: Peer,
        /// How many there are.
        peers: usize,
    },
    /// A link that carries nothing.
    #[error(transparent)]
    Setup(#[from] SetupError),
}
