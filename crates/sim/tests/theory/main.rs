//! Against theory: toy protocols in the simulator, beside published formulas.
//!
//! Every test replicates an experiment under seeds of its own, makes an interval of confidence of the results, and compares it with what a formula
//! says for the same parameters. It prints one line a comparison, so this makes a table:
//!
//! ```sh
//! cargo test -p peerglass-sim --test theory -- --nocapture
//! ```
//!
//! Which formula, from where, why with this tolerance, and what was measured: `docs/theory.md`. Seeds are fixed, so the verdict is the same every
//! time. What needs the real stack is in `crates/lab/tests/theory`.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod gossip;
mod loss;
mod queueing;
mod storage;
mod swim;

use peerglass_core::Protocol;
use peerglass_sim::statistics::{Comparison, Interval, Tolerance, t_interval};
use peerglass_sim::{Host, Network, Setup, Simulation};
use peerglass_trace::Off;

/// The confidence for theories that hold exactly for what is simulated.
const EXACT: f64 = 0.999;

/// The confidence for theories that hold nearly.
const NEAR: f64 = 0.99;

/// Runs `experiment` once under each of the seeds from 1 to `runs`, and makes the interval of the mean.
fn replicate(runs: u64, confidence: f64, experiment: impl Fn(u64) -> f64) -> Interval {
    let values: Vec<f64> = (1..=runs).map(experiment).collect();
    t_interval(&values, confidence).expect("two runs or more")
}

/// Prints the comparison, and fails unless the two agree.
fn claim(comparison: &Comparison, tolerance: Tolerance) {
    println!("{comparison}");
    assert!(comparison.holds(tolerance), "{comparison}: asked for {tolerance:?}");
}

/// An empty world in which nothing is recorded and bytes do not matter.
fn world<P: Protocol, H: Host<P>>(seed: u64, config: P::Config, network: Network) -> Simulation<P, H, Off> {
    Simulation::new(Setup { seed, config, network, wire_len: |_| 1, recorder: Off }).expect("the tests' parameters are right")
}
