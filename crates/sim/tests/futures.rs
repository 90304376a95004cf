//! Several threads give the result of one; a fork goes on as its original does, until something is done to one of them.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod common;

use core::time::Duration;
use std::sync::Arc;

use common::{Ear, Order, Puppet, Stage, Word, ms, wire_len, world};
use peerglass_core::{Peer, Time};
use peerglass_sim::{
    Access, Detection, Latency, LinkFault, LinkRule, Loss, Meddling, Network, PeerFault, PeerSet, Setup, Sight, Simulation, Stats, Stop,
};
use peerglass_trace::{Off, Totals};
use proptest::prelude::*;

type Silent = Simulation<Puppet, Ear, Off>;

/// A random world: its network, how many peers, and what befalls them.
#[derive(Clone, Debug)]
struct Scenario {
    seed: u64,
    peers: u32,
    network: Network,
    faults: Vec<(u8, u32, u64)>,
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let latency = prop_oneof![
        (1u64..40).prop_map(|millis| Latency::Constant(Duration::from_millis(millis))),
        (1u64..20, 0u64..40).prop_map(|(from, more)| Latency::Uniform { from: Duration::from_millis(from), to: Duration::from_millis(from + more) }),
        (1u64..10, 0.0f64..1.0).prop_map(|(least, sigma)| Latency::LogNormal {
            median: Duration::from_millis(20),
            sigma,
            least: Duration::from_millis(least)
        }),
    ];
    let detection =
        prop_oneof![Just(Detection::RoundTrip), Just(Detection::Never), (0u64..5).prop_map(|s| Detection::After(Duration::from_millis(s)))];
    let network = (latency, 0.0f64..0.3, detection, any::<bool>()).prop_map(|(latency, loss, detection, narrow)| Network {
        latency,
        loss: Loss::Bernoulli(loss),
        detection,
        access: if narrow { Access::of(100_000, 50_000) } else { Access::default() },
        ..Network::default()
    });
    (any::<u64>(), 1u32..40, network, proptest::collection::vec((0u8..8, 0u32..40, 0u64..300), 0..20))
        .prop_map(|(seed, peers, network, faults)| Scenario { seed, peers, network, faults })
}

fn simulation(scenario: &Scenario) -> Silent {
    let config = Stage { peers: scenario.peers };
    let mut sim = Simulation::new(Setup { seed: scenario.seed, config, network: scenario.network.clone(), wire_len, recorder: Off }).unwrap();
    for i in 0..scenario.peers {
        sim.join_at(ms(u64::from(i % 5)), Puppet::default(), Ear::default());
        let word = Word::Flood { hops: 6, fanout: 2 };
        sim.command_at(ms(10 + u64::from(i % 7)), Peer(i), Order::Send { to: Peer((i + 1) % scenario.peers), word }).unwrap();
        sim.command_at(ms(20), Peer(i), Order::Emit(2 * u64::from(i), Some(Peer(i / 2)))).unwrap();
    }
    for (kind, peer, at) in &scenario.faults {
        let (peer, at) = (Peer(peer % scenario.peers), ms(*at));
        let fault = match kind {
            0 => PeerFault::Crash,
            1 => PeerFault::Restart { fresh: None },
            2 => PeerFault::Freeze { lasting: Duration::from_millis(30) },
            3 => PeerFault::Slow { each: Duration::from_millis(2) },
            4 => PeerFault::Clock { skew: 5_000_000, drift: 50_000.0 },
            5 => {
                sim.inject_at(at, peer, Peer(peer.0 / 2), Word::Say { value: 99, bytes: 10 }).unwrap();
                continue;
            }
            6 => {
                sim.tap(Arc::new(move |sight| meddle(sight, peer)));
                continue;
            }
            _ => {
                let rule = LinkRule { from: PeerSet::of([peer]), to: PeerSet::All, what: LinkFault::Loss(0.5) };
                let id = sim.rule_at(at, rule).unwrap();
                sim.lift_at(at + Duration::from_millis(40), id);
                continue;
            }
        };
        sim.fault_at(at, peer, fault).unwrap();
    }
    sim.do_at(ms(33), |sim| sim.fault_now(Peer(0), PeerFault::Freeze { lasting: Duration::from_millis(7) }).unwrap());
    sim
}

/// What a tap at `peer` does to its packets, now this and now that.
fn meddle(sight: &Sight<'_, Puppet>, peer: Peer) -> Vec<Meddling<Word>> {
    let say = |value| Word::Say { value, bytes: 3 };
    match (sight.from == peer, sight.time.as_nanos() % 4) {
        (true, 0) => vec![Meddling::Replace(say(7)), Meddling::Inject { to: Peer(0), message: say(8) }],
        (true, 1) => vec![LinkFault::Delay(Duration::from_millis(3)).into(), LinkFault::Duplicate(0.5).into()],
        (true, 2) => vec![LinkFault::Loss(0.5).into()],
        _ => Vec::new(),
    }
}

/// Everything that can be seen of a run.
fn outcome(sim: &Silent) -> (Totals, Stats, Time, String) {
    let states: Vec<_> = sim.peers().map(|(peer, puppet)| (peer, puppet, sim.host(peer).unwrap(), sim.alive(peer))).collect();
    (sim.totals().into_owned(), Stats { memory: 0, ..sim.stats() }, sim.now(), format!("{states:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_number_of_threads_gives_the_same_result(scenario in scenarios(), threads in 2usize..6, pause in 0u64..200) {
        let mut one = simulation(&scenario);
        one.run_until(Time::from_secs(5));
        let mut many = simulation(&scenario);
        many.run_until_on(ms(pause), threads);
        // From threads to steps and back: shards are nobody's business.
        (0..20).for_each(|_| { many.step(); });
        many.run_until_on(Time::from_secs(5), threads);
        prop_assert_eq!(outcome(&one), outcome(&many));
    }

    #[test]
    fn a_fork_and_its_original_go_on_identically(scenario in scenarios(), pause in 0u64..200, threads in 1usize..4) {
        let mut original = simulation(&scenario);
        original.run_until(ms(pause));
        let before = outcome(&original);
        let snapshot = original.clone();
        original.run_until(Time::from_secs(5));
        let mut fork = snapshot.fork(Off);
        fork.run_until_on(Time::from_secs(5), threads);
        prop_assert_eq!(outcome(&original), outcome(&fork));
        prop_assert_eq!(outcome(&snapshot), before);
    }
}

#[test]
fn two_futures_differ_only_by_what_is_done_to_one_of_them() {
    let mut sim = world(1, 3, Network::default());
    sim.command_at(ms(0), Peer(0), Order::Send { to: Peer(1), word: Word::Ask(1) }).unwrap();
    sim.run_until(ms(10));
    let mut what_if = sim.fork(Vec::new());
    what_if.crash_at(ms(20), Peer(1)).unwrap();
    sim.run_until_idle(100);
    what_if.run_until_idle(100);
    assert_eq!((sim.peer(Peer(0)).unwrap().heard.len(), what_if.peer(Peer(0)).unwrap().heard.len()), (1, 0));
    // The fork's records go on where those of the original stood.
    assert_eq!(what_if.recorder()[0].seq, sim.recorder().iter().find(|record| record.time > ms(10)).unwrap().seq);
}

#[test]
fn a_run_can_be_replayed_up_to_any_record() {
    let records = |limit| {
        let mut sim = world(3, 10, Network::default());
        for i in 0..10 {
            sim.command_at(ms(1), Peer(i), Order::Send { to: Peer(0), word: Word::Flood { hops: 4, fanout: 2 } }).unwrap();
        }
        sim.run_to_record(limit);
        sim.into_recorder().unwrap()
    };
    let whole = records(u64::MAX);
    for limit in [0, 1, 17, 100] {
        let some = records(limit);
        assert!(some.len() as u64 > limit && (some.len() as u64) < limit + 10, "{} for {limit}", some.len());
        assert_eq!(some[..], whole[..some.len()]);
    }
}

#[test]
fn a_run_to_the_end_of_time_ends_on_any_number_of_threads() {
    for threads in [1, 2, 4] {
        let mut sim = simulation(&Scenario { seed: 1, peers: 16, network: Network::default(), faults: Vec::new() });
        sim.command_at(ms(20), Peer(3), Order::Wake(Duration::MAX, 2)).unwrap();
        assert_eq!((sim.run_until_on(Time::MAX, threads), sim.now()), (Stop::Idle, Time::MAX));
        assert_eq!(sim.peer(Peer(3)).unwrap().timers.last(), Some(&(Time::MAX, 2)));
    }
}

#[test]
fn a_mistake_in_a_tap_ends_the_run_on_any_number_of_threads() {
    for threads in [1, 2, 4] {
        let scenario = Scenario { seed: 1, peers: 16, network: Network::default(), faults: Vec::new() };
        let mut sim = simulation(&scenario);
        sim.tap(Arc::new(|sight| {
            assert!(sight.time < ms(100), "a mistake of the experimenter");
            Vec::new()
        }));
        let run = std::panic::AssertUnwindSafe(|| sim.run_until_on(Time::from_secs(5), threads));
        let panic = std::panic::catch_unwind(run).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"a mistake of the experimenter"));
    }
}
