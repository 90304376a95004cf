//! From scenario to plan: which peer does what, what befalls it, and when, to the nanosecond.
//!
//! The dice are thrown here, once, before the run: who publishes, who fetches, who dies. The plan is a function of scenario and seed alone, so two runs that
//! differ in a parameter of the network still have the same cast; and every part has dice of its own, so that changing one fault leaves the others as they are.
//!
//! ```text
//!   [join]                       ──▶ joins      ◀── sybil, eclipse
//!   [[content]] [[lookup]]
//!   [[workload]]                 ──▶ commands
//!   [[fault]] on peers, [churn]  ──▶ lives: who is up      ─┐
//!                                    spells: what is in force ├──▶ strikes, in the order of time
//!   [[fault]] on links           ──▶ rules and their ends  ─┘
//! ```

mod cast;
mod churn;
mod faults;
mod lives;
mod spells;
mod strike;
mod swarm;
#[cfg(test)]
mod tests;
mod trace;
mod workload;

use std::time::Duration;

use peerglass_core::{Key, Peer, Time};
use peerglass_stack::{Command, Tag};
use peerglass_store::Cid;
use thiserror::Error;

use crate::Scenario;
use crate::scenario::{FaultSpec, NatKind};
use crate::units::Span;
use cast::{Casts, Members, Part, dice};
use lives::Lives;
use spells::Spell;
use workload::Involved;

pub use churn::MOST;
pub(crate) use churn::of as distribution_of;
pub use strike::{PeerStrike, Strike, Throttle};
pub use trace::TraceError;

/// Everything that will be done to the peers of a run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// How each peer comes in, by handle: the scenario's peers, then its attackers.
    pub joins: Vec<Join>,
    /// What peers are asked to do.
    pub commands: Vec<(Time, Peer, Command)>,
    /// Who publishes what.
    pub publishes: Vec<Publish>,
    /// Who fetches what.
    pub fetches: Vec<Fetch>,
    /// Lookups of random keys.
    pub lookups: Vec<Lookup>,
    /// Who is behind which NAT.
    pub nats: Vec<Natted>,
    /// What goes wrong, and well again, in the order in which it does.
    pub strikes: Vec<(Time, Strike)>,
}

/// How a peer comes in.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// When.
    pub at: Time,
    /// Whom it knows.
    pub contacts: Vec<Peer>,
    /// The key that an attacker chose; `None`: the dice of the run do.
    pub key: Option<Key>,
}

/// A peer is behind a NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Natted {
    /// Who.
    pub peer: Peer,
    /// How strict it is.
    pub kind: NatKind,
    /// How long a mapping lasts that is not used.
    pub timeout: Duration,
}

/// A peer shares a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Of its command.
    pub tag: Tag,
    /// Which content.
    pub content: usize,
    /// Who.
    pub peer: Peer,
    /// When.
    pub at: Time,
}

/// A peer fetches a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Of its command.
    pub tag: Tag,
    /// Which content.
    pub content: usize,
    /// Who.
    pub peer: Peer,
    /// When it begins.
    pub at: Time,
}

/// A lookup of a random key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Of its command.
    pub tag: Tag,
    /// Who looks.
    pub peer: Peer,
    /// When it begins.
    pub at: Time,
    /// The key looked for.
    pub key: Key,
}

/// What a tag is of. The kind stands in the high half, a number in the low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The publication with this number.
    Share(u32),
    /// The fetch with this number.
    Fetch(u32),
    /// The lookup with this number.
    Lookup(u32),
}

impl Asked {
    /// The tag that says so.
    #[must_use]
    pub fn tag(self) -> Tag {
        match self {
            Asked::Share(n) => 1 << 32 | Tag::from(n),
            Asked::Fetch(n) => 2 << 32 | Tag::from(n),
            Asked::Lookup(n) => 3 << 32 | Tag::from(n),
        }
    }

    /// What `tag` says, if it is one of a plan.
    #[must_use]
    pub fn of(tag: Tag) -> Option<Self> {
        let number = tag as u32;
        match tag >> 32 {
            1 => Some(Asked::Share(number)),
            2 => Some(Asked::Fetch(number)),
            3 => Some(Asked::Lookup(number)),
            _ => None,
        }
    }
}

/// Why a scenario cannot be planned.
#[derive(Debug, Error)]
pub enum PlanError {
    /// A trace cannot be used.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// It would not fit into memory.
    #[error("the scenario asks for more than {most} {what}: make the run shorter, or them rarer")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// So many are allowed.
        most: usize,
    },
}

impl Plan {
    /// The plan of `scenario` under `seed`; `roots` are the roots of its contents, in order, then those of its libraries of generated contents.
    pub fn new(scenario: &Scenario, seed: u64, roots: &[Cid]) -> Result<Self, PlanError> {
        let mut planner = Planner::new(scenario, seed);
        let faults: Vec<FaultSpec> = scenario.faults().map(|(_, fault)| fault).collect();
        planner.plan_joins();
        planner.plan_contents(roots);
        planner.plan_nats();
        planner.plan_lookups();
        planner.plan_workloads(roots)?;
        planner.plan_faults(&faults)?;
        planner.plan_swarms(&faults, roots);
        planner.plan_churn()?;
        planner.plan_restarts(&faults);
        Ok(planner.finish())
    }
}

/// A plan in the making.
struct Planner<'a> {
    scenario: &'a Scenario,
    seed: u64,
    casts: Casts,
    joins: Vec<Join>,
    plan: Plan,
    involved: Involved,
    lives: Lives,
    spells: Vec<Spell>,
    strikes: Vec<(Time, Strike)>,
    /// How many rules there are: their numbers.
    rules: u32,
}

impl<'a> Planner<'a> {
    fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let casts = Casts::new(scenario, seed);
        let (joins, strikes, spells) = (Vec::new(), Vec::new(), Vec::new());
        Self { scenario, seed, casts, joins, plan: Plan::default(), involved: Involved::new(), lives: Lives::default(), spells, strikes, rules: 0 }
    }

    fn plan_joins(&mut self) {
        let rng = &mut dice(self.seed, Part::Joins, 0);
        self.joins.reserve_exact(self.scenario.peers as usize);
        for i in 0..self.scenario.peers {
            let mut contacts: Vec<Peer> = (0..self.scenario.join.contacts.min(i as usize)).map(|_| Peer(rng.below(u64::from(i)) as u32)).collect();
            contacts.sort_unstable();
            contacts.dedup();
            self.joins.push(Join { at: Time::ZERO + self.scenario.joins_at(i).0, contacts, key: None });
        }
    }

    /// Of several that a peer is given, the last is the one it is behind.
    fn plan_nats(&mut self) {
        for (number, nat) in self.scenario.nat.iter().enumerate() {
            let members = self.casts.members(&nat.who, &mut dice(self.seed, Part::Nats, number));
            self.plan.nats.extend(members.iter().map(|peer| Natted { peer, kind: nat.kind, timeout: nat.timeout.0 }));
        }
    }

    /// When a peer comes in.
    fn joined(&self, peer: Peer) -> Time {
        self.joins.get(peer.index()).map_or(Time::MAX, |join| join.at)
    }

    /// Leaves only those who have come in by `at`: they come in in the order of their numbers.
    fn arrived(&self, at: Span) -> impl Fn(Members) -> Members + use<> {
        let honest = self.scenario.peers as usize;
        let here = self.joins[..honest.min(self.joins.len())].partition_point(|join| join.at <= Time::ZERO + at.0) as u32;
        move |members| match members {
            Members::Range(from, to) => Members::Range(from.min(here), to.min(here)),
            Members::List(peers) => Members::List(peers.iter().copied().filter(|peer| peer.0 < here).collect()),
        }
    }

    fn finish(mut self) -> Plan {
        let end = Time::ZERO + self.scenario.duration.0;
        self.lives.sort();
        spells::strikes(std::mem::take(&mut self.spells), end, &mut self.strikes);
        let mut strikes = std::mem::take(&mut self.strikes);
        self.lives.strikes(|peer| self.joined(peer), end, &mut strikes);
        strike::sort(&mut strikes);
        Plan { joins: self.joins, strikes, ..self.plan }
    }
}

/// The `i`-th of `count` moments spread evenly over a span, the first at its start.
pub(crate) fn spread(within: Span, i: u32, count: u32) -> Duration {
    Duration::from_nanos((within.0.as_nanos() * u128::from(i) / u128::from(count.max(1))) as u64)
}
