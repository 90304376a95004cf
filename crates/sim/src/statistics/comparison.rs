//! [`Comparison`]: what was simulated beside what a formula says.
//!
//! A comparison that cannot fail proves nothing: an interval wide enough holds every theory. So both ways of agreeing ask for a narrow interval.

use core::fmt;

use super::Interval;

/// A quantity as simulated and as theory has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What is compared, with its parameters.
    pub quantity: String,
    /// From replicated runs.
    pub simulated: Interval,
    /// What the formula says for these parameters.
    pub theory: f64,
    /// The formula.
    pub formula: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// When simulation and theory agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// For a theory that holds exactly for what was simulated: it lies inside the interval, whose half is at most this share of it.
    Inside {
        /// The widest half, as a share of the theory's value.
        widest: f64,
    },
    /// For a theory that holds nearly (asymptotically, or by a simplification): estimate and theory are at most this share of the theory apart,
    /// and the half of the interval is no wider than that.
    Within(f64),
}

impl Comparison {
    /// Whether the two agree.
    #[must_use]
    pub fn holds(&self, tolerance: Tolerance) -> bool {
        let (off, half) = ((self.simulated.estimate - self.theory).abs(), self.simulated.half_width());
        match tolerance {
            Tolerance::Inside { widest } => self.simulated.contains(self.theory) && half <= widest * self.theory.abs(),
            Tolerance::Within(share) => off <= share * self.theory.abs() && half <= share * self.theory.abs(),
        }
    }
}

/// `quantity: simulated x ± y (99 %), theory z (formula, source)`.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quantity, simulated, theory, formula, source } = self;
        let confidence = simulated.confidence * 100.0;
        write!(f, "{quantity}: simulated {simulated} ({confidence} %), theory {theory:.4} ({formula}, {source})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(estimate: f64, half: f64) -> Comparison {
        let simulated = Interval { estimate, low: estimate - half, high: estimate + half, confidence: 0.99 };
        Comparison { quantity: "waiting, ρ = 0.5".into(), simulated, theory: 1.0, formula: "ρ/(μ − λ)", source: "textbook" }
    }

    #[test]
    fn an_exact_theory_must_lie_inside_a_narrow_interval() {
        let inside = Tolerance::Inside { widest: 0.05 };
        assert!(comparison(1.02, 0.03).holds(inside));
        assert!(!comparison(1.04, 0.03).holds(inside), "outside");
        assert!(!comparison(1.02, 0.06).holds(inside), "wide");
    }

    #[test]
    fn a_near_theory_may_lie_outside_but_not_far() {
        let within = Tolerance::Within(0.05);
        assert!(comparison(1.04, 0.01).holds(within), "outside, but near");
        assert!(!comparison(0.94, 0.01).holds(within), "far");
        assert!(!comparison(1.00, 0.06).holds(within), "wide");
    }

    #[test]
    fn a_comparison_reads_as_a_line_of_a_table() {
        let line = comparison(1.02, 0.03).to_string();
        assert_eq!(line, "waiting, ρ = 0.5: simulated 1.0200 ± 0.0300 (99 %), theory 1.0000 (ρ/(μ − λ), textbook)");
    }
}
