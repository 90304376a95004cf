//! Which block from whom, as pure functions.
//!
//! Every block is asked of one source at a time. With several sources, the question is who delivers it first: that depends on how many bytes the
//! source owes already, on its measured rate and on its latency. Giving each want to the source with the earliest expected arrival among those with
//! room in their window makes shares follow rates, with no shares to compute: a fast source empties its window sooner and so is asked more often
//! (list scheduling; Graham, *Bounds for certain multiprocessing anomalies*, 1966, bounds how far from optimal this can be).
//!
//! What remains is the end. When nothing is left to ask for, a slow source may still hold wants that a fast, idle one would deliver long before. Those
//! are *moved*: cancelled at the slow source and asked of the fast one, so that even then a want is outstanding at one source only.
//!
//! ```text
//!   fast ████████████████████████████ ▒▒   ▒ moved: worth it when the gain is more than the cost of one more transfer
//!   slow ██████████████████ ▒▒▒▒▒▒▒▒▒▒
//! ```

use core::time::Duration;

use peerglass_core::Peer;

/// A source that may be asked for a certain block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub peer: Peer,
    /// Whether its window has room.
    pub free: bool,
    /// When the block is expected from it, if it is asked now.
    pub eta: Duration,
    /// When it would be done with all that is left to ask for, if it got all of it. [`Duration::MAX`] while the end is not in sight.
    pub finish: Duration,
}

/// What to do about a wanted block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Ask this source.
    Ask(Peer),
    /// There are sources, but their windows are full, or they are so slow that one whose window is full will be done with everything before them.
    Wait,
    /// No source is left that is not known to lack it.
    Nobody,
}

/// The candidate with room that is expected to deliver first; among equals the first. Near the end it may be better to wait for one without room.
#[must_use]
pub fn pick(candidates: &[Candidate]) -> Choice {
    match candidates.iter().filter(|candidate| candidate.free).min_by_key(|candidate| candidate.eta) {
        Some(best) if candidates.iter().any(|other| !other.free && other.finish < best.eta) => Choice::Wait,
        Some(best) => Choice::Ask(best.peer),
        None if candidates.is_empty() => Choice::Nobody,
        None => Choice::Wait,
    }
}

/// Whether a want that its source is expected to deliver after `left` should move to one that delivers after `eta`.
///
/// What was sent already may still come, a duplicate. So it moves only when the other is at least twice as fast *and* at least `gain` is won.
#[must_use]
pub fn worth_moving(left: Duration, eta: Duration, gain: Duration) -> bool {
    left > eta.saturating_mul(2).saturating_add(gain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(peer: u32, free: bool, ms: u64) -> Candidate {
        Candidate { peer: Peer(peer), free, eta: Duration::from_millis(ms), finish: Duration::MAX }
    }

    #[test]
    fn full_windows_mean_waiting_and_no_sources_mean_nobody() {
        assert_eq!(pick(&[candidate(1, false, 1), candidate(2, false, 2)]), Choice::Wait);
        assert_eq!(pick(&[]), Choice::Nobody);
    }

    #[test]
    fn near_the_end_a_slow_source_is_left_out() {
        let fast = |finish| Candidate { finish: Duration::from_millis(finish), ..candidate(1, false, 10) };
        assert_eq!(pick(&[fast(500), candidate(2, true, 1000)]), Choice::Wait);
        assert_eq!(pick(&[fast(5000), candidate(2, true, 1000)]), Choice::Ask(Peer(2)));
    }

    #[test]
    fn a_want_moves_only_for_a_real_gain() {
        let ms = Duration::from_millis;
        assert!(worth_moving(ms(1000), ms(100), ms(100)));
        assert!(!worth_moving(ms(250), ms(100), ms(100)), "what is sent twice costs more than is won");
        assert!(!worth_moving(ms(50), ms(1), ms(100)), "a blink is not worth a duplicate");
        assert!(!worth_moving(Duration::MAX, Duration::MAX, ms(1)));
    }

    proptest! {
        #[test]
        fn the_choice_has_room_and_nobody_with_room_is_sooner(list in proptest::collection::vec((any::<bool>(), 0u64..50), 0..20)) {
            let candidates: Vec<_> = list.iter().enumerate().map(|(i, (free, ms))| candidate(i as u32, *free, *ms)).collect();
            match pick(&candidates) {
                Choice::Ask(peer) => {
                    let chosen = candidates[peer.index()];
                    prop_assert!(chosen.free);
                    prop_assert!(candidates.iter().all(|other| !other.free || other.eta >= chosen.eta));
                }
                Choice::Wait => prop_assert!(!candidates.is_empty() && candidates.iter().all(|other| !other.free)),
                Choice::Nobody => prop_assert!(candidates.is_empty()),
            }
        }

        /// Feeding sources of given rates by `pick` gives each a share that follows its rate.
        #[test]
        fn shares_follow_rates(rates in proptest::collection::vec(1u64..100, 1..6)) {
            let blocks = 500u64;
            let mut given = vec![0u64; rates.len()];
            for _ in 0..blocks {
                let list: Vec<_> = rates.iter().zip(&given).enumerate().map(|(i, (rate, n))| candidate(i as u32, true, (n + 1) * 100_000 / rate)).collect();
                let Choice::Ask(peer) = pick(&list) else { panic!("all have room") };
                given[peer.index()] += 1;
            }
            let total: u64 = rates.iter().sum();
            for (rate, n) in rates.iter().zip(&given) {
                let fair = blocks as f64 * *rate as f64 / total as f64;
                prop_assert!((*n as f64 - fair).abs() <= rates.len() as f64 + 1.0, "{n} of a fair {fair}");
            }
        }
    }
}
