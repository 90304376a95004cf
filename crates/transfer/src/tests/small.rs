//! Small blocks, many sources: each block is sent once, and messages carry many.

use core::time::Duration;

use peerglass_core::{Peer, Time};

use super::net::{Fault, Net};
use super::{Dag, leaf};
use crate::Local;

const HOUR: Duration = Duration::from_secs(3600);
/// 20 Mbit/s.
const HOME: u64 = 2_500_000;

/// One-way latencies: the quantiles of a log-normal distribution with a median of 40 ms and a sigma of 0.5.
const LATENCIES: [u64; 12] = [17, 22, 27, 31, 35, 38, 42, 46, 52, 59, 72, 105];

/// The seeders' latencies are dealt out anew for each `turn`, and so are the dice of loss, which are seeded by a peer's number.
fn net(dag: &Dag, seeders: usize, fetchers: usize, loss: f64, turn: usize) -> (Net, Vec<Peer>, Vec<Peer>) {
    let mut net = Net::new(dag);
    for _ in 0..turn {
        net.add(HOME);
    }
    let peer = |net: &mut Net, index: usize, rate, seeds| {
        let peer = if seeds { net.seeder(rate) } else { net.add(rate) };
        net.host(peer).latency = Duration::from_millis(LATENCIES[(index * 5 + turn) % LATENCIES.len()]);
        net.host(peer).fault = Fault::Lossy(loss);
        peer
    };
    let fetchers = (0..fetchers).map(|index| peer(&mut net, index, 5 * HOME, false)).collect();
    let seeders = (0..seeders).map(|index| peer(&mut net, index, HOME, true)).collect();
    (net, fetchers, seeders)
}

/// A directory of `count` files in folders of a dozen, of 1 to 9 KB.
fn directory(count: u32) -> Dag {
    let mut dag = Dag::file(count, 5000, 12);
    for n in 0..count {
        dag.blocks.insert(leaf(n), Local { size: 1000 + n * 7919 % 8000, links: Vec::new() });
    }
    dag
}

#[test]
fn many_equal_sources_give_small_blocks_almost_without_duplicates_although_messages_are_lost() {
    let dag = directory(400);
    let needed = dag.blocks.len() as u64;
    for turn in 0..12 {
        let (mut net, fetchers, seeders) = net(&dag, 4 + turn, 1, 0.01, turn);
        net.fetch(fetchers[0], dag.root, &seeders);
        net.run(HOUR);
        let summary = net.host(fetchers[0]).summary().clone();
        assert_eq!(summary.blocks, needed);
        assert!(summary.duplicates * 50 <= needed, "turn {turn}: {summary:?}");
        assert!(summary.took < Duration::from_secs(3), "turn {turn}: {summary:?}");
        let sent: u64 = seeders.iter().map(|peer| u64::from(net.host(*peer).blocks_sent)).sum();
        assert!(sent * 100 <= needed * 105, "turn {turn}: {sent} for {needed}");
    }
}

#[test]
fn without_losses_only_the_root_comes_twice() {
    let dag = directory(400);
    for turn in 0..12 {
        let (mut net, fetchers, seeders) = net(&dag, 12, 1, 0.0, turn);
        net.fetch(fetchers[0], dag.root, &seeders);
        net.run(HOUR);
        let summary = net.host(fetchers[0]).summary().clone();
        assert!(summary.duplicates <= net.config.root_probes as u64 + 1, "turn {turn}: {summary:?}");
    }
}

#[test]
fn fetchers_that_crowd_the_same_sources_do_not_ask_twice_because_these_are_busy() {
    let dag = directory(200);
    let (mut net, fetchers, seeders) = net(&dag, 8, 20, 0.01, 0);
    for fetcher in &fetchers {
        net.fetch(*fetcher, dag.root, &seeders);
    }
    net.run(HOUR);
    let (mut blocks, mut duplicates) = (0, 0);
    for fetcher in &fetchers {
        let summary = net.host(*fetcher).summary();
        (blocks, duplicates) = (blocks + summary.blocks, duplicates + summary.duplicates);
    }
    assert_eq!(blocks, 20 * dag.blocks.len() as u64);
    assert!(duplicates * 20 <= blocks, "{duplicates} of {blocks}");
}

#[test]
fn messages_carry_as_many_small_wants_and_blocks_as_they_should() {
    let dag = Dag::file(4000, 1000, 174);
    let (mut net, fetchers, seeders) = net(&dag, 1, 1, 0.0, 0);
    net.fetch(fetchers[0], dag.root, &seeders);
    net.run(HOUR);
    assert_eq!(net.host(fetchers[0]).summary().blocks, dag.blocks.len() as u64);
    let ideal = dag.bytes() as f64 / 16_384.0;
    let (wants, blocks) = (net.host(fetchers[0]).messages, net.host(seeders[0]).messages);
    assert!(f64::from(blocks) < 1.7 * ideal, "{blocks} messages and not {ideal}");
    assert!(f64::from(wants) < 1.2 * ideal, "{wants} messages and not {ideal}");
}

#[test]
fn a_source_that_says_nothing_does_not_delay_the_root_until_it_is_given_up() {
    for root in [500, 5000] {
        let mut dag = directory(50);
        let links = dag.links(&dag.root);
        dag.blocks.insert(dag.root, Local { size: root, links });
        let (mut net, fetchers, seeders) = net(&dag, 4, 1, 0.0, 0);
        net.host(seeders[0]).fault = Fault::Mute;
        net.fetch(fetchers[0], dag.root, &seeders);
        net.run(HOUR);
        let host = net.host(fetchers[0]);
        assert!(host.summary().took < Duration::from_secs(3), "root of {root} B: {:?}", host.summary());
    }
}

#[test]
fn a_source_that_falls_silent_holds_small_blocks_up_by_a_moment_only() {
    let dag = directory(400);
    let (mut net, fetchers, seeders) = net(&dag, 6, 1, 0.0, 0);
    net.fault_at(Time::from_millis(1400), seeders[2], Fault::Mute);
    net.fetch(fetchers[0], dag.root, &seeders);
    net.run(HOUR);
    let summary = net.host(fetchers[0]).summary();
    assert!(summary.took < Duration::from_secs(3), "{summary:?}");
    assert!(summary.duplicates <= 5, "{summary:?}");
}
