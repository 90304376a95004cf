//! What the hot path costs: `cargo run --release -p peerglass-kad --example table_cost`.
//!
//! Measures `Table::closest` and a whole FIND_NODE handler on tables as they are in a network of 10,000 and of 1,000,000 peers. Many owners take
//! turns, so that tables do not all stand in the processor's first cache.

use std::time::Instant;

use peerglass_core::{Acquaintances, Cx, Effect, Key, Peer, Protocol, Rng, Sink, Time};
use peerglass_kad::{Config, Kad, Message, Name, Request, Response, Target};

const SEED: u64 = 3;
const DERIVED: Acquaintances<'static> = Acquaintances::derived(SEED);
const ROUNDS: u32 = 1_000_000;

/// Takes effects and forgets them, as a simulator without a recorder does.
struct Null;
impl Sink<Kad> for Null {
    fn push(&mut self, effect: Effect<Kad>) {
        std::hint::black_box(&effect);
    }
}

fn handle(kad: &mut Kad, me: Peer, config: &Config, act: impl FnOnce(&mut Kad, &mut Cx<'_, Kad>)) {
    let (mut rng, mut sink) = (Rng::new(1), Null);
    act(kad, &mut Cx::new(Time::from_secs(100), me, config, DERIVED, &mut rng, &mut sink));
}

/// A peer whose table holds what it would hold in a network of `n`: filled through answers to probes.
fn peer(me: Peer, n: u32, config: &Config) -> Kad {
    let mut kad = Kad::new(config);
    let mut id = 0;
    handle(&mut kad, me, config, |kad, cx| kad.start(cx));
    for other in (0..n).map(Peer).filter(|other| *other != me) {
        let before = kad.outstanding();
        handle(&mut kad, me, config, |kad, cx| kad.contact(other, true, cx));
        id += (kad.outstanding() - before) as u64;
        let response = Response::Nodes { closer: vec![me] };
        handle(&mut kad, me, config, |kad, cx| kad.on_message(other, Message::Response { id, response }, cx));
    }
    kad
}

#[allow(clippy::disallowed_methods, reason = "measuring is what this program is for")]
fn measure(what: &str, mut act: impl FnMut(u32)) {
    let start = Instant::now();
    (0..ROUNDS).for_each(&mut act);
    println!("  {what}: {:.0} ns", start.elapsed().as_nanos() as f64 / f64::from(ROUNDS));
}

fn main() {
    let config = Config { admit_requesters: false, ..Config::default() };
    for (n, owners) in [(10_000, 500), (1_000_000, 20)] {
        let mut peers: Vec<Kad> = (0..owners).map(|i| peer(Peer(i), n, &config)).collect();
        let contacts: usize = peers.iter().map(Kad::contacts).sum();
        let bytes: usize = peers.iter().map(|kad| size_of::<Kad>() + kad.table().heap_bytes()).sum();
        println!("{n} peers: {} contacts and {} bytes a peer", contacts / owners as usize, bytes / owners as usize);
        let keys: Vec<Key> = (0..4096).map(|i| Key::derived(9, Peer(i))).collect();
        let names: Vec<Name> = (0..4096u32).filter_map(|i| Name::new(&i.to_le_bytes())).collect();
        let mut out = Vec::with_capacity(20);
        measure("closest(20) to a random key", |i| {
            out.clear();
            peers[(i % owners) as usize].table().closest(keys[(i % 4096) as usize], 20, Peer(u32::MAX), DERIVED, &mut out);
            std::hint::black_box(&out);
        });
        measure("closest(20) to a key near the owner", |i| {
            out.clear();
            let owner = i % owners;
            let target = DERIVED.key(peers[owner as usize].table().contacts().last().map_or(Peer(0), |c| c.peer));
            peers[owner as usize].table().closest(target, 20, Peer(u32::MAX), DERIVED, &mut out);
            std::hint::black_box(&out);
        });
        measure("FIND_NODE handler, with the answer", |i| {
            let owner = i % owners;
            let request = Request::FindNode { target: Target::Name(names[(i % 4096) as usize].clone()) };
            let message = Message::Request { id: u64::from(i), request };
            handle(&mut peers[owner as usize], Peer(owner), &config, |kad, cx| kad.on_message(Peer(i % n), message, cx));
        });
    }
}
