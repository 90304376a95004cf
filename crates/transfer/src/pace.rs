//! How fast a source gives: [`Pace`].
//!
//! Bytes over time is the rate only while the source is the bottleneck. Small blocks are asked for a few at a time, and then most of the time is
//! the way there and back: bytes over time would make every distant source look slow, the more so the smaller the blocks. So time counts only
//! while the source was busy with us. A block that was asked for early enough to lie in the source's queue when the block before it came has
//! taken, since then, what its own transfer takes, and nothing else (the spacing of a packet train; Jacobson, *pathchar*, 1997, and the delivery
//! rate samples of BBR, which likewise do not count when the sender had too little to do):
//!
//! ```text
//!   asked    a b c d              e f
//!   arrived          a  b  c  d         e  f
//!   counted            ▬▬ ▬▬ ▬▬           ▬▬      the way there and back, before a and before e, is not
//! ```
//!
//! One block alone says nothing of the rate, except when it is large and took much longer than the fastest answer did, or is the first.

use core::time::Duration;

use peerglass_core::Time;

/// A rate is measured over at least this many bytes, ...
const BYTES: u64 = 64 << 10;
/// ... the first time over at least this long, so that what a socket handed out at once is not taken for a rate, ...
const FIRST: Duration = Duration::from_millis(10);
/// ... and then over at least this long.
const SAMPLE: Duration = Duration::from_millis(100);
/// A block at least this large measures the rate even when it was asked for alone.
const LARGE: u32 = 64 << 10;

#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    rate: Option<u64>,
    /// What the first block says when it is large. It took the way there and back too, so this is too low, and gives way to the first measurement.
    guess: Option<u64>,
    bytes: u64,
    busy: Duration,
    /// When the latest block came, and when the first of those that came without a pause between.
    latest: Time,
    train: Time,
}

impl Pace {
    /// Bytes a second, once enough was seen.
    pub(crate) fn rate(&self) -> Option<u64> {
        self.rate.or(self.guess)
    }

    /// A block came that was asked for at `asked`; the fastest answer so far took `base`.
    pub(crate) fn delivered(&mut self, size: u32, asked: Time, base: Option<Duration>, now: Time) {
        let reached = asked + base.unwrap_or_default();
        let queued = reached <= self.latest;
        let before = core::mem::replace(&mut self.latest, now);
        if queued {
            // What came together with the first of a train was paid for by the way there and back.
            if now > self.train {
                self.count(size, now.since(before));
            }
            return;
        }
        self.train = now;
        let over = now.since(reached);
        match base {
            Some(base) if size >= LARGE && over > base => self.count(size, over),
            None if size >= LARGE => self.guess = Some(per_second(u64::from(size), over)),
            _ => {}
        }
    }

    fn count(&mut self, size: u32, busy: Duration) {
        self.bytes += u64::from(size);
        self.busy += busy;
        if self.bytes < BYTES || self.busy < if self.rate.is_some() { SAMPLE } else { FIRST } {
            return;
        }
        let rate = per_second(self.bytes, self.busy);
        self.rate = Some(self.rate.map_or(rate, |old| old / 2 + rate / 2).max(1));
        (self.bytes, self.busy) = (0, Duration::ZERO);
    }
}

fn per_second(bytes: u64, busy: Duration) -> u64 {
    u64::try_from(u128::from(bytes) * 1_000_000_000 / busy.as_nanos().max(1)).unwrap_or(u64::MAX).max(1)
}

/// How long `bytes` take at `rate` bytes a second; at most a day, so that sums of a few never overflow.
pub(crate) fn span(bytes: u64, rate: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(Duration::from_secs(86_400))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Asks for `depth` blocks at a time, all again when the last has come, of a source of `rate` bytes a second.
    fn in_bursts(rate: u64, latency: Duration, size: u32, depth: u32) -> Option<u64> {
        let (mut pace, mut now, mut base) = (Pace::default(), Time::from_secs(1), None);
        for _ in 0..1000 {
            let asked = now;
            now += latency;
            for _ in 0..depth {
                now += span(u64::from(size), rate);
                pace.delivered(size, asked, base, now);
                let took = now.since(asked);
                base = Some(base.map_or(took, |base: Duration| base.min(took)));
            }
        }
        pace.rate()
    }

    #[test]
    fn the_way_there_and_back_is_no_part_of_the_rate() {
        let rate = in_bursts(2_500_000, Duration::from_millis(200), 5000, 8).unwrap();
        assert!(rate.abs_diff(2_500_000) < 50_000, "{rate}");
    }

    #[test]
    fn small_blocks_one_at_a_time_measure_no_rate() {
        assert_eq!(in_bursts(2_500_000, Duration::from_millis(200), 5000, 1), None);
    }

    #[test]
    fn large_blocks_one_at_a_time_show_that_a_source_became_slow() {
        let (mut pace, mut now, base) = (Pace::default(), Time::from_secs(1), Some(Duration::from_millis(110)));
        for _ in 0..5 {
            let asked = now;
            now += Duration::from_secs(10);
            pace.delivered(1 << 20, asked, base, now);
        }
        let rate = pace.rate().unwrap();
        assert!(rate.abs_diff((1 << 20) / 10) < 2000, "{rate}");
    }

    proptest! {
        /// Whatever the latency and the sizes, a source that is asked for several blocks at a time measures as fast as it is.
        #[test]
        fn a_train_measures_the_rate(rate in 100_000u64..1_000_000_000, ms in 0u64..500, size in 1000u32..2_000_000, depth in 2u32..64) {
            let measured = in_bursts(rate, Duration::from_millis(ms), size, depth);
            if let Some(measured) = measured {
                prop_assert!(measured.abs_diff(rate) <= rate / 50, "{measured}");
            }
        }
    }
}
