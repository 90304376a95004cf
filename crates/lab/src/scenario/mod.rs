//! Scenario files: what is simulated, as a person writes it.
//!
//! A scenario is a TOML file. It says how many peers there are, what the network between them is like, what they share and look for, and what goes wrong.
//! Reading one checks everything that can be wrong before anything runs; every error names the file and the line and says what is allowed. What a program has made
//! of one, a smaller scenario that still fails, is written as a file again: [`Scenario::to_toml`] and [`Scenario::parse`] are inverses.
//!
//! | file | tables |
//! |---|---|
//! | `mod` | the top level, `[kademlia]`, `[join]`, `[phases]` |
//! | `network` | `[network]`, `[[nat]]` |
//! | `group` | `[[group]]`, and scopes wherever peers are named |
//! | `faults` | `[[fault]]`, `[[crash]]` |
//! | `churn` | `[churn]`, and distributions |
//! | `workload` | `[[content]]`, `[[lookup]]`, `[[workload]]` |
//!
//! ```
//! let text = r#"
//!     title = "Ten peers"
//!     peers = 10
//!     duration = "30 s"
//!
//!     [network]
//!     latency = { kind = "constant", mean = "20 ms" }
//!
//!     [[content]]
//!     name = "a file"
//!     size = "4 MiB"
//!     publishers = 1
//!     publish_at = "10 s"
//!     fetchers = 3
//!     fetch_at = "12 s"
//! "#;
//! let scenario = peerglass_lab::Scenario::parse(text, "ten.toml".as_ref()).unwrap();
//! assert_eq!(scenario.peers, 10);
//! ```

mod churn;
mod error;
mod faults;
mod group;
mod moved;
mod network;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
mod workload;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peerglass_core::Key;
use serde::{Deserialize, Serialize};

use crate::units::{Size, Span};

pub use churn::{ChurnSpec, DistributionSpec, DiurnalSpec, Preset, Start};
pub use error::{Origin, ScenarioError};
pub(crate) use error::{Table, position};
pub use faults::{Behaviour, CrashSpec, DiskState, Fault, FaultSpec, Kind, Lie, LinkTrouble, Near, PeerTrouble};
pub use group::{ALL, FETCHERS, GroupSpec, PUBLISHERS, PeerRange, Scope};
pub use network::{BandwidthSpec, LatencySpec, LossSpec, NatKind, NatSpec, NetworkSpec, ReorderSpec, SpreadSpec};
pub use workload::{ContentSpec, Item, LookupSpec, Operation, Pace, PopularitySpec, WorkloadSpec};

/// The most peers a scenario may ask for: handles are 32 bits and memory is finite.
pub const MAX_PEERS: u32 = 10_000_000;

/// What is simulated.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in a line.
    pub title: String,
    /// What to look at, for a reader: the lesson of the lab.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lesson: String,
    /// The seed of all dice, unless the command line gives another.
    #[serde(default = "one")]
    pub seed: u64,
    /// How many peers there are in all.
    pub peers: u32,
    /// How long it runs, in virtual time.
    pub duration: Span,
    /// What is measured.
    #[serde(default, skip_serializing_if = "PhasesSpec::is_default")]
    pub phases: PhasesSpec,
    /// What lies between peers.
    #[serde(default)]
    pub network: NetworkSpec,
    /// Who is behind a network address translator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nat: Vec<NatSpec>,
    /// Parameters of Kademlia.
    #[serde(default, skip_serializing_if = "KademliaSpec::is_default")]
    pub kademlia: KademliaSpec,
    /// How peers come in.
    #[serde(default)]
    pub join: JoinSpec,
    /// Peers with a common name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<GroupSpec>,
    /// Who comes and goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "churn::one_or_many")]
    pub churn: Vec<ChurnSpec>,
    /// What is shared and fetched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<ContentSpec>,
    /// Lookups of random keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookup: Vec<LookupSpec>,
    /// Streams of operations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workload: Vec<WorkloadSpec>,
    /// Who dies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crash: Vec<CrashSpec>,
    /// What goes wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fault: Vec<FaultSpec>,
    /// Where it was read from.
    #[serde(skip)]
    pub origin: Origin,
}

fn one() -> u64 {
    1
}

/// What is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PhasesSpec {
    /// Operations that begin before this are not counted: peers join and tables settle.
    pub initialisation: Span,
}

impl PhasesSpec {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Parameters of Kademlia; what is absent stays at the default of the protocol.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KademliaSpec {
    /// How many contacts a bucket holds and how many peers keep a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<usize>,
    /// How many requests of one lookup are under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<usize>,
    /// How many disjoint paths a lookup takes (S/Kademlia).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disjoint_paths: Option<usize>,
}

impl KademliaSpec {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How peers come in.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct JoinSpec {
    /// All have come in by then, evenly spread from time zero.
    pub within: Span,
    /// How many random earlier peers each newcomer knows.
    pub contacts: usize,
}

impl Default for JoinSpec {
    fn default() -> Self {
        Self { within: Span(Duration::from_secs(10)), contacts: 3 }
    }
}

impl Scenario {
    /// Reads and checks a scenario file.
    pub fn load(file: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(file).map_err(|source| ScenarioError::Read { file: file.to_owned(), source })?;
        Self::parse(&text, file)
    }

    /// Checks a scenario text; `file` is named in errors, and paths inside start there.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ScenarioError> {
        let scenario = Self::parse_elsewhere(text, file)?;
        crate::check::check_paths(&scenario)?;
        Ok(scenario)
    }

    /// The same for a text whose content will be replaced: paths need not be there.
    pub fn parse_elsewhere(text: &str, file: &Path) -> Result<Self, ScenarioError> {
        let mut scenario: Scenario = toml::from_str(text).map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            ScenarioError::Syntax { file: file.to_owned(), line, column, message: error.message().trim().to_owned() }
        })?;
        scenario.origin = Origin { file: file.to_owned(), text: text.to_owned() };
        crate::check::check(&scenario)?;
        Ok(scenario)
    }

    /// Checks a scenario that was made or changed by a program, as files are checked when they are read.
    pub fn check(&self) -> Result<(), ScenarioError> {
        crate::check::check(self)
    }

    /// The text of a scenario file that says the same. Paths stay as they are: they start at the folder of the file.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Everything that goes wrong, the shorthand `[[crash]]` first, each with its table in the file.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (Table<'static>, FaultSpec)> {
        let crashes = self.crash.iter().enumerate().map(|(i, crash)| (Table::nth("crash", i), crash.into()));
        crashes.chain(self.fault.iter().enumerate().map(|(i, fault)| (Table::nth("fault", i), fault.clone())))
    }

    /// What goes wrong and who comes and goes, as text: a line each, in the order of time.
    #[must_use]
    pub fn fault_plan(&self) -> FaultPlan<'_> {
        FaultPlan(self)
    }

    /// When a churn begins.
    #[must_use]
    pub fn churn_from(&self, churn: &ChurnSpec) -> Span {
        let settled = if self.phases.initialisation.is_zero() { self.join.within } else { self.phases.initialisation };
        churn.from.unwrap_or(settled)
    }

    /// When each of the peers comes in: evenly spread.
    #[must_use]
    pub fn joins_at(&self, peer: u32) -> Span {
        Span(crate::plan::spread(self.join.within, peer, self.peers))
    }

    /// The libraries of generated contents that workloads speak of: how many items of which size, in the order in which they are first named.
    #[must_use]
    pub fn libraries(&self) -> Vec<(u32, Size)> {
        let mut libraries = Vec::new();
        for workload in &self.workload {
            if let Some(Item::Popular(popularity)) = workload.what.item()
                && !libraries.contains(&(popularity.items, popularity.size))
            {
                libraries.push((popularity.items, popularity.size));
            }
        }
        libraries
    }

    /// The scenario with another number of peers. Where they are too few for the cast, publishers, fetchers, lookups and groups shrink in proportion, and what only
    /// concerns peers that are no more concerns nobody.
    #[must_use]
    pub fn with_peers(mut self, peers: u32) -> Self {
        let (before, peers) = (self.peers, peers.min(MAX_PEERS));
        if peers < before {
            let shrink = |count: u32| (f64::from(count) * f64::from(peers) / f64::from(before)).floor() as u32;
            for content in &mut self.content {
                content.fetchers = shrink(content.fetchers);
                content.publishers = shrink(content.publishers).max(1).min(peers);
            }
            for lookup in &mut self.lookup {
                lookup.count = shrink(lookup.count);
            }
        }
        self.scopes_mut().for_each(|scope| scope.scale(before, peers));
        self.peers = peers;
        self
    }

    pub(crate) fn scopes_mut(&mut self) -> impl Iterator<Item = &mut Scope> {
        let groups = self.group.iter_mut().map(|group| &mut group.members);
        let contents = self.content.iter_mut().flat_map(|content| [&mut content.publishers_from, &mut content.fetchers_from]);
        let others = self.nat.iter_mut().map(|nat| &mut nat.who).chain(self.churn.iter_mut().map(|churn| &mut churn.who));
        let others = others.chain(self.workload.iter_mut().map(|workload| &mut workload.who));
        groups.chain(contents).chain(others).chain(self.fault.iter_mut().flat_map(FaultSpec::scopes_mut))
    }

    /// The scenario with the file or directory at `path` in place of its first content.
    #[must_use]
    pub fn with_content(mut self, name: &str, path: &Path) -> Self {
        if let Some(content) = self.content.first_mut() {
            let before = std::mem::replace(&mut content.name, name.to_owned());
            self.workload.iter_mut().for_each(|workload| workload.what.rename(&before, name));
            self.fault.iter_mut().for_each(|fault| fault.what.rename(&before, name));
        }
        if let Some(content) = self.content.first_mut() {
            content.path = std::path::absolute(path).ok().or_else(|| Some(path.to_owned()));
            content.size = None;
        }
        self
    }

    /// A digest of the scenario as it will be run, in hexadecimal: equal ones, under equal version and seed, give equal records.
    #[must_use]
    pub fn hash(&self) -> String {
        Key::of(format!("{self:?}").as_bytes()).to_string()
    }

    /// A path that the scenario names, from where the scenario file is.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.origin.file.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// What goes wrong in a scenario, as text.
#[derive(Clone, Copy, Debug)]
pub struct FaultPlan<'a>(&'a Scenario);

impl fmt::Display for FaultPlan<'_> {
    /// One line for each fault and each churn, in the order in which they begin: `12.5 s  partition {a} | {b} for 10 s, every 30 s, 4 times`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let churns = self.0.churn.iter().map(|churn| (self.0.churn_from(churn), churn.to_string()));
        let mut lines: Vec<(Span, String)> = churns.chain(self.0.faults().map(|(_, fault)| (fault.at, fault.to_string()))).collect();
        lines.sort_by_key(|(at, _)| *at);
        lines.into_iter().try_for_each(|(at, line)| writeln!(f, "{at}  {line}"))
    }
}
