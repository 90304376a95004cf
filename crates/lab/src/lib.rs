//! Scenario files, workloads and reports: the simulator run on the real stack.
//!
//! ```text
//!   labs/*.toml ──▶ Scenario ──▶ Plan: who does what, when ──▶ Simulation<Stack, LabHost> ──▶ records
//!                   (checked)    (a function of the seed)          │
//!                                                                  └──▶ Summary, as text and as JSON
//! ```
//!
//! `sim` knows no protocol and `stack` knows no simulator; they meet here.
//!
//! | module | holds |
//! |---|---|
//! | [`scenario`], [`units`] | what a person writes |
//! | `check` | what may not be asked for |
//! | [`plan`], [`distribution`] | the cast, the times, and what goes wrong when |
//! | `network`, `strike`, `bend` | what a scenario says of the network, of faults and of Byzantine peers, in the engine |
//! | `garble` | what is understood of a message whose bits flip |
//! | `wire` | the bytes of messages between simulated peers |
//! | [`memory`] | whether it fits into this computer |
//! | [`content`] | what is shared: real files, as sizes and links |
//! | [`host`] | the local application of a simulated peer |
//! | [`run`], [`summary`] | carrying it out, and what came of it |
//! | [`laws`], [`hunt`] | what must hold in every run, and the search for a run in which it does not |
//! | [`suite`], [`suite_sim`] | the conformance suite, and the simulator's way of running it |

mod bend;
mod check;
pub mod content;
pub mod distribution;
mod garble;
pub mod host;
pub mod hunt;
pub mod laws;
pub mod memory;
mod network;
pub mod plan;
pub mod run;
pub mod scenario;
mod strike;
pub mod suite;
pub mod suite_sim;
pub mod summary;
pub mod units;
mod wire;

pub use network::LatencyTableError;
pub use peerglass_sim::{Panic, Violation, said};
pub use run::{Run, RunError};
pub use scenario::{Scenario, ScenarioError};
pub use summary::Summary;
pub use wire::simulated_peer;
