//! What the engine costs: a protocol that does next to nothing, beside bare loops of the same shape in the same run.
//!
//! Every peer has 64 bytes of state. N messages are under way; whoever gets one sends another to a random peer. Run it with
//! `cargo run --release -p peerglass-sim --example engine_cost [peers…]`.
#![allow(clippy::disallowed_methods, reason = "a measurement needs the clock")]

use core::time::Duration;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::marker::PhantomData;
use std::time::Instant;

use peerglass_core::{Cx, Describe, Peer, Protocol, Rng, Time};
use peerglass_sim::network::{Flow, Flows, Geographic, Matrix, Packet, Places, Plane};
use peerglass_sim::{Impairment, Jitter, Latency, Limits, Loss, Network, Setup, Simulation, Spread};
use peerglass_trace::{Capture, Counting, JsonLines, Off, Recorder, RunHeader};

const FROM: Duration = Duration::from_millis(20);
const TO: Duration = Duration::from_millis(80);

/// What a message carries: a number, and ballast up to the size of real messages.
trait Load: Clone {
    fn of(value: u64) -> Self;
    fn value(&self) -> u64;
}

impl<const N: usize> Load for [u64; N] {
    fn of(value: u64) -> Self {
        [value; N]
    }
    fn value(&self) -> u64 {
        self[0]
    }
}

impl<const N: usize> Load for Box<[u64; N]> {
    fn of(value: u64) -> Self {
        Box::new([value; N])
    }
    fn value(&self) -> u64 {
        self[0]
    }
}

#[derive(Clone)]
struct Pass<L>(L);

impl<L> Describe for Pass<L> {
    fn name(&self) -> &'static str {
        "PASS"
    }
}

/// Sends one message when it starts and one for each that it gets.
struct Token<L> {
    state: [u64; 8],
    load: PhantomData<L>,
}

impl<L: Load> Token<L> {
    fn pass(&mut self, cx: &mut Cx<'_, Self>, value: u64) {
        self.state[(value & 7) as usize] += 1;
        let peers = u64::from(*cx.config());
        let to = Peer(cx.rng().below(peers) as u32);
        cx.send(to, Pass(L::of(value + 1)));
    }
}

impl<L: Load> Protocol for Token<L> {
    type Config = u32;
    type Message = Pass<L>;
    type Timer = ();
    type Command = ();
    type Event = ();
    fn start(&mut self, cx: &mut Cx<'_, Self>) {
        self.pass(cx, 0);
    }
    fn on_message(&mut self, _: Peer, message: Pass<L>, cx: &mut Cx<'_, Self>) {
        self.pass(cx, message.0.value());
    }
    fn on_timer(&mut self, (): (), _: &mut Cx<'_, Self>) {}
    fn on_command(&mut self, (): (), _: &mut Cx<'_, Self>) {}
    fn on_unreachable(&mut self, _: Peer, _: &mut Cx<'_, Self>) {}
    fn peers(&self, _: &mut dyn FnMut(Peer)) {}
}

/// Messages per second, and the engine's bytes per peer.
fn engine<L: Load, R: Recorder>(peers: u32, messages: u64, latency: &Latency, recorder: R) -> (f64, usize) {
    let network = Network { latency: latency.clone(), spread: Spread::PerPacket, ..Network::default() };
    let setup = Setup { seed: 1, config: peers, network, wire_len: |_| 32, recorder };
    let mut sim = Simulation::new(setup).expect("the parameters are right");
    for _ in 0..peers {
        sim.join_at(Time::ZERO, Token::<L> { state: [0; 8], load: PhantomData }, ());
    }
    // Joins, and one round to warm up.
    sim.run(Limits::events(3 * u64::from(peers)));
    let before = sim.totals().all().delivered;
    let clock = Instant::now();
    sim.run(Limits::events(messages));
    let rate = (sim.totals().all().delivered - before) as f64 / clock.elapsed().as_secs_f64();
    (rate, sim.stats().memory / peers as usize)
}

fn delay(rng: &mut Rng) -> u64 {
    FROM.as_nanos() as u64 + rng.below((TO - FROM).as_nanos() as u64)
}

/// A binary heap, 64 bytes of state a peer and nothing else.
fn bare_heap(peers: u32, messages: u64) -> f64 {
    let mut rng = Rng::new(1);
    let mut states = vec![[0u64; 8]; peers as usize];
    let mut heap: BinaryHeap<Reverse<(u64, u32)>> = (0..peers).map(|peer| Reverse((delay(&mut rng), peer))).collect();
    let clock = Instant::now();
    for _ in 0..messages {
        let Some(Reverse((time, peer))) = heap.pop() else { break };
        states[peer as usize][(time & 7) as usize] += 1;
        heap.push(Reverse((time + delay(&mut rng), rng.below(u64::from(peers)) as u32)));
    }
    black_box(&states);
    messages as f64 / clock.elapsed().as_secs_f64()
}

/// Windows of about 1 ms, sorted when they open, and nothing else.
fn bare_windows(peers: u32, messages: u64) -> f64 {
    const SHIFT: u32 = 20;
    let mut rng = Rng::new(1);
    let mut states = vec![[0u64; 8]; peers as usize];
    let mut ring: Vec<Vec<(u64, u32)>> = vec![Vec::new(); 128];
    for peer in 0..peers {
        let time = delay(&mut rng);
        ring[(time >> SHIFT) as usize & 127].push((time, peer));
    }
    let clock = Instant::now();
    let (mut done, mut at, mut open) = (0, 0usize, Vec::new());
    while done < messages {
        core::mem::swap(&mut open, &mut ring[at & 127]);
        open.sort_unstable();
        for (time, peer) in open.drain(..) {
            states[peer as usize][(time & 7) as usize] += 1;
            let next = time + delay(&mut rng);
            ring[(next >> SHIFT) as usize & 127].push((next, rng.below(u64::from(peers)) as u32));
            done += 1;
        }
        at += 1;
    }
    black_box(&states);
    done as f64 / clock.elapsed().as_secs_f64()
}

type Small = [u64; 1];

/// The engine beside the bare loops.
fn beside_bare_loops(sizes: &[u32]) {
    println!("million messages a second, one thread; messages of 8 bytes, latency uniform {FROM:?} to {TO:?}");
    println!("    peers  bare heap  bare windows  engine  of windows  log-normal  summary  JSON lines  bytes/peer");
    let uniform = Latency::Uniform { from: FROM, to: TO };
    let log_normal = Latency::LogNormal { median: Duration::from_millis(50), sigma: 0.4, least: Duration::from_millis(5) };
    for &peers in sizes {
        let messages = 5_000_000.max(u64::from(peers) * 5);
        let (heap, windows) = (bare_heap(peers, messages), bare_windows(peers, messages));
        let (rate, bytes) = engine::<Small, _>(peers, messages, &uniform, Off);
        let (wild, _) = engine::<Small, _>(peers, messages, &log_normal, Off);
        let (summary, _) = engine::<Small, _>(peers, messages, &uniform, Counting::new(Capture::Summary));
        let (json, _) = engine::<Small, _>(peers, messages, &uniform, JsonLines::new(std::io::sink(), &RunHeader::sim("cost", 1)));
        let [heap, windows, rate, wild, summary, json] = [heap, windows, rate, wild, summary, json].map(|rate| rate / 1e6);
        let share = rate / windows;
        println!("{peers:>9}  {heap:>9.2}  {windows:>12.2}  {rate:>6.2}  {share:>10.2}  {wild:>10.2}  {summary:>7.2}  {json:>10.2}  {bytes:>10}");
    }
}

/// Whether the queue should hold messages inline or boxed, by their size.
fn inline_and_boxed(sizes: &[u32]) {
    println!("\nmillion messages a second by the size of a message, inline | boxed");
    println!("    peers        72 bytes       136 bytes       264 bytes");
    let uniform = Latency::Uniform { from: FROM, to: TO };
    for &peers in sizes {
        let messages = 5_000_000.max(u64::from(peers) * 5);
        let rates = [
            (engine::<[u64; 9], _>(peers, messages, &uniform, Off).0, engine::<Box<[u64; 9]>, _>(peers, messages, &uniform, Off).0),
            (engine::<[u64; 17], _>(peers, messages, &uniform, Off).0, engine::<Box<[u64; 17]>, _>(peers, messages, &uniform, Off).0),
            (engine::<[u64; 33], _>(peers, messages, &uniform, Off).0, engine::<Box<[u64; 33]>, _>(peers, messages, &uniform, Off).0),
        ];
        let cells: Vec<String> = rates.iter().map(|(inline, boxed)| format!("{:>6.2} | {:>5.2}", inline / 1e6, boxed / 1e6)).collect();
        println!("{peers:>9}  {}", cells.join("  "));
    }
}

/// Nanoseconds for one verdict on a packet between any two of a million peers.
fn verdict(network: &Network) -> f64 {
    const PACKETS: u64 = 5_000_000;
    let mut bad = false;
    let clock = Instant::now();
    for order in 0..PACKETS {
        let peer = |salt: u64| Peer(((order.wrapping_mul(salt) >> 32) % 1_000_000) as u32);
        let packet = Packet { from: peer(0x9e37_79b9_7f4a_7c15), to: peer(0xd1b5_4a32_d192_ed03), order };
        black_box(network.verdict(1, black_box(&packet), &mut bad));
    }
    clock.elapsed().as_secs_f64() * 1e9 / PACKETS as f64
}

/// What each model adds to a packet.
fn verdicts() {
    let ms = Duration::from_millis(1);
    let uniform = Latency::Uniform { from: FROM, to: TO };
    let table: Vec<String> = (0..100).map(|i| (0..100).map(|j| format!("{}", 1 + (i * j) % 97)).collect::<Vec<_>>().join(",")).collect();
    let places = [
        ("constant", Latency::Constant(50 * ms)),
        ("uniform", uniform.clone()),
        ("normal", Latency::Normal { mean: 50 * ms, deviation: 10 * ms, least: ms }),
        ("log-normal", Latency::LogNormal { median: 50 * ms, sigma: 0.4, least: ms }),
        ("plane", Latency::Plane(Plane { base: ms, per_unit: ms, places: Places::Square(100.0) })),
        ("geographic", Latency::Geographic(Geographic::default())),
        ("matrix", Latency::Matrix(Matrix::parse(&table.join("\n")).expect("a square of numbers"))),
    ];
    println!("\nnanoseconds for one verdict");
    for (name, latency) in places {
        println!("{name:>24}  {:>6.1}", verdict(&Network { latency, ..Network::default() }));
    }
    let base = Network { latency: uniform, ..Network::default() };
    let impairment = Impairment { reorder: 0.01, hold: ms, duplicate: 0.01, corrupt: 0.01 };
    let more = [
        ("uniform, a pair's", Network { spread: Spread::PerPair, ..base.clone() }),
        ("and exponential jitter", Network { spread: Spread::PerPair, jitter: Jitter::Exponential { mean: ms }, ..base.clone() }),
        ("uniform, loss", Network { loss: Loss::Bernoulli(0.01), ..base.clone() }),
        ("uniform, bursts", Network { loss: Loss::bursts(0.01, 5.0), ..base.clone() }),
        ("uniform, impairment", Network { impairment, ..base }),
    ];
    for (name, network) in more {
        println!("{name:>24}  {:>6.1}", verdict(&network));
    }
}

/// What it costs that one transfer completes and another begins, where nearly all are connected by shared links.
fn flows() {
    println!("\nmicroseconds for one transfer that completes and one that begins, by how many are under way");
    for (peers, under_way) in [(100u32, 1_000u64), (1_000, 10_000), (10_000, 10_000)] {
        const CHANGES: u32 = 200;
        let (mut rng, mut flows, mut id) = (Rng::new(1), Flows::new(), 0);
        let mut start = |flows: &mut Flows, now| {
            let (from, to) = (rng.below(u64::from(peers)), rng.below(u64::from(peers)));
            let (up, down) = (Some(1_000_000 * (1 + from % 7)), Some(5_000_000 * (1 + to % 5)));
            flows.start(now, Flow { id, from: Peer(from as u32), to: Peer(to as u32), bytes: 1 << 20, up, down });
            id += 1;
        };
        (0..under_way).for_each(|_| start(&mut flows, Time::ZERO));
        let clock = Instant::now();
        for _ in 0..CHANGES {
            let Some(now) = flows.next_completion() else { break };
            flows.complete(now).iter().for_each(|_| start(&mut flows, now));
        }
        let each = clock.elapsed().as_secs_f64() * 1e6 / f64::from(CHANGES);
        println!("{under_way:>9} among {peers:>6} peers  {each:>8.1}");
    }
}

fn main() {
    let asked: Vec<u32> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![1_000, 10_000, 100_000, 1_000_000] } else { asked };
    beside_bare_loops(&sizes);
    inline_and_boxed(&sizes);
    verdicts();
    flows();
}
