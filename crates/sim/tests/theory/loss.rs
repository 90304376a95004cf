//! Losses in bursts: how many packets are lost, and how many in a row.
//!
//! In the chain of Gilbert (1960) and Elliott (1963) a link is good or bad. With each packet it turns bad with probability p or good with probability
//! r, and then loses the packet with the probability l of its state. In the long run it is bad for the share π = p/(p + r) of packets, so it loses
//!
//! ```text
//!   P(L) = (1 − π) l_good + π l_bad
//! ```
//!
//! A run of losses begins where a loss follows a packet that came through, so runs are as frequent as such pairs, and last on average (Gilbert's
//! Capacity of a Burst-Noise Channel has the case l_good = 0)
//!
//! ```text
//!   P(L) / (P(L) − P(LL)),      P(LL) = Σ_{i,j} π_i l_i P_ij l_j
//! ```
//!
//! packets, which is 1/r where a bad link loses all and a good one none, and 1/(1 − P(L)) where losses are independent. Both are exact for a
//! stationary chain; a link begins good, so the first thousand packets of each run are left out, while the chain forgets its beginning by the
//! factor 1 − p − r with each packet.
//!
//! The packets of one sender pass [`Network::verdict`] in order, and share the state of its link.

use core::time::Duration;

use peerglass_core::Peer;
use peerglass_sim::network::{Packet, Verdict};
use peerglass_sim::statistics::{Comparison, Tolerance, t_interval};
use peerglass_sim::{Latency, Loss, Network};

use crate::{EXACT, claim};

const PACKETS: u64 = 100_000;
const WARM_UP: usize = 1_000;
const RUNS: u64 = 30;

/// Which packets of one sender are lost.
fn losses(loss: Loss, seed: u64) -> Vec<bool> {
    let network = Network { loss, latency: Latency::Constant(Duration::from_millis(50)), ..Network::default() };
    let mut bad = false;
    let lost = |order| matches!(network.verdict(seed, &Packet { from: Peer(0), to: Peer(1), order }, &mut bad), Verdict::Lost(_));
    (0..PACKETS).map(lost).skip(WARM_UP).collect()
}

/// The mean length of the runs of losses, without the first and the last, which may have been cut.
fn mean_run(losses: &[bool]) -> f64 {
    let runs: Vec<usize> = losses.chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[bool]>::len).collect();
    let whole = &runs[1..runs.len() - 1];
    whole.iter().sum::<usize>() as f64 / whole.len() as f64
}

fn compare(name: &str, to_bad: f64, to_good: f64, loss: [f64; 2]) {
    let [loss_good, loss_bad] = loss;
    let chain = Loss::GilbertElliott { to_bad, to_good, loss_good, loss_bad };
    let share = [to_good / (to_bad + to_good), to_bad / (to_bad + to_good)];
    let moves = [[1.0 - to_bad, to_bad], [to_good, 1.0 - to_good]];
    let rate = share[0] * loss[0] + share[1] * loss[1];
    let pairs = [(0, 0), (0, 1), (1, 0), (1, 1)];
    let both: f64 = pairs.iter().map(|(i, j)| share[*i] * loss[*i] * moves[*i][*j] * loss[*j]).sum();

    let histories: Vec<Vec<bool>> = (1..=RUNS).map(|seed| losses(chain, seed)).collect();
    let rates: Vec<f64> = histories.iter().map(|lost| lost.iter().filter(|lost| **lost).count() as f64 / lost.len() as f64).collect();
    let lengths: Vec<f64> = histories.iter().map(|lost| mean_run(lost)).collect();
    let of_rate = Comparison {
        quantity: format!("Gilbert-Elliott, {name}: share of packets lost"),
        simulated: t_interval(&rates, EXACT).unwrap(),
        theory: rate,
        formula: "(1 − π) l_good + π l_bad, π = p/(p + r)",
        source: "Gilbert 1960, Elliott 1963",
    };
    claim(&of_rate, Tolerance::Inside { widest: 0.05 });
    let of_length = Comparison {
        quantity: format!("Gilbert-Elliott, {name}: losses in a row"),
        simulated: t_interval(&lengths, EXACT).unwrap(),
        theory: rate / (rate - both),
        formula: "P(L)/(P(L) − P(LL))",
        source: "Gilbert 1960, Elliott 1963",
    };
    claim(&of_length, Tolerance::Inside { widest: 0.05 });
}

#[test]
fn losses_come_as_often_and_in_bursts_as_long_as_the_chain_says() {
    compare("bursts of 5 that lose all", 0.01, 0.2, [0.0, 1.0]);
    compare("bursts of 10 that lose half", 0.02, 0.1, [0.0, 0.5]);
    compare("bursts of 4 that lose 80 %, 2 % between them", 0.05, 0.25, [0.02, 0.8]);
    compare("no bursts, as Bernoulli with 30 %", 0.4, 0.6, [0.3, 0.3]);
}
