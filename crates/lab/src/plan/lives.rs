//! When peers are up and when they are down, whatever takes them down.
//!
//! Several faults and churn may hold one peer down at the same time:
//!
//! ```text
//!   fault 1        ├──────────────┤
//!   fault 2               ├──────────────┤
//!   the peer    up ╷ down                ╷ up
//!                  crash                 restart
//! ```
//!
//! It comes up when the last of them lets go, or when a restart fault makes all of them let go. So a crash is planned only for a peer that is up and a restart only
//! for one that is down, and two faults never work against each other. It has lost its state if one of those that held it says so.

use peerglass_core::{Peer, Time};

use super::strike::{PeerStrike, Strike};

/// Something that holds a peer down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hold {
    pub(super) peer: Peer,
    pub(super) from: Time,
    /// When it lets go; never, at the end of time.
    pub(super) until: Time,
    /// Whether the peer comes back as on its first day.
    pub(super) fresh: bool,
}

/// A restart fault: whatever holds the peer lets go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Release {
    pub(super) peer: Peer,
    pub(super) at: Time,
    pub(super) fresh: bool,
}

/// Everything that takes peers down and brings them up.
#[derive(Clone, Debug, Default)]
pub(super) struct Lives {
    pub(super) holds: Vec<Hold>,
    pub(super) releases: Vec<Release>,
}

impl Lives {
    /// Sorts, so that what concerns a peer stands together: before peers are asked after.
    pub(super) fn sort(&mut self) {
        self.holds.sort_by_key(|hold| (hold.peer, hold.from, hold.until));
        self.releases.sort_by_key(|release| (release.peer, release.at));
    }

    /// Whether `peer` is down just after `at`, as far as it is known by now. Must be sorted.
    pub(super) fn is_down(&self, peer: Peer, joined: Time, at: Time) -> bool {
        let mut down = false;
        self.life(peer, joined, |time, up, _| {
            if time <= at {
                down = !up;
            }
        });
        down
    }

    /// Peers that something takes down at some time, each once. Must be sorted.
    pub(super) fn mortals(&self) -> Vec<Peer> {
        let mut peers: Vec<Peer> = self.holds.iter().map(|hold| hold.peer).collect();
        peers.dedup();
        peers
    }

    /// The crashes and restarts of everybody, not after `end`. Must be sorted.
    pub(super) fn strikes(&self, joined: impl Fn(Peer) -> Time, end: Time, out: &mut Vec<(Time, Strike)>) {
        for peer in self.mortals() {
            self.life(peer, joined(peer), |at, up, fresh| {
                if at <= end {
                    let what = if up { PeerStrike::Restart { fresh } } else { PeerStrike::Crash };
                    out.push((at, Strike::Peer { peer, what }));
                }
            });
        }
    }

    /// Tells each change in the life of a peer: when, whether it is up from then on, and whether as on its first day.
    fn life(&self, peer: Peer, joined: Time, mut tell: impl FnMut(Time, bool, bool)) {
        let mut holds = of(&self.holds, peer, |hold| hold.peer).iter().filter(|hold| hold.from >= joined).peekable();
        let mut releases = of(&self.releases, peer, |release| release.peer).iter().peekable();
        // When those who hold it now will let go.
        let mut open: Vec<(Time, bool)> = Vec::new();
        let mut fresh = false;
        loop {
            let start = holds.peek().map_or(Time::MAX, |hold| hold.from);
            let release = releases.peek().map_or(Time::MAX, |release| release.at);
            let end = open.iter().map(|(until, _)| *until).min().unwrap_or(Time::MAX);
            let next = start.min(release).min(end);
            if next == Time::MAX {
                return;
            }
            if start == next {
                // A new hold that begins when the old one ends takes over: the peer does not come up for no time at all.
                if let Some(hold) = holds.next() {
                    if open.is_empty() {
                        fresh = false;
                        tell(next, false, false);
                    }
                    open.push((hold.until, hold.fresh));
                }
                continue;
            }
            let was_down = !open.is_empty();
            if end == next {
                open.retain(|(until, lost)| {
                    let over = *until == next;
                    fresh |= over && *lost;
                    !over
                });
            } else if let Some(release) = releases.next() {
                fresh |= release.fresh && was_down;
                open.clear();
            }
            if was_down && open.is_empty() {
                tell(next, true, fresh);
            }
        }
    }
}

/// Those of a sorted list that concern `peer`.
fn of<T>(all: &[T], peer: Peer, whose: impl Fn(&T) -> Peer) -> &[T] {
    let from = all.partition_point(|one| whose(one) < peer);
    let len = all[from..].partition_point(|one| whose(one) == peer);
    &all[from..from + len]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const P: Peer = Peer(3);

    fn hold(from: u64, until: u64, fresh: bool) -> Hold {
        let until = if until == 0 { Time::MAX } else { Time::from_secs(until) };
        Hold { peer: P, from: Time::from_secs(from), until, fresh }
    }

    fn told(holds: Vec<Hold>, releases: Vec<Release>, joined: u64) -> Vec<(u64, bool, bool)> {
        let mut lives = Lives { holds, releases };
        lives.sort();
        let mut told = Vec::new();
        lives.life(P, Time::from_secs(joined), |at, up, fresh| told.push((at.as_secs(), up, fresh)));
        told
    }

    #[test]
    fn a_peer_that_two_faults_hold_comes_up_when_the_later_lets_go() {
        assert_eq!(told(vec![hold(10, 30, false), hold(20, 50, true)], vec![], 0), [(10, false, false), (50, true, true)]);
    }

    #[test]
    fn a_hold_that_begins_when_another_ends_takes_over() {
        assert_eq!(told(vec![hold(10, 20, false), hold(20, 30, false)], vec![], 0), [(10, false, false), (30, true, false)]);
    }

    #[test]
    fn a_restart_ends_every_hold_and_means_nothing_to_a_peer_that_is_up() {
        let release = |at, fresh| Release { peer: P, at: Time::from_secs(at), fresh };
        let restarts = vec![release(5, true), release(40, false)];
        assert_eq!(told(vec![hold(10, 0, true), hold(12, 90, true)], restarts, 0), [(10, false, false), (40, true, false)]);
    }

    #[test]
    fn what_befalls_a_peer_before_it_comes_in_befalls_nobody() {
        assert_eq!(told(vec![hold(10, 30, false), hold(40, 50, false)], vec![], 20), [(40, false, false), (50, true, false)]);
    }

    proptest! {
        #[test]
        fn a_life_alternates_and_is_down_exactly_while_somebody_holds(holds in prop::collection::vec((0u64..50, 1u64..20), 0..12)) {
            let holds: Vec<Hold> = holds.into_iter().map(|(from, lasting)| hold(from, from + lasting, false)).collect();
            let told = told(holds.clone(), vec![], 0);
            for (i, (at, up, _)) in told.iter().enumerate() {
                prop_assert_eq!(*up, i % 2 == 1);
                prop_assert!(i == 0 || told[i - 1].0 < *at);
            }
            for second in 0..80 {
                let held = holds.iter().any(|hold| hold.from <= Time::from_secs(second) && Time::from_secs(second) < hold.until);
                let down = told.iter().rev().find(|(at, ..)| *at <= second).is_some_and(|(_, up, _)| !up);
                prop_assert_eq!(held, down, "at {}", second);
            }
        }
    }
}
