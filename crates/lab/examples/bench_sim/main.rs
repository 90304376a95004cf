//! How fast the simulator runs Kademlia, how much memory a peer takes, what a second thread gives, and what faults cost.
//!
//! Every peer joins by a real self-lookup through three earlier peers; then every peer looks up random keys within a virtual minute. Log-normal latency
//! (median 50 ms, sigma 0.5, at least 5 ms), 1 % loss, k = 20, alpha = 3, recording off.
//!
//! `cargo run --release -p peerglass-lab --example bench_sim [PEERS...]`; a million peers take some minutes and gigabytes, so they are only run when asked for.

mod bare;
mod measured;
mod world;

use std::time::Instant;

use measured::Measured;
use world::{LOOKUP_SPAN, World};

/// Lookups of each peer in the measured phase. Of networks larger than [`LARGE`], one: that is more than enough to measure.
const LOOKUPS: u32 = 4;
const LARGE: u32 = 200_000;

/// So many faults are planned.
const FAULTS: u32 = 10_000;

/// Rounds of each measurement, of which the median counts: the memory of a shared machine is now fast, now slow.
const ROUNDS: usize = 7;

fn main() {
    let sizes: Vec<u32> = std::env::args().skip(1).filter_map(|arg| arg.replace('_', "").parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes };
    if let [peers] = sizes[..] {
        return measure(peers);
    }
    // A process for each size: what one has given back to the allocator would be missing in the memory of the next.
    for peers in sizes {
        let child = std::env::current_exe().and_then(|bench| std::process::Command::new(bench).arg(peers.to_string()).status());
        assert!(child.is_ok_and(|status| status.success()), "the measurement of {peers} peers ended early");
    }
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
    lookups(&joined, if peers > LARGE { 1 } else { ROUNDS });
    if peers <= LARGE {
        faults(&joined);
    }
}

/// The lookups on one thread and on two, in turns, beside the bare loop.
fn lookups(joined: &World, rounds: usize) {
    let (mut one, mut two, mut bare, mut pending) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..rounds {
        let mut world = joined.fork();
        let (before, clock) = (world.messages(), Instant::now());
        world.run_until(world.began + LOOKUP_SPAN / 2);
        pending = world.pending();
        world.finish();
        let messages = world.messages() - before;
        one.push(messages as f64 / clock.elapsed().as_secs_f64());
        let (digest, hops) = (world.digest(), world.hops());
        bare.push(bare::windows(joined.peers, pending));
        let mut world = joined.fork();
        let clock = Instant::now();
        world.finish_on(2);
        two.push(messages as f64 / clock.elapsed().as_secs_f64());
        assert!(world.digest() == digest, "the number of threads must not show in the result");
        if round == 0 {
            println!("  lookups      {messages:>11} messages, {hops:.2} hops");
        }
    }
    let ratios = one.iter().zip(&bare).map(|(one, bare)| one / bare).collect();
    let gains = two.iter().zip(&one).map(|(two, one)| two / one).collect();
    println!("  one thread   {} messages a second", Measured::of(one));
    println!("  bare loop    {} events a second, {pending} pending; ratio {:.3}", Measured::of(bare), Measured::of(ratios).median);
    println!("  two threads  {} messages a second; {:.2} times one thread, and the identical result", Measured::of(two), Measured::of(gains).median);
}

/// Faults spread over the lookups (peers made slow and fast again, cut off and back), beside none: in turns, because the cost is a small difference of large numbers.
///
/// What faults cost is the time for each event. That a network with faults has more to do, asking again where nobody answered, is told apart.
fn faults(joined: &World) {
    let mut costs = Vec::new();
    let mut more = 0.0;
    for _ in 0..ROUNDS {
        let [none, many] = [0, FAULTS].map(|planned| {
            let mut world = joined.fork();
            world.plan_faults(planned);
            let (before, clock) = (world.events(), Instant::now());
            world.finish();
            (clock.elapsed().as_secs_f64(), (world.events() - before) as f64)
        });
        costs.push((many.0 / many.1) / (none.0 / none.1) * 100.0 - 100.0);
        more = many.1 / none.1 * 100.0 - 100.0;
    }
    let Measured { least, median, most } = Measured::of(costs);
    println!("  {FAULTS} faults {median:>+8.1} % for each event (between {least:+.1} and {most:+.1}), and {more:+.1} % events");
}

/// Resident bytes of this process, as Linux tells; 0 elsewhere.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}
