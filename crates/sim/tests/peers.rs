//! Joins, crashes, panics, hosts, timers, unreachable peers and pathological worlds.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod common;

use core::time::Duration;

use common::{Ear, Order, Puppet, Stage, Word, ms, wire_len, world};
use peerglass_core::{Effect, Peer, Rng, Time};
use peerglass_sim::{Access, Bend, Bent, ControlError, Detection, Latency, Limits, Link, Loss, Network, Setup, SetupError, Simulation, Stop};
use peerglass_trace::{DropCause, Record, What};

/// 50 ms between any two peers.
fn calm() -> Network {
    Network::default()
}

fn send(to: u32, word: Word) -> Order {
    Order::Send { to: Peer(to), word }
}

fn down(records: &[Record], peer: Peer) -> String {
    let why = records.iter().find_map(|record| match &record.what {
        What::Down { why } if record.peer == peer => Some(why.to_string()),
        _ => None,
    });
    why.expect("the peer went down")
}

#[test]
fn a_peer_starts_when_it_joins_and_hears_nothing_before() {
    let mut sim = world(1, 1, calm());
    let late = sim.join_at(ms(500), Puppet::default(), Ear::default());
    sim.command_at(ms(100), Peer(0), send(late.0, Word::Ask(1))).unwrap();
    sim.command_at(ms(450), Peer(0), send(late.0, Word::Ask(2))).unwrap();
    sim.run_until_idle(100);
    assert_eq!(sim.peer(late).unwrap().started, Some(ms(500)));
    assert!(sim.host(late).unwrap().started);
    // The first came too early; the second came at the very instant of the join, which comes first.
    assert_eq!(sim.totals().drops(DropCause::PeerDown), 1);
    assert_eq!(sim.peer(Peer(0)).unwrap().heard, [(ms(550), late, 2)]);
}

#[test]
fn a_crashed_peer_gets_nothing_and_its_timers_die() {
    let mut sim = world(1, 2, calm());
    sim.command_at(ms(0), Peer(1), Order::Wake(Duration::from_millis(100), 7)).unwrap();
    sim.command_at(ms(10), Peer(0), send(1, Word::Say { value: 1, bytes: 1 })).unwrap();
    sim.command_at(ms(50), Peer(0), send(1, Word::Say { value: 2, bytes: 1 })).unwrap();
    sim.crash_at(ms(100), Peer(1)).unwrap();
    sim.command_at(ms(120), Peer(1), Order::Emit(1, None)).unwrap();
    sim.run_until_idle(100);
    let puppet = sim.peer(Peer(1)).unwrap();
    // The second message and the timer fall on the instant of the crash, which comes first.
    assert_eq!(puppet.heard, [(ms(60), Peer(0), 1)]);
    assert!(puppet.timers.is_empty() && puppet.commands == [ms(0)]);
    assert!(!sim.alive(Peer(1)) && sim.alive(Peer(0)));
    assert_eq!((sim.stats().ignored, sim.stats().up), (2, 1));
}

#[test]
fn a_message_that_left_before_its_sender_crashed_still_arrives() {
    let mut sim = world(1, 2, calm());
    sim.command_at(ms(0), Peer(0), send(1, Word::Say { value: 1, bytes: 1 })).unwrap();
    sim.crash_at(ms(1), Peer(0)).unwrap();
    sim.run_until_idle(100);
    assert_eq!(sim.peer(Peer(1)).unwrap().heard.len(), 1);
}

#[test]
fn the_sender_hears_of_a_dead_receiver_when_the_network_says_so() {
    let lost = |detection| {
        let mut sim = world(1, 2, Network { detection, ..calm() });
        sim.crash_at(ms(0), Peer(1)).unwrap();
        sim.command_at(ms(10), Peer(0), send(1, Word::Ask(1))).unwrap();
        sim.command_at(ms(20), Peer(0), send(77, Word::Ask(1))).unwrap();
        sim.run_until_idle(100);
        assert_eq!((sim.totals().drops(DropCause::PeerDown), sim.totals().drops(DropCause::NoSuchPeer)), (1, 1));
        sim.peer(Peer(0)).unwrap().lost.clone()
    };
    assert_eq!(lost(Detection::RoundTrip), [(ms(110), Peer(1)), (ms(120), Peer(77))]);
    assert_eq!(lost(Detection::After(Duration::from_secs(3))), [(ms(3060), Peer(1)), (ms(3070), Peer(77))]);
    assert_eq!(lost(Detection::Never), []);
}

#[test]
fn a_panic_is_that_peers_crash_with_its_message_and_nobody_elses() {
    let mut sim = world(1, 3, calm());
    sim.command_at(ms(0), Peer(0), send(1, Word::Poison)).unwrap();
    sim.command_at(ms(200), Peer(0), send(2, Word::Ask(5))).unwrap();
    sim.run_until_idle(100);
    assert_eq!([0, 1, 2].map(|i| sim.alive(Peer(i))), [true, false, true]);
    assert_eq!(sim.peer(Peer(0)).unwrap().heard, [(ms(300), Peer(2), 5)]);
    // What the handler pushed before it panicked never took hold.
    assert_eq!(sim.totals().message("ASK").sent, 1);
    let records = sim.into_recorder().unwrap();
    assert_eq!(down(&records, Peer(1)), "panic: poisoned by p0");
    let fall = records.iter().find(|record| record.what.kind() == "down").unwrap();
    assert_eq!(records[fall.cause.unwrap() as usize].what.kind(), "received");
}

#[test]
fn a_host_that_panics_takes_only_its_peer_down() {
    let mut sim = world(1, 2, calm());
    sim.command_at(ms(0), Peer(0), Order::Emit(666, Some(Peer(1)))).unwrap();
    sim.run_until_idle(100);
    assert!(!sim.alive(Peer(0)) && sim.alive(Peer(1)));
    assert_eq!(sim.totals().all().sent, 0, "effects after the event die with the peer");
    assert_eq!(down(sim.recorder(), Peer(0)), "panic: the host cannot bear it");
}

#[test]
fn a_host_hears_events_at_once_and_its_commands_come_at_the_same_instant() {
    let mut sim = world(1, 2, calm());
    sim.command_at(ms(10), Peer(0), Order::Emit(4, Some(Peer(1)))).unwrap();
    sim.run_until_idle(100);
    let host = sim.host(Peer(0)).unwrap();
    assert_eq!(host.events, [(ms(10), 4), (ms(10), 5), (ms(15), 7)]);
    assert_eq!(sim.peer(Peer(0)).unwrap().commands, [ms(10), ms(10), ms(15)]);
    // The host's command is caused by the event it answers, which is caused by the first command, which came from outside.
    let records = sim.recorder();
    let commands: Vec<&Record> = records.iter().filter(|record| record.what.kind() == "command").collect();
    assert_eq!(commands[0].cause, None);
    assert_eq!(records[commands[1].cause.unwrap() as usize].what.kind(), "event");
    let kinds: Vec<&str> = records.iter().filter(|record| record.time == ms(10)).map(|record| record.what.kind()).collect();
    assert_eq!(kinds, ["command", "event", "sent", "command", "event"], "current effects come before the host's commands");
}

/// Says everything twice, and lies the second time.
#[derive(Clone)]
struct TwoFaced;
impl Bend<Puppet> for TwoFaced {
    fn bend(&mut self, effect: Effect<Puppet>, rng: &mut Rng, out: &mut Bent<Puppet>) {
        if let Effect::Send { to, .. } = effect {
            out.push(effect);
            out.push(Effect::Send { to, message: Word::Say { value: 1_000 + rng.below(10), bytes: 1 } });
        }
    }

    fn fork(&self) -> Box<dyn Bend<Puppet>> {
        Box::new(self.clone())
    }
}

#[test]
fn a_byzantine_peers_effects_are_changed_and_nobody_elses() {
    let mut sim = world(1, 3, calm());
    sim.bend(Peer(1), Box::new(TwoFaced)).unwrap();
    assert!(sim.bend(Peer(9), Box::new(TwoFaced)).is_err());
    for to in [1, 2] {
        sim.command_at(ms(1), Peer(0), send(to, Word::Ask(u64::from(to)))).unwrap();
    }
    sim.run_until_idle(100);
    let heard: Vec<(u32, u64)> = sim.peer(Peer(0)).unwrap().heard.iter().map(|heard| (heard.1.0, heard.2)).collect();
    assert!(matches!(heard[..], [(1, 1), (1, 1_000..1_010), (2, 2)]), "{heard:?}");
    assert!(sim.unbend(Peer(1)) && !sim.unbend(Peer(1)));
    sim.command_at(ms(900), Peer(0), send(1, Word::Ask(7))).unwrap();
    sim.run_until_idle(100);
    assert_eq!(sim.peer(Peer(0)).unwrap().heard.len(), 4);
    assert_eq!(sim.recorder().iter().filter(|record| record.what.kind() == "fault").count(), 2);
}

#[test]
fn a_simulation_can_be_given_to_a_thread() {
    fn give<T: Send>(_: &T) {}
    give(&world(1, 1, calm()));
}

#[test]
fn causes_lead_from_an_answer_back_to_the_command() {
    let mut sim = world(1, 2, calm());
    sim.command_at(ms(10), Peer(0), send(1, Word::Ask(5))).unwrap();
    sim.run_until_idle(100);
    let records = sim.into_recorder().unwrap();
    let mut at = records.last();
    let mut kinds = Vec::new();
    while let Some(record) = at {
        kinds.push((record.peer.0, record.what.kind()));
        at = record.cause.map(|cause| &records[cause as usize]);
    }
    assert_eq!(kinds, [(0, "received"), (1, "sent"), (1, "received"), (0, "sent"), (0, "command")]);
}

#[test]
fn a_run_stops_for_the_right_reason_at_the_right_time() {
    let mut sim = world(1, 2, calm());
    sim.command_at(ms(100), Peer(0), Order::SendMany { to: Peer(1), count: 3, bytes: 1 }).unwrap();
    assert_eq!(sim.run_until(ms(70)), Stop::Time);
    assert_eq!(sim.now(), ms(70));
    assert_eq!(sim.run(Limits::events(2)), Stop::Events);
    assert_eq!(sim.run_while(Limits::NONE, |sim| sim.totals().all().delivered < 2), Stop::Condition);
    assert_eq!((sim.now(), sim.stats().in_flight), (ms(150), 1));
    assert_eq!(sim.run_until(ms(900)), Stop::Idle);
    assert_eq!(sim.now(), ms(900));
    assert!(!sim.step());
    // What is asked for too late happens now.
    sim.command_at(ms(5), Peer(0), Order::Emit(1, None)).unwrap();
    sim.run_until_idle(10);
    assert_eq!(sim.host(Peer(0)).unwrap().events, [(ms(900), 1)]);
}

#[test]
fn a_storm_that_never_ends_is_stopped_by_the_limit() {
    let mut sim = world(1, 4, Network { latency: Latency::Constant(Duration::ZERO), loopback: Duration::ZERO, ..calm() });
    sim.command_at(ms(1), Peer(0), send(1, Word::Flood { hops: 40, fanout: 2 })).unwrap();
    assert_eq!(sim.run(Limits { until: ms(10), events: 50_000 }), Stop::Events);
    let (stats, all) = (sim.stats(), sim.totals().all());
    assert_eq!((stats.events, all.sent), (50_000, all.delivered + stats.in_flight));
}

#[test]
fn an_empty_world_and_a_lonely_peer_end_cleanly() {
    let mut sim = world(1, 0, calm());
    assert_eq!(sim.run_until(ms(5)), Stop::Idle);
    assert_eq!((sim.now(), sim.peers().len()), (ms(5), 0));

    let mut sim = world(1, 1, calm());
    sim.command_at(ms(0), Peer(0), send(0, Word::Ask(3))).unwrap();
    assert_eq!(sim.run_until_idle(100), Stop::Idle);
    let loopback = Time::ZERO + calm().loopback * 2;
    assert_eq!(sim.peer(Peer(0)).unwrap().heard, [(loopback, Peer(0), 3)]);
}

#[test]
fn with_all_packets_lost_nothing_arrives_and_the_run_ends() {
    let mut sim = world(1, 5, Network { loss: Loss::Bernoulli(1.0), ..calm() });
    for i in 0..5 {
        sim.command_at(ms(0), Peer(i), Order::SendMany { to: Peer((i + 1) % 5), count: 20, bytes: 10 }).unwrap();
    }
    assert_eq!(sim.run_until_idle(1000), Stop::Idle);
    let all = sim.totals().all();
    assert_eq!((all.sent, all.delivered, sim.totals().drops(DropCause::Loss)), (100, 0, 100));
}

#[test]
fn a_message_too_long_for_any_frame_is_dropped_as_such() {
    let mut sim = world(1, 2, calm());
    sim.command_at(ms(0), Peer(0), Order::SendMany { to: Peer(1), count: 1, bytes: 1 << 32 }).unwrap();
    sim.run_until_idle(10);
    assert_eq!(sim.totals().drops(DropCause::TooLong), 1);
}

#[test]
fn peers_that_do_not_exist_and_parameters_that_cannot_be_are_errors() {
    let mut sim = world(1, 2, calm());
    let nobody = ControlError::NoSuchPeer { peer: Peer(2), peers: 2 };
    assert_eq!(sim.crash_at(ms(1), Peer(2)), Err(nobody.clone()));
    assert_eq!(sim.command_at(ms(1), Peer(2), Order::Panic), Err(nobody.clone()));
    assert_eq!(sim.set_access(Peer(2), Access::default()), Err(nobody));
    assert!(matches!(sim.set_access(Peer(1), Access::of(0, 1)), Err(ControlError::Setup(SetupError::ZeroLink { .. }))));

    let refused = |network| {
        let setup = Setup { seed: 1, config: Stage::default(), network, wire_len, recorder: Vec::new() };
        Simulation::<Puppet, Ear, Vec<Record>>::new(setup).err().expect("refused").to_string()
    };
    let log_normal = |median, sigma| Latency::LogNormal { median: Duration::from_millis(median), sigma, least: Duration::ZERO };
    let uniform = |from, to| Latency::Uniform { from: Duration::from_millis(from), to: Duration::from_millis(to) };
    assert!(refused(Network { loss: Loss::Bernoulli(f64::NAN), ..calm() }).contains("loss is NaN"));
    assert!(refused(Network { loss: Loss::Bernoulli(-0.1), ..calm() }).contains("from 0 to 1"));
    assert!(refused(Network { loss: Loss::Bernoulli(1.1), ..calm() }).contains("from 0 to 1"));
    assert!(refused(Network { latency: log_normal(10, -1.0), ..calm() }).contains("sigma"));
    assert!(refused(Network { latency: log_normal(10, f64::INFINITY), ..calm() }).contains("finite"));
    assert!(refused(Network { latency: log_normal(0, 1.0), ..calm() }).contains("median"));
    assert!(refused(Network { latency: uniform(5, 1), ..calm() }).contains("smaller one first"));
    assert!(refused(Network { access: Access::of(1, 0), ..calm() }).contains("rate of an access link is zero"));
    let blocked = Access { up: Link { rate: Some(1), buffer: 0 }, ..Access::default() };
    assert!(refused(Network { access: blocked, ..calm() }).contains("buffer"));
}

#[test]
fn timers_of_no_delay_and_of_no_end_do_no_harm() {
    let mut sim = world(1, 1, calm());
    sim.command_at(ms(1), Peer(0), Order::Wake(Duration::ZERO, 1)).unwrap();
    sim.command_at(ms(1), Peer(0), Order::Wake(Duration::MAX, 2)).unwrap();
    assert_eq!(sim.run_until(ms(10)), Stop::Time);
    assert_eq!(sim.peer(Peer(0)).unwrap().timers, [(ms(1), 1)]);
    assert_eq!(sim.run_until_idle(10), Stop::Idle);
    assert_eq!(sim.now(), Time::MAX);
}
