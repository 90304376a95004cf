//! [`Clock`]: a peer's own clock, which may have been set wrong and may run fast or slow.
//!
//! ```text
//!   own = at_change + (now - change) · (1 + drift)        never less than what was shown before
//! ```
//!
//! Whole nanoseconds and a drift in parts per billion: no rounding depends on the machine.

use core::time::Duration;

use peerglass_core::Time;

const BILLION: i128 = 1_000_000_000;

/// A clock that is not the simulation's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// When it was last changed, in true time.
    change: Time,
    /// What it showed right after, in nanoseconds; negative if it was set back before zero.
    at_change: i128,
    /// How much faster it runs, in parts per billion; more than -10⁹.
    drift: i64,
    /// The latest that it has shown.
    shown: Time,
}

impl Clock {
    /// A clock that shows true time at `now`.
    pub(crate) fn right(now: Time) -> Self {
        Self { change: now, at_change: i128::from(now.as_nanos()), drift: 0, shown: now }
    }

    /// Jumps by `skew` nanoseconds and runs with `drift` parts per million from now on.
    pub(crate) fn change(&mut self, now: Time, skew: i64, drift: f64) {
        self.at_change = self.raw(now) + i128::from(skew);
        self.change = now;
        self.drift = ((drift * 1e3) as i64).clamp(1 - BILLION as i64, i64::MAX / 4);
    }

    fn raw(&self, now: Time) -> i128 {
        let elapsed = i128::from(now.as_nanos()) - i128::from(self.change.as_nanos());
        self.at_change + elapsed * (BILLION + i128::from(self.drift)) / BILLION
    }

    /// What it shows.
    pub(crate) fn read(&mut self, now: Time) -> Time {
        let nanos = self.raw(now).clamp(0, i128::from(u64::MAX)) as u64;
        self.shown = self.shown.max(Time::from_nanos(nanos));
        self.shown
    }

    /// How long it truly takes until the clock has gone `delay` further, rounded up.
    pub(crate) fn true_length(&self, delay: Duration) -> Duration {
        if self.drift == 0 {
            return delay;
        }
        let own = i128::try_from(delay.as_nanos()).unwrap_or(i128::MAX / BILLION).min(i128::from(u64::MAX));
        let rate = BILLION + i128::from(self.drift);
        Duration::from_nanos(u64::try_from((own * BILLION + rate - 1) / rate).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_fast_clock_runs_ahead_and_its_timers_come_early() {
        let mut clock = Clock::right(Time::from_secs(10));
        clock.change(Time::from_secs(10), 2 * SECOND, 100_000.0);
        assert_eq!(clock.read(Time::from_secs(10)), Time::from_secs(12));
        assert_eq!(clock.read(Time::from_secs(20)), Time::from_secs(23));
        assert_eq!(clock.true_length(Duration::from_secs(11)), Duration::from_secs(10));
    }

    #[test]
    fn a_clock_set_back_stands_still_and_never_goes_back() {
        let mut clock = Clock::right(Time::from_secs(10));
        assert_eq!(clock.read(Time::from_secs(10)), Time::from_secs(10));
        clock.change(Time::from_secs(10), -5 * SECOND, 0.0);
        assert_eq!(clock.read(Time::from_secs(12)), Time::from_secs(10));
        assert_eq!(clock.read(Time::from_secs(16)), Time::from_secs(11));
    }

    #[test]
    fn absurd_changes_saturate() {
        let mut clock = Clock::right(Time::ZERO);
        clock.change(Time::from_secs(1), i64::MIN, -1e300);
        assert_eq!(clock.read(Time::MAX), Time::ZERO);
        clock.change(Time::from_secs(1), i64::MAX, f64::INFINITY);
        assert_eq!(clock.read(Time::MAX), Time::MAX);
        let _ = clock.true_length(Duration::MAX);
        clock.change(Time::from_secs(1), 0, f64::NAN);
        let _ = clock.read(Time::from_secs(2));
    }
}
