//! Erasure-coded storage under crashes: with what probability is an object lost?
//!
//! An object is coded into n shares, any k of which restore it, and each of n peers holds one. If each is up with probability p, independently, the
//! number of shares left is binomial, and the object is lost with probability (Rodrigues and Liskov, *High availability in DHTs: erasure coding vs.
//! replication*, IPTPS 2005, section 2)
//!
//! ```text
//!   P(loss) = Σ_{i<k} C(n, i) p^i (1 − p)^(n − i)
//! ```
//!
//! The sum is exact. In the simulation holders crash, a reader asks all of them for their shares, and counts what comes. Groups of one reader and n
//! holders share nothing, so each group is an independent trial, and the interval is Wilson's.

use core::time::Duration;

use peerglass_core::{Cx, Describe, Peer, Protocol, Rng, Time};
use peerglass_sim::Network;
use peerglass_sim::statistics::{Comparison, Tolerance, wilson_interval};

use crate::{EXACT, claim, world};

/// Objects in each run, and runs.
const GROUPS: u32 = 1_000;
const RUNS: u64 = 20;

/// A holder of one share, or the reader of its group.
#[derive(Default)]
struct Storage {
    shares: u32,
}

#[derive(Clone)]
enum Message {
    Want,
    Share,
}

impl Describe for Message {
    fn name(&self) -> &'static str {
        match self {
            Message::Want => "WANT",
            Message::Share => "SHARE",
        }
    }
}

impl Protocol for Storage {
    /// How many holders follow each reader.
    type Config = u32;
    type Message = Message;
    type Timer = ();
    /// Read the object.
    type Command = ();
    type Event = ();
    fn start(&mut self, _: &mut Cx<'_, Self>) {}
    fn on_message(&mut self, from: Peer, message: Message, cx: &mut Cx<'_, Self>) {
        match message {
            Message::Want => cx.send(from, Message::Share),
            Message::Share => self.shares += 1,
        }
    }
    fn on_timer(&mut self, (): (), _: &mut Cx<'_, Self>) {}
    fn on_command(&mut self, (): (), cx: &mut Cx<'_, Self>) {
        let me = cx.me().0;
        (1..=*cx.config()).for_each(|holder| cx.send(Peer(me + holder), Message::Want));
    }
    fn on_unreachable(&mut self, _: Peer, _: &mut Cx<'_, Self>) {}
    fn peers(&self, _: &mut dyn FnMut(Peer)) {}
}

/// How many of the objects of one run fewer than `needed` shares are left of.
fn lost(seed: u64, holders: u32, needed: u32, up: f64) -> u64 {
    let mut sim = world::<Storage, ()>(seed, holders, Network::default());
    let mut dice = Rng::new(seed);
    let reading = Time::ZERO + Duration::from_secs(1);
    let readers: Vec<Peer> = (0..GROUPS)
        .map(|_| {
            let reader = sim.join_at(Time::ZERO, Storage::default(), ());
            sim.command_at(reading, reader, ()).unwrap();
            for _ in 0..holders {
                let holder = sim.join_at(Time::ZERO, Storage::default(), ());
                if !dice.chance(up) {
                    sim.crash_at(before_reading(&mut dice), holder).unwrap();
                }
            }
            reader
        })
        .collect();
    sim.run_until_idle(u64::MAX);
    readers.iter().filter(|reader| sim.peer(**reader).unwrap().shares < needed).count() as u64
}

/// Some time before the objects are read.
fn before_reading(dice: &mut Rng) -> Time {
    Time::ZERO + dice.duration(Duration::from_millis(1), Duration::from_secs(1))
}

/// The exact sum, each term from the one before.
fn theory(n: u32, k: u32, p: f64) -> f64 {
    let (n, mut term, mut sum) = (f64::from(n), (1.0 - p).powf(f64::from(n)), 0.0);
    for i in 0..k {
        sum += term;
        let i = f64::from(i);
        term *= (n - i) / (i + 1.0) * p / (1.0 - p);
    }
    sum
}

#[test]
fn an_object_in_shares_is_lost_as_often_as_the_binomial_says() {
    // The first is the row of the reference; then plain replication, a code for reliable peers, and a wide code.
    // A rare loss is counted less exactly: 317 of 20,000 leave a fifth of it on each side.
    for (n, k, p, widest) in [(16, 10, 0.7, 0.1), (3, 1, 0.5, 0.1), (6, 4, 0.9, 0.25), (32, 16, 0.6, 0.1)] {
        let losses = (1..=RUNS).map(|seed| lost(seed, n, k, p)).sum();
        let comparison = Comparison {
            quantity: format!("P(loss) of {k} of {n} shares, peers up with {p}"),
            simulated: wilson_interval(losses, RUNS * u64::from(GROUPS), EXACT).unwrap(),
            theory: theory(n, k, p),
            formula: "Σ_{i<k} C(n,i) p^i (1−p)^(n−i)",
            source: "Rodrigues, Liskov 2005",
        };
        claim(&comparison, Tolerance::Inside { widest });
    }
}
