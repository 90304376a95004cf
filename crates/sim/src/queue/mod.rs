//! [`Queue`]: all that is still to happen, in one total order.
//!
//! # The order
//!
//! Events are ordered by their [`Stamp`]: time, then destination, then source, then the source's own counter. No two pending events have equal
//! stamps, and none of the four depends on who computes the event or in which order peers are computed: one thread and many agree.
//!
//! # Why windows
//!
//! A binary heap of a million pending events misses the cache at every level: measured, 0.8 million events a second. But nearly all events of a
//! network simulation are arrivals, and an arrival is never sooner than the smallest latency. So time is cut into windows shorter than that:
//!
//! ```text
//!          late heap               ring: one unsorted bucket a window            far: one bucket an epoch
//!   ──────────┬───────────┬──────┬──────┬──────┬─────  …  ──┬──────┬───────────────┬───────────────┬── …
//!     past    │   open    │ next │      │      │            │      │   epoch e+2   │   epoch e+3   │
//!             │ (sorted)  │      │      │      │            │      │               │               │
//!   ──────────┴───────────┴──────┴──────┴──────┴─────  …  ──┴──────┴───────────────┴───────────────┴── …
//!                         └──── epochs e and e+1, 4096 windows each ┘
//! ```
//!
//! Adding an event appends it to the bucket of its window: no comparison at all. When a window opens, its bucket is sorted once, in cache. What
//! falls into the open window or before it (a host's command, a timer of no delay, a latency below the window's width) goes to a small heap that
//! is merged in order. So the width decides the speed and never the order; a latency of zero is right, just slower. Buckets further ahead than
//! two epochs share one bucket an epoch, and are dealt out to the ring when their epoch comes near: a calendar queue (Brown, CACM 1988) of two
//! levels. A property test compares the order with a plain binary heap's.
//!
//! Nothing is allocated per event: buckets are chains of chunks that are used again.

mod chunks;
mod late;
mod ring;

#[cfg(test)]
mod tests;

use peerglass_core::Time;

use chunks::{Chunks, Entry};
use late::Late;
use ring::Ring;

/// The place of an event in the total order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// When it happens.
    pub time: Time,
    /// To whom: a peer's index.
    pub dest: u32,
    /// Because of whom: 0 for the run itself, whose events (joins, crashes) come first at their instant, else a peer's index plus one.
    pub source: u32,
    /// The source's own counter.
    pub order: u64,
}

/// A priority queue of events.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    /// A window is `1 << shift` nanoseconds long.
    shift: u32,
    chunks: Chunks<T>,
    ring: Ring,
    /// What falls into the open window or before it, after that window was opened.
    late: Late<T>,
    /// The open window's events in order: offset within the window above 32 bits of position.
    sorted: Vec<u64>,
    /// How many of them are done.
    done: usize,
    /// The open window's chunks.
    open: Vec<u32>,
    len: usize,
}

impl<T> Queue<T> {
    /// An empty queue with windows of at most `width` nanoseconds (a power of two from about 1 µs to about 1 ms).
    #[must_use]
    pub fn new(width: u64) -> Self {
        Self {
            shift: (width | 1).ilog2().clamp(10, 20),
            chunks: Chunks::new(),
            ring: Ring::new(),
            late: Late::new(),
            sorted: Vec::new(),
            done: 0,
            open: Vec::new(),
            len: 0,
        }
    }

    /// How many events are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that the queue holds, without what events point to.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.chunks.memory() + self.late.memory() + self.sorted.capacity() * size_of::<u64>() + self.ring.memory()
    }

    /// Adds an event. It may lie in the past: then it comes next.
    #[inline]
    pub fn push(&mut self, stamp: Stamp, item: T) {
        self.len += 1;
        let window = stamp.time.as_nanos() >> self.shift;
        if window < self.ring.next() {
            self.late.push(stamp, item);
        } else {
            self.ring.push(window, Entry { stamp, item: Some(item) }, &mut self.chunks);
        }
    }

    /// Takes the first event, unless it is later than `limit`.
    #[inline]
    pub fn pop(&mut self, limit: Time) -> Option<(Stamp, T)> {
        let (stamp, late) = self.find_first()?;
        if stamp.time > limit {
            return None;
        }
        self.len -= 1;
        if late {
            return Some((stamp, self.late.pop()?));
        }
        let item = self.chunks.take(&self.open, *self.sorted.get(self.done)? as u32);
        self.done += 1;
        Some((stamp, item?))
    }

    /// The place of the first event.
    pub fn first(&mut self) -> Option<Stamp> {
        self.find_first().map(|(stamp, _)| stamp)
    }

    /// The first event's place, and whether it is a late one.
    #[inline]
    fn find_first(&mut self) -> Option<(Stamp, bool)> {
        loop {
            let open = self.sorted.get(self.done).map(|packed| self.chunks.stamp(&self.open, *packed as u32));
            match (open, self.late.first()) {
                (Some(open), Some(late)) if late < open => return Some((late, true)),
                (Some(open), _) => return Some((open, false)),
                (None, Some(late)) => return Some((late, true)),
                (None, None) => {
                    if !self.open_next() {
                        return None;
                    }
                }
            }
        }
    }

    /// The next events of the open window, as far as they are known without looking further.
    pub fn upcoming(&self, count: usize) -> impl Iterator<Item = (Stamp, &T)> + '_ {
        let entries = self.sorted.iter().skip(self.done).take(count).map(|packed| self.chunks.entry(&self.open, *packed as u32));
        entries.filter_map(|entry| Some((entry.stamp, entry.item.as_ref()?)))
    }

    /// Opens the next window that holds anything. False when there is none.
    fn open_next(&mut self) -> bool {
        self.chunks.release(&mut self.open);
        self.sorted.clear();
        self.done = 0;
        let Some(bucket) = self.ring.open_next(&mut self.chunks, self.shift) else { return false };
        self.chunks.unchain(bucket, &mut self.open);
        self.sort();
        true
    }

    /// Sorts by time within the window first, packed in one word with the position: the whole stamp is only looked at where times are equal.
    fn sort(&mut self) {
        let (chunks, open) = (&self.chunks, &self.open);
        let mask = (1u64 << self.shift) - 1;
        let sorted = &mut self.sorted;
        chunks.for_each_stamp(open, |position, stamp| sorted.push((stamp.time.as_nanos() & mask) << 32 | u64::from(position)));
        self.sorted.sort_unstable();
        for run in self.sorted.chunk_by_mut(|a, b| a >> 32 == b >> 32) {
            if run.len() > 1 {
                // Positions are in order of arrival, which often is the right order already: that is noticed and costs nothing.
                run.sort_unstable_by_key(|packed| chunks.stamp(open, *packed as u32));
            }
        }
    }
}
