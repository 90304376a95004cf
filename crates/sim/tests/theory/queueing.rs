//! An access link as a queue: Poisson packets of equal and of exponential sizes wait as M/D/1 and M/M/1 say.
//!
//! A link serves packets in order, each for as long as its bytes take. With packets at Poisson times, λ a second, and a mean service time of 1/μ,
//! ρ = λ/μ of the time it is busy, and a packet waits on average (Pollaczek and Khinchine, 1930 to 1932)
//!
//! ```text
//!   W = λ E[s²] / (2 (1 − ρ))        equal sizes:       ρ / (2 μ (1 − ρ))
//!                                    exponential sizes: ρ / (μ − λ)
//! ```
//!
//! Both are exact in the steady state. The queue begins empty, so the first tenth of each run is left out: at ρ = 0.8 the relaxation time of
//! M/M/1, `(1 − √ρ)^(−2)`, is 90 services, and a tenth of a run is 5,000.
//!
//! Rounding: sizes are whole bytes of a mean of 10,000 and service times whole nanoseconds of a mean of a millisecond, so both are off by parts in
//! a million.

use core::time::Duration;

use peerglass_core::{Cx, Describe, Peer, Protocol, Time};
use peerglass_sim::statistics::{Comparison, Tolerance};
use peerglass_sim::{Access, Latency, Link, Network, Setup, Simulation};
use peerglass_trace::Off;

use crate::{EXACT, claim, replicate};

/// Bits a second: 10,000 bytes, the mean size, take 1 ms. So times in milliseconds are in units of 1/μ.
const RATE: u64 = 80_000_000;
const MEAN_BYTES: f64 = 10_000.0;
const LATENCY: Duration = Duration::from_millis(50);

/// Packets of each run, and how many of them the start of the run may disturb.
const PACKETS: u32 = 50_000;
const WARM_UP: u32 = PACKETS / 10;
const RUNS: u64 = 30;

/// Peer 0 sends packets to peer 1, which adds up how long they waited.
#[derive(Default)]
struct Line {
    heard: u32,
    /// In milliseconds, of all packets after the warm-up.
    waited: f64,
}

struct Config {
    /// The load ρ.
    load: f64,
    exponential: bool,
}

#[derive(Clone)]
struct Packet {
    sent: Time,
    bytes: u64,
}

impl Describe for Packet {
    fn name(&self) -> &'static str {
        "PACKET"
    }
}

/// So many packets are still to be sent.
#[derive(Clone, Copy)]
struct Remaining(u32);

impl Describe for Remaining {
    fn name(&self) -> &'static str {
        "next"
    }
}

impl Protocol for Line {
    type Config = Config;
    type Message = Packet;
    type Timer = Remaining;
    type Command = ();
    type Event = ();
    fn start(&mut self, cx: &mut Cx<'_, Self>) {
        if cx.me() == Peer(0) {
            cx.wake_in(Duration::from_millis(1), Remaining(PACKETS));
        }
    }
    fn on_message(&mut self, _: Peer, packet: Packet, cx: &mut Cx<'_, Self>) {
        let service = Duration::from_nanos((packet.bytes * 8 * 1_000_000_000).div_ceil(RATE));
        let waited = cx.now().since(packet.sent) - LATENCY - service;
        if self.heard >= WARM_UP {
            self.waited += waited.as_secs_f64() * 1e3;
        }
        self.heard += 1;
    }
    fn on_timer(&mut self, Remaining(left): Remaining, cx: &mut Cx<'_, Self>) {
        if left == 0 {
            return;
        }
        let Config { load, exponential } = *cx.config();
        let bytes = if exponential { cx.rng().exponential(MEAN_BYTES).round() } else { MEAN_BYTES };
        cx.send(Peer(1), Packet { sent: cx.now(), bytes: bytes as u64 });
        let gap = cx.rng().exponential(1e6 / load).round();
        cx.wake_in(Duration::from_nanos(gap as u64), Remaining(left - 1));
    }
    fn on_command(&mut self, (): (), _: &mut Cx<'_, Self>) {}
    fn on_unreachable(&mut self, _: Peer, _: &mut Cx<'_, Self>) {}
    fn peers(&self, _: &mut dyn FnMut(Peer)) {}
}

/// The mean wait of a run, in units of the mean service time.
fn mean_wait(seed: u64, load: f64, exponential: bool) -> f64 {
    let access = Access { up: Link::of(RATE), down: Link::default() };
    let network = Network { latency: Latency::Constant(LATENCY), access, ..Network::default() };
    let setup = Setup { seed, config: Config { load, exponential }, network, wire_len: |packet: &Packet| packet.bytes, recorder: Off };
    let mut sim: Simulation<Line, (), Off> = Simulation::new(setup).unwrap();
    let (_, sink) = (sim.join_at(Time::ZERO, Line::default(), ()), sim.join_at(Time::ZERO, Line::default(), ()));
    sim.run_until_idle(u64::MAX);
    let line = sim.peer(sink).unwrap();
    assert_eq!(line.heard, PACKETS, "no packet is lost");
    line.waited / f64::from(PACKETS - WARM_UP)
}

fn compare(name: &str, formula: &'static str, exponential: bool, theory: impl Fn(f64) -> f64) {
    for load in [0.5, 0.8] {
        let comparison = Comparison {
            quantity: format!("{name} mean wait on an access link, ρ = {load}, in mean service times"),
            simulated: replicate(RUNS, EXACT, |seed| mean_wait(seed, load, exponential)),
            theory: theory(load),
            formula,
            source: "Pollaczek, Khinchine",
        };
        claim(&comparison, Tolerance::Inside { widest: 0.05 });
    }
}

#[test]
fn equal_packets_at_poisson_times_wait_as_long_as_in_m_d_1() {
    compare("M/D/1", "ρ/(2μ(1−ρ))", false, |load| load / (2.0 * (1.0 - load)));
}

#[test]
fn exponential_packets_at_poisson_times_wait_as_long_as_in_m_m_1() {
    compare("M/M/1", "ρ/(μ−λ)", true, |load| load / (1.0 - load));
}
