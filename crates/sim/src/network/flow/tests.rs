use super::*;
use core::time::Duration;
use proptest::prelude::*;
use std::collections::BTreeMap;

const MBIT: u64 = 1_000_000;

fn flow(id: u64, from: u32, to: u32, bytes: u64, up: Option<u64>, down: Option<u64>) -> Flow {
    Flow { id, from: Peer(from), to: Peer(to), bytes, up, down }
}

/// Completes everything, and says what completed when.
fn run_out(flows: &mut Flows) -> Vec<(Time, u64)> {
    let mut done = Vec::new();
    while let Some(time) = flows.next_completion() {
        done.extend(flows.complete(time).into_iter().map(|id| (time, id)));
    }
    done
}

#[test]
fn a_flow_alone_takes_as_long_as_its_slower_link() {
    let mut flows = Flows::new();
    flows.start(Time::from_secs(3), flow(1, 0, 1, 1_000_000, Some(8 * MBIT), Some(2 * MBIT)));
    assert_eq!(flows.rate(1), Some(2e6));
    assert_eq!(flows.delivered(Time::from_secs(5), 1), Some(500_000));
    assert_eq!(run_out(&mut flows), [(Time::from_secs(7), 1)]);
    assert!(flows.is_empty() && flows.completions.is_empty() && flows.of(Peer(0)).is_empty());
}

#[test]
fn flows_without_a_limit_complete_at_once() {
    let mut flows = Flows::new();
    flows.start(Time::from_secs(1), flow(1, 0, 1, u64::MAX, None, None));
    flows.start(Time::from_secs(1), flow(2, 3, 3, u64::MAX, Some(1), Some(1)));
    flows.start(Time::from_secs(1), flow(3, 4, 5, 0, Some(1), Some(1)));
    assert_eq!(flows.next_completion(), Some(Time::from_secs(1)));
    assert_eq!(flows.complete(Time::from_secs(1)), [1, 2, 3]);
    assert_eq!(flows.next_completion(), None);
}

/// A file of F bytes to N receivers takes a server max(NF / u, F / d) (Kurose and Ross, section 2.5).
#[test]
fn a_server_takes_as_long_as_the_textbook_says() {
    for (n, up, down) in [(10, 100 * MBIT, 5 * MBIT), (50, 100 * MBIT, 5 * MBIT)] {
        let mut flows = Flows::new();
        for to in 1..=n {
            flows.start(Time::ZERO, flow(u64::from(to), 0, to, 10_000_000, Some(up), Some(down)));
        }
        let expected = (f64::from(n) * 8e7 / up as f64).max(8e7 / down as f64);
        let done = run_out(&mut flows);
        assert_eq!(done.len(), n as usize);
        assert!(done.iter().all(|(time, _)| (time.as_secs_f64() - expected).abs() < 1e-8), "{n}: {done:?}, expected {expected}");
    }
}

#[test]
fn what_one_flow_leaves_goes_to_the_others_when_it_ends() {
    let mut flows = Flows::new();
    // Two share 8 Mbit/s: the first has 1 MB, the second 2 MB. At 2 s the first is done, the second has 1 MB left and all of the link.
    flows.start(Time::ZERO, flow(1, 0, 1, 1_000_000, Some(8 * MBIT), None));
    flows.start(Time::ZERO, flow(2, 0, 2, 2_000_000, Some(8 * MBIT), None));
    assert_eq!((flows.rate(1), flows.rate(2)), (Some(4e6), Some(4e6)));
    assert_eq!(run_out(&mut flows), [(Time::from_secs(2), 1), (Time::from_secs(3), 2)]);
}

#[test]
fn a_late_caller_gets_everything_in_order_and_at_the_rates_of_then() {
    let mut flows = Flows::new();
    flows.start(Time::ZERO, flow(1, 0, 1, 1_000_000, Some(8 * MBIT), None));
    flows.start(Time::ZERO, flow(2, 0, 2, 2_000_000, Some(8 * MBIT), None));
    // Both have ended by the time that the third begins: it has the link for itself.
    flows.start(Time::from_secs(10), flow(3, 0, 1, 1_000_000, Some(8 * MBIT), None));
    assert_eq!(flows.complete(Time::from_secs(10)), [1, 2]);
    assert_eq!(run_out(&mut flows), [(Time::from_secs(11), 3)]);
}

#[test]
fn a_cancelled_flow_says_what_it_delivered_and_makes_room() {
    let mut flows = Flows::new();
    flows.start(Time::ZERO, flow(1, 0, 1, 1_000_000, Some(8 * MBIT), None));
    flows.start(Time::ZERO, flow(2, 0, 2, 1_000_000, Some(8 * MBIT), None));
    assert_eq!(flows.of(Peer(0)), [1, 2]);
    assert_eq!(flows.cancel(Time::from_secs(1), 1), Some(500_000));
    assert_eq!(flows.cancel(Time::from_secs(1), 1), None);
    assert_eq!(flows.of(Peer(0)), [2]);
    assert_eq!(run_out(&mut flows), [(Time::from_millis(1_500), 2)]);
}

#[test]
fn a_flow_that_ends_at_the_instant_at_which_it_began_leaves_no_trace() {
    let mut flows = Flows::new();
    flows.start(Time::ZERO, flow(1, 0, 1, 1_000, Some(8_000), None));
    assert_eq!(flows.cancel(Time::ZERO, 1), Some(0));
    assert_eq!(flows.next_completion(), None);
    flows.start(Time::ZERO, flow(2, 0, 1, 1_000, Some(8_000), None));
    assert_eq!(flows.cancel(Time::ZERO, 2), Some(0));
    flows.start(Time::ZERO, flow(3, 5, 6, 1_000, Some(8_000), None));
    assert_eq!(run_out(&mut flows), [(Time::from_secs(1), 3)]);
}

#[test]
fn new_limits_hold_from_now_on() {
    let mut flows = Flows::new();
    flows.start(Time::ZERO, flow(1, 0, 1, 1_000_000, Some(8 * MBIT), None));
    flows.set_access(Time::from_millis(500), Peer(0), Some(4 * MBIT), None);
    assert_eq!(flows.next_completion(), Some(Time::from_millis(1_500)));
    flows.set_access(Time::from_millis(500), Peer(0), Some(0), None);
    assert_eq!(flows.next_completion(), None);
    flows.set_access(Time::from_secs(9), Peer(0), None, Some(1));
    assert_eq!(run_out(&mut flows), [(Time::from_secs(9), 1)]);
}

#[test]
fn an_id_that_is_under_way_is_not_taken_twice() {
    let mut flows = Flows::new();
    assert!(flows.start(Time::ZERO, flow(1, 0, 1, 1_000, Some(8_000), None)));
    assert!(!flows.start(Time::ZERO, flow(1, 5, 6, 1, None, None)));
    assert_eq!(run_out(&mut flows), [(Time::from_secs(1), 1)]);
    assert!(flows.start(Time::from_secs(1), flow(1, 5, 6, 1, None, None)));
}

/// What can be asked of flows: begin one, cancel one, change a link, each after a while.
#[derive(Clone, Debug)]
enum Ask {
    Start { from: u32, to: u32, bytes: u64 },
    Cancel { which: u64 },
    Access { peer: u32, class: usize },
}

const CLASSES: [(Option<u64>, Option<u64>); 4] = [(Some(MBIT), Some(10 * MBIT)), (Some(3 * MBIT), None), (None, Some(7_777_777)), (None, None)];

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        6 => (0u32..8, 0u32..8, 0u64..3_000_000).prop_map(|(from, to, bytes)| Ask::Start { from, to, bytes }),
        1 => (0u64..60).prop_map(|which| Ask::Cancel { which }),
        1 => (0u32..8, 0usize..4).prop_map(|(peer, class)| Ask::Access { peer, class }),
    ]
}

/// Everything that came out of a history: completions with their times, and the bytes that cancelled flows had delivered.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    completed: Vec<(Time, u64)>,
    cancelled: Vec<(u64, u64)>,
    sizes: BTreeMap<u64, u64>,
}

fn play(history: &[(u64, Ask)], mut look: impl FnMut(&mut Flows, &[usize])) -> Outcome {
    let (mut flows, mut outcome, mut now) = (Flows::new(), Outcome::default(), Time::ZERO);
    let mut classes: Vec<usize> = (0..8).map(|peer| peer % 4).collect();
    for (id, (gap, ask)) in (0..).zip(history) {
        let next = now + Duration::from_micros(*gap);
        while let Some(time) = flows.next_completion().filter(|time| *time <= next) {
            outcome.completed.extend(flows.complete(time).into_iter().map(|id| (time, id)));
        }
        now = next;
        match *ask {
            Ask::Start { from, to, bytes } => {
                let (up, down) = (CLASSES[classes[from as usize]].0, CLASSES[classes[to as usize]].1);
                assert!(flows.start(now, flow(id, from, to, bytes, up, down)));
                outcome.sizes.insert(id, bytes);
            }
            Ask::Cancel { which } => outcome.cancelled.extend(flows.cancel(now, which).map(|bytes| (which, bytes))),
            Ask::Access { peer, class } => {
                classes[peer as usize] = class;
                flows.set_access(now, Peer(peer), CLASSES[class].0, CLASSES[class].1);
            }
        }
        look(&mut flows, &classes);
    }
    outcome.completed.extend(run_out(&mut flows));
    outcome
}

/// The marks of max-min fairness, on the flows of the whole world: the ones that were not computed anew must still have them.
fn assert_fair(flows: &mut Flows, classes: &[usize]) {
    flows.settle();
    let limit = |(peer, direction): LinkId| {
        let (up, down) = CLASSES[classes[peer.index()]];
        if direction == Direction::Up { up } else { down }
    };
    let table = &flows.table;
    let rates = |link: &Shared| link.flows.iter().map(|place| table.flow(*place).rate).collect::<Vec<f64>>();
    for link in table.links.iter().filter(|link| !link.flows.is_empty()) {
        assert_eq!(link.rate, limit(link.id));
        assert!(link.rate.is_none_or(|rate| rates(link).iter().sum::<f64>() <= rate as f64 * (1.0 + 1e-9)), "{link:?} is over its capacity");
    }
    let live: Vec<_> = (0..60).filter_map(|id| table.find(id)).map(|place| table.flow(place)).collect();
    assert_eq!(live.len(), flows.len());
    for flow in live {
        let limited: Vec<&Shared> =
            flow.path.into_iter().flatten().map(|link| &table.links[link as usize]).filter(|link| link.rate.is_some()).collect();
        let is_bottleneck = |link: &&Shared| {
            let full = link.rate.is_some_and(|rate| rates(link).iter().sum::<f64>() >= rate as f64 * (1.0 - 1e-9));
            full && rates(link).iter().all(|rate| *rate <= flow.rate * (1.0 + 1e-9))
        };
        assert!(if limited.is_empty() { flow.rate.is_infinite() } else { limited.iter().any(is_bottleneck) }, "flow {} has no bottleneck", flow.id);
    }
}

proptest! {
    #[test]
    fn rates_are_fair_after_every_change(history in proptest::collection::vec((0u64..500_000, ask()), 1..60)) {
        play(&history, assert_fair);
    }

    #[test]
    fn every_byte_is_delivered_once_and_two_runs_are_equal(history in proptest::collection::vec((0u64..500_000, ask()), 1..60)) {
        let outcome = play(&history, |_, _| {});
        prop_assert_eq!(&outcome, &play(&history, |_, _| {}));
        // Looking does not disturb.
        prop_assert_eq!(&outcome, &play(&history, |flows, _| { flows.next_completion(); }));
        let mut ended: Vec<u64> = outcome.completed.iter().map(|(_, id)| *id).chain(outcome.cancelled.iter().map(|(id, _)| *id)).collect();
        ended.sort_unstable();
        prop_assert!(ended.iter().eq(outcome.sizes.keys()), "each flow ends once");
        prop_assert!(outcome.cancelled.iter().all(|(id, bytes)| *bytes <= outcome.sizes[id]));
        prop_assert!(outcome.completed.is_sorted_by_key(|(time, _)| *time));
    }

    /// A link with work is never idle: whatever comes when, the last flow ends when a queue would.
    #[test]
    fn a_link_carries_its_rate_while_anything_waits(starts in proptest::collection::vec((0u64..2_000_000, 1u64..1_000_000), 1..40)) {
        let (mut flows, mut now, mut idle_at) = (Flows::new(), Time::ZERO, 0.0f64);
        for (id, (gap, bytes)) in (0..).zip(&starts) {
            now += Duration::from_micros(*gap);
            flows.start(now, flow(id, 0, 1 + id as u32, *bytes, Some(8 * MBIT), None));
            idle_at = idle_at.max(now.as_secs_f64()) + *bytes as f64 / MBIT as f64;
        }
        let mut last = Time::ZERO;
        while let Some(time) = flows.next_completion() {
            flows.complete(time);
            last = time;
        }
        // Each completion is rounded up to a nanosecond.
        let late = last.as_secs_f64() - idle_at;
        prop_assert!((-1e-9..=1e-9 * (1.0 + starts.len() as f64)).contains(&late), "{} s late", late);
    }
}
