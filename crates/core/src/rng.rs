//! [`Rng`]: seeded randomness, eight bytes of state.
//!
//! The generator is SplitMix64 (Steele, Lea, Flood: *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014): one addition and a mixing
//! function a number. It is small because a fresh one is made for every step of every simulated peer, from `(seed, peer, the peer's own
//! counter)`: there is no global stream, so results do not depend on the order in which peers are computed.
//!
//! It is not a cryptographic generator. Keys, nonces and tokens that must be secret come from the operating system, outside protocols.
//!
//! Transcendental functions come from `libm`, in pure Rust, so that the same seed draws the same numbers on every platform.

use core::time::Duration;

use crate::Peer;

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: a bijection on 64 bits that spreads every input bit over all output bits.
#[must_use]
pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A seeded generator of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator of `seed`. Equal seeds draw equal numbers.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(GAMMA)))
    }

    /// The generator of one step of one peer: the `step`-th thing that happens to `peer` in the run of `seed`.
    #[must_use]
    pub const fn for_step(seed: u64, peer: Peer, step: u64) -> Self {
        let who = mix(seed ^ mix((peer.0 as u64).wrapping_add(GAMMA)));
        Self(mix(who.wrapping_add(step.wrapping_mul(GAMMA))))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// A uniform number below `bound`, without bias (Lemire, *Fast Random Integer Generation in an Interval*, 2019). Zero when `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        loop {
            let wide = u128::from(self.bits()) * u128::from(bound);
            let low = wide as u64;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (wide >> 64) as u64;
            }
        }
    }

    /// A uniform index below `len`. Zero when `len` is zero.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A uniform real number in `[0, 1)`, with 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// True with the given probability: never at 0, always at 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A uniform duration in `[from, to)`; `from` when the interval is empty.
    pub fn duration(&mut self, from: Duration, to: Duration) -> Duration {
        let span = to.saturating_sub(from);
        from + Duration::from_nanos(self.below(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// An exponentially distributed number with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// A normally distributed number with mean 0 and standard deviation 1 (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(core::f64::consts::TAU * self.unit())
    }

    /// Puts `items` in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.index(i + 1));
        }
    }

    /// One of `items`, or none if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// Fills `bytes` with random bits.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_sequence_of_splitmix64_is_drawn() {
        // First outputs for state 1234567, from the algorithm's public reference implementation.
        let mut rng = Rng(1_234_567);
        assert_eq!([rng.bits(), rng.bits(), rng.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn steps_of_different_peers_and_times_draw_different_numbers() {
        let mut first: Vec<u64> = (0..100).flat_map(|p| (0..100).map(move |s| Rng::for_step(7, Peer(p), s).bits())).collect();
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 10_000);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut rng = Rng::new(3);
        let n = 200_000;
        let mean = |draw: &mut dyn FnMut() -> f64| (0..n).map(|_| draw()).sum::<f64>() / f64::from(n);
        // Five standard errors on each side.
        assert!((mean(&mut || rng.unit()) - 0.5).abs() < 5.0 * 0.2887 / f64::from(n).sqrt());
        assert!((mean(&mut || rng.exponential(4.0)) - 4.0).abs() < 5.0 * 4.0 / f64::from(n).sqrt());
        assert!(mean(&mut || rng.normal()).abs() < 5.0 / f64::from(n).sqrt());
        assert!((mean(&mut || rng.normal().powi(2)) - 1.0).abs() < 5.0 * std::f64::consts::SQRT_2 / f64::from(n).sqrt());
        assert!((mean(&mut || rng.below(6) as f64) - 2.5).abs() < 5.0 * 1.708 / f64::from(n).sqrt());
    }

    #[test]
    fn edges_are_exact() {
        let mut rng = Rng::new(1);
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
        assert!(!rng.chance(0.0));
        assert!(rng.chance(1.0));
        assert_eq!(rng.pick::<u8>(&[]), None);
        let second = Duration::from_secs(1);
        assert_eq!(rng.duration(second, second), second);
    }
}
