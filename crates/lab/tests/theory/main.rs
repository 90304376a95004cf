//! Against theory: the real stack in the simulator, beside published formulas.
//!
//! Every test replicates an experiment in networks of its own, makes an interval of confidence of the results, and compares it with what a formula
//! says for the same parameters. It prints one line a comparison, so this makes a table:
//!
//! ```sh
//! cargo test -p peerglass-lab --test theory -- --nocapture
//! ```
//!
//! Which formula, from where, why with this tolerance, and what was measured: `docs/theory.md`. Seeds are fixed, so the verdict is the same every time.
//! Toy protocols are in `crates/sim/tests/theory`.

mod churn;
mod joined;
mod kademlia;
mod lookups;
mod settled;
mod sybil;

use peerglass_sim::statistics::{Comparison, Tolerance};

/// The confidence for theories that hold exactly for what is simulated.
const EXACT: f64 = 0.999;

/// The confidence for theories that hold nearly.
const NEAR: f64 = 0.99;

/// Prints the comparison, and fails unless the two agree.
fn claim(comparison: &Comparison, tolerance: Tolerance) {
    println!("{comparison}");
    assert!(comparison.holds(tolerance), "{comparison}: asked for {tolerance:?}");
}
