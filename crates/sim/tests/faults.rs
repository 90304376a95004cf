//! Faults of peers and links: exact to the nanosecond, composable, ended when they should, and readable in the records.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod common;

use core::time::Duration;
use std::sync::Arc;

use common::{Ear, Order, Puppet, Word, ms, world};
use peerglass_core::{Peer, Time};
use peerglass_sim::{Access, ControlError, Disk, LinkFault, LinkRule, Meddling, Network, PeerFault, PeerSet, SetupError, Stop};
use peerglass_trace::{DropCause, Record, What};
use proptest::prelude::*;

/// 50 ms between any two peers.
fn calm() -> Network {
    Network::default()
}

fn say(value: u64) -> Word {
    Word::Say { value, bytes: 1 }
}

fn send(to: u32, word: Word) -> Order {
    Order::Send { to: Peer(to), word }
}

fn values(puppet: &Puppet) -> Vec<u64> {
    puppet.heard.iter().map(|heard| heard.2).collect()
}

fn rule(from: PeerSet, to: PeerSet, what: LinkFault) -> LinkRule {
    LinkRule { from, to, what }
}

fn faults(records: &[Record]) -> Vec<(Time, &'static str, String)> {
    let fault = |record: &Record| match &record.what {
        What::Fault { name, detail } => Some((record.time, *name, detail.to_string())),
        _ => None,
    };
    records.iter().filter_map(fault).collect()
}

#[test]
fn a_peer_that_restarts_as_it_was_keeps_its_state_but_not_its_timers() {
    let mut sim = world(1, 2, calm());
    sim.command_at(ms(0), Peer(1), Order::Wake(Duration::from_millis(300), 7)).unwrap();
    sim.command_at(ms(0), Peer(0), send(1, say(1))).unwrap();
    sim.crash_at(ms(100), Peer(1)).unwrap();
    sim.command_at(ms(100), Peer(0), send(1, say(2))).unwrap();
    sim.fault_at(ms(200), Peer(1), PeerFault::Restart { fresh: None }).unwrap();
    sim.command_at(ms(200), Peer(0), send(1, say(3))).unwrap();
    sim.run_until_idle(100);
    let puppet = sim.peer(Peer(1)).unwrap();
    assert_eq!((values(puppet), puppet.timers.len(), puppet.started), (vec![1, 3], 0, Some(ms(200))));
    assert!(sim.alive(Peer(1)));
    let kinds: Vec<_> = sim.recorder().iter().filter(|r| r.peer == Peer(1) && matches!(r.what.kind(), "up" | "down")).map(|r| r.time).collect();
    assert_eq!(kinds, [ms(0), ms(100), ms(200)]);
}

#[test]
fn a_peer_that_restarts_with_nothing_has_forgotten_all() {
    let mut sim = world(1, 2, calm());
    sim.command_at(ms(0), Peer(0), send(1, say(1))).unwrap();
    sim.crash_at(ms(100), Peer(1)).unwrap();
    let fresh = Some(Box::new((Puppet::default(), Ear::default())));
    sim.fault_at(ms(200), Peer(1), PeerFault::Restart { fresh }).unwrap();
    // A restart of a peer that is up is nothing.
    sim.fault_at(ms(250), Peer(1), PeerFault::Restart { fresh: None }).unwrap();
    sim.run_until_idle(100);
    assert_eq!((values(sim.peer(Peer(1)).unwrap()), sim.stats().ignored, sim.stats().up), (vec![], 1, 2));
    assert!(sim.host(Peer(1)).unwrap().started);
}

#[test]
fn a_frozen_peer_does_everything_late_and_in_order() {
    let mut sim = world(1, 2, calm());
    sim.command_at(ms(0), Peer(1), Order::Wake(Duration::from_millis(120), 7)).unwrap();
    sim.fault_at(ms(100), Peer(1), PeerFault::Freeze { lasting: Duration::from_millis(400) }).unwrap();
    for (at, value) in [(40, 1), (100, 2), (90, 3), (450, 4), (451, 5)] {
        sim.command_at(ms(at), Peer(0), send(1, say(value))).unwrap();
    }
    sim.run_until_idle(100);
    let puppet = sim.peer(Peer(1)).unwrap();
    let heard: Vec<(Time, u64)> = puppet.heard.iter().map(|heard| (heard.0, heard.2)).collect();
    // The fifth arrives at the very instant at which the peer goes on, after what had waited.
    assert_eq!(heard, [(ms(90), 1), (ms(500), 3), (ms(500), 2), (ms(500), 4), (ms(501), 5)]);
    assert_eq!(puppet.timers, [(ms(500), 7)]);
}

#[test]
fn a_slow_peer_takes_its_time_over_each_thing_until_it_is_fast_again() {
    let mut sim = world(1, 2, calm());
    sim.fault_at(ms(10), Peer(1), PeerFault::Slow { each: Duration::from_millis(100) }).unwrap();
    sim.fault_at(ms(900), Peer(1), PeerFault::Slow { each: Duration::ZERO }).unwrap();
    sim.command_at(ms(50), Peer(0), Order::SendMany { to: Peer(1), count: 3, bytes: 1 }).unwrap();
    sim.command_at(ms(950), Peer(0), Order::SendMany { to: Peer(1), count: 2, bytes: 1 }).unwrap();
    sim.run_until_idle(100);
    let times: Vec<Time> = sim.peer(Peer(1)).unwrap().heard.iter().map(|heard| heard.0).collect();
    assert_eq!(times, [ms(100), ms(200), ms(300), ms(1000), ms(1000)]);
}

#[test]
fn what_waits_for_a_peer_that_crashes_is_lost_and_its_senders_hear_of_it() {
    let mut sim = world(1, 2, calm());
    sim.fault_at(ms(0), Peer(1), PeerFault::Freeze { lasting: Duration::from_secs(1) }).unwrap();
    sim.command_at(ms(10), Peer(0), Order::SendMany { to: Peer(1), count: 3, bytes: 1 }).unwrap();
    sim.crash_at(ms(500), Peer(1)).unwrap();
    sim.run_until_idle(100);
    assert_eq!((sim.totals().drops(DropCause::PeerDown), sim.stats().in_flight), (3, 0));
    assert_eq!(sim.peer(Peer(0)).unwrap().lost, [(ms(550), Peer(1)); 3]);
}

#[test]
fn a_wrong_clock_is_the_peers_own_and_its_timers_follow_it() {
    let mut sim = world(1, 2, calm());
    sim.fault_at(ms(100), Peer(1), PeerFault::Clock { skew: 1_000_000_000, drift: 1e6 }).unwrap();
    sim.command_at(ms(200), Peer(1), Order::Wake(Duration::from_millis(100), 1)).unwrap();
    sim.run_until_idle(100);
    // Set a second ahead at 100 ms and twice as fast from then on: at 200 ms it shows 1.3 s, and its 100 ms take 50.
    let puppet = sim.peer(Peer(1)).unwrap();
    assert_eq!((puppet.commands[0], puppet.timers[0]), (ms(1300), (ms(1400), 1)));
    assert_eq!(sim.now(), ms(250));
    assert!(matches!(
        sim.fault_at(ms(0), Peer(1), PeerFault::Clock { skew: 0, drift: f64::NAN }),
        Err(ControlError::Setup(SetupError::Drift { .. }))
    ));
}

#[test]
fn a_throttled_peer_has_its_own_links_again_afterwards() {
    let mut sim = world(1, 2, calm());
    // 8 kbit/s: a kilobyte takes a second.
    sim.fault_at(ms(100), Peer(0), PeerFault::Access(Some(Access::of(8_000, 8_000)))).unwrap();
    sim.fault_at(ms(1500), Peer(0), PeerFault::Access(None)).unwrap();
    for at in [0, 200, 1600] {
        sim.command_at(ms(at), Peer(0), Order::SendMany { to: Peer(1), count: 1, bytes: 1000 }).unwrap();
    }
    sim.run_until_idle(100);
    let times: Vec<Time> = sim.peer(Peer(1)).unwrap().heard.iter().map(|heard| heard.0).collect();
    assert_eq!(times, [ms(50), ms(1250), ms(1650)]);
    assert!(sim.fault_at(ms(0), Peer(0), PeerFault::Access(Some(Access::of(0, 1)))).is_err());
}

#[test]
fn a_disk_fault_is_told_to_the_local_application() {
    let mut sim = world(1, 1, calm());
    sim.fault_at(ms(10), Peer(0), PeerFault::Disk(Disk::Full)).unwrap();
    sim.fault_at(ms(20), Peer(0), PeerFault::Disk(Disk::Sound)).unwrap();
    sim.run_until_idle(10);
    assert_eq!(sim.host(Peer(0)).unwrap().disks, [(ms(10), Disk::Full), (ms(20), Disk::Sound)]);
}

#[test]
fn a_partition_cuts_exactly_its_links_in_its_direction_and_for_its_time() {
    let mut sim = world(1, 4, calm());
    let (left, right) = (PeerSet::of([Peer(0), Peer(1)]), PeerSet::of([Peer(2), Peer(3)]));
    let one_way = sim.rule_at(ms(100), rule(left, right, LinkFault::Cut)).unwrap();
    sim.lift_at(ms(200), one_way);
    let nanos = |n: u64| Time::from_nanos(n);
    for (value, at) in [nanos(99_999_999), nanos(100_000_000), nanos(199_999_999), nanos(200_000_000)].into_iter().enumerate() {
        sim.command_at(at, Peer(0), send(2, say(value as u64))).unwrap();
        sim.command_at(at, Peer(2), send(0, say(value as u64))).unwrap();
        sim.command_at(at, Peer(0), send(1, say(value as u64))).unwrap();
    }
    sim.run_until_idle(100);
    assert_eq!(values(sim.peer(Peer(2)).unwrap()), [0, 3], "what was sent while the rule held is cut");
    assert_eq!(values(sim.peer(Peer(0)).unwrap()), [0, 1, 2, 3], "the other direction is not");
    assert_eq!(values(sim.peer(Peer(1)).unwrap()), [0, 1, 2, 3], "nor are links within a side");
    assert_eq!(sim.totals().drops(DropCause::Fault), 2);
    let told = faults(sim.recorder());
    assert_eq!(told[0], (ms(100), "cut", "cut from {p0 p1} to {p2 p3}".to_owned()));
    assert_eq!((told[1].0, told.len()), (ms(200), 2));
}

#[test]
fn spikes_bursts_doubles_and_flipped_bits_compose() {
    let mut sim = world(1, 2, calm());
    let all = || PeerSet::All;
    sim.rule_at(ms(0), rule(all(), PeerSet::of([Peer(1)]), LinkFault::Delay(Duration::from_millis(30)))).unwrap();
    sim.rule_at(ms(0), rule(PeerSet::of([Peer(0)]), all(), LinkFault::Delay(Duration::from_millis(20)))).unwrap();
    sim.rule_at(ms(0), rule(all(), all(), LinkFault::Duplicate(1.0))).unwrap();
    let noise = sim.rule_at(ms(50), rule(all(), all(), LinkFault::Corrupt(1.0))).unwrap();
    sim.lift_at(ms(60), noise);
    let burst = sim.rule_at(ms(80), rule(all(), all(), LinkFault::Loss(1.0))).unwrap();
    sim.lift_at(ms(90), burst);
    for (at, value) in [(10, 1), (55, 2), (85, 3), (100, 4)] {
        sim.command_at(ms(at), Peer(0), send(1, say(value))).unwrap();
    }
    sim.run_until_idle(100);
    // Of the second, the original was corrupt and rejected; its copy was not.
    assert_eq!(values(sim.peer(Peer(1)).unwrap()), [1, 1, 2, 4, 4]);
    assert_eq!(sim.peer(Peer(1)).unwrap().heard[0].0, ms(110), "50 ms of network, 30 and 20 of rules");
    assert_eq!((sim.stats().duplicated, sim.totals().drops(DropCause::Corrupt), sim.totals().drops(DropCause::Fault)), (3, 1, 1));
    assert!(sim.rule_at(ms(0), rule(all(), all(), LinkFault::Loss(1.5))).is_err());
}

#[test]
fn a_corrupt_message_that_the_codec_lets_pass_is_understood_differently() {
    let mut sim = world(1, 2, calm());
    sim.garble_with(|sight, rng| match sight.message {
        Word::Say { value, bytes } => Ok(Word::Say { value: value ^ 1 << rng.below(8), bytes: *bytes }),
        _ => Err("no such question".into()),
    });
    sim.rule_at(ms(0), rule(PeerSet::All, PeerSet::All, LinkFault::Corrupt(1.0))).unwrap();
    sim.command_at(ms(1), Peer(0), send(1, say(0))).unwrap();
    sim.command_at(ms(2), Peer(0), send(1, Word::Ask(1))).unwrap();
    sim.run_until_idle(100);
    let heard = values(sim.peer(Peer(1)).unwrap());
    assert!(heard.len() == 1 && heard[0].is_power_of_two() && heard[0] < 256, "{heard:?}");
    assert_eq!(sim.totals().drops(DropCause::Corrupt), 1);
    let garbled = sim.recorder().iter().filter(|record| record.view().name == Some("garbled"));
    let told: Vec<(&str, &str)> =
        garbled.map(|record| (record.view().why.unwrap(), sim.recorder()[record.cause.unwrap() as usize].what.kind())).collect();
    assert!(told[0].0.contains(&heard[0].to_string()) && told[0].1 == "sent", "{told:?}");
    assert_eq!(told[1..], [("rejected: no such question", "sent")]);
}

#[test]
fn faults_come_from_code_too() {
    let mut sim = world(1, 3, calm());
    // A tap sees every packet: the second peer's odd numbers get lost.
    sim.tap(Arc::new(|sight| match sight.message {
        Word::Say { value, .. } if sight.to == Peer(1) && value % 2 == 1 => vec![LinkFault::Cut.into()],
        _ => Vec::new(),
    }));
    // A deed sees every peer: whoever has heard something by then crashes.
    sim.do_at(ms(100), |sim| {
        let heard: Vec<Peer> = sim.living().filter(|(_, puppet)| !puppet.heard.is_empty()).map(|(peer, _)| peer).collect();
        heard.into_iter().for_each(|peer| sim.fault_now(peer, PeerFault::Crash).unwrap());
    });
    for value in 1..=4 {
        sim.command_at(ms(10), Peer(0), send(1, say(value))).unwrap();
    }
    sim.command_at(ms(60), Peer(0), send(2, say(1))).unwrap();
    assert_eq!(sim.run_until_idle(100), Stop::Idle);
    assert_eq!(values(sim.peer(Peer(1)).unwrap()), [2, 4]);
    assert_eq!([0, 1, 2].map(|i| sim.alive(Peer(i))), [true, false, true], "at 100 ms exactly, before what arrives at 110");
}

#[test]
fn a_tap_observes_holds_modifies_and_injects_and_the_records_say_so() {
    let mut sim = world(1, 4, calm());
    sim.tap(Arc::new(|sight| match sight.message {
        Word::Say { value: 1, .. } => vec![LinkFault::Delay(Duration::from_millis(7)).into()],
        Word::Say { value: 2, .. } => vec![Meddling::Replace(say(20))],
        Word::Say { value: 3, .. } => vec![Meddling::Inject { to: Peer(2), message: say(30) }, Meddling::Inject { to: sight.to, message: say(31) }],
        // No tap sees this: it would go on for ever.
        Word::Say { value: 20 | 30 | 31, .. } => vec![LinkFault::Cut.into()],
        _ => Vec::new(),
    }));
    (1..=4).for_each(|value| sim.command_at(ms(10), Peer(0), send(1, say(value))).unwrap());
    sim.inject_at(ms(100), Peer(3), Peer(1), say(50)).unwrap();
    sim.crash_at(ms(200), Peer(3)).unwrap();
    sim.inject_at(ms(300), Peer(3), Peer(1), say(51)).unwrap();
    sim.run_until_idle(100);
    let heard = |peer| sim.peer(Peer(peer)).unwrap().heard.iter().map(|heard| (heard.0, heard.1, heard.2)).collect::<Vec<_>>();
    let from_0 = |millis, value| (ms(millis), Peer(0), value);
    assert_eq!(heard(1), [from_0(60, 20), from_0(60, 3), from_0(60, 31), from_0(60, 4), from_0(67, 1), (ms(150), Peer(3), 50)]);
    assert_eq!(heard(2), [from_0(60, 30)]);
    let records = sim.recorder();
    let told: Vec<_> =
        faults(records).into_iter().map(|(time, name, detail)| (time, name, detail.contains("20"), detail.contains(" to p2"))).collect();
    let expected = [(10, "replaced", true, false), (10, "injected", false, true), (10, "injected", false, false), (100, "injected", false, false)];
    assert_eq!(told[..4], expected.map(|(at, name, twenty, to_2)| (ms(at), name, twenty, to_2)));
    // What arrived leads back to what was said in truth.
    let arrived = records.iter().find(|record| record.what.kind() == "received" && record.peer == Peer(1)).unwrap();
    let back = |record: &Record| &records[record.cause.unwrap() as usize];
    let (sent, fault) = (back(arrived), back(back(arrived)));
    assert_eq!([sent, fault, back(fault)].map(|record| record.what.kind()), ["sent", "fault", "sent"]);
    let (all, stats) = (sim.totals().all(), sim.stats());
    assert_eq!((all.sent, all.delivered, all.dropped, stats.ignored), (8, 7, 1, 1));
}

#[test]
fn a_deed_at_the_very_beginning_comes_before_everything() {
    let mut sim = world(1, 1, calm());
    sim.do_at(Time::ZERO, |sim| sim.fault_now(Peer(0), PeerFault::Crash).unwrap());
    sim.run_until_idle(10);
    // The peer had not joined yet, so the crash befell nobody.
    assert_eq!((sim.alive(Peer(0)), sim.stats().ignored), (true, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever befalls peers and links, every message has its fate, time never goes back, and no peer that is down hears anything.
    #[test]
    fn any_heap_of_faults_keeps_the_laws(seed: u64, plan in proptest::collection::vec((0u8..9, 0u32..12, 0u64..400), 0..60)) {
        let mut sim = world(seed, 12, calm());
        for i in 0..12 {
            sim.command_at(ms(u64::from(i)), Peer(i), Order::Send { to: Peer((i + 1) % 12), word: Word::Flood { hops: 6, fanout: 2 } }).unwrap();
        }
        let mut rules = Vec::new();
        for (kind, peer, at) in plan {
            let (peer, at, some) = (Peer(peer), ms(at), PeerSet::of([Peer(peer), Peer(peer / 2)]));
            let fault = match kind {
                0 => PeerFault::Crash,
                1 => PeerFault::Restart { fresh: None },
                2 => PeerFault::Restart { fresh: Some(Box::new((Puppet::default(), Ear::default()))) },
                3 => PeerFault::Freeze { lasting: Duration::from_millis(u64::from(peer.0) * 20) },
                4 => PeerFault::Slow { each: Duration::from_millis(u64::from(peer.0)) },
                5 => PeerFault::Clock { skew: -i64::from(peer.0) * 10_000_000, drift: f64::from(peer.0) * 1e4 },
                6 => PeerFault::Access(Some(Access::of(10_000, 10_000))),
                _ => {
                    let what = if kind == 7 { LinkFault::Cut } else { LinkFault::Duplicate(0.5) };
                    rules.push(sim.rule_at(at, rule(some, PeerSet::All, what)).unwrap());
                    continue;
                }
            };
            sim.fault_at(at, peer, fault).unwrap();
        }
        for (i, rule) in rules.into_iter().enumerate() {
            sim.lift_at(ms(200 + 10 * i as u64), rule);
        }
        sim.run_until_idle(1_000_000);
        let (all, stats) = (sim.totals().all(), sim.stats());
        prop_assert_eq!(all.sent + stats.duplicated, all.delivered + all.dropped + stats.in_flight);
        prop_assert_eq!(stats.in_flight, 0);
        let mut up = [false; 12];
        let mut last = Time::ZERO;
        for record in sim.recorder() {
            prop_assert!(last <= record.time);
            last = record.time;
            match record.what.kind() {
                "up" => up[record.peer.index()] = true,
                "down" => up[record.peer.index()] = false,
                "received" | "timer" | "command" | "event" | "sent" => prop_assert!(up[record.peer.index()], "{:?}", record),
                _ => {}
            }
        }
    }
}
