//! [`Quantiles`]: how long things took, in bounded memory.
//!
//! A run has more round trips than anybody keeps, so lengths of time are counted in buckets that grow with what they hold, 64 to each doubling:
//!
//! ```text
//!   ns     0 1 2 … 63 | 64 65 … 127 | 128 130 … 254 | 256 260 … 508 | …     3,776 buckets to the end of 64 bits
//! ```
//!
//! A quantile is the middle of its bucket, so it is right within one part in 128, which is under one per cent; the smallest, the largest and the mean are exact.
//! All of it is whole numbers: the same run has the same quantiles on every machine, which a logarithm of floating point would not promise.

use core::time::Duration;
use std::collections::BTreeMap;

/// Buckets to each doubling, as a power of two.
const FINE: u32 = 6;

/// Lengths of time, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    buckets: BTreeMap<u16, u64>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

impl Quantiles {
    /// Counts one. Longer than 584 years is 584 years.
    pub fn add(&mut self, length: Duration) {
        let ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        *self.buckets.entry(bucket(ns)).or_default() += 1;
        self.min = if self.count == 0 { ns } else { self.min.min(ns) };
        self.max = self.max.max(ns);
        self.count += 1;
        self.sum += u128::from(ns);
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The shortest.
    #[must_use]
    pub fn min(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.min))
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.max))
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(u128::from(self.count))?;
        u64::try_from(mean).ok().map(Duration::from_nanos)
    }

    /// The shortest that at least `per_mille` thousandths are no longer than: 500 is the median. Within one per cent.
    #[must_use]
    pub fn quantile(&self, per_mille: u64) -> Option<Duration> {
        let rank = (u128::from(self.count) * u128::from(per_mille.min(1000))).div_ceil(1000).max(1);
        let mut below = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            below += u128::from(**count);
            below >= rank
        });
        found.map(|(bucket, _)| Duration::from_nanos(middle(*bucket).clamp(self.min, self.max)))
    }
}

fn bucket(ns: u64) -> u16 {
    let shift = (u64::BITS - ns.leading_zeros()).saturating_sub(FINE + 1);
    // At most 57 << 6 | 127, which is below 2^16.
    ((shift << FINE) as u16) + (ns >> shift) as u16
}

fn middle(bucket: u16) -> u64 {
    let shift = (u32::from(bucket) >> FINE).saturating_sub(1);
    let low = (u64::from(bucket) - (u64::from(shift) << FINE)) << shift;
    low + ((1u64 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_counted_has_no_quantiles() {
        let none = Quantiles::default();
        assert_eq!((none.min(), none.quantile(500), none.max(), none.mean()), (None, None, None, None));
    }

    #[test]
    fn the_ends_of_64_bits_have_buckets() {
        for ns in [0, 1, 63, 64, 127, 128, u64::MAX] {
            let mut one = Quantiles::default();
            one.add(Duration::from_nanos(ns));
            assert_eq!(one.quantile(500), Some(Duration::from_nanos(ns)), "one value is its own median");
        }
        assert!(bucket(u64::MAX) < 3776);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_one_per_cent_of_the_sorted_list(
            values in prop::collection::vec((0u32..64, any::<u64>()).prop_map(|(shift, value)| value >> shift), 1..300),
            per_mille in 0u64..=1000,
        ) {
            let mut counted = Quantiles::default();
            values.iter().for_each(|ns| counted.add(Duration::from_nanos(*ns)));
            let mut sorted = values;
            sorted.sort_unstable();
            let rank = (sorted.len() as u64 * per_mille).div_ceil(1000).max(1);
            let right = sorted[rank as usize - 1];
            let told = counted.quantile(per_mille).expect("something was counted").as_nanos() as u64;
            prop_assert!(told.abs_diff(right) <= right / 100, "{told} for {right}");
            prop_assert_eq!(counted.min(), sorted.first().map(|ns| Duration::from_nanos(*ns)));
            prop_assert_eq!(counted.max(), sorted.last().map(|ns| Duration::from_nanos(*ns)));
        }
    }
}
