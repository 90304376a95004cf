//! [`Latency`]: how long a packet is on its way, apart from the access links.
//!
//! | kind | what it knows | for |
//! |---|---|---|
//! | constant, uniform, normal, log-normal | nothing of the two peers: drawn, for each packet or once for each pair ([`Spread`]) | theory, and quick looks |
//! | [`Plane`] | a point of each peer | near and far, the triangle inequality |
//! | [`Geographic`] | a city of each peer, the speed of light | the Internet, roughly |
//! | [`Matrix`] | a measured table | a network that was measured |
//!
//! Measured round trips between hosts of the Internet are skewed to the right and close to log-normal: a median and a long tail. The median and
//! the sigma of the logarithm are the two numbers that papers give. The mean is `median · exp(sigma² / 2)`.
//!
//! Whatever the kind, [`Latency::min`] is a bound that no draw is ever below: within that time peers cannot affect one another, and the engine
//! computes them side by side.

mod alias;
pub mod cities;
pub mod geographic;
pub mod matrix;
pub mod plane;
#[cfg(test)]
mod tests;

use core::time::Duration;

use peerglass_core::{Peer, Rng};

pub use geographic::{Geographic, LastMile};
pub use matrix::{Matrix, MatrixError, Rows};
pub use plane::{Places, Plane};

use crate::SetupError;
use crate::network::Packet;
use crate::network::check::{delay, spread};
use crate::network::normal::quantile;

/// How long a packet is on its way.
#[derive(Clone, Debug, PartialEq)]
pub enum Latency {
    /// Always the same.
    Constant(Duration),
    /// Uniform in `[from, to)`.
    Uniform {
        /// The smallest.
        from: Duration,
        /// The largest.
        to: Duration,
    },
    /// Normal, and never below `least`.
    Normal {
        /// The mean of the distribution before it is cut off.
        mean: Duration,
        /// Its standard deviation.
        deviation: Duration,
        /// No packet is faster.
        least: Duration,
    },
    /// Log-normal, and never below `least`.
    LogNormal {
        /// Half of all are below it.
        median: Duration,
        /// The standard deviation of the natural logarithm: 0.3 is tame, 1.0 is wild.
        sigma: f64,
        /// No packet is faster. Zero leaves the distribution as it is; a positive one also lets the engine use windows.
        least: Duration,
    },
    /// As far as two points of a plane are apart.
    Plane(Plane),
    /// As far as two cities of the world are apart.
    Geographic(Geographic),
    /// As a table says.
    Matrix(Matrix),
}

/// Whether a latency is drawn anew for each packet. Where it follows from the places of the two peers, it is that of the pair either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// For each packet: packets between two peers overtake each other.
    #[default]
    PerPacket,
    /// Once for each pair of peers, the same in both directions: packets between two peers keep their order.
    PerPair,
}

/// Sets the dice of pairs apart.
const PAIRS: u64 = 0x7061_6972_7321_2121;

impl Latency {
    pub(crate) fn check(&self) -> Result<(), SetupError> {
        match self {
            Latency::Constant(always) => delay("latency", *always),
            Latency::Uniform { from, to } if from > to => Err(SetupError::Interval { from: *from, to: *to }),
            Latency::Uniform { to, .. } => delay("largest latency", *to),
            Latency::Normal { mean, deviation, least } => {
                delay("mean latency", *mean)?;
                delay("deviation of the latency", *deviation)?;
                delay("least latency", *least)
            }
            Latency::LogNormal { median, .. } if median.is_zero() => Err(SetupError::Median),
            Latency::LogNormal { median, sigma, least } => {
                delay("median latency", *median)?;
                delay("least latency", *least)?;
                spread("sigma of the latency", *sigma)
            }
            Latency::Plane(plane) => plane.check(),
            // These two are checked when they are made.
            Latency::Geographic(_) | Latency::Matrix(_) => Ok(()),
        }
    }

    /// The smallest latency of two different peers. No draw is below it.
    #[must_use]
    pub fn min(&self) -> Duration {
        match self {
            Latency::Constant(always) => *always,
            Latency::Uniform { from, .. } => *from,
            Latency::Normal { least, .. } | Latency::LogNormal { least, .. } => *least,
            Latency::Plane(plane) => plane.base,
            Latency::Geographic(world) => world.min(),
            Latency::Matrix(matrix) => matrix.min(),
        }
    }

    /// The median. Where peers have places, an estimate by a thousand pairs: not for every packet.
    #[must_use]
    pub fn typical(&self) -> Duration {
        match self {
            Latency::Constant(always) => *always,
            Latency::Uniform { from, to } => *from + to.saturating_sub(*from) / 2,
            Latency::Normal { mean, least, .. } => *mean.max(least),
            Latency::LogNormal { median, least, .. } => *median.max(least),
            Latency::Plane(_) | Latency::Geographic(_) | Latency::Matrix(_) => self.sampled_median(),
        }
    }

    fn sampled_median(&self) -> Duration {
        const PAIRS: usize = 1_001;
        let mut dice = Rng::new(0);
        let mut peer = || Peer(dice.below(1 << 20) as u32);
        let mut all: Vec<Duration> = (0..PAIRS).map(|_| self.draw(0, peer(), peer(), &mut Rng::new(0))).collect();
        *all.select_nth_unstable(PAIRS / 2).1
    }

    /// One latency from `from` to `to` in the run of `seed`. Where it follows from the places of the two, the dice are not touched.
    #[must_use]
    #[inline]
    pub fn draw(&self, seed: u64, from: Peer, to: Peer, dice: &mut Rng) -> Duration {
        match self {
            Latency::Constant(always) => *always,
            Latency::Uniform { from, to } => dice.duration(*from, *to),
            Latency::Normal { mean, deviation, least } => nanos(in_nanos(*mean) + in_nanos(*deviation) * quantile(dice.unit())).max(*least),
            Latency::LogNormal { median, sigma, least } => {
                // An absurd sigma gives an absurd latency, not a panic.
                nanos(in_nanos(*median) * libm::exp(sigma * quantile(dice.unit()))).max(*least)
            }
            Latency::Plane(plane) => plane.between(seed, from, to),
            Latency::Geographic(world) => world.between(seed, from, to),
            Latency::Matrix(matrix) => matrix.between(seed, from, to),
        }
    }
}

impl Spread {
    #[inline]
    pub(crate) fn draw(self, latency: &Latency, seed: u64, packet: &Packet, dice: &mut Rng) -> Duration {
        let Packet { from, to, .. } = *packet;
        match self {
            Spread::PerPacket => latency.draw(seed, from, to, dice),
            Spread::PerPair => latency.draw(seed, from, to, &mut Rng::for_step(seed ^ PAIRS, from.min(to), u64::from(from.max(to).0))),
        }
    }
}

/// The latency from `a` to `b` under [`Spread::PerPair`]: the same in both directions, except where a [`Matrix`] says otherwise.
#[must_use]
pub fn of_pair(latency: &Latency, seed: u64, a: Peer, b: Peer) -> Duration {
    Spread::PerPair.draw(latency, seed, &Packet { from: a, to: b, order: 0 }, &mut Rng::new(0))
}

/// How many nanoseconds: in two exact parts, because turning 128 bits into a float takes longer than all the rest.
#[inline]
pub(crate) fn in_nanos(duration: Duration) -> f64 {
    duration.as_secs() as f64 * 1e9 + f64::from(duration.subsec_nanos())
}

/// This many nanoseconds, cut off at zero and at 584 years.
#[inline]
pub(crate) fn nanos(nanos: f64) -> Duration {
    Duration::from_nanos(nanos as u64)
}
