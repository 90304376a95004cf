//! [`Impairment`]: what else befalls packets on their way: they are held back, doubled, damaged.
//!
//! The terms and the shapes are those of the network emulators that people know (Linux's netem: Hemminger, *Network Emulation with NetEm*,
//! linux.conf.au 2005). All three come with a probability of their own and are independent of one another and of other packets:
//!
//! ```text
//!   sent          1    2    3    4    5
//!                 │    ╲    │    │    │╲
//!                 │     ╲───┼──╮ │    │ ╲
//!   arrives       1         3  2 4    5  5'        2 was held back: 3 overtook it; 5 came twice
//! ```
//!
//! A packet that is held back is late by a delay uniform up to a limit, so what was sent meanwhile overtakes it. A copy is a packet of its own
//! from there on: it has its own jitter and may itself be held back. Damage is to one packet, and not to its copy; the engine says what a
//! damaged packet means (a checksum drops it).

use core::time::Duration;

use peerglass_core::Rng;

use crate::SetupError;
use crate::network::check::{delay, positive_delay, probability};

/// How likely packets are held back, doubled or damaged. The default is never.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairment {
    /// The probability that a packet is held back, so that later ones overtake it.
    pub reorder: f64,
    /// How long it is held back at most. Must not be zero if anything is to be reordered.
    pub hold: Duration,
    /// The probability that a packet arrives twice.
    pub duplicate: f64,
    /// The probability that a packet is damaged.
    pub corrupt: f64,
}

impl Impairment {
    pub(crate) fn check(&self) -> Result<(), SetupError> {
        probability("probability of reordering", self.reorder)?;
        probability("probability of duplication", self.duplicate)?;
        probability("probability of corruption", self.corrupt)?;
        if self.reorder > 0.0 { positive_delay("hold of reordered packets", self.hold) } else { delay("hold of reordered packets", self.hold) }
    }

    /// Whether packets pass untouched.
    #[must_use]
    #[inline]
    pub fn is_none(&self) -> bool {
        self.reorder == 0.0 && self.duplicate == 0.0 && self.corrupt == 0.0
    }

    /// How long a packet with these dice is held back: mostly not at all.
    pub fn hold(&self, dice: &mut Rng) -> Duration {
        if self.reorder > 0.0 && dice.chance(self.reorder) { dice.duration(Duration::ZERO, self.hold) } else { Duration::ZERO }
    }

    /// Whether a packet with these dice arrives twice.
    pub fn duplicates(&self, dice: &mut Rng) -> bool {
        self.duplicate > 0.0 && dice.chance(self.duplicate)
    }

    /// Whether a packet with these dice is damaged.
    pub fn corrupts(&self, dice: &mut Rng) -> bool {
        self.corrupt > 0.0 && dice.chance(self.corrupt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: u32 = 100_000;
    const HOLD: Duration = Duration::from_millis(30);

    fn assert_share(count: u32, expected: f64) {
        let (share, error) = (f64::from(count) / f64::from(N), (expected * (1.0 - expected) / f64::from(N)).sqrt());
        assert!((share - expected).abs() < 4.0 * error, "{share}, expected {expected} ± {error}");
    }

    #[test]
    fn each_thing_happens_as_often_as_asked() {
        let impairment = Impairment { reorder: 0.1, hold: HOLD, duplicate: 0.02, corrupt: 0.3 };
        let mut dice = Rng::new(1);
        let holds: Vec<Duration> = (0..N).map(|_| impairment.hold(&mut dice)).filter(|hold| !hold.is_zero()).collect();
        assert_share(holds.len() as u32, 0.1);
        assert_share((0..N).filter(|_| impairment.duplicates(&mut dice)).count() as u32, 0.02);
        assert_share((0..N).filter(|_| impairment.corrupts(&mut dice)).count() as u32, 0.3);
        // Uniform: mean HOLD / 2, deviation HOLD / √12.
        let mean = holds.iter().map(Duration::as_secs_f64).sum::<f64>() / holds.len() as f64;
        assert!((mean - 0.015).abs() < 4.0 * 0.030 / 12f64.sqrt() / (holds.len() as f64).sqrt(), "mean {mean}");
        assert!(holds.iter().all(|hold| *hold < HOLD));
    }

    #[test]
    fn nothing_configured_rolls_no_dice() {
        let (mut dice, mut fresh) = (Rng::new(1), Rng::new(1));
        let none = Impairment::default();
        assert!(none.is_none() && none.hold(&mut dice).is_zero() && !none.duplicates(&mut dice) && !none.corrupts(&mut dice));
        assert_eq!(dice.bits(), fresh.bits());
    }

    #[test]
    fn impossible_parameters_are_refused_by_name() {
        let refused = |impairment: Impairment| impairment.check().unwrap_err().to_string();
        assert!(refused(Impairment { reorder: 0.1, ..Impairment::default() }).contains("hold of reordered packets is zero"));
        assert!(refused(Impairment { hold: Duration::MAX, ..Impairment::default() }).contains("at most 31536000s"));
        assert!(refused(Impairment { duplicate: 2.0, ..Impairment::default() }).contains("duplication is 2"));
        assert!(refused(Impairment { corrupt: f64::NAN, ..Impairment::default() }).contains("corruption is NaN"));
    }
}
