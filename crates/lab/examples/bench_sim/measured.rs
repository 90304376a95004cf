//! [`Measured`]: measurements of one thing, taken in turns with others.

use peerglass_sim::statistics::median;

/// The median of some measurements, and how far they lie apart.
pub(crate) struct Measured {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Measured {
    pub(crate) fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        Self { least: all[0], median: median(&all).unwrap_or_default(), most: all[all.len() - 1] }
    }
}

impl std::fmt::Display for Measured {
    /// As whole numbers; with `{:+}`, as differences with their signs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { least, median, most } = self;
        if f.sign_plus() {
            return write!(f, "{median:+.1} (between {least:+.1} and {most:+.1})");
        }
        write!(f, "{median:>10.0} (between {least:.0} and {most:.0})")
    }
}
