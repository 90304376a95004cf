//! Rumours on the complete graph: how many rounds push needs to reach everybody, and whom infect-and-die reaches.
//!
//! # Push
//!
//! In every round each peer that knows the rumour tells one other, chosen uniformly (Frieze and Grimmett, *The shortest-path problem for graphs
//! with random arc-lengths*, 1985). Informed peers double until half know, and then the last one waits as in the coupon collector's problem:
//!
//! ```text
//!   E[rounds] = log2 n + ln n + h,      ⌊log2 n⌋ + ln n − 1.116 ≤ E ≤ ⌈log2 n⌉ + ln n + 2.765 + o(1)
//! ```
//!
//! (Doerr and Künnemann, *Tight analysis of randomized rumor spreading in complete graphs*, ANALCO 2014), where h is no constant but varies by
//! only 0.0002 (Daknama, Panagiotou, Reisser, *Asymptotics for Push on the Complete Graph*, 2020). For small n the expectation can be computed:
//! the number of informed peers is a Markov chain. So the formula is not asked for more than it says: up to 1,000 peers the simulation is compared
//! with the chain, exactly; the chain tells h; and with that h the formula must hold at 10,000.
//!
//! # Infect-and-die
//!
//! Whoever hears the rumour for the first time tells f others, once, and is silent from then on. The share S that hears of it satisfies
//! `S = 1 − e^(−f S)` (Kermack and McKendrick's final size with reproduction number f), up to a term of order 1/n.

use core::time::Duration;

use peerglass_core::{Cx, Peer, Protocol, Time};
use peerglass_sim::statistics::{Comparison, Tolerance};
use peerglass_sim::{Network, Simulation};
use peerglass_trace::Off;

use crate::{EXACT, NEAR, claim, replicate, world};

const ROUND: Duration = Duration::from_secs(1);

/// A peer that spreads one rumour.
#[derive(Default)]
struct Gossip {
    informed: bool,
}

struct Config {
    peers: u64,
    style: Style,
}

enum Style {
    /// To one other at the start of every round, for ever.
    Push,
    /// To so many others on hearing it first, then never again.
    InfectAndDie(u32),
}

impl Gossip {
    fn hear(&mut self, cx: &mut Cx<'_, Self>) {
        if self.informed {
            return;
        }
        self.informed = true;
        match cx.config().style {
            Style::Push => {
                let into = cx.now().as_nanos() % ROUND.as_nanos() as u64;
                cx.wake_in(ROUND - Duration::from_nanos(into), ());
            }
            Style::InfectAndDie(fanout) => (0..fanout).for_each(|_| tell(cx)),
        }
    }
}

/// Tells a peer other than oneself, chosen uniformly.
fn tell(cx: &mut Cx<'_, Gossip>) {
    let others = cx.config().peers - 1;
    let other = cx.rng().below(others) as u32;
    let other = if other < cx.me().0 { other } else { other + 1 };
    cx.send(Peer(other), ());
}

impl Protocol for Gossip {
    type Config = Config;
    type Message = ();
    type Timer = ();
    /// The rumour is made up here.
    type Command = ();
    type Event = ();
    fn start(&mut self, _: &mut Cx<'_, Self>) {}
    fn on_message(&mut self, _: Peer, (): (), cx: &mut Cx<'_, Self>) {
        self.hear(cx);
    }
    fn on_timer(&mut self, (): (), cx: &mut Cx<'_, Self>) {
        tell(cx);
        cx.wake_in(ROUND, ());
    }
    fn on_command(&mut self, (): (), cx: &mut Cx<'_, Self>) {
        self.hear(cx);
    }
    fn on_unreachable(&mut self, _: Peer, _: &mut Cx<'_, Self>) {}
    fn peers(&self, _: &mut dyn FnMut(Peer)) {}
}

/// `peers` peers, of whom the first makes the rumour up. A message takes 50 ms, so it arrives in the round in which it was sent.
fn rumour(seed: u64, peers: u64, style: Style) -> Simulation<Gossip, (), Off> {
    let mut sim = world(seed, Config { peers, style }, Network::default());
    for _ in 0..peers {
        sim.join_at(Time::ZERO, Gossip::default(), ());
    }
    sim.command_at(Time::ZERO, Peer(0), ()).unwrap();
    sim
}

fn informed(sim: &Simulation<Gossip, (), Off>) -> usize {
    sim.peers().filter(|(_, peer)| peer.informed).count()
}

/// How many rounds push took to reach everybody.
fn rounds_of_push(seed: u64, peers: u64) -> f64 {
    let mut sim = rumour(seed, peers, Style::Push);
    let everybody = |round: &u32| {
        sim.run_until(Time::ZERO + ROUND * *round + ROUND / 2);
        informed(&sim) as u64 == peers
    };
    (1..1_000u32).find(everybody).map(f64::from).expect("the rumour reaches everybody")
}

/// The expected rounds of push among n peers, from the Markov chain of the number m of informed ones.
///
/// Within a round the m pushes are thrown one after another; each finds one of the still uninformed with probability (n − m − j)/(n − 1) if j have
/// been found in this round. The chain never goes down, so one sweep gives the expected number of rounds spent at each m.
fn expected_rounds(n: usize) -> f64 {
    let mut arrivals = vec![0.0; n + 1];
    arrivals[1] = 1.0;
    let mut rounds = 0.0;
    for m in 1..n {
        let mut found = vec![0.0; m.min(n - m) + 1];
        found[0] = 1.0;
        for _ in 0..m {
            for j in (0..found.len()).rev() {
                let hit = |j: usize| (n - m - j) as f64 / (n - 1) as f64;
                found[j] = found[j] * (1.0 - hit(j)) + if j > 0 { found[j - 1] * hit(j - 1) } else { 0.0 };
            }
        }
        let visits = arrivals[m] / (1.0 - found[0]);
        rounds += visits;
        for (j, probability) in found.iter().enumerate().skip(1) {
            arrivals[m + j] += visits * probability;
        }
    }
    rounds
}

fn bare_formula(n: f64) -> f64 {
    n.log2() + n.ln()
}

#[test]
fn push_reaches_everybody_in_the_rounds_that_its_markov_chain_says() {
    for (peers, runs) in [(100u64, 1_000), (1_000, 100)] {
        let comparison = Comparison {
            quantity: format!("rounds of push to everybody, {peers} peers"),
            simulated: replicate(runs, EXACT, |seed| rounds_of_push(seed, peers)),
            theory: expected_rounds(peers as usize),
            formula: "Markov chain of the informed, exact",
            source: "docs/theory.md",
        };
        claim(&comparison, Tolerance::Inside { widest: 0.05 });
    }
}

#[test]
fn push_reaches_10_000_peers_in_the_rounds_of_the_published_formula() {
    let n = 10_000f64;
    let offset = expected_rounds(1_000) - bare_formula(1_000.0);
    let comparison = Comparison {
        quantity: format!("rounds of push to everybody, 10000 peers (h = {offset:.3} from the chain of 1000)"),
        simulated: replicate(20, NEAR, |seed| rounds_of_push(seed, 10_000)),
        theory: bare_formula(n) + offset,
        formula: "log2 n + ln n + h",
        source: "Doerr, Künnemann 2014; Daknama, Panagiotou, Reisser 2020",
    };
    claim(&comparison, Tolerance::Within(0.05));
    let (low, high) = (n.log2().floor() + n.ln() - 1.116, n.log2().ceil() + n.ln() + 2.765);
    assert!((low..high).contains(&comparison.simulated.estimate), "outside the proven bounds {low:.2} and {high:.2}");
}

#[test]
fn infect_and_die_reaches_the_share_of_peers_that_the_final_size_equation_says() {
    const PEERS: u64 = 10_000;
    for fanout in [2u32, 3, 4, 6] {
        let coverage = |seed| {
            let mut sim = rumour(seed, PEERS, Style::InfectAndDie(fanout));
            sim.run_until_idle(u64::MAX);
            informed(&sim) as f64 / PEERS as f64
        };
        // The fixed point is stable: each step shrinks the error by f · e^(−f S) < 1/2.
        let share = (0..100).fold(1.0f64, |share, _| 1.0 - (-f64::from(fanout) * share).exp());
        let comparison = Comparison {
            quantity: format!("coverage of infect-and-die, f = {fanout}, {PEERS} peers"),
            simulated: replicate(10, EXACT, coverage),
            theory: share,
            formula: "S = 1 − e^(−fS)",
            source: "Kermack, McKendrick 1927",
        };
        // Corrections are of order 1/n = 0.0001 and drown in the interval, so nothing is forgiven.
        claim(&comparison, Tolerance::Inside { widest: 0.02 });
    }
}
