//! The node's clock: nanoseconds since the Unix epoch, anchored once and then counted by the monotonic clock, so that it never goes back when
//! somebody sets the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use peerglass_core::Time;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Duration,
    anchor: Instant,
}

impl Clock {
    /// A clock that starts at the system's time.
    pub(crate) fn start() -> Self {
        // A system whose clock stands before 1970 counts from there.
        Self { epoch: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(), anchor: Instant::now() }
    }

    /// Now.
    pub(crate) fn now(&self) -> Time {
        Time::ZERO + self.epoch + self.anchor.elapsed()
    }

    /// When `time` is, on tokio's clock.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.anchor + time.since(Time::ZERO + self.epoch)
    }
}
