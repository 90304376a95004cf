//! The windowed queue pops in exactly the order of a plain binary heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use peerglass_core::Time;
use proptest::prelude::*;

use super::{Queue, Stamp};

#[derive(Clone, Debug)]
enum Action {
    /// Push an event so long after the last one popped.
    Push { after: u64, dest: u32, source: u32 },
    /// Push an event at an absolute time, perhaps long past.
    PushAt { time: u64, dest: u32 },
    /// Pop so many events, none later than this long after the last one.
    Pop { count: usize, within: u64 },
}

/// Delays of every scale: none, within a window, some windows, some epochs, the end of time.
fn delay() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0u64..3, 0u64..2_000, 0u64..5_000_000, 0u64..100_000_000_000, Just(u64::MAX), any::<u64>()]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (delay(), 0u32..3, 0u32..3).prop_map(|(after, dest, source)| Action::Push { after, dest, source }),
        1 => (delay(), 0u32..3).prop_map(|(time, dest)| Action::PushAt { time, dest }),
        2 => (1usize..8, delay()).prop_map(|(count, within)| Action::Pop { count, within }),
    ]
}

/// The queue under test beside its reference.
struct Both {
    queue: Queue<u64>,
    heap: BinaryHeap<Reverse<(Stamp, u64)>>,
    now: u64,
    order: u64,
}

impl Both {
    fn new(width: u64) -> Self {
        Self { queue: Queue::new(width), heap: BinaryHeap::new(), now: 0, order: 0 }
    }

    fn push(&mut self, time: u64, dest: u32, source: u32) {
        self.order += 1;
        let stamp = Stamp { time: Time::from_nanos(time), dest, source, order: self.order };
        self.queue.push(stamp, self.order);
        self.heap.push(Reverse((stamp, self.order)));
    }

    fn pop(&mut self, limit: Time) -> bool {
        let expected = self.heap.peek().filter(|Reverse((stamp, _))| stamp.time <= limit).map(|Reverse(pair)| *pair);
        let found = self.queue.pop(limit);
        assert_eq!(found, expected);
        if let Some((stamp, _)) = expected {
            self.heap.pop();
            self.now = self.now.max(stamp.time.as_nanos());
        }
        assert_eq!(self.queue.len(), self.heap.len());
        expected.is_some()
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Push { after, dest, source } => self.push(self.now.saturating_add(after), dest, source),
            Action::PushAt { time, dest } => self.push(time, dest, 0),
            Action::Pop { count, within } => {
                let limit = Time::from_nanos(self.now.saturating_add(within));
                (0..count).all(|_| self.pop(limit));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn events_pop_in_the_order_of_a_binary_heap(width: u64, narrow in 0u64..100_000_000, actions in proptest::collection::vec(action(), 0..120)) {
        for width in [width, narrow, 0] {
            let mut both = Both::new(width);
            actions.iter().for_each(|action| both.act(action));
            while both.pop(Time::MAX) {}
            prop_assert!(both.queue.is_empty());
        }
    }
}

#[test]
fn a_million_random_events_with_many_in_flight_keep_their_order() {
    let mut both = Both::new(5_000_000);
    let mut rng = peerglass_core::Rng::new(7);
    for i in 0..10_000u64 {
        both.push(rng.below(80_000_000), (i % 100) as u32, 0);
    }
    for _ in 0..500_000 {
        assert!(both.pop(Time::MAX));
        // Mostly arrivals, at times a timer within the window or far away.
        let after = match rng.below(20) {
            0 => rng.below(1000),
            1 => 60_000_000_000 + rng.below(1_000_000_000),
            _ => 5_000_000 + rng.below(75_000_000),
        };
        both.push(both.now + after, rng.below(100) as u32, rng.below(3) as u32);
    }
    while both.pop(Time::MAX) {}
}

#[test]
fn many_events_at_one_instant_are_ordered_by_destination_source_and_counter() {
    let mut both = Both::new(1_000_000);
    let mut rng = peerglass_core::Rng::new(3);
    for _ in 0..20_000 {
        both.push(7_000_000, rng.below(50) as u32, rng.below(50) as u32);
    }
    while both.pop(Time::MAX) {}
}

#[test]
fn memory_follows_what_is_pending_and_not_what_ever_was() {
    let mut queue = Queue::new(1_000_000);
    let mut now = Time::ZERO;
    for round in 0..200_000u64 {
        let after = core::time::Duration::from_nanos(20_000_000 + round * 7919 % 60_000_000);
        queue.push(Stamp { time: now + after, dest: 0, source: 0, order: round }, round);
        if round >= 1_000 {
            now = queue.pop(Time::MAX).expect("a thousand are pending").0.time;
        }
    }
    // A thousand events over some sixty windows: chunks are partly empty, but none is lost.
    assert!(queue.memory() < 1_000_000, "{} bytes for {} events", queue.memory(), queue.len());
}
