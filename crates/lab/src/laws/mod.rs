//! Laws of the stack, and all laws by their names: what must hold in every run of every scenario, whatever goes wrong.
//!
//! | law | says | seen at |
//! |---|---|---|
//! | `conservation` | what is sent is delivered, dropped or under way | every record, and looks |
//! | `silence` | nothing comes from a peer that is down, or from a life that is over | every record |
//! | `panic` | no handler panics | every record |
//! | `tables` | routing tables hold peers that have come in, each once and in its place | looks |
//! | `blocks` | no block is accepted whose hash is wrong | looks |
//! | `values` | what was stored can be read once its replicas meet | the end |
//!
//! The first three hold for any protocol and are the simulator's ([`peerglass_sim::laws`]); the others know Kademlia. A look comes twenty times in a run, and at its end.
//!
//! ```
//! use peerglass_lab::laws::{Laws, WatchedRun};
//! use peerglass_lab::{Run, Scenario};
//! use peerglass_trace::Off;
//!
//! let text = "title = \"ten\"\npeers = 10\nduration = \"30 s\"\n[[lookup]]\ncount = 20\nat = \"15 s\"\n";
//! let scenario = Scenario::parse(text, "ten.toml".as_ref())?;
//! let mut run: WatchedRun<Off> = Run::watched(scenario, 7, Off, &"silence,tables".parse::<Laws>()?)?;
//! assert_eq!(run.run_watched(|_| true), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A law of one's own ([`peerglass_sim::Law`]) is added with [`Run::under`].

mod blocks;
mod tables;
mod values;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use peerglass_core::Time;
use peerglass_sim::laws::{Conservation, NoPanic, Silence};
use peerglass_sim::{Law, Violation, Watch};
use peerglass_stack::Stack;
use peerglass_trace::Recorder;
use thiserror::Error;

use crate::host::{Catalogue, LabHost};
use crate::plan::Plan;
use crate::run::{Run, RunError};
use crate::scenario::{Fault, LinkTrouble, Scenario};

pub use blocks::Blocks;
pub use tables::Tables;
pub use values::Values;

/// A run under laws, recorded into `R`.
pub type WatchedRun<R> = Run<Watch<Stack, LabHost, R>>;

/// How many looks there are in a run, besides the one at its end.
const LOOKS: u32 = 20;

/// The laws, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LawName {
    /// [`Conservation`].
    Conservation,
    /// [`Silence`].
    Silence,
    /// [`NoPanic`].
    Panic,
    /// [`Tables`].
    Tables,
    /// [`Blocks`].
    Blocks,
    /// [`Values`].
    Values,
}

impl LawName {
    /// All there are.
    pub const ALL: [LawName; 6] = [LawName::Conservation, LawName::Silence, LawName::Panic, LawName::Tables, LawName::Blocks, LawName::Values];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LawName::Conservation => "conservation",
            LawName::Silence => "silence",
            LawName::Panic => "panic",
            LawName::Tables => "tables",
            LawName::Blocks => "blocks",
            LawName::Values => "values",
        }
    }

    /// The law itself, for a run of `scenario` by `plan`.
    fn make(self, scenario: &Scenario, plan: &Plan, catalogue: &Catalogue) -> Box<dyn Law<Stack, LabHost>> {
        match self {
            LawName::Conservation if damages(scenario) => Box::new(Conservation::tolerant()),
            LawName::Conservation => Box::new(Conservation::default()),
            LawName::Silence => Box::new(Silence::default()),
            LawName::Panic => Box::new(NoPanic),
            LawName::Tables => Box::new(Tables),
            LawName::Blocks => Box::new(Blocks),
            LawName::Values => Box::new(Values::new(plan, catalogue)),
        }
    }
}

/// Whether messages are damaged on their way: then one may be taken for another.
fn damages(scenario: &Scenario) -> bool {
    let by_fault = |fault: &Fault| matches!(fault, Fault::Links { what: LinkTrouble::Corrupt(_), .. });
    scenario.network.corrupt.0 > 0.0 || scenario.fault.iter().any(|fault| by_fault(&fault.what))
}

/// Some of the laws. As text: their names with commas between them, or `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laws(Vec<LawName>);

/// A law that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no law `{name}`: there are {}; name some, with commas between them, or all", names(&LawName::ALL, ", "))]
pub struct UnknownLaw {
    /// What was asked for.
    pub name: String,
}

fn names(laws: &[LawName], between: &str) -> String {
    laws.iter().map(|law| law.name()).collect::<Vec<_>>().join(between)
}

impl Laws {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Self(LawName::ALL.to_vec())
    }

    /// Which they are, each once.
    #[must_use]
    pub fn names(&self) -> &[LawName] {
        &self.0
    }

    /// The one with this name alone.
    #[must_use]
    pub fn only(law: LawName) -> Self {
        Self(vec![law])
    }
}

impl FromStr for Laws {
    type Err = UnknownLaw;
    fn from_str(text: &str) -> Result<Self, UnknownLaw> {
        let mut laws = Vec::new();
        for name in text.split(',').map(str::trim) {
            match LawName::ALL.into_iter().find(|law| law.name() == name) {
                Some(law) => laws.push(law),
                None if name == "all" => laws.extend(LawName::ALL),
                None => return Err(UnknownLaw { name: name.to_owned() }),
            }
        }
        laws.sort_unstable();
        laws.dedup();
        Ok(Self(laws))
    }
}

impl fmt::Display for Laws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if self.0.len() == LawName::ALL.len() { "all".to_owned() } else { names(&self.0, ",") })
    }
}

/// The command that runs a scenario again so that the same law is broken at the same record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The scenario file.
    pub scenario: PathBuf,
    /// The seed.
    pub seed: u64,
    /// The number of peers, where it is not the file's.
    pub peers: Option<u32>,
    /// Whether contents and steps were recorded too: they count as records.
    pub full: bool,
    /// The law, or several.
    pub laws: String,
}

impl Replay {
    /// Of `law`, in the scenario of a file as it is.
    #[must_use]
    pub fn of(scenario: &Path, seed: u64, law: &str) -> Self {
        Self { scenario: scenario.to_owned(), seed, peers: None, full: false, laws: law.to_owned() }
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peerglass sim {} --seed {}", quoted(&self.scenario.display().to_string()), self.seed)?;
        if let Some(peers) = self.peers {
            write!(f, " --peers {peers}")?;
        }
        if self.full {
            f.write_str(" --capture full")?;
        }
        write!(f, " --check {}", self.laws)
    }
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

impl<R: Recorder> WatchedRun<R> {
    /// A run under these laws, about to begin. It is recorded into `recorder`; the last record is the one that breaks a law.
    pub fn watched(scenario: Scenario, seed: u64, recorder: R, laws: &Laws) -> Result<Self, RunError> {
        let catalogue = Catalogue::of(&scenario)?;
        Self::watched_with(scenario, seed, recorder, laws, catalogue)
    }

    /// The same with contents that have been read before.
    pub(crate) fn watched_with(scenario: Scenario, seed: u64, recorder: R, laws: &Laws, catalogue: Arc<Catalogue>) -> Result<Self, RunError> {
        let watch = Watch::new(recorder).every(scenario.duration.0 / LOOKS);
        let mut run = Run::with_contents(scenario, seed, watch, catalogue)?;
        let (scenario, plan, catalogue, _) = run.parts();
        let made: Vec<_> = laws.names().iter().map(|law| law.make(scenario, plan, catalogue)).collect();
        made.into_iter().for_each(|law| run.under(law));
        Ok(run)
    }

    /// Puts the run under one more law, before it begins.
    pub fn under(&mut self, law: Box<dyn Law<Stack, LabHost>>) {
        self.parts().3.recorder_mut().add(law);
    }

    /// Runs to the scenario's end, or until a law is broken, or until `progress`, which is told the virtual time now and then, says that it is enough. Gives the
    /// violation, if there is one.
    pub fn run_watched(&mut self, mut progress: impl FnMut(Time) -> bool) -> Option<Violation> {
        let (scenario, _, _, simulation) = self.parts();
        let slices: Vec<Time> = crate::run::slices(scenario.duration).collect();
        for until in slices {
            if let Some(violation) = simulation.run_watched(until) {
                return Some(violation.clone());
            }
            if !progress(until) {
                return None;
            }
        }
        simulation.end_watched().cloned()
    }
}
