//! Timers that protocols set, in the order they fire: by time, then by the order they were set.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use peerglass_core::Time;

use peerglass_trace::Cause;

/// What waits for its time.
#[derive(Debug)]
struct Waiting<T> {
    at: (Time, u64),
    timer: T,
    cause: Cause,
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl<T> Eq for Waiting<T> {}
impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

/// A queue of timers.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    heap: BinaryHeap<Reverse<Waiting<T>>>,
    set: u64,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new(), set: 0 }
    }

    /// Has `timer` come back at `time`, because of `cause`.
    pub(crate) fn set(&mut self, time: Time, timer: T, cause: Cause) {
        self.set += 1;
        self.heap.push(Reverse(Waiting { at: (time, self.set), timer, cause }));
    }

    /// When the next timer fires.
    pub(crate) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(waiting)| waiting.at.0)
    }

    /// The next timer whose time has come.
    pub(crate) fn due(&mut self, now: Time) -> Option<(T, Cause)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(waiting)| (waiting.timer, waiting.cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_by_time_and_then_in_the_order_they_were_set() {
        let mut timers = Timers::new();
        for (secs, name) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b'), (9, 'e')] {
            timers.set(Time::from_secs(secs), name, Cause::NONE);
        }
        assert_eq!(timers.due(Time::ZERO), None);
        let fired: String = std::iter::from_fn(|| timers.due(Time::from_secs(2))).map(|(name, _)| name).collect();
        assert_eq!(fired, "abcd");
        assert_eq!(timers.next(), Some(Time::from_secs(9)));
    }
}
