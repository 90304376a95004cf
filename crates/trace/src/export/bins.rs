//! [`Bins`], [`Latencies`], [`Course`]: what becomes of millions of numbers so that a plot can hold them.
//!
//! None grows with the run, and none has to know before what will come: bins get wider as time goes on, latencies are kept to about 3 %.

use std::collections::BTreeMap;

/// The most bins of time.
const MAX_BINS: u64 = 120;

/// The most names that are told apart while counting.
const MAX_NAMES: usize = 1_000;

/// The most names that are told apart in a plot; a legend of more cannot be read.
const SHOWN_NAMES: usize = 11;

/// What all other names are called.
const OTHERS: &str = "others";

/// The most points of a course.
const MAX_POINTS: usize = 1_000;

/// Counts by name in bins of time, which are 1 us wide at first, then 2, 10, 20, 100 and so on.
#[derive(Debug)]
pub(crate) struct Bins {
    /// In ns.
    pub(crate) width: u64,
    /// Whether the width is a power of ten.
    is_power: bool,
    /// By name, then by the number of the bin.
    counts: BTreeMap<String, BTreeMap<u64, u64>>,
    first: u64,
    last: u64,
}

impl Default for Bins {
    fn default() -> Self {
        Self { width: 1_000, is_power: true, counts: BTreeMap::new(), first: u64::MAX, last: 0 }
    }
}

impl Bins {
    pub(crate) fn add(&mut self, name: &str, ns: u64) {
        let bin = ns / self.width;
        (self.first, self.last) = (self.first.min(bin), self.last.max(bin));
        let is_known = self.counts.contains_key(name) || self.counts.len() < MAX_NAMES;
        *self.counts.entry(if is_known { name } else { OTHERS }.to_owned()).or_default().entry(bin).or_default() += 1;
        while self.last - self.first >= MAX_BINS {
            self.widen();
        }
    }

    fn widen(&mut self) {
        let factor = if self.is_power { 2 } else { 5 };
        (self.width, self.is_power) = (self.width.saturating_mul(factor), !self.is_power);
        (self.first, self.last) = (self.first / factor, self.last / factor);
        for bins in self.counts.values_mut() {
            *bins = merged(bins.iter().map(|(bin, count)| (bin / factor, *count)));
        }
    }

    /// The counts of the commonest names and of all others together: name, number of the bin, count.
    pub(crate) fn shown(&self) -> Vec<(&str, u64, u64)> {
        let mut names: Vec<(&String, u64)> = self.counts.iter().map(|(name, bins)| (name, bins.values().sum())).collect();
        names.sort_by_key(|(name, total)| (std::cmp::Reverse(*total), *name));
        let (shown, rest) = names.split_at(names.len().min(SHOWN_NAMES));
        let others = merged(rest.iter().flat_map(|(name, _)| self.counts[*name].iter().map(|(bin, count)| (*bin, *count))));
        let named = shown.iter().flat_map(|(name, _)| self.counts[*name].iter().map(|(bin, count)| (name.as_str(), *bin, *count)));
        named.chain(others.into_iter().map(|(bin, count)| (OTHERS, bin, count))).collect()
    }
}

fn merged(counts: impl Iterator<Item = (u64, u64)>) -> BTreeMap<u64, u64> {
    let mut merged = BTreeMap::new();
    counts.for_each(|(bin, count)| *merged.entry(bin).or_default() += count);
    merged
}

/// A distribution of lengths of time: 32 classes for every doubling.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    classes: BTreeMap<u32, u64>,
    total: u64,
}

/// How many bits tell the classes of one doubling apart.
const BITS: u32 = 5;

impl Latencies {
    pub(crate) fn add(&mut self, ns: u64) {
        let magnitude = ns.checked_ilog2().unwrap_or(0).max(BITS);
        let class = ((magnitude - BITS) << BITS) + (ns >> (magnitude - BITS)) as u32;
        *self.classes.entry(class).or_default() += 1;
        self.total += 1;
    }

    /// Every class with the longest that falls into it, in ns, and the share of all that are not longer.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (u64, f64)> {
        let mut until = 0;
        self.classes.iter().map(move |(class, count)| {
            until += count;
            (longest(*class), until as f64 / self.total as f64)
        })
    }
}

/// The longest that falls into a class: below 64 ns each length is one of its own.
fn longest(class: u32) -> u64 {
    let doublings = (class >> BITS).saturating_sub(1);
    let step = u64::from(class - (doublings << BITS));
    ((step + 1) << doublings).wrapping_sub(1).max(1)
}

/// A number that changes over time. Beyond a thousand changes, only the last of each bin of time is kept.
#[derive(Debug)]
pub(crate) struct Course {
    /// Time in ns, and the number since then.
    pub(crate) points: Vec<(u64, u64)>,
    width: u64,
}

impl Default for Course {
    fn default() -> Self {
        Self { points: Vec::new(), width: 1 }
    }
}

impl Course {
    pub(crate) fn add(&mut self, ns: u64, number: u64) {
        let width = self.width;
        match self.points.last_mut() {
            Some((_, last)) if *last == number => {}
            Some((time, last)) if *time / width == ns / width => (*time, *last) = (ns, number),
            _ => self.points.push((ns, number)),
        }
        while self.points.len() > MAX_POINTS {
            self.width = self.width.saturating_mul(2);
            let points = std::mem::take(&mut self.points);
            for point in points {
                self.points.pop_if(|(time, _)| *time / self.width == point.0 / self.width);
                self.points.push(point);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_get_wider_and_lose_nothing() {
        let mut bins = Bins::default();
        (0..10_000u64).for_each(|i| bins.add(["a", "b"][(i % 2) as usize], i * 1_234_567));
        let shown = bins.shown();
        assert_eq!(bins.width, 200_000_000, "12.3 s in at most 120 bins of 1 or 2 and zeros");
        assert_eq!(shown.iter().map(|(_, _, count)| count).sum::<u64>(), 10_000);
        assert!(shown.iter().all(|(_, bin, _)| *bin <= 61));
    }

    #[test]
    fn many_names_are_shown_as_the_commonest_and_others() {
        let mut bins = Bins::default();
        (0..3_000u64).for_each(|i| bins.add(&format!("n{}", i.isqrt()), 5));
        let shown = bins.shown();
        assert_eq!((shown.len(), shown[0].0, shown[11].0), (12, "n53", OTHERS));
        assert_eq!(shown.iter().map(|(_, _, count)| count).sum::<u64>(), 3_000);
        (0..3_000u64).for_each(|i| bins.add(&i.to_string(), 5));
        assert!(bins.counts.len() <= MAX_NAMES + 1);
    }

    #[test]
    fn a_length_is_in_a_class_whose_longest_is_hardly_longer() {
        for ns in (0..2_000).chain((0..64).flat_map(|bit| [1u64 << bit, (1 << bit) + 1, (1 << bit) | ((1 << bit) / 3), u64::MAX >> bit])) {
            let mut latencies = Latencies::default();
            latencies.add(ns);
            let (longest, share) = latencies.shares().next().expect("there is one class");
            assert!(longest >= ns && longest - ns <= (ns / 32).max(1) && (share - 1.0).abs() < 1e-9, "{ns} in the class of {longest}");
        }
    }

    #[test]
    fn a_course_keeps_its_last_number_whatever_is_left_out() {
        let mut course = Course::default();
        (0..100_000u64).for_each(|i| course.add(i * 777, i % 1_009));
        assert!(course.points.len() <= MAX_POINTS && course.points.len() > MAX_POINTS / 4);
        assert_eq!(course.points.last(), Some(&(99_999 * 777, 99_999 % 1_009)));
        assert!(course.points.is_sorted());
    }
}
