//! The conformance suite in the simulator.
//!
//! Virtual time makes the mishaps exact: "once three blocks have arrived" is the very event after the third block.

use std::sync::Arc;
use std::time::Duration;

use peerglass_core::Peer;
use peerglass_sim::{Latency, Network, Setup, Simulation, Spread};
use peerglass_stack::{Command, Config, Stack, Tag, wire_len};
use peerglass_store::{Cid, Dag, HashKind, Shape, cid_of};
use peerglass_trace::Off;

use crate::bend::CorruptBlocks;
use crate::host::{Answer, Catalogue, LabHost};
use crate::run::{LabSimulation, run_until};
use crate::suite::{Case, Fetch, Meanwhile, Mishap, Step, VALUE, key};

/// How long a step may take, in virtual time.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs `case` with the dice of `seed`. An error tells which step came out differently from what is expected.
pub fn run(case: &Case, seed: u64) -> Result<(), String> {
    let mut world = World::new(case, seed)?;
    world.join(case.peers)?;
    for (i, step) in case.steps.iter().enumerate() {
        world.step(step).map_err(|error| format!("{}, step {}: {step:?}: {error}; replay with seed {seed}", case.name, i + 1))?;
    }
    Ok(())
}

struct World {
    simulation: LabSimulation<Off>,
    catalogue: Arc<Catalogue>,
    root: Cid,
    tag: Tag,
}

impl World {
    fn new(case: &Case, seed: u64) -> Result<Self, String> {
        let dag = Dag::synthetic(seed, case.bytes, Shape::default());
        let root = *dag.root();
        let network = Network {
            latency: Latency::Uniform { from: Duration::from_millis(5), to: Duration::from_millis(50) },
            spread: Spread::PerPair,
            ..Network::default()
        };
        let mut config = Config::default();
        config.kad.admit_requesters = true;
        let simulation = Simulation::new(Setup { seed, config, network, wire_len, recorder: Off }).map_err(|error| error.to_string())?;
        Ok(Self { simulation, catalogue: Catalogue::new(vec![dag]), root, tag: 0 })
    }

    fn join(&mut self, peers: usize) -> Result<(), String> {
        for i in 0..peers {
            let stack = Stack::new(self.simulation.config());
            let peer = self.simulation.join_at(self.simulation.now(), stack, LabHost::new(Arc::clone(&self.catalogue)));
            if i > 0 {
                match self.ask(i, |_| Command::Join { contacts: vec![Peer(0)] })? {
                    Answer::Joined { contacts } if contacts > 0 => {}
                    other => return Err(format!("{peer} did not join: {other:?}")),
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Publish { by } => by.iter().try_for_each(|peer| self.publish(*peer)),
            Step::Corrupt { peer } => self.simulation.bend(handle(peer), Box::new(CorruptBlocks)).map_err(|error| error.to_string()),
            Step::Stop { peer } => self.stop(peer),
            Step::Fetch { by, meanwhile, expect } => self.fetch(by, meanwhile, expect),
            Step::Providers { by, expect } => self.providers(by, self.root, expect),
            Step::MissingKey { by } => self.providers(by, cid_of(0x55, HashKind::Blake3, b"nobody ever shared this"), &[]),
            Step::Put { by } => match self.ask(by, |tag| Command::PutValue { tag, key: key(), value: VALUE.to_vec() })? {
                Answer::Stored { replicas } if replicas > 0 => Ok(()),
                other => Err(format!("{other:?}")),
            },
            Step::Get { by, expect } => match self.ask(by, |tag| Command::GetValue { tag, key: key() })? {
                Answer::Value(value) if value.as_deref() == expect.then_some(VALUE) => Ok(()),
                other => Err(format!("{other:?}")),
            },
        }
    }
}

impl World {
    fn publish(&mut self, peer: usize) -> Result<(), String> {
        self.host(peer)?.fill(0);
        let root = self.root;
        match self.ask(peer, |tag| Command::Share { tag, root })? {
            Answer::Shared { replicas } if replicas > 0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    fn providers(&mut self, by: usize, cid: Cid, expect: &[usize]) -> Result<(), String> {
        let found = match self.ask(by, |tag| Command::FindProviders { tag, cid, wanted: 0 })? {
            Answer::Providers(peers) => peers.into_iter().map(Peer::index).collect::<Vec<_>>(),
            other => return Err(format!("{other:?}")),
        };
        if found == expect { Ok(()) } else { Err(format!("found {found:?}")) }
    }

    fn fetch(&mut self, by: usize, meanwhile: Option<Meanwhile>, expect: Fetch) -> Result<(), String> {
        let root = self.root;
        let tag = self.begin(by, |tag| Command::Fetch { tag, root, sources: Vec::new() })?;
        if let Some(Meanwhile { after_blocks, what }) = meanwhile {
            let until = self.simulation.now() + PATIENCE;
            let reached = run_until(&mut self.simulation, until, |sim| sim.host(handle(by)).is_some_and(|host| host.arrived >= after_blocks));
            if !reached {
                return Err(format!("fewer than {after_blocks} blocks arrived"));
            }
            match what {
                Mishap::Stop { peer } => self.stop(peer)?,
                Mishap::SourceChanges { peer } => self.host(peer)?.lose_leaves(0),
            }
        }
        let answer = self.answer(by, tag)?;
        let whole = self.simulation.host(handle(by)).is_some_and(|host| host.has_whole(0));
        match (answer, whole, expect) {
            (Answer::Fetched(_), true, Fetch::Whole) | (Answer::Failed(_), false, Fetch::Fails) => Ok(()),
            (answer, whole, _) => Err(format!("{answer:?}, every block there: {whole}")),
        }
    }

    fn stop(&mut self, peer: usize) -> Result<(), String> {
        self.simulation.crash_at(self.simulation.now(), handle(peer)).map_err(|error| error.to_string())
    }

    fn host(&mut self, peer: usize) -> Result<&mut LabHost, String> {
        self.simulation.host_mut(handle(peer)).ok_or_else(|| format!("there is no peer {peer}"))
    }

    /// Asks and waits for the answer.
    fn ask(&mut self, peer: usize, command: impl FnOnce(Tag) -> Command) -> Result<Answer, String> {
        let tag = self.begin(peer, command)?;
        self.answer(peer, tag)
    }

    fn begin(&mut self, peer: usize, command: impl FnOnce(Tag) -> Command) -> Result<Tag, String> {
        self.tag += 1;
        let command = command(self.tag);
        // A join has no tag of its own: there is one a peer.
        let tag = if matches!(command, Command::Join { .. }) { 0 } else { self.tag };
        self.simulation.command_at(self.simulation.now(), handle(peer), command).map_err(|error| error.to_string())?;
        Ok(tag)
    }

    fn answer(&mut self, peer: usize, tag: Tag) -> Result<Answer, String> {
        let until = self.simulation.now() + PATIENCE;
        let find = |sim: &LabSimulation<Off>| sim.host(handle(peer))?.answers().iter().find(|answered| answered.tag == tag).cloned();
        run_until(&mut self.simulation, until, |sim| find(sim).is_some());
        find(&self.simulation).map(|answered| answered.answer).ok_or_else(|| format!("no answer within {PATIENCE:?} of virtual time"))
    }
}

fn handle(peer: usize) -> Peer {
    Peer(peer as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::CASES;

    #[test]
    fn an_expectation_that_does_not_hold_is_noticed() {
        let steps = &[Step::Publish { by: &[1] }, Step::Fetch { by: 2, meanwhile: None, expect: Fetch::Fails }];
        let error = run(&Case { name: "wrong", peers: 4, bytes: 3 << 20, steps }, 1).unwrap_err();
        assert!(error.contains("wrong, step 2") && error.contains("every block there: true") && error.contains("seed 1"), "{error}");
    }

    #[test]
    fn every_case_comes_out_as_expected_under_several_seeds() {
        for case in CASES {
            for seed in 1..=3 {
                if let Err(error) = run(case, seed) {
                    panic!("{error}");
                }
            }
        }
    }
}
