//! [`Ranges`]: a set of numbers, as ranges.

/// A set of numbers of 64 bits, as ranges in ascending order with gaps between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// All numbers.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![(0, u64::MAX)])
    }

    pub(super) fn one(number: u64) -> Self {
        Self(vec![(number, number)])
    }

    pub(super) fn below(number: u64) -> Self {
        Self(number.checked_sub(1).map(|last| (0, last)).into_iter().collect())
    }

    /// The ranges, each as its first and last number.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().copied()
    }

    /// Whether there is no number in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `number` is in it.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.overlaps(number, number)
    }

    /// Whether any number from `first` to `last` is in it: whether a group with these extremes may hold one.
    #[must_use]
    pub fn overlaps(&self, first: u64, last: u64) -> bool {
        let at = self.0.partition_point(|(_, end)| *end < first);
        first <= last && self.0.get(at).is_some_and(|(start, _)| *start <= last)
    }

    /// The least and the greatest number, if there are any.
    #[must_use]
    pub fn extremes(&self) -> Option<(u64, u64)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    pub(super) fn union<'a>(parts: impl IntoIterator<Item = &'a Ranges>) -> Self {
        let mut ranges: Vec<(u64, u64)> = parts.into_iter().flat_map(Ranges::iter).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (start, end) in ranges {
            match merged.last_mut() {
                Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    pub(super) fn complement(&self) -> Self {
        let mut gaps = Vec::new();
        // The first number that is not yet decided; none after the greatest of all.
        let mut next = Some(0);
        for (start, end) in self.iter() {
            gaps.extend(next.filter(|from| *from < start).map(|from| (from, start - 1)));
            next = end.checked_add(1);
        }
        gaps.extend(next.map(|from| (from, u64::MAX)));
        Self(gaps)
    }

    pub(super) fn intersect(&self, other: &Ranges) -> Self {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut common = Vec::new();
        while let (Some((a_start, a_end)), Some((b_start, b_end))) = (a.peek(), b.peek()) {
            let (start, end) = (*a_start.max(b_start), *a_end.min(b_end));
            if start <= end {
                common.push((start, end));
            }
            if a_end <= b_end {
                a.next()
            } else {
                b.next()
            };
        }
        Self(common)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sets of small numbers, and of those at the end, where arithmetic overflows.
    fn ranges() -> impl Strategy<Value = Ranges> {
        let number = || prop_oneof![0..24u64, (u64::MAX - 8)..=u64::MAX];
        proptest::collection::vec((number(), number()), 0..5)
            .prop_map(|pairs| Ranges::union(&pairs.into_iter().map(|(a, b)| Ranges(vec![(a.min(b), a.max(b))])).collect::<Vec<_>>()))
    }

    fn probes() -> impl Iterator<Item = u64> {
        (0..26).chain(u64::MAX - 10..=u64::MAX)
    }

    proptest! {
        #[test]
        fn sets_of_ranges_are_sets(a in ranges(), b in ranges()) {
            for n in probes() {
                prop_assert_eq!(Ranges::union([&a, &b]).contains(n), a.contains(n) || b.contains(n));
                prop_assert_eq!(a.intersect(&b).contains(n), a.contains(n) && b.contains(n));
                prop_assert_eq!(a.complement().contains(n), !a.contains(n));
            }
            prop_assert_eq!(&a.complement().complement(), &a);
            prop_assert_eq!(a.extremes().is_none(), a.is_empty());
        }

        #[test]
        fn a_group_is_skipped_only_when_none_of_its_numbers_is_in(a in ranges(), first in 0..24u64, length in 0..6u64) {
            prop_assert_eq!(a.overlaps(first, first + length), (first..=first + length).any(|n| a.contains(n)));
        }
    }
}
