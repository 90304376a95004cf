//! How fast the simulator runs Kademlia, and how much memory a peer takes.
//!
//! Every peer joins by a real self-lookup through a few earlier peers; then every peer looks up random keys. Printed for each size: messages a second in both
//! phases (one core, recording off), and resident memory a peer.
//!
//! `cargo run --release -p peerglass-lab --example bench_sim [PEERS...]`

use std::time::{Duration, Instant};

use peerglass_core::{Peer, Rng, Time};
use peerglass_kad::{Name, Target};
use peerglass_sim::{Host, HostCx, Latency, Limits, Network, Setup, Simulation, Spread};
use peerglass_stack::{Command, Config, Event, Stack, wire_len};
use peerglass_trace::Off;

/// Lookups of each peer in the measured phase.
const LOOKUPS: u32 = 4;

/// A local application that only counts.
#[derive(Default)]
struct Tally {
    lookups: u32,
    hops: u32,
}

impl Host<Stack> for Tally {
    fn on_event(&mut self, event: Event, _: &mut HostCx<'_, Stack>) {
        if let Event::Nodes { hops, .. } = event {
            self.lookups += 1;
            self.hops += hops;
        }
    }
}

fn main() {
    let sizes: Vec<u32> = std::env::args().skip(1).filter_map(|arg| arg.replace('_', "").parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes };
    println!(
        "{:>9} {:>12} {:>12} {:>12} {:>12} {:>10} {:>10} {:>9}",
        "peers", "join msgs", "join msg/s", "lookup msgs", "lookup msg/s", "contacts", "bytes/peer", "hops"
    );
    for peers in sizes {
        measure(peers);
    }
}

fn measure(peers: u32) {
    let before = resident();
    let latency = Latency::LogNormal { median: Duration::from_millis(50), sigma: 0.5, least: Duration::from_millis(5) };
    let network = Network { latency, spread: Spread::PerPair, loss: 0.01, ..Network::default() };
    let mut config = Config::default();
    config.kad.admit_requesters = true;
    config.kad.refresh_on_join = false;
    let mut sim: Simulation<Stack, Tally, Off> = match Simulation::new(Setup { seed: 1, config, network, wire_len, recorder: Off }) {
        Ok(sim) => sim,
        Err(error) => return eprintln!("{error}"),
    };
    let join = Instant::now();
    let joined = join_all(&mut sim, peers);
    let (join_messages, join_seconds) = (sim.totals().all().sent, join.elapsed().as_secs_f64());

    let mut rng = Rng::new(2);
    let began = sim.now();
    let span = Duration::from_secs(60);
    for i in 0..peers * LOOKUPS {
        let mut name = [0; 32];
        rng.fill(&mut name);
        let Some(name) = Name::new(&name) else { continue };
        let at = began + Duration::from_nanos(rng.below(span.as_nanos() as u64));
        let asked = sim.command_at(at, Peer(i % peers), Command::FindNode { tag: u64::from(i) + 1, target: Target::Name(name) });
        debug_assert!(asked.is_ok());
    }
    let lookups = Instant::now();
    sim.run_until(began + span + Duration::from_secs(10));
    let (messages, seconds) = (sim.totals().all().sent - join_messages, lookups.elapsed().as_secs_f64());
    let contacts: usize = sim.peers().map(|(_, stack)| stack.kad().contacts()).sum();
    println!(
        "{peers:>9} {join_messages:>12} {:>12.0} {messages:>12} {:>12.0} {:>10.1} {:>10} {:>9.2}",
        join_messages as f64 / join_seconds,
        messages as f64 / seconds,
        contacts as f64 / f64::from(peers),
        resident().saturating_sub(before) / u64::from(peers),
        mean_hops(&sim, peers),
    );
    assert!(joined * 100 >= u64::from(peers) * 99, "only {joined} of {peers} peers joined");
}

/// Joins all peers over a virtual minute or, for large networks, a virtual second for each thousand. Returns how many have contacts.
fn join_all(sim: &mut Simulation<Stack, Tally, Off>, peers: u32) -> u64 {
    let span = Duration::from_secs(60.max(u64::from(peers) / 1000));
    let mut rng = Rng::new(1);
    sim.reserve(peers as usize);
    for i in 0..peers {
        let at = Time::ZERO + Duration::from_nanos((span.as_nanos() * u128::from(i) / u128::from(peers)) as u64);
        let stack = Stack::new(sim.config());
        let peer = sim.join_at(at, stack, Tally::default());
        let contacts = (0..3.min(i)).map(|_| Peer(rng.below(u64::from(i)) as u32)).collect();
        let asked = sim.command_at(at, peer, Command::Join { contacts });
        debug_assert!(asked.is_ok());
    }
    sim.run(Limits::until(Time::ZERO + span + Duration::from_secs(30)));
    sim.peers().filter(|(_, stack)| stack.kad().contacts() > 0).count() as u64
}

fn mean_hops(sim: &Simulation<Stack, Tally, Off>, peers: u32) -> f64 {
    let tallies = || (0..peers).filter_map(|peer| sim.host(Peer(peer)));
    let (lookups, hops) = (tallies().map(|t| u64::from(t.lookups)).sum::<u64>(), tallies().map(|t| u64::from(t.hops)).sum::<u64>());
    hops as f64 / lookups.max(1) as f64
}

/// Resident bytes of this process, as Linux tells; 0 elsewhere.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}
