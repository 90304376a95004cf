//! How fast the simulator runs Kademlia, how much memory a peer takes, what a second thread gives, and what faults cost.
//!
//! Every peer joins by a real self-lookup through three earlier peers; then every peer looks up random keys within a virtual minute. Log-normal latency
//! (median 50 ms, sigma 0.5, at least 5 ms), 1 % loss, k = 20, alpha = 3, recording off.
//!
//! `cargo run --release -p peerglass-lab --example bench_sim [PEERS...]`; a million peers take some minutes and gigabytes, so they are only run when asked for.

mod bare;
mod world;

use std::time::Instant;

use peerglass_core::Time;

use world::{LOOKUP_SPAN, World};

/// Lookups of each peer in the measured phase. Of networks larger than [`LARGE`], one: that is more than enough to measure.
const LOOKUPS: u32 = 4;
const LARGE: u32 = 200_000;

/// So many faults are planned.
const FAULTS: u32 = 10_000;

fn main() {
    let sizes: Vec<u32> = std::env::args().skip(1).filter_map(|arg| arg.replace('_', "").parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes };
    sizes.iter().for_each(|peers| measure(*peers));
}

/// Everything of one size, from one joined network that is forked for each measurement.
fn measure(peers: u32) {
    let before = resident();
    let mut joined = World::new(peers);
    let clock = Instant::now();
    joined.join();
    let (joins, seconds) = (joined.messages(), clock.elapsed().as_secs_f64());
    let bytes = resident().saturating_sub(before);
    println!("{peers} peers");
    println!("  join         {seconds:>9.1} s {joins:>11} messages, {:>9.0} a second", joins as f64 / seconds);
    println!(
        "  memory       {:>9} bytes a peer, {:.2} GB in all; {:.1} contacts a peer",
        bytes / u64::from(peers),
        bytes as f64 / 1e9,
        joined.contacts()
    );
    joined.ask(if peers > LARGE { 1 } else { LOOKUPS });
    let single = lookups(&joined);
    two_threads(&joined, &single);
    if peers <= LARGE {
        faults(&joined);
    }
}

/// What one thread did.
struct Single {
    rate: f64,
    digest: u64,
}

/// The lookups on one thread, beside the bare loop.
fn lookups(joined: &World) -> Single {
    let mut world = joined.fork();
    let (before, clock) = (world.messages(), Instant::now());
    world.run_until(world.began + LOOKUP_SPAN / 2);
    let pending = world.pending();
    world.finish();
    let (messages, seconds) = (world.messages() - before, clock.elapsed().as_secs_f64());
    let (rate, bare) = (messages as f64 / seconds, bare::windows(world.peers, pending));
    println!("  lookups      {seconds:>9.1} s {messages:>11} messages, {rate:>9.0} a second; {:.2} hops", world.hops());
    println!("  bare loop    {pending:>9} pending, {bare:>9.0} events a second; ratio {:.3}", rate / bare);
    Single { rate, digest: world.digest() }
}

/// The same lookups on two threads.
fn two_threads(joined: &World, single: &Single) {
    let mut world = joined.fork();
    let (before, clock) = (world.messages(), Instant::now());
    world.finish_on(2);
    let rate = (world.messages() - before) as f64 / clock.elapsed().as_secs_f64();
    println!("  two threads  {rate:>9.0} messages a second, {:.2} times one", rate / single.rate);
    assert!(world.digest() == single.digest, "the number of threads must not show in the result");
}

/// Faults spread over the lookups (peers made slow and fast again, cut off and back), beside none: in turns, because the cost is a small difference of large numbers.
///
/// What faults cost is the time for each event. That a network with faults has more to do, asking again where nobody answered, is told apart.
fn faults(joined: &World) {
    let mut best = [(f64::INFINITY, 0u64); 2];
    for round in 0..8 {
        let (planned, mut world) = (round % 2, joined.fork());
        if planned == 1 {
            world.plan_faults(FAULTS);
        }
        let (before, clock) = (world.events(), Instant::now());
        world.finish();
        let seconds = clock.elapsed().as_secs_f64();
        if seconds < best[planned].0 {
            best[planned] = (seconds, world.events() - before);
        }
    }
    let [(none, fewer), (many, more)] = best;
    let each = (many / more as f64) / (none / fewer as f64) - 1.0;
    println!(
        "  {FAULTS} faults {many:>8.2} s, {none:.2} s without: {:+.1} % for each event, and {:+.1} % events",
        each * 100.0,
        (more as f64 / fewer as f64 - 1.0) * 100.0
    );
}

/// Resident bytes of this process, as Linux tells; 0 elsewhere.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

/// The end of the lookups' answers, after the last was asked.
pub(crate) fn end(began: Time) -> Time {
    began + LOOKUP_SPAN + std::time::Duration::from_secs(10)
}
