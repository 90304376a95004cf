//! Who plays which part: scopes become peers.
//!
//! Every fault, group and workload has dice of its own, from (seed, what it is, its number). So changing one leaves the casts of all others as they are, and an
//! experiment that compares two scenarios compares what was changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use peerglass_core::{Peer, Rng};
use peerglass_sim::PeerSet;

use crate::scenario::{ALL, FETCHERS, PUBLISHERS, Scenario, Scope};

/// What dice are for: the high half of their stream's number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Joins = 1,
    Groups,
    Contents,
    Lookups,
    Faults,
    Churn,
    Workloads,
    Swarms,
    Nats,
}

/// The dice of plans are apart from those of the run.
const PLAN: u64 = 0x706c_616e;

/// The dice of the `number`-th thing of its kind.
pub(super) fn dice(seed: u64, part: Part, number: usize) -> Rng {
    Rng::for_step(seed ^ PLAN, Peer(part as u32), number as u64)
}

/// Some peers, in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Members {
    /// From one on, below another.
    Range(u32, u32),
    /// These.
    List(Arc<[Peer]>),
}

impl Members {
    pub(super) fn of(mut peers: Vec<Peer>) -> Self {
        peers.sort_unstable();
        peers.dedup();
        Members::List(peers.into())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Members::Range(from, to) => (to - from) as usize,
            Members::List(peers) => peers.len(),
        }
    }

    pub(super) fn get(&self, i: usize) -> Option<Peer> {
        match self {
            Members::Range(from, _) => (i < self.len()).then(|| Peer(from + i as u32)),
            Members::List(peers) => peers.get(i).copied(),
        }
    }

    pub(super) fn contains(&self, peer: Peer) -> bool {
        match self {
            Members::Range(from, to) => (*from..*to).contains(&peer.0),
            Members::List(peers) => peers.binary_search(&peer).is_ok(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Peer> {
        (0..self.len()).filter_map(|i| self.get(i))
    }

    pub(super) fn without(&self, others: &[&Members]) -> Members {
        if others.iter().all(|other| other.len() == 0) {
            return self.clone();
        }
        Members::List(self.iter().filter(|peer| others.iter().all(|other| !other.contains(*peer))).collect())
    }

    pub(super) fn set(&self) -> PeerSet {
        match self {
            Members::Range(from, to) => PeerSet::These((*from..*to).map(Peer).collect()),
            Members::List(peers) => PeerSet::These(Arc::clone(peers)),
        }
    }

    /// `count` different ones, in random order: a partial Fisher-Yates shuffle that remembers only what it moved.
    pub(super) fn draw(&self, count: usize, rng: &mut Rng) -> Vec<Peer> {
        let len = self.len();
        let mut moved: HashMap<usize, usize> = HashMap::new();
        let mut pick = |i: usize| {
            let j = i + rng.index(len - i);
            let chosen = moved.get(&j).copied().unwrap_or(j);
            let last = moved.get(&i).copied().unwrap_or(i);
            moved.insert(j, last);
            self.get(chosen)
        };
        (0..count.min(len)).filter_map(&mut pick).collect()
    }
}

/// All groups of a scenario, resolved.
#[derive(Clone, Debug)]
pub(super) struct Casts {
    groups: BTreeMap<String, Members>,
    peers: u32,
}

impl Casts {
    /// Resolves the groups that the file defines. Publishers and fetchers are nobody yet.
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        let all = Members::Range(0, scenario.peers);
        let mut casts = Self { groups: BTreeMap::from([(ALL.to_owned(), all)]), peers: scenario.peers };
        for (number, group) in scenario.group.iter().enumerate() {
            let members = casts.members(&group.members, &mut dice(seed, Part::Groups, number));
            casts.name(&group.name, members);
        }
        casts
    }

    fn name(&mut self, name: &str, members: Members) {
        self.groups.insert(name.to_owned(), members);
    }

    /// Says who publishes and who fetches.
    pub(super) fn name_roles(&mut self, publishers: Vec<Peer>, fetchers: Vec<Peer>) {
        self.name(PUBLISHERS, Members::of(publishers));
        self.name(FETCHERS, Members::of(fetchers));
    }

    /// The group with this name; nobody if there is none.
    pub(super) fn group(&self, name: &str) -> Members {
        self.groups.get(name).cloned().unwrap_or(Members::Range(0, 0))
    }

    /// The peers that `scope` means.
    pub(super) fn members(&self, scope: &Scope, rng: &mut Rng) -> Members {
        self.members_among(scope, rng, |members| members)
    }

    /// The peers that `scope` means, where those that are drawn must be among `eligible`.
    pub(super) fn members_among(&self, scope: &Scope, rng: &mut Rng, eligible: impl FnOnce(Members) -> Members) -> Members {
        match scope {
            Scope::Fraction(..) | Scope::Count(..) => Members::of(self.cast_among(scope, rng, eligible)),
            _ => self.exact(scope),
        }
    }

    /// The same, in the order in which they are struck one after the other: drawn ones in the order of the draw, others in their own.
    pub(super) fn cast_among(&self, scope: &Scope, rng: &mut Rng, eligible: impl FnOnce(Members) -> Members) -> Vec<Peer> {
        match scope {
            Scope::Fraction(share, of) => {
                let among = eligible(self.group(of));
                among.draw(share.of(among.len() as u32) as usize, rng)
            }
            Scope::Count(count, of) => eligible(self.group(of)).draw(*count as usize, rng),
            _ => self.exact(scope).iter().collect(),
        }
    }

    fn exact(&self, scope: &Scope) -> Members {
        match scope {
            Scope::Peers(peers) => Members::of(peers.iter().filter(|peer| **peer < self.peers).map(|peer| Peer(*peer)).collect()),
            Scope::Range(range) => Members::Range(range.from.min(self.peers), range.to.min(self.peers)),
            Scope::Group(name) | Scope::Fraction(_, name) | Scope::Count(_, name) => self.group(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Members;

    proptest! {
        #[test]
        fn a_draw_is_of_different_members_and_of_all_when_all_are_asked_for(from in 0u32..50, len in 0u32..60, count in 0usize..80, seed: u64) {
            let members = Members::Range(from, from + len);
            let drawn = members.draw(count, &mut peerglass_core::Rng::new(seed));
            prop_assert_eq!(drawn.len(), count.min(len as usize));
            prop_assert!(drawn.iter().all(|peer| members.contains(*peer)));
            prop_assert_eq!(Members::of(drawn.clone()).len(), drawn.len());
        }
    }

    #[test]
    fn every_member_is_drawn_equally_often() {
        let mut rng = peerglass_core::Rng::new(5);
        let mut counts = [0u32; 10];
        for _ in 0..20_000 {
            Members::Range(0, 10).draw(3, &mut rng).iter().for_each(|peer| counts[peer.index()] += 1);
        }
        // 6,000 expected; the standard deviation is 65, and five of them are allowed.
        assert!(counts.iter().all(|count| count.abs_diff(6_000) < 325), "{counts:?}");
    }
}
