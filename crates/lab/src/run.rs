//! Carries a scenario out: builds the network, lets the plan happen, and sums up.

use std::sync::Arc;

use peerglass_core::{Peer, Time};
use peerglass_sim::{ControlError, Limits, Setup, SetupError, Simulation, Stats};
use peerglass_stack::{Command, Config, Stack, wire_len};
use peerglass_trace::{Recorder, Totals};
use thiserror::Error;

use crate::content::ContentError;
use crate::garble::garble;
use crate::host::{Catalogue, LabHost};
use crate::network::{self, LatencyTableError};
use crate::plan::{Plan, PlanError};
use crate::scenario::Scenario;
use crate::strike::Striker;
use crate::summary::Summary;
use crate::units::Span;
use crate::wire;

/// The simulation of a lab: the real stack, with the lab's local application.
pub type LabSimulation<R> = Simulation<Stack, LabHost, R>;

/// Why a scenario cannot be run.
#[derive(Debug, Error)]
pub enum RunError {
    /// The content cannot be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// What happens cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The network cannot be set up.
    #[error("the network of the scenario cannot be: {0}")]
    Network(#[from] SetupError),
    /// The latencies cannot be read.
    #[error(transparent)]
    Latencies(#[from] LatencyTableError),
    /// The plan asks for something that the engine refuses.
    #[error("the plan cannot be carried out: {0}")]
    Control(#[from] ControlError),
}

/// A scenario about to be run, running, or done.
pub struct Run<R: Recorder> {
    scenario: Scenario,
    catalogue: Arc<Catalogue>,
    plan: Plan,
    simulation: LabSimulation<R>,
}

impl<R: Recorder> Run<R> {
    /// Reads the content and prepares the network. Nothing has happened yet.
    pub fn new(scenario: Scenario, seed: u64, recorder: R) -> Result<Self, RunError> {
        let catalogue = Catalogue::of(&scenario)?;
        Self::with_contents(scenario, seed, recorder, catalogue)
    }

    /// The same with contents that have been read before.
    pub(crate) fn with_contents(scenario: Scenario, seed: u64, recorder: R, catalogue: Arc<Catalogue>) -> Result<Self, RunError> {
        let network = network::of(&scenario)?;
        let mut plan = Plan::new(&scenario, seed, &catalogue.roots())?;
        let setup = Setup { seed, config: config(&scenario), network, wire_len, recorder };
        let mut simulation = Simulation::new(setup)?;
        simulation.garble_with(garble);
        simulation.encode_with(wire::encode);
        populate(&mut simulation, &scenario, &mut plan, &catalogue)?;
        Ok(Self { scenario, catalogue, plan, simulation })
    }

    /// Runs to the scenario's end, telling `progress` the virtual time now and then.
    pub fn run(&mut self, progress: impl FnMut(Time)) {
        self.run_on(1, progress);
    }

    /// The same on so many threads, with the same result ([`Simulation::run_until_on`]).
    pub fn run_on(&mut self, threads: usize, mut progress: impl FnMut(Time)) {
        for until in slices(self.scenario.duration) {
            self.simulation.run_until_on(until, threads);
            progress(until);
        }
    }

    /// What came of it so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(&self.scenario, &self.plan, &self.catalogue, &self.simulation)
    }

    /// The simulation, to look at.
    #[must_use]
    pub fn simulation(&self) -> &LabSimulation<R> {
        &self.simulation
    }

    /// Everything that it is made of.
    pub(crate) fn parts(&mut self) -> (&Scenario, &Plan, &Catalogue, &mut LabSimulation<R>) {
        (&self.scenario, &self.plan, &self.catalogue, &mut self.simulation)
    }

    /// Message counts.
    #[must_use]
    pub fn totals(&self) -> std::borrow::Cow<'_, Totals> {
        self.simulation.totals()
    }

    /// How much the engine did.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.simulation.stats()
    }

    /// Ends the run and gives the recorder back, finished.
    pub fn into_recorder(self) -> std::io::Result<R> {
        self.simulation.into_recorder()
    }
}

/// A run in a hundred slices, after each of which somebody may be told: where they end.
pub(crate) fn slices(duration: Span) -> impl Iterator<Item = Time> {
    let end = Time::ZERO + duration.0;
    let step = (duration.0 / 100).max(core::time::Duration::from_nanos(1));
    core::iter::successors(Some(Time::ZERO), move |until| (*until < end).then(|| (*until + step).min(end))).skip(1)
}

/// Adds the peers and everything that they will be asked to do and that will befall them. What the engine has taken over leaves the plan.
fn populate<R: Recorder>(
    simulation: &mut LabSimulation<R>,
    scenario: &Scenario,
    plan: &mut Plan,
    catalogue: &Arc<Catalogue>,
) -> Result<(), RunError> {
    let mut striker = Striker::new(plan, catalogue, simulation.access());
    let mut hosts: Vec<LabHost> = (0..plan.joins.len()).map(|peer| striker.fresh_host(Peer(peer as u32))).collect();
    for fetch in &plan.fetches {
        hosts[fetch.peer.index()].reshare |= scenario.content.get(fetch.content).is_some_and(|content| content.reshare);
    }
    simulation.reserve(hosts.len());
    for (host, join) in hosts.into_iter().zip(&plan.joins) {
        let stack = Stack::new(simulation.config());
        let peer = simulation.join_at(join.at, stack, host);
        if let Some(key) = join.key {
            simulation.place(peer, key)?;
        }
        ask(simulation, join.at, peer, Command::Join { contacts: join.contacts.clone() });
    }
    for nat in &plan.nats {
        simulation.set_nat(nat.peer, network::nat_kind(nat.kind), nat.timeout)?;
    }
    for (at, strike) in &plan.strikes {
        striker.strike(simulation, *at, strike)?;
    }
    for (at, peer, command) in std::mem::take(&mut plan.commands) {
        ask(simulation, at, peer, command);
    }
    plan.strikes = Vec::new();
    Ok(())
}

fn ask<R: Recorder>(simulation: &mut LabSimulation<R>, at: Time, peer: Peer, command: Command) {
    let known = simulation.command_at(at, peer, command);
    debug_assert!(known.is_ok(), "the plan names only peers of the scenario");
}

/// The stack's parameters as the scenario wants them.
fn config(scenario: &Scenario) -> Config {
    let mut config = Config::default();
    let spec = &scenario.kademlia;
    // In the simulator there is no identify protocol that tells who serves Kademlia: whoever asks is a candidate for the table.
    config.kad.admit_requesters = true;
    config.kad.beta = spec.k.unwrap_or(config.kad.beta);
    config.kad.k = spec.k.unwrap_or(config.kad.k);
    config.kad.alpha = spec.alpha.unwrap_or(config.kad.alpha);
    config.kad.paths = spec.disjoint_paths.unwrap_or(config.kad.paths);
    config
}

/// Runs a simulation until `done`, in steps of `limits`: for suites and tests.
pub(crate) fn run_until<R: Recorder>(simulation: &mut LabSimulation<R>, until: Time, done: impl Fn(&LabSimulation<R>) -> bool) -> bool {
    simulation.run_while(Limits::until(until), |simulation| !done(simulation));
    done(simulation)
}
