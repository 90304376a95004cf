//! [`Jitter`]: what a packet takes on top of the latency of its way, by chance and for itself alone.
//!
//! Packets between two hosts take the same way for minutes, and so nearly the same time: what varies is how long they wait in the queues of the
//! routers. So the natural model is a latency of the pair ([`Spread::PerPair`](super::Spread::PerPair)) and jitter of the packet. It is never
//! negative: the latency is that of an empty way.
//!
//! | kind | mean | what it is like |
//! |---|---|---|
//! | uniform up to `d` | `d / 2` | a slotted medium |
//! | exponential | as given | the wait of a busy M/M/1 queue |
//! | normal, deviation `s`, without its sign | `s · √(2/π)` | many small waits |

use core::time::Duration;

use peerglass_core::Rng;

use super::latency::{in_nanos, nanos};
use super::normal::quantile;
use crate::SetupError;
use crate::network::check::delay;

/// What packets take on top of the latency, drawn for each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Jitter {
    /// Nothing.
    #[default]
    None,
    /// Uniform in `[0, up_to)`.
    Uniform {
        /// The end of the interval.
        up_to: Duration,
    },
    /// Exponential.
    Exponential {
        /// Its mean.
        mean: Duration,
    },
    /// The absolute value of a normal variable around zero.
    Normal {
        /// The standard deviation before the sign is taken off.
        deviation: Duration,
    },
}

impl Jitter {
    pub(crate) fn check(&self) -> Result<(), SetupError> {
        match *self {
            Jitter::None => Ok(()),
            Jitter::Uniform { up_to } => delay("jitter", up_to),
            Jitter::Exponential { mean } => delay("mean of the jitter", mean),
            Jitter::Normal { deviation } => delay("deviation of the jitter", deviation),
        }
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub fn is_none(&self) -> bool {
        matches!(self, Jitter::None)
    }

    /// The median.
    #[must_use]
    pub fn typical(&self) -> Duration {
        match *self {
            Jitter::None => Duration::ZERO,
            Jitter::Uniform { up_to } => up_to / 2,
            Jitter::Exponential { mean } => mean.mul_f64(core::f64::consts::LN_2),
            // Three quarters of a normal variable are below 0.6745 deviations, so half of its absolute values are.
            Jitter::Normal { deviation } => deviation.mul_f64(0.6745),
        }
    }

    /// The jitter of a packet with these dice.
    #[inline]
    pub fn draw(&self, dice: &mut Rng) -> Duration {
        match *self {
            Jitter::None => Duration::ZERO,
            Jitter::Uniform { up_to } => dice.duration(Duration::ZERO, up_to),
            Jitter::Exponential { mean } => nanos(dice.exponential(in_nanos(mean))),
            Jitter::Normal { deviation } => nanos((in_nanos(deviation) * quantile(dice.unit())).abs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: u32 = 100_000;
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn every_kind_has_its_mean_and_its_median() {
        let root = (2.0 / core::f64::consts::PI).sqrt();
        // Mean and deviation in milliseconds.
        for (jitter, mean, deviation) in [
            (Jitter::Uniform { up_to: 12 * MS }, 6.0, 12.0 / 12f64.sqrt()),
            (Jitter::Exponential { mean: 7 * MS }, 7.0, 7.0),
            (Jitter::Normal { deviation: 10 * MS }, 10.0 * root, 10.0 * (1.0 - root * root).sqrt()),
        ] {
            let mut dice = Rng::new(5);
            let mut drawn: Vec<f64> = (0..N).map(|_| jitter.draw(&mut dice).as_secs_f64() * 1e3).collect();
            let found = drawn.iter().sum::<f64>() / f64::from(N);
            assert!((found - mean).abs() < 4.0 * deviation / f64::from(N).sqrt(), "{jitter:?}: mean {found}, expected {mean}");
            let typical = jitter.typical().as_secs_f64() * 1e3;
            let below = drawn.iter().filter(|value| **value < typical).count() as f64 / f64::from(N);
            assert!((below - 0.5).abs() < 4.0 * 0.5 / f64::from(N).sqrt(), "{jitter:?}: {below} are below {typical}");
            drawn.sort_by(f64::total_cmp);
            assert!(drawn[0] >= 0.0);
        }
    }

    #[test]
    fn none_rolls_no_dice() {
        let (mut dice, mut fresh) = (Rng::new(1), Rng::new(1));
        assert!(Jitter::None.draw(&mut dice).is_zero());
        assert_eq!(dice.bits(), fresh.bits());
    }

    #[test]
    fn jitter_without_end_is_refused_by_name() {
        let refused = Jitter::Exponential { mean: Duration::MAX }.check().unwrap_err().to_string();
        assert!(refused.contains("the mean of the jitter is") && refused.contains("at most"), "{refused}");
    }
}
