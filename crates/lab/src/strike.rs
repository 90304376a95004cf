//! Strikes, carried out: where a plan's faults meet the engine.
//!
//! One function, [`Striker::strike`], and one table: what a [`Strike`] of the lab is in the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use peerglass_core::{Peer, Time};
use peerglass_sim::{Access, ControlError, Disk, PeerFault, RuleId};
use peerglass_stack::{Command, Stack};
use peerglass_trace::Recorder;

use crate::bend;
use crate::host::{Catalogue, LabHost};
use crate::network::link;
use crate::plan::{PeerStrike, Plan, Strike, Throttle};
use crate::run::LabSimulation;
use crate::scenario::DiskState;

/// Has a simulation carry out the strikes of a plan, in their order.
pub(crate) struct Striker<'a> {
    plan: &'a Plan,
    catalogue: &'a Arc<Catalogue>,
    /// What restrained links fall back to.
    access: Access,
    /// Peers that chose their ids: those that liars name.
    friends: Arc<[Peer]>,
    /// Who publishes what, by peer.
    publishes: Vec<(Peer, usize)>,
    /// The engine's numbers of the plan's rules.
    rules: BTreeMap<u32, RuleId>,
}

impl<'a> Striker<'a> {
    pub(crate) fn new(plan: &'a Plan, catalogue: &'a Arc<Catalogue>, access: Access) -> Self {
        let chosen = plan.joins.iter().zip(0..).filter(|(join, _)| join.key.is_some());
        let friends = chosen.map(|(_, peer)| Peer(peer)).collect();
        let mut publishes: Vec<_> = plan.publishes.iter().map(|publish| (publish.peer, publish.content)).collect();
        publishes.sort_unstable();
        Self { plan, catalogue, access, friends, publishes, rules: BTreeMap::new() }
    }

    /// Has `simulation` carry out one strike at `at`.
    pub(crate) fn strike<R: Recorder>(&mut self, simulation: &mut LabSimulation<R>, at: Time, strike: &Strike) -> Result<(), ControlError> {
        match strike {
            Strike::Peer { peer, what } => self.peer(simulation, at, *peer, what),
            Strike::Rule { number, rule } => {
                let id = simulation.rule_at(at, rule.as_ref().clone())?;
                self.rules.insert(*number, id);
                Ok(())
            }
            Strike::Lift { number } => {
                if let Some(id) = self.rules.remove(number) {
                    simulation.lift_at(at, id);
                }
                Ok(())
            }
        }
    }

    fn peer<R: Recorder>(&self, simulation: &mut LabSimulation<R>, at: Time, peer: Peer, what: &PeerStrike) -> Result<(), ControlError> {
        let fault = match what {
            PeerStrike::Crash => PeerFault::Crash,
            PeerStrike::Restart { fresh: false } => PeerFault::Restart { fresh: None },
            PeerStrike::Restart { fresh: true } => {
                let fresh = Some(Box::new((Stack::new(simulation.config()), self.fresh_host(peer))));
                simulation.fault_at(at, peer, PeerFault::Restart { fresh })?;
                // It has forgotten whom it knew, and joins as it did on its first day.
                let contacts = self.plan.joins.get(peer.index()).map(|join| join.contacts.clone()).unwrap_or_default();
                return simulation.command_at(at, peer, Command::Join { contacts });
            }
            PeerStrike::Freeze(lasting) => PeerFault::Freeze { lasting: *lasting },
            PeerStrike::Slow(each) => PeerFault::Slow { each: *each },
            PeerStrike::Clock { skew, drift } => PeerFault::Clock { skew: *skew, drift: *drift },
            PeerStrike::Access(throttle) => PeerFault::Access(throttle.as_deref().map(|throttle| self.throttled(*throttle))),
            PeerStrike::Disk(state) => PeerFault::Disk(disk(*state)),
            PeerStrike::Bend(behaviour) => PeerFault::Bend(behaviour.map(|behaviour| bend::behaviour(behaviour, peer, &self.friends))),
        };
        simulation.fault_at(at, peer, fault)
    }

    /// The local application of a peer on its first day: what it is to publish lies on its disk.
    pub(crate) fn fresh_host(&self, peer: Peer) -> LabHost {
        let mut host = LabHost::new(Arc::clone(self.catalogue));
        let first = self.publishes.partition_point(|(publisher, _)| *publisher < peer);
        self.publishes[first..].iter().take_while(|(publisher, _)| *publisher == peer).for_each(|(_, content)| host.fill(*content));
        host
    }

    fn throttled(&self, throttle: Throttle) -> Access {
        let restrained = |own: peerglass_sim::Link, rate: Option<_>| rate.map_or(own, |rate| link(Some(rate), own.buffer));
        Access { up: restrained(self.access.up, throttle.up), down: restrained(self.access.down, throttle.down) }
    }
}

fn disk(state: Option<DiskState>) -> Disk {
    match state {
        None => Disk::Sound,
        Some(DiskState::Full) => Disk::Full,
        Some(DiskState::Broken) => Disk::Broken,
        Some(DiskState::Corrupt) => Disk::Corrupt,
    }
}
