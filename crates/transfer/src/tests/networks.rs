//! Whole fetches over a network with latency, bandwidth and faults.

use core::time::Duration;

use peerglass_core::{Peer, Time};
use proptest::prelude::*;

use super::net::{Fault, Net};
use super::{Dag, leaf};
use crate::{FetchError, RAW};

const MIB: u32 = 1 << 20;
const FAST: u64 = 100 << 20;
const HOUR: Duration = Duration::from_secs(3600);

/// A fetcher, and seeders of these rates.
fn net(dag: &Dag, rates: &[u64]) -> (Net, Peer, Vec<Peer>) {
    let mut net = Net::new(dag);
    let me = net.add(1 << 30);
    let seeders = rates.iter().map(|rate| net.seeder(*rate)).collect();
    (net, me, seeders)
}

fn complete(net: &mut Net, peer: Peer, dag: &Dag) {
    let host = net.host(peer);
    host.summary();
    assert_eq!(host.store, dag.blocks);
    assert_eq!(host.transfer.in_flight(), 0);
}

#[test]
fn a_file_comes_from_one_source_in_order_near_the_rate_of_the_link() {
    let dag = Dag::file(300, MIB, 128);
    let (mut net, me, seeders) = net(&dag, &[FAST]);
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
    let host = net.host(me);
    let summary = host.summary().clone();
    assert_eq!((summary.blocks, summary.duplicates, summary.sources), (dag.blocks.len() as u64, 0, 1));
    assert_eq!(summary.bytes, dag.bytes());
    let ideal = summary.bytes as f64 / FAST as f64;
    assert!(summary.took.as_secs_f64() < 1.1 * ideal, "{:?} and not {ideal} s", summary.took);
    let leaves: Vec<_> = host.arrived.iter().map(|(cid, _)| *cid).filter(|cid| cid.codec() == RAW).collect();
    let early = leaves.iter().enumerate().map(|(i, cid)| (0..300).position(|n| leaf(n) == *cid).unwrap().abs_diff(i)).max();
    assert!(early < Some(130), "blocks come near their place in the file: {early:?}");
}

#[test]
fn three_sources_share_by_their_rates_and_each_block_comes_once() {
    let dag = Dag::file(700, MIB, 1024);
    let (mut net, me, seeders) = net(&dag, &[40 << 20, 20 << 20, 10 << 20]);
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
    let summary = net.host(me).summary().clone();
    assert!(summary.duplicates <= 8, "{summary:?}");
    let ideal = dag.bytes() as f64 / f64::from(70 << 20);
    assert!(summary.took.as_secs_f64() < 1.15 * ideal, "{:?} and not {ideal} s", summary.took);
    for (peer, fair) in seeders.iter().zip([400, 200, 100]) {
        let got = net.host(me).from(*peer);
        assert!(got.abs_diff(fair) < fair / 5 + 8, "{got} of a fair {fair} from {peer}");
    }
}

#[test]
fn a_slow_source_does_not_hold_up_a_fast_one() {
    let dag = Dag::file(200, MIB, 1024);
    let (mut net, me, seeders) = net(&dag, &[50 << 20, 200 << 10]);
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
    let took = net.host(me).summary().took.as_secs_f64();
    assert!(took < 1.25 * 4.0, "the fast one alone would take 4 s: {took}");
}

#[test]
fn a_slow_source_that_is_the_only_one_is_waited_for_and_not_asked_twice() {
    let dag = Dag::file(20, MIB, 1024);
    for (rate, duplicates) in [(1_000_000, 0), (100_000, 0), (50_000, 0)] {
        let (mut net, me, seeders) = net(&dag, &[rate]);
        net.fetch(me, dag.root, &seeders);
        net.run(HOUR);
        complete(&mut net, me, &dag);
        let summary = net.host(me).summary().clone();
        assert!(net.host(seeders[0]).blocks_sent as usize <= dag.blocks.len() + duplicates, "{rate} {}", net.host(seeders[0]).blocks_sent);
        assert!(summary.took.as_secs_f64() < 1.02 * dag.bytes() as f64 / rate as f64 + 1.0, "{rate} {summary:?}");
    }
}

#[test]
fn a_source_that_says_nothing_is_given_up_in_the_end() {
    let dag = Dag::file(10, MIB, 1024);
    let (mut net, me, seeders) = net(&dag, &[FAST]);
    net.host(seeders[0]).fault = Fault::Mute;
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    let (_, reason, at) = net.host(me).failed[0].clone();
    assert!(matches!(reason, FetchError::TimedOut { .. } | FetchError::AllSourcesFailed { silent: 1, .. }), "{reason:?}");
    assert!(at < Time::from_secs(125));
}

#[test]
fn a_source_that_vanishes_midway_is_replaced_by_the_others() {
    let dag = Dag::file(300, MIB, 1024);
    for fault in [Fault::Down, Fault::Mute] {
        let (mut net, me, seeders) = net(&dag, &[20 << 20, 20 << 20]);
        net.fault_at(Time::from_secs(3), seeders[0], fault);
        net.fetch(me, dag.root, &seeders);
        net.run(HOUR);
        complete(&mut net, me, &dag);
        assert!(net.host(me).from(seeders[0]) > 10 && net.host(me).from(seeders[1]) > 150);
        assert!(net.host(me).summary().took < Duration::from_secs(20), "{fault:?} {:?}", net.host(me).summary());
    }
}

#[test]
fn a_source_without_the_blocks_costs_little() {
    let dag = Dag::file(200, MIB, 1024);
    let (mut net, me, mut seeders) = net(&dag, &[FAST]);
    let empty = net.add(FAST);
    seeders.insert(0, empty);
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
    assert_eq!(net.host(me).summary().sources, 1);
    assert!(net.host(empty).messages < 250, "{}", net.host(empty).messages);
}

#[test]
fn a_source_with_half_the_blocks_gives_what_it_has() {
    let dag = Dag::file(200, MIB, 1024);
    let (mut net, me, seeders) = net(&dag, &[10 << 20, 10 << 20]);
    for n in (0..200).step_by(2) {
        net.host(seeders[0]).store.remove(&leaf(n));
    }
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
    let got = net.host(me).from(seeders[0]);
    assert!(got > 50, "{got} of the 100 it has");
}

#[test]
fn a_corrupting_source_is_dropped_and_reported_and_the_file_still_comes() {
    let dag = Dag::file(100, MIB, 1024);
    let (mut net, me, seeders) = net(&dag, &[FAST, FAST]);
    net.host(seeders[0]).fault = Fault::Corrupt;
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
    assert_eq!(net.host(me).misbehaved, [seeders[0]]);
    assert_eq!(net.host(me).from(seeders[0]), 0);
}

#[test]
fn with_only_a_corrupting_source_the_fetch_fails_and_says_so() {
    let dag = Dag::file(10, MIB, 1024);
    let (mut net, me, seeders) = net(&dag, &[FAST]);
    net.host(seeders[0]).fault = Fault::Corrupt;
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    let [(_, FetchError::AllSourcesFailed { sources: 1, misbehaved: 1, .. }, _)] = &net.host(me).failed[..] else {
        panic!("{:?}", net.host(me).failed);
    };
}

#[test]
fn a_second_run_resumes() {
    let dag = Dag::file(300, MIB, 64);
    let (mut net, me, seeders) = net(&dag, &[FAST]);
    for n in 0..200 {
        net.host(me).store.insert(leaf(n), dag.blocks[&leaf(n)].clone());
    }
    net.host(me).store.insert(dag.root, dag.blocks[&dag.root].clone());
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
    let summary = net.host(me).summary();
    assert_eq!((summary.found_blocks, summary.blocks), (201, dag.blocks.len() as u64 - 201));
}

#[test]
fn a_file_that_is_here_is_fetched_without_anybody() {
    let dag = Dag::file(300, MIB, 64);
    let mut net = Net::new(&dag);
    let me = net.seeder(FAST);
    net.fetch(me, dag.root, &[]);
    net.run(HOUR);
    assert_eq!(net.host(me).summary().found_blocks, dag.blocks.len() as u64);
}

#[test]
fn two_fetchers_that_have_half_each_give_each_other_the_rest() {
    let dag = Dag::file(200, MIB, 1024);
    let mut net = Net::new(&dag);
    let (a, b) = (net.seeder(FAST), net.seeder(FAST));
    for n in 0..200 {
        net.host(if n % 2 == 0 { a } else { b }).store.remove(&leaf(n));
    }
    net.fetch(a, dag.root, &[b]);
    net.fetch(b, dag.root, &[a]);
    net.run(HOUR);
    complete(&mut net, a, &dag);
    complete(&mut net, b, &dag);
    assert_eq!((net.host(a).summary().blocks, net.host(b).summary().blocks), (100, 100));
    let ledger = *net.host(a).transfer.ledger().account(b).unwrap();
    assert_eq!((ledger.blocks_sent, ledger.blocks_received), (100, 100));
}

#[test]
fn two_fetches_of_the_same_file_at_one_peer_take_each_block_once() {
    let dag = Dag::file(100, MIB, 16);
    let (mut net, me, seeders) = net(&dag, &[FAST]);
    net.fetch(me, dag.root, &seeders);
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    assert_eq!(net.host(me).done.len(), 2);
    assert_eq!(net.host(seeders[0]).blocks_sent as usize, dag.blocks.len());
}

#[test]
fn small_blocks_fill_the_pipe_too() {
    let dag = Dag::file(4000, 4096, 174);
    let (mut net, me, seeders) = net(&dag, &[FAST]);
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
    let took = net.host(me).summary().took;
    assert!(took < Duration::from_millis(800), "{took:?}");
    assert!(net.host(me).messages < 4100, "wants are put together: {} messages", net.host(me).messages);
}

#[test]
fn without_sources_a_fetch_searches_again_and_again_and_then_fails_clearly() {
    let dag = Dag::file(10, MIB, 1024);
    let mut net = Net::new(&dag);
    let me = net.add(FAST);
    net.fetch(me, dag.root, &[]);
    net.run(HOUR);
    let (_, reason, at) = net.host(me).failed[0].clone();
    assert_eq!(reason, FetchError::NoSources);
    assert_eq!(at.since(Time::from_secs(1)).as_secs(), net.config.patience_alone.as_secs());
    assert!((3..10).contains(&net.host(me).searches), "{}", net.host(me).searches);
}

#[test]
fn a_source_found_late_saves_the_fetch() {
    let dag = Dag::file(10, MIB, 1024);
    let (mut net, me, seeders) = net(&dag, &[FAST]);
    net.fetch(me, dag.root, &[]);
    net.providers = seeders;
    net.run(HOUR);
    complete(&mut net, me, &dag);
}

#[test]
fn a_source_that_was_down_for_a_while_is_asked_again() {
    let dag = Dag::file(100, MIB, 1024);
    let (mut net, me, seeders) = net(&dag, &[20 << 20]);
    net.fault_at(Time::from_secs(2), seeders[0], Fault::Down);
    net.fault_at(Time::from_secs(12), seeders[0], Fault::None);
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
}

#[test]
fn when_all_sources_are_gone_the_fetch_fails_and_says_how() {
    let dag = Dag::file(100, MIB, 1024);
    let (mut net, me, mut seeders) = net(&dag, &[FAST, FAST]);
    seeders.push(net.add(FAST));
    net.fault_at(Time::ZERO, seeders[0], Fault::Down);
    net.fault_at(Time::ZERO, seeders[1], Fault::Mute);
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    let (_, reason, at) = net.host(me).failed[0].clone();
    assert!(matches!(reason, FetchError::AllSourcesFailed { sources: 3, .. } | FetchError::TimedOut { .. }), "{reason:?}");
    assert!(at < Time::from_secs(200));
}

#[test]
fn with_reports_of_what_was_written_nothing_is_sent_twice_at_the_end() {
    let dag = Dag::file(200, MIB, 1024);
    let (mut net, me, seeders) = net(&dag, &[50 << 20, 2 << 20]);
    net.config.outstanding_bytes = Some(2 << 20);
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
    let sent: u32 = seeders.iter().map(|peer| net.host(*peer).blocks_sent).sum();
    assert!(sent as usize <= dag.blocks.len() + 3, "cancels reach what is queued: {sent}");
}

#[test]
fn messages_may_be_lost() {
    let dag = Dag::file(300, 65_536, 40);
    let (mut net, me, seeders) = net(&dag, &[20 << 20, 20 << 20]);
    for peer in &seeders {
        net.host(*peer).fault = Fault::Lossy(0.05);
    }
    net.host(me).fault = Fault::Lossy(0.05);
    net.fetch(me, dag.root, &seeders);
    net.run(HOUR);
    complete(&mut net, me, &dag);
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::None),
        1 => Just(Fault::Down),
        1 => Just(Fault::Mute),
        1 => Just(Fault::Corrupt),
        1 => (0.0..0.5f64).prop_map(Fault::Lossy),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the DAG, the sources and their faults, at whatever times: the fetch ends, no block is ever asked of two sources at once (the network
    /// watches), and with one source that stays good it ends well.
    #[test]
    fn every_fetch_ends(
        dag in Dag::any(),
        sources in proptest::collection::vec((fault(), 1u64..50, fault(), 0u64..8000), 0..5),
        good in any::<bool>(),
        missing in proptest::collection::vec((0usize..5, 0usize..30), 0..20),
    ) {
        let (mut net, me, _) = net(&dag, &[]);
        let mut peers = Vec::new();
        for (fault, rate, later, at) in &sources {
            let peer = net.seeder(rate << 14);
            net.host(peer).fault = *fault;
            net.fault_at(Time::from_millis(1000 + at), peer, *later);
            peers.push(peer);
        }
        for (peer, block) in missing {
            let cid = *dag.blocks.keys().nth(block % dag.blocks.len()).unwrap();
            if peer < peers.len() { net.host(peers[peer]).store.remove(&cid); }
        }
        if good { peers.push(net.seeder(1 << 20)); }
        net.fetch(me, dag.root, &peers);
        net.providers = peers;
        net.run(HOUR);
        let host = net.host(me);
        prop_assert_eq!(host.done.len() + host.failed.len(), 1, "in flight: {}", host.transfer.in_flight());
        prop_assert_eq!(host.transfer.in_flight(), 0);
        if good {
            prop_assert_eq!(&host.failed, &vec![]);
            prop_assert_eq!(&host.store, &dag.blocks);
        }
    }
}
