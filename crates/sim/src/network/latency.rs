//! [`Latency`]: how long a packet is on its way, apart from the access links.
//!
//! Measured round trips between hosts of the Internet are skewed to the right and close to log-normal: a median and a long tail. The median and
//! the sigma of the logarithm are the two numbers that papers give. The mean is `median · exp(sigma² / 2)`.

use core::time::Duration;

use peerglass_core::{Peer, Rng};

use crate::SetupError;
use crate::network::Packet;
use crate::network::normal::quantile;

/// How long a packet is on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// Log-normal, and never below `least`.
    LogNormal {
        /// Half of all are below it.
        median: Duration,
        /// The standard deviation of the natural logarithm: 0.3 is tame, 1.0 is wild.
        sigma: f64,
        /// No packet is faster. Zero leaves the distribution as it is; a positive one also lets the engine use windows.
        least: Duration,
    },
}

/// Whether a latency is drawn anew for each packet.
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
        match *self {
            Latency::Constant(_) => Ok(()),
            Latency::Uniform { from, to } if from > to => Err(SetupError::Interval { from, to }),
            Latency::Uniform { .. } => Ok(()),
            Latency::LogNormal { median, .. } if median.is_zero() => Err(SetupError::Median),
            Latency::LogNormal { sigma, .. } if !(sigma.is_finite() && sigma >= 0.0) => {
                Err(SetupError::Spread { what: "sigma of the latency", value: sigma })
            }
            Latency::LogNormal { .. } => Ok(()),
        }
    }

    /// The smallest latency.
    #[must_use]
    pub fn min(&self) -> Duration {
        match *self {
            Latency::Constant(always) => always,
            Latency::Uniform { from, .. } => from,
            Latency::LogNormal { least, .. } => least,
        }
    }

    /// The median.
    #[must_use]
    pub fn typical(&self) -> Duration {
        match *self {
            Latency::Constant(always) => always,
            Latency::Uniform { from, to } => (from + to) / 2,
            Latency::LogNormal { median, least, .. } => median.max(least),
        }
    }

    pub(crate) fn is_constant(&self) -> bool {
        matches!(self, Latency::Constant(_))
    }

    /// One latency.
    #[must_use]
    pub fn draw(&self, rng: &mut Rng) -> Duration {
        match *self {
            Latency::Constant(always) => always,
            Latency::Uniform { from, to } => rng.duration(from, to),
            Latency::LogNormal { median, sigma, least } => {
                // The cast saturates: an absurd sigma gives an absurd latency, not a panic.
                let nanos = median.as_secs_f64() * 1e9 * libm::exp(sigma * quantile(rng.unit()));
                Duration::from_nanos(nanos as u64).max(least)
            }
        }
    }
}

impl Spread {
    pub(crate) fn draw(self, latency: &Latency, seed: u64, packet: &Packet, dice: &mut Rng) -> Duration {
        match self {
            Spread::PerPacket => latency.draw(dice),
            Spread::PerPair => {
                let (low, high) = (packet.from.min(packet.to), packet.from.max(packet.to));
                latency.draw(&mut Rng::for_step(seed ^ PAIRS, low, u64::from(high.0)))
            }
        }
    }
}

/// The latency of the pair `a`, `b` under [`Spread::PerPair`].
#[must_use]
pub fn of_pair(latency: &Latency, seed: u64, a: Peer, b: Peer) -> Duration {
    Spread::PerPair.draw(latency, seed, &Packet { from: a, to: b, order: 0 }, &mut Rng::new(0))
}
