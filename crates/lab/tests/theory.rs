//! What a lookup costs, against theory.
//!
//! Formula (derived in the project's reference on theory, checked there by an independent Monte Carlo program): with k contacts in each bucket, a hop gains
//! `log2 k + 1.333` bits on average, so that in a static network of N peers
//!
//! ```text
//!   hops ≈ (log2 N − log2 k) / (log2 k + 1.333) + 1          k = 20:  N = 1,000: 2.00    N = 10,000: 2.59
//! ```
//!
//! The Monte Carlo figures are 1.93 and 2.54. Assumed: full buckets of random members, no failures, one path (alpha = 1), and the node closest to the target
//! counts as arrival. So the test lets tables fill (joins, then one refresh of every bucket), looks up with alpha = 1 and loses nothing. Tolerance: 10 % of the
//! Monte Carlo figure. With 1,000 lookups the standard error of the mean is below 0.03, so the tolerance is that of the model, not of the sample.

use std::time::Duration;

use peerglass_core::{Peer, Rng, Time};
use peerglass_kad::{Name, Target};
use peerglass_sim::{Host, HostCx, Latency, Network, Setup, Simulation};
use peerglass_stack::{Command, Config, Event, Stack, wire_len};
use peerglass_trace::Off;

const LOOKUPS: u32 = 1_000;

/// Remembers what lookups found.
#[derive(Default)]
struct Found(Vec<(u64, u32, Option<Peer>)>);

impl Host<Stack> for Found {
    fn on_event(&mut self, event: Event, _: &mut HostCx<'_, Stack>) {
        if let Event::Nodes { tag, hops, closest, .. } = event {
            self.0.push((tag, hops, closest.first().copied()));
        }
    }
}

type Static = Simulation<Stack, Found, Off>;

/// A network in which everybody has joined and refreshed its buckets.
fn settled(peers: u32) -> Static {
    let mut config = Config::default();
    config.kad.admit_requesters = true;
    config.kad.alpha = 1;
    let network = Network { latency: Latency::Constant(Duration::from_millis(20)), ..Network::default() };
    let mut sim: Static = Simulation::new(Setup { seed: 1, config, network, wire_len, recorder: Off }).expect("the parameters are valid");
    let mut rng = Rng::new(3);
    let refresh = sim.config().kad.refresh_interval;
    for i in 0..peers {
        let at = Time::ZERO + Duration::from_millis(u64::from(i) * 60_000 / u64::from(peers));
        let stack = Stack::new(sim.config());
        let peer = sim.join_at(at, stack, Found::default());
        let contacts = (0..3.min(i)).map(|_| Peer(rng.below(u64::from(i)) as u32)).collect();
        sim.command_at(at, peer, Command::Join { contacts }).expect("the peer is there");
    }
    sim.run_until(Time::from_secs(60) + refresh + Duration::from_secs(120));
    sim
}

/// The mean hops of lookups of random keys by random peers, and the share that found the peer that is truly closest.
fn look_up(sim: &mut Static, peers: u32) -> (f64, f64) {
    let mut rng = Rng::new(4);
    let mut keys = Vec::new();
    for tag in 0..LOOKUPS {
        let mut bytes = [0; 32];
        rng.fill(&mut bytes);
        let name = Name::new(&bytes).expect("32 bytes are a name");
        keys.push(name.key());
        let peer = Peer(rng.below(u64::from(peers)) as u32);
        sim.command_at(sim.now(), peer, Command::FindNode { tag: u64::from(tag), target: Target::Name(name) }).expect("the peer is there");
    }
    sim.run_until(sim.now() + Duration::from_secs(60));
    let (mut hops, mut exact, mut ended) = (0.0, 0.0, 0.0);
    for looker in 0..peers {
        for (tag, path, first) in &sim.host(Peer(looker)).expect("the peer is there").0 {
            let key = keys[*tag as usize];
            let truly = (0..peers).map(Peer).filter(|peer| peer.0 != looker).min_by_key(|peer| sim.key(*peer) ^ key);
            hops += f64::from(*path);
            exact += f64::from(u8::from(*first == truly));
            ended += 1.0;
        }
    }
    assert!((ended - f64::from(LOOKUPS)).abs() < 0.5, "every lookup ends: {ended}");
    (hops / ended, exact / ended)
}

fn check(peers: u32, theory: f64) {
    let mut sim = settled(peers);
    let (hops, exact) = look_up(&mut sim, peers);
    println!("{peers} peers: {hops:.3} hops (theory {theory}), {:.1} % found the closest peer", exact * 100.0);
    assert!((hops / theory - 1.0).abs() <= 0.10, "{peers} peers: {hops:.3} hops, theory says {theory} within 10 %");
    assert!(exact >= 0.99, "{peers} peers: only {exact} of the lookups found the closest peer");
}

#[test]
fn a_lookup_among_1_000_peers_takes_the_hops_that_theory_says() {
    check(1_000, 1.93);
}

#[test]
fn a_lookup_among_10_000_peers_takes_the_hops_that_theory_says() {
    check(10_000, 2.54);
}
