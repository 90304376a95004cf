//! The same setup gives the same records, byte for byte; another seed gives others; no way of running changes what happens.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod common;

use core::time::Duration;

use common::{Ear, Order, Puppet, Stage, Word, ms, wire_len, world};
use peerglass_core::{Peer, Time};
use peerglass_sim::{Access, Latency, Limits, Link, Loss, Network, Setup, Simulation, Spread};
use peerglass_trace::{Capture, Counting, JsonLines, Off, Record, Recorder, RunHeader, Totals};
use proptest::prelude::*;

fn weather() -> Network {
    Network {
        latency: Latency::LogNormal { median: Duration::from_millis(30), sigma: 0.6, least: Duration::from_millis(2) },
        loss: Loss::Bernoulli(0.05),
        access: Access { up: Link { rate: Some(400_000), buffer: 25 }, down: Link { rate: Some(100_000), buffer: 25 } },
        ..Network::default()
    }
}

fn storm<R: Recorder>(sim: &mut Simulation<Puppet, Ear, R>, peers: u32) {
    for i in 0..peers {
        let word = Word::Flood { hops: 9, fanout: 3 };
        sim.command_at(ms(u64::from(i % 7)), Peer(i), Order::Send { to: Peer((i + 1) % peers), word }).unwrap();
        sim.command_at(ms(u64::from(i)), Peer(i), Order::Emit(2 * u64::from(i), Some(Peer(i / 2)))).unwrap();
    }
    for i in 0..peers / 5 {
        sim.crash_at(ms(60 + u64::from(i)), Peer(i * 5)).unwrap();
    }
}

fn records(seed: u64, network: Network) -> Vec<Record> {
    let mut sim = world(seed, 40, network);
    storm(&mut sim, 40);
    sim.run_until_idle(1_000_000);
    sim.into_recorder().unwrap()
}

fn bytes(records: &[Record]) -> Vec<u8> {
    let mut out = JsonLines::new(Vec::new(), &RunHeader::sim("storm", 1));
    records.iter().for_each(|record| out.record(record));
    out.into_inner().unwrap()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let (one, two, other) = (records(1, weather()), records(1, weather()), records(2, weather()));
    assert!(one.len() > 5_000, "{} records", one.len());
    assert_eq!(bytes(&one), bytes(&two));
    assert_ne!(bytes(&one), bytes(&other));
}

#[test]
fn the_records_are_those_of_every_other_process_and_machine() {
    // FNV-1a of the bytes. If a change of the engine changes this on purpose, the engine's version must change too.
    let hash = bytes(&records(1, weather())).iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    assert_eq!(format!("{hash:016x}"), "74070e22493caef5");
}

#[test]
fn records_are_numbered_in_order_and_every_cause_came_before() {
    let records = records(3, weather());
    for (i, record) in records.iter().enumerate() {
        assert_eq!(record.seq, i as u64);
        assert!(i == 0 || records[i - 1].time <= record.time, "time goes back at {record:?}");
        assert!(record.cause.is_none_or(|cause| cause < record.seq), "{record:?}");
    }
}

#[test]
fn every_message_that_was_sent_has_one_fate_and_totals_agree_with_records() {
    let mut sim = world(4, 40, weather());
    storm(&mut sim, 40);
    sim.run_until_idle(1_000_000);
    let totals = sim.totals().into_owned();
    let records = sim.into_recorder().unwrap();
    let mut observed = Totals::new();
    let mut fates = vec![0u32; records.len()];
    for record in &records {
        observed.observe(&record.what);
        if matches!(record.what.kind(), "received" | "dropped") {
            fates[record.cause.expect("a fate has a sent record") as usize] += 1;
        }
    }
    assert_eq!(observed, totals);
    for (record, fate) in records.iter().zip(fates) {
        assert_eq!(fate, u32::from(record.what.kind() == "sent"), "{record:?}");
    }
    assert!(totals.drop_causes().count() >= 4, "loss, both links and crashed peers: {totals}");
}

#[test]
fn what_is_recorded_does_not_change_what_happens() {
    fn run<R: Recorder>(recorder: R) -> (Totals, Time, Vec<Puppet>) {
        let config = Stage { peers: 20 };
        let mut sim = Simulation::new(Setup { seed: 9, config, network: weather(), wire_len, recorder }).unwrap();
        for _ in 0..20 {
            sim.join_at(Time::ZERO, Puppet::default(), ());
        }
        for i in 0..20 {
            sim.command_at(ms(1), Peer(i), Order::Send { to: Peer(0), word: Word::Flood { hops: 5, fanout: 2 } }).unwrap();
        }
        sim.run_until_idle(1_000_000);
        (sim.totals().into_owned(), sim.now(), sim.peers().map(|(_, puppet)| puppet.clone()).collect())
    }
    let (off, some, full) = (run(Off), run(Counting::new(Capture::Summary)), run(Vec::new()));
    assert_eq!((&off.0, off.1), (&some.0, some.1));
    assert_eq!((&off.0, off.1), (&full.0, full.1));
    assert_eq!(format!("{:?}", off.2), format!("{:?}", full.2));
}

#[test]
fn a_summary_holds_the_same_records_without_steps_and_contents() {
    let full = records(5, weather());
    let mut counting = Counting::new(Capture::Full);
    full.iter().for_each(|record| counting.record(record));
    assert!(counting.count("step") > 0 && counting.count("timer") > 0);

    let config = Stage { peers: 40 };
    let recorder = Counting::new(Capture::Summary);
    let mut sim = Simulation::new(Setup { seed: 5, config, network: weather(), wire_len, recorder }).unwrap();
    for _ in 0..40 {
        sim.join_at(Time::ZERO, Puppet::default(), Ear::default());
    }
    storm(&mut sim, 40);
    sim.run_until_idle(1_000_000);
    assert_eq!(sim.recorder().count("step"), 0);
    assert_eq!(sim.recorder().total(), counting.total() - counting.count("step"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn stepping_pausing_and_running_through_are_one_run(seed: u64, pauses in proptest::collection::vec(0u64..400, 0..6), steps in 0usize..300) {
        let through = records(seed, weather());
        let mut sim = world(seed, 40, weather());
        storm(&mut sim, 40);
        (0..steps).for_each(|_| { sim.step(); });
        for pause in pauses {
            sim.run_until(ms(pause));
        }
        sim.run(Limits::NONE);
        prop_assert!(sim.into_recorder().unwrap() == through);
    }

    #[test]
    fn stable_pairs_keep_the_order_of_their_messages(seed: u64, sigma in 0.0f64..2.0) {
        let latency = Latency::LogNormal { median: Duration::from_millis(20), sigma, least: Duration::ZERO };
        let mut sim = world(seed, 3, Network { latency, spread: Spread::PerPair, ..Network::default() });
        for from in 0..3 {
            sim.command_at(ms(1), Peer(from), Order::SendMany { to: Peer((from + 1) % 3), count: 50, bytes: 1 }).unwrap();
        }
        sim.run_until_idle(10_000);
        for (_, puppet) in sim.peers() {
            let values: Vec<u64> = puppet.heard.iter().map(|heard| heard.2).collect();
            prop_assert_eq!(values, (0..50).collect::<Vec<_>>());
        }
    }
}
