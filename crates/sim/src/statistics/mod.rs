//! What replicated runs say: intervals of confidence, and whether a run agrees with theory.
//!
//! One run proves nothing. Messages within a run are not independent of each other (they share a network, a queue, a churn), so the unit of
//! observation is the *run*: the same experiment under seeds of its own each time, one number a run. From these numbers follow an estimate and an
//! interval that holds the true value with a stated confidence, over all seeds that might have been:
//!
//! ```text
//!   seed 1 ──▶ run ──▶ x₁ ┐
//!   seed 2 ──▶ run ──▶ x₂ ├──▶ mean ± t · s/√R        (means)               [`t_interval`]
//!     …                 … ├──▶ Wilson's interval      (shares of trials)    [`wilson_interval`]
//!   seed R ──▶ run ──▶ x_R┘──▶ resampled medians      (medians)             [`median_interval`]
//! ```
//!
//! Law and Kelton, *Simulation Modeling and Analysis*, chapter 9, is the textbook; Jansen, Tracey and Goldberg, *Once is Never Enough* (USENIX
//! Security 2021), shows what happens in network simulation without. At least ten runs for a mean, thirty for a median.
//!
//! [`Comparison`] puts such an interval beside what a formula says.
//!
//! Everything is a function of its arguments, with transcendental functions in pure Rust: the same numbers give the same verdict on every machine.

mod comparison;
mod quantile;

use core::fmt;

use peerglass_core::Rng;

pub use comparison::{Comparison, Tolerance};
pub use quantile::{normal_quantile, student_quantile};

/// How many times [`median_interval`] draws: the interval's ends are then the 10th smallest and largest medians at 99 %.
const RESAMPLES: usize = 2_000;

/// An estimate, and where the true value lies with a stated confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The mean, share or median of the sample.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The confidence: 0.99 means that of a hundred intervals made so, one misses the true value.
    pub confidence: f64,
}

impl Interval {
    /// Whether `value` lies within, the ends included.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// How far the farther end is from the estimate.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.high - self.estimate).max(self.estimate - self.low)
    }
}

/// `1.5769 ± 0.0213`, with four digits or as many as asked for.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(4);
        write!(f, "{:.digits$} ± {:.digits$}", self.estimate, self.half_width())
    }
}

/// The mean; 0 of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The sample standard deviation, with the divisor n − 1; 0 of fewer than two values.
#[must_use]
pub fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre) * (value - centre)).sum();
    (squares / values.len().saturating_sub(1).max(1) as f64).sqrt()
}

/// The median by nearest rank: the smallest value that at least half of the values do not exceed. `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().div_ceil(2).saturating_sub(1)).copied()
}

/// The interval of the mean by Student's t, one value a run: mean ± t(n − 1) · s/√n ("Student": *The probable error of a mean*, Biometrika 1908).
///
/// Exact for normal values; near enough for means of runs, which are sums of many small parts. `None` of fewer than two values, which have no
/// spread.
#[must_use]
pub fn t_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let half = student_quantile(0.5 + confidence / 2.0, count - 1.0) * deviation(values) / count.sqrt();
    let estimate = mean(values);
    Some(Interval { estimate, low: estimate - half, high: estimate + half, confidence })
}

/// Wilson's score interval of a share: `hits` of `trials` independent trials (*Probable inference, the law of succession, and statistical
/// inference*, Journal of the American Statistical Association 1927).
///
/// Unlike share ± z · √(p(1 − p)/n) it is right near 0 and 1 too, and never leaves them. `None` of no trials.
#[must_use]
pub fn wilson_interval(hits: u64, trials: u64, confidence: f64) -> Option<Interval> {
    if trials == 0 {
        return None;
    }
    let (n, share) = (trials as f64, hits as f64 / trials as f64);
    let z = normal_quantile(0.5 + confidence / 2.0);
    let shrink = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / shrink;
    let half = z / shrink * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    Some(Interval { estimate: share, low: (centre - half).max(0.0), high: (centre + half).min(1.0), confidence })
}

/// The interval of the median by the percentile bootstrap (Efron, *Bootstrap methods: another look at the jackknife*, Annals of Statistics 1979):
/// 2,000 samples drawn from the sample with the dice of `seed`, and where the middle of their medians lie. `None` of nothing.
#[must_use]
pub fn median_interval(values: &[f64], confidence: f64, seed: u64) -> Option<Interval> {
    let estimate = median(values)?;
    let mut rng = Rng::new(seed);
    let mut medians: Vec<f64> = (0..RESAMPLES).filter_map(|_| median(&resample(values, &mut rng))).collect();
    medians.sort_by(f64::total_cmp);
    let rank = |share: f64| ((share * RESAMPLES as f64).ceil() as usize).clamp(1, RESAMPLES) - 1;
    let tail = (1.0 - confidence) / 2.0;
    Some(Interval { estimate, low: medians[rank(tail)], high: medians[rank(1.0 - tail)], confidence })
}

fn resample(values: &[f64], rng: &mut Rng) -> Vec<f64> {
    values.iter().map(|_| values[rng.index(values.len())]).collect()
}

#[cfg(test)]
mod tests;
