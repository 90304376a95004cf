//! With what probability are all k peers closest to a key Sybils?
//!
//! A fraction f of peers belongs to one attacker, who cannot choose their ids, so that they lie anywhere. Who holds all k places closest to a key can hide
//! what is stored there. Where each peer is a Sybil independently of all others and of where it lies, the probability is f^k: exactly so for the k peers
//! that a lookup returns, whoever they are. That they are the k closest is asserted beside it.
//!
//! Here the Sybils only are there: they answer as all others do, because the question is whom a lookup ends at, not what liars make of it. Lookups in one
//! network share its Sybils, so a network is one observation, and each has marks of its own.

use peerglass_core::{Peer, Rng};
use peerglass_sim::statistics::{Comparison, Interval, Tolerance, mean, t_interval};

use crate::lookups::{exact, look_up};
use crate::settled::settled;
use crate::{EXACT, claim};

const PEERS: u32 = 5_000;
const LOOKUPS: u32 = 150;
const NETWORKS: u64 = 40;

/// Sets the dice that mark Sybils apart from all others.
const MARKS: u64 = 0x7379_6269_6c21;

/// The share of lookups that ended at Sybils alone.
fn captured(k: usize, f: f64) -> Interval {
    let mut right = Vec::new();
    let shares: Vec<f64> = (1..=NETWORKS)
        .map(|seed| {
            let mut dice = Rng::new(seed ^ MARKS);
            let sybils: Vec<bool> = (0..PEERS).map(|_| dice.chance(f)).collect();
            let mut sim = settled(seed, PEERS, k);
            let found = look_up(&mut sim, LOOKUPS, seed);
            right.push(exact(&found, sim.config().everybody(), k));
            let all_sybils = |closest: &[Peer]| closest.len() == k && closest.iter().all(|peer| sybils[peer.index()]);
            found.iter().filter(|lookup| all_sybils(&lookup.closest)).count() as f64 / f64::from(LOOKUPS)
        })
        .collect();
    assert!(mean(&right) >= 0.99, "k = {k}: only {} of the lookups found the k closest", mean(&right));
    t_interval(&shares, EXACT).expect("two networks or more")
}

#[test]
fn all_closest_peers_are_sybils_as_often_as_chance_says() {
    // The rarer a capture, the less exactly it is counted: some 350 of 6,000 lookups leave a fifth of it on each side.
    for (k, f, widest) in [(2usize, 0.5f64, 0.1), (3, 0.5, 0.15), (4, 0.5, 0.25), (8, 0.7, 0.25), (8, 0.8, 0.15)] {
        let comparison = Comparison {
            quantity: format!("P(all k closest are Sybils), k = {k}, f = {f}, {PEERS} peers"),
            simulated: captured(k, f),
            theory: f.powi(k as i32),
            formula: "f^k",
            source: "docs/theory.md",
        };
        claim(&comparison, Tolerance::Inside { widest });
    }
}
