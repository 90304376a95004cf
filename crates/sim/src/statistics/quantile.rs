//! Quantiles of the normal distribution and of Student's t.
//!
//! Both are found by bisection on the tail's probability: some hundred evaluations, no table, and as exact as the functions below it.

/// How often an interval is halved: more than the bits of a double.
const HALVINGS: u32 = 80;

/// The value that a normal variable with mean 0 and deviation 1 stays below with probability `p`: 2.5758 for 0.995.
///
/// Infinite at 0 and 1.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    symmetric(p, |x| 0.5 * libm::erfc(x / core::f64::consts::SQRT_2))
}

/// The value that Student's t with `freedom` degrees of freedom stays below with probability `p`: 3.2498 for 0.995 and 9.
///
/// Infinite at 0 and 1.
#[must_use]
pub fn student_quantile(p: f64, freedom: f64) -> f64 {
    // Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.1: both tails beyond t together are I_x(ν/2, 1/2) with x = ν/(ν + t²).
    symmetric(p, |t| 0.5 * incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t)))
}

/// The quantile of a distribution that is symmetric around 0, from its upper tail, which falls from 1/2 at 0.
fn symmetric(p: f64, upper: impl Fn(f64) -> f64) -> f64 {
    let tail = p.min(1.0 - p);
    if tail <= 0.0 {
        return if p < 0.5 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let (mut low, mut high) = (0.0, 1.0);
    while upper(high) > tail {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if upper(middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    if p < 0.5 { -high } else { high }
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun, 26.5.8).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = libm::exp(libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x));
    // The fraction converges fast on this side of the mean, and by symmetry on the other.
    if x < (a + 1.0) / (a + b + 2.0) { front * fraction(a, b, x) / a } else { 1.0 - front * fraction(b, a, 1.0 - x) / b }
}

/// The continued fraction 1/(1 + d₁/(1 + d₂/(1 + …))), from the front (Lentz's method as modified by Thompson and Barnett, 1986).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    /// Stands in for a zero that would be divided by.
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut value = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            change = c * d;
            value *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-4, "{found}, the tables say {expected}");
    }

    #[test]
    fn quantiles_of_the_normal_distribution_are_those_of_the_tables() {
        for (p, z) in [(0.9, 1.281_552), (0.975, 1.959_964), (0.995, 2.575_829), (0.9995, 3.290_527)] {
            close(normal_quantile(p), z);
            close(normal_quantile(1.0 - p), -z);
        }
        assert!(normal_quantile(0.5).abs() < 1e-12);
    }

    /// As in any statistical table. One degree of freedom is Cauchy's distribution, very many are the normal one.
    #[test]
    fn quantiles_of_students_t_are_those_of_the_tables() {
        let table = [
            (1.0, 12.7062, 63.6567, 636.619),
            (2.0, 4.3027, 9.9248, 31.5991),
            (9.0, 2.2622, 3.2498, 4.7809),
            (29.0, 2.0452, 2.7564, 3.6594),
            (100.0, 1.9840, 2.6259, 3.3905),
            (1e7, 1.959_96, 2.575_83, 3.290_53),
        ];
        for (freedom, p975, p995, p9995) in table {
            close(student_quantile(0.975, freedom), p975);
            close(student_quantile(0.995, freedom), p995);
            close(student_quantile(0.9995, freedom), p9995);
            close(student_quantile(0.005, freedom), -p995);
        }
    }

    #[test]
    fn impossible_probabilities_lie_at_infinity() {
        assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(student_quantile(1.0, 3.0), f64::INFINITY);
    }

    #[test]
    fn the_incomplete_beta_function_has_its_closed_forms() {
        for x in [0.01, 0.3, 0.5, 0.8, 0.99] {
            close(incomplete_beta(1.0, 1.0, x), x);
            close(incomplete_beta(3.0, 1.0, x), x * x * x);
            close(incomplete_beta(1.0, 4.0, x), 1.0 - (1.0 - x).powi(4));
        }
        assert_eq!((incomplete_beta(2.0, 2.0, 0.0), incomplete_beta(2.0, 2.0, 1.0)), (0.0, 1.0));
    }
}
