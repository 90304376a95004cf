//! Laws over whole runs: they hold whatever goes wrong, stop a run where they are broken, and change nothing of it.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod common;

use core::time::Duration;
use std::sync::Arc;

use common::{Ear, Order, Puppet, Stage, Word, ms, wire_len};
use peerglass_core::{Peer, Time};
use peerglass_sim::laws::{Breach, Conservation, NoPanic, Silence, Verdict, View};
use peerglass_sim::{Impairment, Latency, Law, LinkFault, LinkRule, Loss, Meddling, Network, PeerFault, PeerSet, Setup, Simulation, Watch};
use peerglass_trace::{Capture, Counting, Off, Record, Recorder, What};

type Watched<R> = Simulation<Puppet, Ear, Watch<Puppet, Ear, R>>;

fn rough() -> Network {
    Network {
        latency: Latency::Uniform { from: Duration::from_millis(5), to: Duration::from_millis(80) },
        loss: Loss::Bernoulli(0.05),
        impairment: Impairment { duplicate: 0.05, reorder: 0.1, hold: Duration::from_millis(30), corrupt: 0.01 },
        ..Network::default()
    }
}

/// Thirty puppets that flood each other while some crash, come back, stand still and are cut off.
fn storm<R: Recorder>(seed: u64, recorder: R) -> Watched<R> {
    let watch = Watch::new(recorder).with(Conservation::default()).with(Silence::default()).with(NoPanic).every(Duration::from_millis(50));
    let mut sim = Simulation::new(Setup { seed, config: Stage { peers: 30 }, network: rough(), wire_len, recorder: watch }).unwrap();
    for i in 0..30 {
        sim.join_at(ms(i), Puppet::default(), Ear::default());
    }
    for i in 0..10u64 {
        let word = Word::Flood { hops: 5, fanout: 3 };
        sim.command_at(ms(40 + 20 * i), Peer(i as u32), Order::Send { to: Peer((seed % 30) as u32), word }).unwrap();
        let struck = Peer((seed * 7 + i * 3) as u32 % 30);
        sim.crash_at(ms(60 + 15 * i), struck).unwrap();
        let fresh = (i % 2 == 0).then(|| Box::new((Puppet::default(), Ear::default())));
        sim.fault_at(ms(110 + 15 * i), struck, PeerFault::Restart { fresh }).unwrap();
        sim.fault_at(ms(90 + 10 * i), Peer(i as u32), PeerFault::Freeze { lasting: Duration::from_millis(70) }).unwrap();
        sim.fault_at(ms(50 + 10 * i), Peer(20 + i as u32), PeerFault::Slow { each: Duration::from_millis(2) }).unwrap();
    }
    let cut = LinkRule { from: PeerSet::of((0..10).map(Peer)), to: PeerSet::All, what: LinkFault::Cut };
    let id = sim.rule_at(ms(100), cut).unwrap();
    sim.lift_at(ms(180), id);
    let say = |value| Word::Say { value, bytes: 5 };
    sim.tap(Arc::new(move |sight| match sight.from.0 {
        25 if sight.to.0 % 3 == 0 => vec![Meddling::Replace(say(1)), Meddling::Inject { to: Peer(3), message: say(2) }],
        26 => vec![LinkFault::Delay(Duration::from_millis(9)).into()],
        _ => Vec::new(),
    }));
    (0..20).for_each(|i| sim.inject_at(ms(45 + 10 * i), Peer(i as u32), Peer(29 - i as u32), say(i)).unwrap());
    sim
}

#[test]
fn laws_hold_whatever_goes_wrong() {
    for seed in 0..40 {
        let mut sim = storm(seed, Off);
        assert_eq!(sim.run_watched(Time::from_secs(2)), None);
        assert_eq!(sim.end_watched(), None);
        let (totals, stats) = (sim.totals().all(), sim.stats());
        assert!(totals.delivered > 500 && totals.dropped > 50 && stats.duplicated > 10, "seed {seed} has something to hold: {totals:?}");
    }
}

#[test]
fn under_laws_it_is_the_same_run() {
    let mut watched = storm(3, Vec::new());
    watched.run_watched(Time::from_secs(2));
    let mut plain = storm(3, Vec::new());
    plain.run_until(Time::from_secs(2));
    assert!(watched.recorder().inner().len() > 1000);
    assert!(watched.recorder().inner() == plain.recorder().inner());
    assert_eq!(watched.stats(), plain.stats());
}

/// What is recorded of a run in which a peer panics over a message, and the violation.
fn poisoned<R: Recorder>(recorder: R) -> Watched<R> {
    let mut sim = storm(5, recorder);
    sim.command_at(ms(800), Peer(29), Order::Send { to: Peer(28), word: Word::Poison }).unwrap();
    sim.command_at(ms(801), Peer(29), Order::Send { to: Peer(28), word: Word::Poison }).unwrap();
    sim
}

#[test]
fn a_panic_is_found_at_the_record_of_the_crash_and_found_again() {
    let mut sim = poisoned(Vec::new());
    let violation = sim.run_watched(Time::from_secs(2)).expect("a poisoned puppet panics").clone();
    assert_eq!((violation.law, violation.peer, violation.seed, violation.at_look), ("panic", Some(Peer(28)), 5, false));
    assert!(violation.found.contains("poisoned by p29"), "{violation}");
    let last = sim.recorder().inner().last().unwrap();
    assert_eq!((Some(last.seq), last.time), (violation.record, violation.time));
    assert!(matches!(&last.what, What::Down { why } if why == "panic: poisoned by p29"));
    assert_eq!(sim.now(), violation.time);
    // Whoever goes on all the same goes nowhere.
    assert_eq!(sim.run_watched(Time::from_secs(3)), Some(&violation));
    assert_eq!(sim.end_watched(), Some(&violation));

    let mut summary = poisoned(Counting::new(Capture::Summary));
    let again = summary.run_watched(Time::from_secs(2)).unwrap().clone();
    let mut twice = poisoned(Off);
    assert_eq!(twice.run_watched(Time::from_secs(2)), Some(&again), "whether it is recorded does not matter");
    assert_eq!((again.time, again.peer, &again.found[..20]), (violation.time, violation.peer, &violation.found[..20]));
}

#[test]
fn panics_are_remembered_without_any_law_and_on_any_number_of_threads() {
    let remembered = |threads: usize| {
        let network = Network { latency: Latency::Constant(Duration::from_millis(20)), ..Network::default() };
        let mut sim = Simulation::new(Setup { seed: 1, config: Stage { peers: 40 }, network, wire_len, recorder: Off }).unwrap();
        for i in 0..40u32 {
            let peer = sim.join_at(Time::ZERO, Puppet::default(), Ear::default());
            sim.command_at(ms(100 - u64::from(i)), peer, Order::Panic).unwrap();
        }
        sim.run_until_on(Time::from_secs(1), threads);
        sim.panics()
    };
    let one = remembered(1);
    assert_eq!(one.len(), 16);
    assert_eq!((one[0].peer, one[0].time, &*one[0].message, one[0].record), (Peer(39), ms(61), "ordered to", None));
    assert_eq!(one, remembered(3));
}

/// Nobody has heard more than so many words.
struct Modesty(usize);

impl Law<Puppet, Ear> for Modesty {
    fn name(&self) -> &'static str {
        "modesty"
    }
    fn says(&self) -> &'static str {
        "nobody has heard too much"
    }
    fn on_look(&mut self, view: &View<'_, Puppet, Ear>) -> Verdict {
        let curious = view.peers().find(|(_, puppet)| puppet.heard.len() > self.0);
        curious.map_or(Ok(()), |(peer, puppet)| Err(Breach::new(format!("at most {}", self.0), puppet.heard.len().to_string()).of(peer)))
    }
}

fn chatter(every: Option<Duration>) -> Watched<Off> {
    let mut watch = Watch::new(Off).with(Modesty(5));
    if let Some(every) = every {
        watch = watch.every(every);
    }
    let mut sim = Simulation::new(Setup { seed: 1, config: Stage { peers: 2 }, network: Network::default(), wire_len, recorder: watch }).unwrap();
    for _ in 0..2 {
        sim.join_at(Time::ZERO, Puppet::default(), Ear::default());
    }
    for i in 0..20 {
        sim.command_at(ms(100 * i), Peer(0), Order::Send { to: Peer(1), word: Word::Say { value: i, bytes: 1 } }).unwrap();
    }
    sim
}

#[test]
fn looks_come_at_their_times_however_the_run_is_cut_up() {
    // The sixth word comes at 550 ms.
    let look = |every: Option<Duration>, steps: u64| {
        let mut sim = chatter(every);
        (1..=steps).find_map(|i| sim.run_watched(ms(3000 * i / steps)).cloned()).or_else(|| sim.end_watched().cloned()).unwrap()
    };
    for steps in [1, 7, 300] {
        assert_eq!(look(Some(Duration::from_millis(200)), steps).time, ms(600));
        assert_eq!(look(Some(Duration::from_millis(500)), steps).time, ms(1000));
        let at_end = look(None, steps);
        assert_eq!((at_end.time, at_end.at_look, at_end.peer), (ms(3000), true, Some(Peer(1))));
    }
}

/// Sees what a calm day brings.
struct Weather;

impl Law<Puppet, Ear> for Weather {
    fn name(&self) -> &'static str {
        "weather"
    }
    fn says(&self) -> &'static str {
        "on a calm day everything arrives"
    }
    fn on_look(&mut self, view: &View<'_, Puppet, Ear>) -> Verdict {
        let mut calm = view.calm();
        let before = calm.totals().all();
        for i in 0..10u32 {
            calm.command_at(calm.now(), Peer(0), Order::Send { to: Peer(i), word: Word::Say { value: 777, bytes: 1 } }).unwrap();
        }
        calm.run_until(calm.now() + Duration::from_millis(200));
        let heard = (0..10u32).filter(|i| calm.peer(Peer(*i)).unwrap().heard.iter().any(|(_, _, value)| *value == 777)).count();
        let after = calm.totals().all();
        assert_eq!(after.sent, before.sent + 10, "nothing that was planned happens");
        // The one that is down hears nothing; the one that stood still does.
        if heard == 9 { Ok(()) } else { Err(Breach::new("nine", heard.to_string())) }
    }
}

#[test]
fn a_calm_day_is_a_fork_in_which_nothing_goes_wrong_and_the_run_knows_nothing_of_it() {
    let run = |law: bool| {
        let mut watch = Watch::new(Vec::new());
        if law {
            watch = watch.with(Weather).every(Duration::from_millis(1000));
        }
        let network = Network { loss: Loss::Bernoulli(0.5), ..Network::default() };
        let mut sim = Simulation::new(Setup { seed: 1, config: Stage { peers: 10 }, network, wire_len, recorder: watch }).unwrap();
        for _ in 0..10 {
            sim.join_at(Time::ZERO, Puppet::default(), Ear::default());
        }
        sim.crash_at(ms(10), Peer(3)).unwrap();
        sim.fault_at(ms(10), Peer(4), PeerFault::Freeze { lasting: Duration::from_secs(100) }).unwrap();
        sim.rule_at(ms(10), LinkRule { from: PeerSet::All, to: PeerSet::of([Peer(5)]), what: LinkFault::Cut }).unwrap();
        sim.command_at(ms(1100), Peer(0), Order::SendMany { to: Peer(1), count: 20, bytes: 1 }).unwrap();
        let broken = sim.run_watched(Time::from_secs(2)).cloned();
        (broken, sim.into_recorder().unwrap().into_inner())
    };
    let (broken, records): (_, Vec<Record>) = run(true);
    assert_eq!(broken, None);
    assert!(records == run(false).1);
}
