//! How long things last: sessions, absences, the time between arrivals.
//!
//! | distribution | P(X ≤ x) | mean | used for |
//! |---|---|---|---|
//! | constant | 0 or 1 | its value | what must be predictable |
//! | exponential | `1 − e^(−x/m)` | `m` | no memory: the textbook's churn |
//! | Weibull | `1 − e^(−(x/λ)^k)` | `λ Γ(1 + 1/k)` | measured sessions: k ≈ 0.3 to 0.6 (Stutzbach and Rejaie, *Understanding Churn in Peer-to-Peer Networks*, IMC 2006) |
//! | Pareto | `1 − (s/x)^a`, x ≥ s | `a s / (a − 1)`, a > 1 | heavier tails (Saroiu, Gummadi and Gribble, MMCN 2002) |
//! | trace | of its lines | of its lines | what somebody measured |
//!
//! Samples are drawn by inversion: a uniform number goes through the quantile function. One number is one sample, whatever the distribution, so that two scenarios
//! that differ only in the distribution throw the same dice. All functions are those of `libm`, the same on every computer.
//!
//! # What is left of it
//!
//! Who looks at a network at a random instant meets long sessions more often than short ones: the session that is met has density `x f(x) / E[X]`, and what is
//! left of it is a uniform part. That is the *residual* life, with mean `E[X²] / 2 E[X]`, for Weibull with k < 1 far longer than a whole session's mean. A
//! simulation that starts with fresh sessions is not in equilibrium for several of these; [`Distribution::residual`] starts it there.

use std::sync::Arc;
use std::time::Duration;

use peerglass_core::Rng;

/// A distribution of positive lengths, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always this.
    Constant(f64),
    /// By its mean.
    Exponential(f64),
    /// By shape and scale.
    Weibull(f64, f64),
    /// By shape and least value.
    Pareto(f64, f64),
    /// As measured.
    Trace(Trace),
}

/// Measured lengths, in ascending order, with the sums up to each.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    sorted: Arc<[f64]>,
    sums: Arc<[f64]>,
}

impl Trace {
    /// Of these lengths, which must be positive and finite. `None` if there are none.
    #[must_use]
    pub fn new(mut lengths: Vec<f64>) -> Option<Self> {
        lengths.retain(|length| length.is_finite() && *length > 0.0);
        lengths.sort_by(f64::total_cmp);
        let sums: Vec<f64> = lengths
            .iter()
            .scan(0.0, |sum, length| {
                *sum += length;
                Some(*sum)
            })
            .collect();
        (!lengths.is_empty()).then(|| Self { sorted: lengths.into(), sums: sums.into() })
    }

    fn total(&self) -> f64 {
        self.sums.last().copied().unwrap_or(0.0)
    }
}

impl Distribution {
    /// The length below which the share `u` of all lengths is, for `u` from 0 up to but not including 1.
    #[must_use]
    pub fn quantile(&self, u: f64) -> f64 {
        match self {
            Distribution::Constant(value) => *value,
            Distribution::Exponential(mean) => -mean * libm::log1p(-u),
            Distribution::Weibull(shape, scale) => scale * libm::pow(-libm::log1p(-u), 1.0 / shape),
            Distribution::Pareto(shape, least) => least * libm::pow(1.0 - u, -1.0 / shape),
            Distribution::Trace(trace) => {
                let last = trace.sorted.len() - 1;
                trace.sorted[((u * trace.sorted.len() as f64) as usize).min(last)]
            }
        }
    }

    /// Half are below.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The mean; infinite for a Pareto distribution of shape 1 or less.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Distribution::Constant(value) => *value,
            Distribution::Exponential(mean) => *mean,
            Distribution::Weibull(shape, scale) => scale * libm::tgamma(1.0 + 1.0 / shape),
            Distribution::Pareto(shape, _) if *shape <= 1.0 => f64::INFINITY,
            Distribution::Pareto(shape, least) => shape * least / (shape - 1.0),
            Distribution::Trace(trace) => trace.total() / trace.sorted.len() as f64,
        }
    }

    /// One length.
    #[must_use]
    pub fn sample(&self, rng: &mut Rng) -> f64 {
        self.quantile(rng.unit())
    }

    /// What is left of a length at a random instant within it. The mean must be finite.
    #[must_use]
    pub fn residual(&self, rng: &mut Rng) -> f64 {
        match self {
            Distribution::Constant(value) => value * rng.unit(),
            // It has no memory.
            Distribution::Exponential(_) => self.sample(rng),
            // The length that is met is λ G^(1/k) with G of a gamma distribution of shape 1 + 1/k: substitute (x/λ)^k in x f(x).
            Distribution::Weibull(shape, scale) => rng.unit() * scale * libm::pow(gamma(1.0 + 1.0 / shape, rng), 1.0 / shape),
            // By inversion of F(x) = x / E[X] below the least length, and 1 − (s/x)^(a−1) / a above.
            Distribution::Pareto(shape, least) => {
                let u = rng.unit();
                let knee = (shape - 1.0) / shape;
                if u < knee { u * self.mean() } else { least * libm::pow(shape * (1.0 - u), -1.0 / (shape - 1.0)) }
            }
            Distribution::Trace(trace) => {
                let point = rng.unit() * trace.total();
                let met = trace.sums.partition_point(|sum| *sum <= point);
                trace.sorted[met.min(trace.sorted.len() - 1)] * rng.unit()
            }
        }
    }
}

/// A number of the gamma distribution with this shape, at least 1 (Marsaglia and Tsang, *A Simple Method for Generating Gamma Variables*, ACM TOMS 26, 2000).
fn gamma(shape: f64, rng: &mut Rng) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    loop {
        let x = rng.normal();
        let v = libm::pow(1.0 + c * x, 3.0);
        if v > 0.0 && libm::log(1.0 - rng.unit()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return d * v;
        }
    }
}

/// A length in seconds as one in nanoseconds, at least one, so that time goes on; absurd ones end with time.
#[must_use]
pub fn span(seconds: f64) -> Duration {
    // The cast saturates.
    Duration::from_nanos(((seconds * 1e9) as u64).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: u32 = 200_000;

    /// The mean of `N` draws and its standard error.
    fn mean(mut draw: impl FnMut(&mut Rng) -> f64) -> (f64, f64) {
        let mut rng = Rng::new(20_261_125);
        let draws: Vec<f64> = (0..N).map(|_| draw(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(N);
        let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(N - 1);
        (mean, (variance / f64::from(N)).sqrt())
    }

    /// Within 3.29 standard errors: 99.9 %.
    fn assert_mean(what: &str, (mean, error): (f64, f64), expected: f64) {
        println!("{what}: {mean:.4} ± {:.4}, expected {expected:.4}", 3.29 * error);
        assert!((mean - expected).abs() <= 3.29 * error, "{what}: {mean} ± {}, expected {expected}", 3.29 * error);
    }

    fn examples() -> Vec<(&'static str, Distribution, f64)> {
        let trace = Trace::new(vec![5.0, 1.0, 30.0, 2.0]).unwrap();
        // With the second moment, E[X²].
        let weibull = |shape: f64, scale: f64| (Distribution::Weibull(shape, scale), scale * scale * libm::tgamma(1.0 + 2.0 / shape));
        let (debian, debian2) = weibull(0.38, 42.4);
        let (redhat, redhat2) = weibull(0.34, 21.3);
        let (flatout, flatout2) = weibull(0.59, 41.9);
        vec![
            ("constant", Distribution::Constant(3.0), 9.0),
            ("exponential", Distribution::Exponential(4.0), 32.0),
            ("debian", debian, debian2),
            ("redhat", redhat, redhat2),
            ("flatout", flatout, flatout2),
            // Shapes above 4, for a variance of the residual that is finite.
            ("pareto", Distribution::Pareto(5.0, 2.0), 5.0 * 4.0 / 3.0),
            ("trace", Distribution::Trace(trace), (25.0 + 1.0 + 900.0 + 4.0) / 4.0),
        ]
    }

    #[test]
    fn sessions_have_the_means_and_medians_that_are_published() {
        // The project's reference on theory, section 5, in minutes.
        for (shape, scale, mean, median) in [(0.38, 42.4, 163.4, 16.2), (0.34, 21.3, 118.8, 7.2), (0.59, 41.9, 64.5, 22.5)] {
            let sessions = Distribution::Weibull(shape, scale);
            assert!((sessions.mean() - mean).abs() < 0.1 && (sessions.median() - median).abs() < 0.06, "{} {}", sessions.mean(), sessions.median());
        }
        assert_eq!(Distribution::Pareto(1.0, 1.0).mean(), f64::INFINITY);
        assert!((Distribution::Pareto(2.0, 3.0).mean() - 6.0).abs() < 1e-12);
    }

    #[test]
    fn samples_have_the_mean_of_their_distribution() {
        for (name, distribution, _) in examples() {
            assert_mean(name, mean(|rng| distribution.sample(rng)), distribution.mean());
        }
    }

    #[test]
    fn samples_are_below_a_quantile_as_often_as_it_says() {
        for (name, distribution, _) in examples().into_iter().filter(|(name, ..)| !["constant", "trace"].contains(name)) {
            for u in [0.1, 0.5, 0.9] {
                let limit = distribution.quantile(u);
                let below = mean(|rng| f64::from(u8::from(distribution.sample(rng) < limit)));
                assert_mean(name, below, u);
            }
        }
    }

    #[test]
    fn what_is_left_has_the_mean_of_the_inspection_paradox() {
        for (name, distribution, second_moment) in examples() {
            let expected = second_moment / (2.0 * distribution.mean());
            assert_mean(name, mean(|rng| distribution.residual(rng)), expected);
        }
    }

    #[test]
    fn absurd_lengths_end_with_time_and_tiny_ones_are_not_zero() {
        assert_eq!(span(f64::INFINITY), Duration::from_nanos(u64::MAX));
        assert_eq!([span(0.0), span(1e-12)], [Duration::from_nanos(1); 2]);
        assert_eq!(span(1.5), Duration::from_millis(1500));
        assert!(Distribution::Pareto(0.1, 1.0).quantile(1.0 - f64::EPSILON / 2.0) > 1e100);
    }
}
