//! [`Alias`]: a weighted choice in constant time.
//!
//! Every one of `n` columns is a box of the same area that holds at most two things: its own and one alias. A number picks a column and a height
//! in it, and so the thing (Walker: *An Efficient Method for Generating Discrete Random Variables with General Distributions*, ACM Transactions
//! on Mathematical Software 3, 1977). The columns are filled as Vose describes (*A Linear Algorithm for Generating Random Numbers with a Given
//! Distribution*, IEEE Transactions on Software Engineering 17, 1991), in whole numbers.
//!
//! ```text
//!   weights 6 3 2 1         ┌───┬───┬───┬───┐
//!   of 12, n = 4:           │   │   │ a │ a │   c and d are filled up by a,
//!   a column holds 3        │ a │ b ├───┤   │   which keeps what is left
//!                           │   │   │ c ├───┤
//!                           │   │   │   │ d │
//!                           └───┴───┴───┴───┘
//! ```

/// A weighted choice among `0..n`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alias {
    /// For each column: how much of it is its own, in parts of 2³², and whose the rest is.
    columns: Box<[(u32, u32)]>,
}

impl Alias {
    /// A choice by these weights. The weights must not all be zero, and their sum times their number must fit into 64 bits.
    pub(super) fn new(weights: &[u32]) -> Self {
        let (n, total) = (weights.len() as u64, weights.iter().map(|w| u64::from(*w)).sum::<u64>().max(1));
        // In units of total / n: a column holds `total`.
        let mut left: Vec<u64> = weights.iter().map(|w| u64::from(*w) * n).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..weights.len()).partition(|i| left[*i] < total);
        let mut columns: Vec<(u32, u32)> = (0..weights.len() as u32).map(|i| (u32::MAX, i)).collect();
        while let (Some(low), Some(high)) = (small.pop(), large.pop()) {
            columns[low] = (((u128::from(left[low]) << 32) / u128::from(total)) as u32, high as u32);
            left[high] -= total - left[low];
            if left[high] < total { small.push(high) } else { large.push(high) }
        }
        Self { columns: columns.into() }
    }

    /// The choice that 64 random bits make.
    #[inline]
    pub(super) fn choose(&self, bits: u64) -> usize {
        let column = (((bits >> 32) * self.columns.len() as u64) >> 32) as usize;
        let (own, alias) = self.columns[column];
        if (bits as u32) < own { column } else { alias as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Adds up the areas instead of drawing: exact up to the rounding of 2⁻³² a column.
        #[test]
        fn every_choice_has_the_area_of_its_weight(weights in proptest::collection::vec(0u32..1_000_000, 1..200)) {
            prop_assume!(weights.iter().any(|w| *w > 0));
            let alias = Alias::new(&weights);
            let mut areas = vec![0.0; weights.len()];
            for (i, (own, other)) in alias.columns.iter().enumerate() {
                let own = f64::from(*own) / 2f64.powi(32);
                areas[i] += own;
                areas[*other as usize] += 1.0 - own;
            }
            let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
            for (area, weight) in areas.iter().zip(&weights) {
                let expected = f64::from(*weight) / total * weights.len() as f64;
                prop_assert!((area - expected).abs() < 1e-6, "{} has {}, expected {}", weight, area, expected);
            }
        }
    }

    #[test]
    fn the_ends_of_the_bits_choose_something() {
        let alias = Alias::new(&[6, 3, 2, 1]);
        assert!(alias.choose(0) < 4 && alias.choose(u64::MAX) < 4);
    }
}
