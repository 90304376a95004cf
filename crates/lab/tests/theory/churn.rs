//! Peers that come and go: how long they stay, and how many are up.
//!
//! Stutzbach and Rejaie (*Understanding Churn in Peer-to-Peer Networks*, IMC 2006) measured sessions in three BitTorrent swarms and fitted Weibull
//! distributions, of shape k below 1: many sessions are short and a few very long, so that mean and median lie far apart:
//!
//! ```text
//!   mean  λ Γ(1 + 1/k)        median  λ (ln 2)^(1/k)
//! ```
//!
//! Whatever the distributions of sessions and absences, a peer that alternates between them is up for the share `E[up] / (E[up] + E[down])` of time (renewal
//! theory; Cox, *Renewal Theory*, 1962, chapter 7), in the long run, or at once if it starts in equilibrium: with the residual of a session, which for k < 1
//! is longer than a whole one.
//!
//! All three are exact. Churn is planned before a run, so it is the plan that is looked at: when each peer goes down and comes up again.

use std::path::Path;

use peerglass_core::{Rng, Time};
use peerglass_lab::Scenario;
use peerglass_lab::distribution::Distribution;
use peerglass_lab::plan::{PeerStrike, Plan, Strike};
use peerglass_sim::statistics::{Comparison, Tolerance, mean, median, t_interval};

use crate::{EXACT, claim};

const RUNS: u64 = 30;
const SESSIONS: usize = 40_000;

/// Shape and scale in minutes, by the swarm.
const SWARMS: [(&str, f64, f64); 3] = [("Debian", 0.38, 42.4), ("Red Hat", 0.34, 21.3), ("FlatOut", 0.59, 41.9)];

/// Γ(1 + 1/k) of the three shapes, as a table of the function gives it (computed apart from the code under test).
const GAMMA: [f64; 3] = [3.853_359, 5.575_400, 1.538_449];

#[test]
fn weibull_sessions_have_the_published_means_and_medians() {
    for ((swarm, shape, scale), gamma) in SWARMS.into_iter().zip(GAMMA) {
        let sessions = Distribution::Weibull(shape, scale);
        let samples = |seed| -> Vec<f64> {
            let mut rng = Rng::new(seed);
            (0..SESSIONS).map(|_| sessions.sample(&mut rng)).collect()
        };
        let (means, medians): (Vec<f64>, Vec<f64>) = (1..=RUNS).map(samples).map(|drawn| (mean(&drawn), median(&drawn).unwrap_or(0.0))).unzip();
        let source = "Stutzbach, Rejaie 2006";
        let of_mean = Comparison {
            quantity: format!("mean session, {swarm}, in minutes"),
            simulated: t_interval(&means, EXACT).expect("two runs or more"),
            theory: scale * gamma,
            formula: "λ Γ(1 + 1/k)",
            source,
        };
        claim(&of_mean, Tolerance::Inside { widest: 0.05 });
        let of_median = Comparison {
            quantity: format!("median session, {swarm}, in minutes"),
            simulated: t_interval(&medians, EXACT).expect("two runs or more"),
            theory: scale * std::f64::consts::LN_2.powf(1.0 / shape),
            formula: "λ (ln 2)^(1/k)",
            source,
        };
        claim(&of_median, Tolerance::Inside { widest: 0.05 });
    }
}

/// FlatOut's sessions, and absences of half an hour on average; in equilibrium from the start.
const TEXT: &str = r#"
title = "alive"
peers = 500
duration = "5 h"
[join]
within = "1 s"
[churn]
from = "1 min"
session = { kind = "weibull", preset = "flatout" }
downtime = { kind = "exponential", mean = "30 min" }
"#;

/// The share of time that peers are up between the begin of churn and the end of the run.
fn alive(seed: u64) -> f64 {
    let scenario = Scenario::parse(TEXT, Path::new("alive.toml")).expect("the scenario is valid");
    let plan = Plan::new(&scenario, seed, &[]).expect("the scenario can be planned");
    let (from, end) = (Time::from_secs(60), Time::from_secs(5 * 3600));
    let whole = end.since(from).as_secs_f64();
    let changes = plan.strikes.iter().filter_map(|(at, strike)| match strike {
        Strike::Peer { what: PeerStrike::Crash, .. } => Some(-end.since(*at).as_secs_f64()),
        Strike::Peer { what: PeerStrike::Restart { .. }, .. } => Some(end.since(*at).as_secs_f64()),
        _ => None,
    });
    1.0 + changes.sum::<f64>() / (whole * f64::from(scenario.peers))
}

#[test]
fn peers_are_up_for_the_share_of_time_that_renewal_theory_says() {
    let (up, down) = (SWARMS[2].2 * GAMMA[2], 30.0);
    let values: Vec<f64> = (1..=RUNS).map(alive).collect();
    let comparison = Comparison {
        quantity: "share of time that peers are up, FlatOut's sessions, 30 minutes away".into(),
        simulated: t_interval(&values, EXACT).expect("two runs or more"),
        theory: up / (up + down),
        formula: "E[up]/(E[up] + E[down])",
        source: "Cox 1962",
    };
    claim(&comparison, Tolerance::Inside { widest: 0.05 });
}
