//! From faults to strikes: scopes, durations and repetitions resolved.
//!
//! A fault that is repeated strikes the same peers each time: a link that flaps is one link. Only restarts are drawn anew, from those that are down then.

use peerglass_core::{Peer, Time};
use peerglass_sim::{LinkFault, LinkRule, PeerSet};

use super::cast::{Members, Part, dice};
use super::lives::{Hold, Release};
use super::spells::Spell;
use super::strike::{PeerStrike, Strike};
use super::{PlanError, Planner};
use crate::scenario::{Fault, FaultSpec, PeerTrouble, Scope};
use crate::units::Span;

impl Planner<'_> {
    /// Everything but restarts and swarms. Before churn is planned or after: casts do not depend on it.
    pub(super) fn plan_faults(&mut self, faults: &[FaultSpec]) -> Result<(), PlanError> {
        for (number, fault) in faults.iter().enumerate() {
            match &fault.what {
                Fault::Peers { what: PeerTrouble::Restart { .. }, .. } | Fault::Swarm { .. } => {}
                Fault::Peers { who, what } => self.plan_peers(number, fault, who, *what),
                Fault::Links { from, to, what } => {
                    let rng = &mut dice(self.seed, Part::Faults, number);
                    let (from, to) = (self.set(from, rng), self.set(to, rng));
                    self.plan_rules(fault, &[LinkRule { from, to, what: (*what).into() }]);
                }
                Fault::Partition { sides, one_way, bridge } => {
                    let rules = self.partition(number, sides, *one_way, bridge.as_ref());
                    self.plan_rules(fault, &rules);
                }
            }
            self.not_too_many()?;
        }
        Ok(())
    }

    fn plan_peers(&mut self, number: usize, fault: &FaultSpec, who: &Scope, what: PeerTrouble) {
        // Who is not there yet cannot go down: those that do are drawn from those that have come in.
        let needs_life = matches!(what, PeerTrouble::Crash { .. } | PeerTrouble::Freeze);
        let arrived = self.arrived(fault.at);
        let eligible = |members: Members| if needs_life { arrived(members) } else { members };
        let cast = self.casts.cast_among(who, &mut dice(self.seed, Part::Faults, number), eligible);
        for moment in fault.moments(self.scenario.duration) {
            if self.not_too_many().is_err() {
                return;
            }
            for (i, peer) in cast.iter().enumerate() {
                let from = Time::ZERO + moment.0 + super::spread(fault.within, i as u32, cast.len() as u32);
                let until = fault.lasting.map_or(Time::MAX, |lasting| from + lasting.0);
                self.plan_one(*peer, from, until, what);
            }
        }
    }

    fn plan_one(&mut self, peer: Peer, from: Time, until: Time, what: PeerTrouble) {
        match what {
            PeerTrouble::Crash { keep_state } => self.lives.holds.push(Hold { peer, from, until, fresh: !keep_state }),
            PeerTrouble::Freeze => self.strikes.push((from, Strike::Peer { peer, what: PeerStrike::Freeze(until.since(from)) })),
            _ => self.spells.push(Spell { peer, from, until, what }),
        }
    }

    /// Restarts, in the order of time, after everything that takes peers down is known: they are for peers that are down.
    pub(super) fn plan_restarts(&mut self, faults: &[FaultSpec]) {
        let mut restarts: Vec<(Span, usize, &FaultSpec)> = Vec::new();
        for (number, fault) in faults.iter().enumerate() {
            if let Fault::Peers { what: PeerTrouble::Restart { .. }, .. } = &fault.what {
                restarts.extend(fault.moments(self.scenario.duration).map(|moment| (moment, number, fault)));
            }
        }
        restarts.sort_by_key(|(moment, number, _)| (*moment, *number));
        self.lives.sort();
        for (moment, number, fault) in restarts {
            let Fault::Peers { who, what: PeerTrouble::Restart { keep_state } } = &fault.what else { continue };
            let at = Time::ZERO + moment.0;
            // Each occurrence has dice of its own.
            let rng = &mut dice(self.seed ^ at.as_nanos(), Part::Faults, number);
            let cast = self.casts.cast_among(who, rng, |members| self.down(&members, at));
            for (i, peer) in cast.iter().enumerate() {
                let at = at + super::spread(fault.within, i as u32, cast.len() as u32);
                self.lives.releases.push(Release { peer: *peer, at, fresh: !keep_state });
            }
            self.lives.sort();
        }
    }

    fn down(&self, members: &Members, at: Time) -> Members {
        let mortals = self.lives.mortals();
        Members::of(mortals.into_iter().filter(|peer| members.contains(*peer) && self.lives.is_down(*peer, self.joined(*peer), at)).collect())
    }

    fn set(&self, scope: &Scope, rng: &mut peerglass_core::Rng) -> PeerSet {
        if scope.is_all() { PeerSet::All } else { self.casts.members(scope, rng).set() }
    }

    fn partition(&self, number: usize, sides: &[Scope], one_way: bool, bridge: Option<&Scope>) -> Vec<LinkRule> {
        let rng = &mut dice(self.seed, Part::Faults, number);
        let bridge = bridge.map_or(Members::Range(0, 0), |bridge| self.casts.members(bridge, rng));
        // A peer that two sides name is on the first; the dice of a side know who is on a side already.
        let mut taken: Vec<Members> = vec![bridge];
        for side in sides {
            let free = |members: Members| members.without(&taken.iter().collect::<Vec<_>>());
            let side = free(self.casts.members_among(side, rng, free));
            taken.push(side);
        }
        if sides.len() == 1 {
            taken.push(Members::Range(0, self.scenario.peers).without(&taken.iter().collect::<Vec<_>>()));
        }
        let sets: Vec<PeerSet> = taken[1..].iter().map(Members::set).collect();
        let cut = |from: &PeerSet, to: &PeerSet| LinkRule { from: from.clone(), to: to.clone(), what: LinkFault::Cut };
        let pairs =
            (0..sets.len()).flat_map(|i| (0..sets.len()).map(move |j| (i, j))).filter(|(i, j)| if one_way { (*i, *j) == (0, 1) } else { i != j });
        pairs.map(|(i, j)| cut(&sets[i], &sets[j])).collect()
    }

    fn plan_rules(&mut self, fault: &FaultSpec, rules: &[LinkRule]) {
        for moment in fault.moments(self.scenario.duration) {
            let from = Time::ZERO + moment.0;
            for rule in rules {
                let number = self.rules;
                self.rules += 1;
                self.strikes.push((from, Strike::Rule { number, rule: Box::new(rule.clone()) }));
                if let Some(lasting) = fault.lasting {
                    self.strikes.push((from + lasting.0, Strike::Lift { number }));
                }
            }
        }
    }
}
