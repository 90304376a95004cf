//! What recording costs the simulator, and what a recorded run gives back.
//!
//! The network is that of `bench_sim`: Kademlia on k = 20 and alpha = 3, every peer looking random keys up. One joined network is forked for each measurement, and
//! the measurements take turns: nothing recorded; operations and topology (steps, events, peers and links); every message with its contents, and every step. A
//! recorded run is over when all its records are on disk.
//!
//! `cargo run --release -p peerglass-lab --example bench_glass [PEERS...]`
//!
//! Two more questions have words of their own: `topology [PEERS...]`, how long it takes to say who knows whom; `records N`, what a run of so many records takes in memory,
//! and how fast it answers.

mod topology;

#[path = "../bench_sim/measured.rs"]
#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod measured;
#[path = "../bench_sim/world.rs"]
#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod world;

use std::path::Path;
use std::time::Instant;

use peerglass_archive::{Recording, Run};
use peerglass_core::Peer;
use peerglass_trace::{Capture, Filter, Off, Recorder, RunHeader};

use measured::Measured;
use world::World;

/// Rounds of each measurement, of which the median counts.
const ROUNDS: usize = 5;
/// Messages of a measurement at least, about.
const MESSAGES: u32 = 2_000_000;
/// Messages of a lookup, about.
const LOOKUP: u32 = 50;
/// Records of a lookup at least, when everything is recorded.
const RECORDS: u32 = 122;
/// Lookups of each peer in a long run.
const LOOKUPS: u32 = 50;

/// Any recorder, so that one network can be forked into each.
type Boxed = Box<dyn Recorder>;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).map(|arg| arg.replace('_', "")).collect();
    let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let or = |usual: &[u32]| if numbers.is_empty() { usual.to_vec() } else { numbers.clone() };
    match words.first().map(String::as_str) {
        Some("topology") => or(&[10_000, 1_000_000]).into_iter().for_each(topology::measure),
        Some("records") => or(&[100_000_000]).into_iter().for_each(long),
        _ => or(&[100, 1_000, 10_000]).into_iter().for_each(measure),
    }
}

/// A run of so many records: what it takes in memory beyond the same run without them, and how fast it answers.
fn long(records: u32) {
    let peers = records.div_ceil(RECORDS * LOOKUPS);
    let mut joined = World::recorded(peers, Box::new(Off) as Boxed);
    joined.join();
    joined.ask(LOOKUPS);
    joined.fork_into(Box::new(Off)).finish();
    let before = peak();
    let dir = std::env::temp_dir().join(format!("peerglass-bench-{}", std::process::id()));
    let seconds = recorded(&joined, &dir, Capture::Full);
    let records = Run::open(&dir).expect("the run was just written").len();
    println!(
        "{peers} peers, {records} records in {seconds:.1} s, {} MiB on disk; memory at most {before} MiB without them, {} MiB with",
        size(&dir) >> 20,
        peak()
    );
    questions(&dir, peers);
    std::fs::remove_dir_all(&dir).expect("the benchmark's own directory");
}

/// The most memory that this process has had so far, in MiB; 0 where the system does not tell.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib >> 10)
}

fn measure(peers: u32) {
    let mut joined = World::recorded(peers, Box::new(Off) as Boxed);
    joined.join();
    joined.ask((MESSAGES / LOOKUP / peers).max(1));
    let dir = std::env::temp_dir().join(format!("peerglass-bench-{}", std::process::id()));
    let (mut operations, mut full, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    let (mut messages, mut records, mut bytes) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let mut world = joined.fork_into(Box::new(Off));
        let (before, clock) = (world.messages(), Instant::now());
        world.finish();
        let off = clock.elapsed().as_secs_f64();
        messages = world.messages() - before;
        rates.push(messages as f64 / off);
        operations.push(recorded(&joined, &dir, Capture::Operations) / off * 100.0 - 100.0);
        full.push(recorded(&joined, &dir, Capture::Full) / off * 100.0 - 100.0);
        records = Run::open(&dir).expect("the run was just written").len();
        bytes = size(&dir);
    }
    println!("{peers} peers, {messages} messages");
    println!("  nothing      {} messages a second", Measured::of(rates));
    println!("  operations   {:+} %", Measured::of(operations));
    println!("  everything   {:+} %; {records} records, {:.1} bytes each", Measured::of(full), bytes as f64 / records as f64);
    questions(&dir, peers);
    std::fs::remove_dir_all(&dir).expect("the benchmark's own directory");
}

/// How long the lookups take when so much is recorded.
fn recorded(joined: &World<Boxed>, dir: &Path, capture: Capture) -> f64 {
    let recording = Recording::create(dir, RunHeader::sim("bench", 1), capture).expect("the directory for temporary files takes a run");
    let mut world = joined.fork_into(Box::new(recording));
    let clock = Instant::now();
    world.finish();
    world.into_recorder();
    clock.elapsed().as_secs_f64()
}

/// How long answers from the recorded run take.
fn questions(dir: &Path, peers: u32) {
    let clock = Instant::now();
    let run = Run::open(dir).expect("the run was just written");
    let opened = clock.elapsed();
    let filter: Filter = "type == NODES && peer in 3..9 && size > 500".parse().expect("a filter");
    let clock = Instant::now();
    let found = run.count(&filter).expect("the run can be read");
    let filtered = clock.elapsed();
    let clock = Instant::now();
    let operation = run.operations(Some("kad"), Some(Peer(peers / 2)), Some(2)).expect("the index can be read");
    let one = operation.first().map(|at| {
        let filter: Filter =
            format!("operation == \"kad#2\" && peer == {} && seq in {}..={}", peers / 2, at.first, at.last).parse().expect("a filter");
        run.count(&filter).expect("the run can be read")
    });
    println!(
        "  opened in {:.3} s, filtered in {:.3} s ({found} found), one operation in {:.3} s ({} steps)",
        opened.as_secs_f64(),
        filtered.as_secs_f64(),
        clock.elapsed().as_secs_f64(),
        one.unwrap_or_default()
    );
}

/// The bytes of all record files.
fn size(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir.join("records")).expect("a run has records");
    files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
}
