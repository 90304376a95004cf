//! Faults that overlap on one peer: which of them is in force, and when that changes.
//!
//! A peer has one speed, one access, one disk and one behaviour. While several faults of one kind last, the one that began last is in force; when it ends, the one
//! before it is again. Clocks are different: jumps and drifts add up, and a fault that ends takes back exactly what it did.

use peerglass_core::{Peer, Time};

use super::strike::{PeerStrike, Strike, Throttle};
use crate::scenario::PeerTrouble;

/// A fault of one peer, from one instant to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spell {
    pub(super) peer: Peer,
    pub(super) from: Time,
    /// Never, at the end of time.
    pub(super) until: Time,
    pub(super) what: PeerTrouble,
}

/// The strikes of all spells, not after `end`.
pub(super) fn strikes(mut spells: Vec<Spell>, end: Time, out: &mut Vec<(Time, Strike)>) {
    // Stable: of two that begin at one instant, the one that stands later in the file begins later.
    spells.sort_by_key(|spell| (spell.peer, kind(&spell.what), spell.from));
    for of_one in spells.chunk_by(|a, b| (a.peer, kind(&a.what)) == (b.peer, kind(&b.what))) {
        let mut moments: Vec<Time> = of_one.iter().flat_map(|spell| [spell.from, spell.until]).filter(|at| *at <= end && *at < Time::MAX).collect();
        moments.sort_unstable();
        moments.dedup();
        let mut before = None;
        for at in moments {
            let now = if let PeerTrouble::Clock { .. } = of_one[0].what { clock(of_one, at) } else { in_force(of_one, at) };
            if before.as_ref() != Some(&now) || matches!(now, PeerStrike::Clock { .. }) {
                out.push((at, Strike::Peer { peer: of_one[0].peer, what: now.clone() }));
            }
            before = Some(now);
        }
    }
}

/// Troubles of one kind are in force one at a time.
fn kind(what: &PeerTrouble) -> u8 {
    match what {
        PeerTrouble::Crash { .. } | PeerTrouble::Restart { .. } | PeerTrouble::Freeze => 0,
        PeerTrouble::Slow { .. } => 1,
        PeerTrouble::Clock { .. } => 2,
        PeerTrouble::Throttle { .. } => 3,
        PeerTrouble::Disk { .. } => 4,
        PeerTrouble::Byzantine { .. } => 5,
    }
}

/// What holds at `at` of spells of one kind that are sorted by their beginnings.
fn in_force(spells: &[Spell], at: Time) -> PeerStrike {
    let lasting = spells.iter().rev().find(|spell| spell.from <= at && at < spell.until);
    match (spells[0].what, lasting.map(|spell| spell.what)) {
        (_, Some(PeerTrouble::Slow { each })) => PeerStrike::Slow(each.0),
        (_, Some(PeerTrouble::Throttle { up, down })) => PeerStrike::Access(Some(Box::new(Throttle { up, down }))),
        (_, Some(PeerTrouble::Disk { state })) => PeerStrike::Disk(Some(state)),
        (_, Some(PeerTrouble::Byzantine { behaviour })) => PeerStrike::Bend(Some(behaviour)),
        (PeerTrouble::Slow { .. }, _) => PeerStrike::Slow(std::time::Duration::ZERO),
        (PeerTrouble::Throttle { .. }, _) => PeerStrike::Access(None),
        (PeerTrouble::Disk { .. }, _) => PeerStrike::Disk(None),
        _ => PeerStrike::Bend(None),
    }
}

/// How a clock jumps at `at`, and how it drifts from then on.
fn clock(spells: &[Spell], at: Time) -> PeerStrike {
    let (mut jump, mut drifts) = (0i64, 0.0);
    for spell in spells {
        let PeerTrouble::Clock { skew, drift_ppm } = spell.what else { continue };
        if spell.from == at {
            jump = jump.saturating_add(skew.0);
        }
        if spell.until == at {
            // What it gained by jumping and by drifting.
            let lasted = spell.until.since(spell.from).as_nanos() as f64;
            jump = jump.saturating_sub(skew.0.saturating_add((lasted * drift_ppm * 1e-6).round() as i64));
        }
        if spell.from <= at && at < spell.until {
            drifts += drift_ppm;
        }
    }
    PeerStrike::Clock { skew: jump, drift: drifts }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::units::{Skew, Span};

    fn spell(from: u64, until: u64, what: PeerTrouble) -> Spell {
        Spell { peer: Peer(1), from: Time::from_secs(from), until: Time::from_secs(until), what }
    }

    fn told(spells: Vec<Spell>) -> Vec<(u64, PeerStrike)> {
        let mut out = Vec::new();
        strikes(spells, Time::from_secs(100), &mut out);
        out.into_iter().filter_map(|(at, strike)| if let Strike::Peer { what, .. } = strike { Some((at.as_secs(), what)) } else { None }).collect()
    }

    #[test]
    fn the_fault_that_began_last_is_in_force_and_then_the_one_before_it_again() {
        let slow = |millis| PeerTrouble::Slow { each: Span(Duration::from_millis(millis)) };
        let expected = [(10, 1), (20, 5), (25, 1), (30, 0)].map(|(at, millis)| (at, PeerStrike::Slow(Duration::from_millis(millis))));
        assert_eq!(told(vec![spell(10, 30, slow(1)), spell(20, 25, slow(5))]), expected);
    }

    #[test]
    fn a_clock_that_is_set_right_again_has_lost_exactly_what_it_gained() {
        let what = PeerTrouble::Clock { skew: Skew(2_000_000_000), drift_ppm: 100.0 };
        // 100 ppm of 20 s are 2 ms.
        let expected = [(10, PeerStrike::Clock { skew: 2_000_000_000, drift: 100.0 }), (30, PeerStrike::Clock { skew: -2_002_000_000, drift: 0.0 })];
        assert_eq!(told(vec![spell(10, 30, what)]), expected);
    }

    #[test]
    fn faults_of_different_kinds_do_not_disturb_each_other() {
        let full = PeerTrouble::Disk { state: crate::scenario::DiskState::Full };
        let slow = PeerTrouble::Slow { each: Span(Duration::from_millis(1)) };
        assert_eq!(told(vec![spell(10, 30, full), spell(20, 25, slow)]).len(), 4);
    }
}
