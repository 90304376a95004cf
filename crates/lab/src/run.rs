//! Carries a scenario out: builds the network, lets the plan happen, and sums up.

use std::sync::Arc;

use peerglass_core::{Peer, Time};
use peerglass_sim::{Access, Latency, Limits, Link, Network, Setup, SetupError, Simulation, Spread, Stats};
use peerglass_stack::{Command, Config, Stack, wire_len};
use peerglass_trace::{Recorder, Totals};
use thiserror::Error;

use crate::content::{self, ContentError};
use crate::host::{Catalogue, LabHost};
use crate::plan::Plan;
use crate::scenario::{LatencySpec, NetworkSpec, Scenario};
use crate::summary::Summary;
use crate::units::Rate;

/// The simulation of a lab: the real stack, with the lab's local application.
pub type LabSimulation<R> = Simulation<Stack, LabHost, R>;

/// Why a scenario cannot be run.
#[derive(Debug, Error)]
pub enum RunError {
    /// The content cannot be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The network cannot be set up.
    #[error("the network of the scenario cannot be: {0}")]
    Network(#[from] SetupError),
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
        let contents = scenario.content.iter().enumerate().map(|(i, content)| content::load(&scenario, i, content)).collect::<Result<Vec<_>, _>>()?;
        let plan = Plan::new(&scenario, seed, &contents.iter().map(|dag| *dag.root()).collect::<Vec<_>>());
        let catalogue = Catalogue::new(contents);
        let setup = Setup { seed, config: config(&scenario), network: network(&scenario.network), wire_len, recorder };
        let mut simulation = Simulation::new(setup)?;
        populate(&mut simulation, &scenario, &plan, &catalogue);
        Ok(Self { scenario, catalogue, plan, simulation })
    }

    /// Runs to the scenario's end, telling `progress` the virtual time now and then.
    pub fn run(&mut self, mut progress: impl FnMut(Time)) {
        let end = Time::ZERO + self.scenario.duration.0;
        let step = self.scenario.duration.0 / 100;
        let mut until = Time::ZERO;
        while until < end {
            until = (until + step.max(core::time::Duration::from_nanos(1))).min(end);
            self.simulation.run_until(until);
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

    /// Message counts.
    #[must_use]
    pub fn totals(&self) -> &Totals {
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

/// Adds the peers and everything they will be asked to do.
fn populate<R: Recorder>(simulation: &mut LabSimulation<R>, scenario: &Scenario, plan: &Plan, catalogue: &Arc<Catalogue>) {
    let mut hosts: Vec<LabHost> = plan.joins.iter().map(|_| LabHost::new(Arc::clone(catalogue))).collect();
    for (content, peer) in &plan.publishers {
        hosts[peer.index()].fill(*content);
    }
    for (content, peer, _) in &plan.fetchers {
        hosts[peer.index()].reshare |= scenario.content[*content].reshare;
    }
    simulation.reserve(hosts.len());
    for (host, (at, contacts)) in hosts.into_iter().zip(&plan.joins) {
        let stack = Stack::new(simulation.config());
        let peer = simulation.join_at(*at, stack, host);
        ask(simulation, *at, peer, Command::Join { contacts: contacts.clone() });
    }
    for (at, peer, command) in &plan.commands {
        ask(simulation, *at, *peer, command.clone());
    }
    for (at, peer) in &plan.crashes {
        let known = simulation.crash_at(*at, *peer);
        debug_assert!(known.is_ok(), "the plan names only peers of the scenario");
    }
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

/// The simulator's network as the scenario wants it.
pub(crate) fn network(spec: &NetworkSpec) -> Network {
    let latency = match spec.latency {
        LatencySpec::Constant { mean } => Latency::Constant(mean.0),
        LatencySpec::Uniform { min, max } => Latency::Uniform { from: min.0, to: max.0 },
        LatencySpec::LogNormal { median, sigma, min } => Latency::LogNormal { median: median.0, sigma, least: min.0 },
    };
    let link = |rate: Option<Rate>| Link { rate: rate.map(|rate| (rate.0 * 8.0).round().max(1.0) as u64), buffer: spec.buffer.0 };
    Network { latency, spread: Spread::PerPair, loss: spec.loss.0, access: Access { up: link(spec.up), down: link(spec.down) }, ..Network::default() }
}

/// Runs a simulation until `done`, in steps of `limits`: for suites and tests.
pub(crate) fn run_until<R: Recorder>(simulation: &mut LabSimulation<R>, until: Time, done: impl Fn(&LabSimulation<R>) -> bool) -> bool {
    simulation.run_while(Limits::until(until), |simulation| !done(simulation));
    done(simulation)
}
