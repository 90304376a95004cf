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

/// Lookups of each peer in the measured phase.
const LOOKUPS: u32 = 4;

fn main() {
    let sizes: Vec<u32> = std::env::args().skip(1).filter_map(|arg| arg.replace('_', "").parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes };
    println!("one thread");
    println!(
        "{:>9} {:>9} {:>11} {:>10} {:>12} {:>10} {:>9} {:>10} {:>6} {:>9} {:>11} {:>6}",
        "peers", "joined in", "messages", "a second", "lookup msgs", "a second", "pending", "bare loop", "ratio", "contacts", "bytes/peer", "hops"
    );
    sizes.iter().for_each(|peers| one_thread(*peers));
    println!("\ntwo threads beside one, the same lookups");
    println!("{:>9} {:>10} {:>11} {:>6}  result", "peers", "one", "two", "ratio");
    sizes.iter().for_each(|peers| two_threads(*peers));
    println!("\n10,000 faults spread over the lookups, beside none: slow and fast again, cut off and back");
    println!("{:>9} {:>10} {:>11} {:>7}", "peers", "none", "10,000", "cost");
    sizes.iter().for_each(|peers| faults(*peers));
}

fn one_thread(peers: u32) {
    let before = resident();
    let mut world = World::new(peers);
    let clock = Instant::now();
    world.join();
    let (joins, join_seconds) = (world.messages(), clock.elapsed().as_secs_f64());
    world.ask(LOOKUPS);
    let clock = Instant::now();
    world.run_until(world.began + LOOKUP_SPAN / 2);
    let pending = world.pending();
    world.finish();
    let (messages, seconds) = (world.messages() - joins, clock.elapsed().as_secs_f64());
    let (rate, bare) = (messages as f64 / seconds, bare::windows(peers, pending));
    println!(
        "{peers:>9} {join_seconds:>7.1} s {joins:>11} {:>10.0} {messages:>12} {rate:>10.0} {pending:>9} {bare:>10.0} {:>6.2} {:>9.1} {:>11} {:>6.2}",
        joins as f64 / join_seconds,
        rate / bare,
        world.contacts(),
        resident().saturating_sub(before) / u64::from(peers),
        world.hops(),
    );
}

/// From one joined network, forked.
fn two_threads(peers: u32) {
    let mut one = World::new(peers);
    one.join();
    one.ask(LOOKUPS);
    let mut two = one.fork();
    let run = |world: &mut World, threads: usize| {
        let (before, clock) = (world.messages(), Instant::now());
        world.finish_on(threads);
        (world.messages() - before) as f64 / clock.elapsed().as_secs_f64()
    };
    let (single, double) = (run(&mut one, 1), run(&mut two, 2));
    let result = if one.digest() == two.digest() { "identical" } else { "DIFFERENT" };
    println!("{peers:>9} {single:>10.0} {double:>11.0} {:>6.2}  {result}", double / single);
    assert!(result == "identical", "the number of threads must not show");
}

/// From one joined network, forked, in turns: the cost is a small difference of large numbers.
fn faults(peers: u32) {
    let mut joined = World::new(peers);
    joined.join();
    joined.ask(LOOKUPS);
    let mut seconds = [f64::INFINITY; 2];
    for round in 0..8 {
        let (planned, mut world) = (round % 2, joined.fork());
        if planned == 1 {
            world.plan_faults(10_000);
        }
        let clock = Instant::now();
        world.finish();
        seconds[planned] = seconds[planned].min(clock.elapsed().as_secs_f64());
    }
    let [none, many] = seconds;
    println!("{peers:>9} {none:>8.2} s {many:>9.2} s {:>5.1} %", (many / none - 1.0) * 100.0);
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
