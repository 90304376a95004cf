//! From churn to holds: when each peer goes and comes back.
//!
//! ```text
//!   with downtimes        a ───────┐   ┌──────────┐     ┌──        every peer alternates, with dice of its own
//!                         b ─┐  ┌─────────┐             ┌──
//!
//!   with interarrivals    a ───────┐        ┌───────────           one stream of arrivals;
//!                         b ─┐              ╵        ┌──           each brings back one of those that are away
//!                         arrivals ╵        ╵        ╵
//! ```
//!
//! In equilibrium, the first session is what is left of one that began long ago, and so is the first absence ([`Distribution::residual`]).
//!
//! Days and nights change how soon peers come back, by thinning (Lewis and Shedler, *Simulation of Nonhomogeneous Poisson Processes by Thinning*, 1979): arrivals are
//! drawn as often as they are at the peak, and each is kept with the probability that belongs to its hour.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use peerglass_core::{Peer, Rng, Time};

use super::cast::{Members, Part, dice};
use super::lives::Hold;
use super::{PlanError, Planner};
use crate::distribution::{Distribution, span};
use crate::scenario::{ChurnSpec, DistributionSpec, DiurnalSpec, Start};

/// The most holds and operations that a plan may have: a plan is kept in memory.
pub const MOST: usize = 50_000_000;

/// A rate that rises and falls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Diurnal(Option<DiurnalSpec>);

impl Diurnal {
    pub(super) fn new(spec: Option<DiurnalSpec>) -> Self {
        Self(spec.filter(|spec| !spec.period.is_zero()))
    }

    /// How much more often than on average it happens at the peak.
    pub(super) fn most(self) -> f64 {
        1.0 + self.0.map_or(0.0, |spec| spec.amplitude.0)
    }

    /// Whether what was drawn at the rate of the peak is kept at `at`.
    pub(super) fn keeps(self, at: Time, rng: &mut Rng) -> bool {
        let Some(spec) = self.0 else { return true };
        let phase = (at.as_nanos() as f64 - spec.peak.nanos() as f64) / spec.period.nanos() as f64;
        let now = 1.0 + spec.amplitude.0 * libm::cos(core::f64::consts::TAU * phase);
        rng.chance(now / self.most())
    }
}

/// One churn, ready to be carried out.
struct Churn {
    session: Distribution,
    from: Time,
    until: Time,
    start: Start,
    fresh: bool,
    day: Diurnal,
}

impl Planner<'_> {
    pub(super) fn plan_churn(&mut self) -> Result<(), PlanError> {
        for (number, spec) in self.scenario.churn.iter().enumerate() {
            let members = self.casts.members(&spec.who, &mut dice(self.seed, Part::Churn, number));
            let churn = self.churn(spec)?;
            // The dice of a peer do not depend on who else is in the group.
            let seed = self.seed ^ (number as u64 + 1) << 40 ^ Part::Churn as u64;
            match (&spec.downtime, &spec.interarrival) {
                (Some(downtime), _) => {
                    let downtime = self.distribution(downtime)?;
                    for peer in members.iter() {
                        self.alternate(&churn, &downtime, peer, &mut Rng::for_step(seed, peer, 0));
                        self.not_too_many()?;
                    }
                }
                (None, Some(interarrival)) => {
                    let interarrival = self.distribution(interarrival)?;
                    self.replace(&churn, &interarrival, &members, &mut Rng::for_step(seed, Peer(u32::MAX), 0))?;
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    fn churn(&self, spec: &ChurnSpec) -> Result<Churn, PlanError> {
        let end = self.scenario.duration;
        Ok(Churn {
            session: self.distribution(&spec.session)?,
            from: Time::ZERO + self.scenario.churn_from(spec).0,
            until: Time::ZERO + spec.until.unwrap_or(end).0.min(end.0),
            start: spec.start,
            fresh: !spec.keep_state,
            day: Diurnal::new(spec.diurnal),
        })
    }

    /// One peer comes and goes.
    fn alternate(&mut self, churn: &Churn, downtime: &Distribution, peer: Peer, rng: &mut Rng) {
        let mut now = churn.from.max(self.joined(peer));
        let up = churn.session.mean() / (churn.session.mean() + downtime.mean());
        let mut first = Some(churn.start).filter(|start| *start == Start::Equilibrium).map(|_| rng.chance(up));
        while now < churn.until {
            let session = match first {
                Some(true) => churn.session.residual(rng),
                Some(false) => 0.0,
                None => churn.session.sample(rng),
            };
            let from = if first == Some(false) { now } else { now + span(session) };
            if from >= churn.until {
                return;
            }
            let until = self.back(churn, downtime, from, first == Some(false), rng);
            self.lives.holds.push(Hold { peer, from, until, fresh: churn.fresh });
            (now, first) = (until, None);
        }
    }

    /// When a peer that is away since `from` comes back; never, if that is after the churn's end.
    fn back(&self, churn: &Churn, downtime: &Distribution, from: Time, met: bool, rng: &mut Rng) -> Time {
        let mut at = from;
        let mut away = if met { downtime.residual(rng) } else { downtime.sample(rng) };
        loop {
            at += span(away / churn.day.most());
            if at > churn.until {
                return Time::MAX;
            }
            if churn.day.keeps(at, rng) {
                return at;
            }
            away = downtime.sample(rng);
        }
    }

    /// One stream of arrivals for all: each brings back one of those that are away.
    fn replace(&mut self, churn: &Churn, interarrival: &Distribution, members: &Members, rng: &mut Rng) -> Result<(), PlanError> {
        // Little's law: so many are up on average.
        let population = (churn.session.mean() / interarrival.mean()).round().min(members.len() as f64) as usize;
        let everybody = members.draw(members.len(), rng);
        let staying = if churn.start == Start::Fresh { everybody.len() } else { population };
        let (up, down) = everybody.split_at(staying.min(everybody.len()));
        let mut away: Vec<(Time, Peer)> = down.iter().map(|peer| (churn.from.max(self.joined(*peer)), *peer)).collect();
        let mut leaving = BinaryHeap::new();
        for peer in up {
            let left = if churn.start == Start::Fresh { churn.session.sample(rng) } else { churn.session.residual(rng) };
            leaving.push(Reverse((churn.from.max(self.joined(*peer)) + span(left), *peer)));
        }
        let mut arrival = churn.from;
        loop {
            arrival += span(interarrival.sample(rng) / churn.day.most());
            while let Some(Reverse((at, _))) = leaving.peek()
                && *at <= arrival.min(churn.until)
            {
                away.extend(leaving.pop().map(|Reverse(gone)| gone));
            }
            if arrival > churn.until {
                break;
            }
            if !churn.day.keeps(arrival, rng) || away.is_empty() {
                continue;
            }
            let (from, peer) = away.swap_remove(rng.index(away.len()));
            // Somebody who has not even come in yet in this run cannot come back.
            if from < arrival {
                self.lives.holds.push(Hold { peer, from, until: arrival, fresh: churn.fresh });
                leaving.push(Reverse((arrival + span(churn.session.sample(rng)), peer)));
            } else {
                away.push((from, peer));
            }
            self.not_too_many()?;
        }
        let stay_away = away.into_iter().map(|(from, peer)| Hold { peer, from, until: Time::MAX, fresh: churn.fresh });
        self.lives.holds.extend(stay_away);
        self.not_too_many()
    }

    /// A plan is kept in memory.
    pub(super) fn not_too_many(&self) -> Result<(), PlanError> {
        let planned = self.lives.holds.len() + self.spells.len() + self.strikes.len();
        if planned <= MOST { Ok(()) } else { Err(PlanError::TooMuch { what: "faults, departures and returns", most: MOST }) }
    }

    /// The distribution that a scenario names, its trace read.
    pub(super) fn distribution(&self, spec: &DistributionSpec) -> Result<Distribution, PlanError> {
        let DistributionSpec::Trace { path } = spec else { return Ok(of(spec)) };
        Ok(Distribution::Trace(super::trace::read(&self.scenario.resolve(path))?))
    }
}

/// The distribution of a description without files.
pub(crate) fn of(spec: &DistributionSpec) -> Distribution {
    match spec {
        DistributionSpec::Constant { value } => Distribution::Constant(value.0.as_secs_f64()),
        DistributionSpec::Exponential { mean } => Distribution::Exponential(mean.0.as_secs_f64()),
        DistributionSpec::Weibull { shape, scale } => Distribution::Weibull(*shape, scale.0.as_secs_f64()),
        DistributionSpec::Pareto { shape, scale } => Distribution::Pareto(*shape, scale.0.as_secs_f64()),
        DistributionSpec::Trace { .. } => Distribution::Constant(f64::INFINITY),
    }
}
