//! Scenario files: what is simulated, as a person writes it.
//!
//! A scenario is a TOML file. It says how many peers there are, what the network between them is like, what they share and look for, and what goes wrong.
//! Reading one checks everything that can be wrong before anything runs; every error names the file and the line and says what is allowed.
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

use std::path::{Path, PathBuf};
use std::time::Duration;

use peerglass_core::Key;
use serde::Deserialize;
use thiserror::Error;

use crate::units::{Rate, Share, Size, Span};

/// The most peers a scenario may ask for: handles are 32 bits and memory is finite.
pub const MAX_PEERS: u32 = 10_000_000;

/// What is simulated.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in a line.
    pub title: String,
    /// What to look at, for a reader: the lesson of the lab.
    #[serde(default)]
    pub lesson: String,
    /// The seed of all dice, unless the command line gives another.
    #[serde(default = "one")]
    pub seed: u64,
    /// How many peers there are in all.
    pub peers: u32,
    /// How long it runs, in virtual time.
    pub duration: Span,
    /// What lies between peers.
    #[serde(default)]
    pub network: NetworkSpec,
    /// Parameters of Kademlia.
    #[serde(default)]
    pub kademlia: KademliaSpec,
    /// How peers come in.
    #[serde(default)]
    pub join: JoinSpec,
    /// What is shared and fetched.
    #[serde(default)]
    pub content: Vec<ContentSpec>,
    /// Lookups of random keys.
    #[serde(default)]
    pub lookup: Vec<LookupSpec>,
    /// What goes wrong.
    #[serde(default)]
    pub crash: Vec<CrashSpec>,
    /// Where the file was read from: paths inside it start there.
    #[serde(skip)]
    pub file: PathBuf,
}

fn one() -> u64 {
    1
}

/// What lies between peers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSpec {
    /// One-way delay.
    pub latency: LatencySpec,
    /// The share of messages lost on the way.
    pub loss: Share,
    /// What each peer's access link carries towards the network. Unlimited when absent.
    pub up: Option<Rate>,
    /// What it carries from the network. Unlimited when absent.
    pub down: Option<Rate>,
    /// How many bytes may wait before each access link; what comes on top is dropped.
    pub buffer: Size,
}

impl Default for NetworkSpec {
    fn default() -> Self {
        Self {
            latency: LatencySpec::Constant { mean: Span(Duration::from_millis(50)) },
            loss: Share(0.0),
            up: None,
            down: None,
            buffer: Size(64 << 20),
        }
    }
}

/// One-way delay between two peers.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LatencySpec {
    /// Always the same.
    Constant {
        /// The delay.
        mean: Span,
    },
    /// Anything between two bounds, each pair of peers always the same.
    Uniform {
        /// At least.
        min: Span,
        /// At most.
        max: Span,
    },
    /// Most are near the median, some are far longer, each pair of peers always the same: like the Internet.
    LogNormal {
        /// Half of all pairs are nearer.
        median: Span,
        /// The standard deviation of the logarithm: 0.5 is usual, 1 is wild.
        sigma: f64,
        /// No pair is nearer than this.
        #[serde(default = "one_millisecond")]
        min: Span,
    },
}

fn one_millisecond() -> Span {
    Span(Duration::from_millis(1))
}

/// Parameters of Kademlia; what is absent stays at the default of the protocol.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KademliaSpec {
    /// How many contacts a bucket holds and how many peers keep a record.
    pub k: Option<usize>,
    /// How many requests of one lookup are under way at once.
    pub alpha: Option<usize>,
    /// How many disjoint paths a lookup takes (S/Kademlia).
    pub disjoint_paths: Option<usize>,
}

/// How peers come in.
#[derive(Clone, Debug, Deserialize)]
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

/// Something that is shared and fetched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentSpec {
    /// What to call it in reports.
    pub name: String,
    /// A real file or directory, relative to the scenario file.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Or so many generated bytes.
    #[serde(default)]
    pub size: Option<Size>,
    /// How many peers share it.
    pub publishers: u32,
    /// When they begin to.
    pub publish_at: Span,
    /// How many other peers fetch it.
    #[serde(default)]
    pub fetchers: u32,
    /// When the first of them begins.
    #[serde(default)]
    pub fetch_at: Span,
    /// The last begins this much later; in between evenly spread.
    #[serde(default)]
    pub fetch_within: Span,
    /// Whether those who have fetched it share it too.
    #[serde(default)]
    pub reshare: bool,
}

/// Lookups of random keys by random peers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupSpec {
    /// How many.
    pub count: u32,
    /// When the first begins.
    pub at: Span,
    /// The last begins this much later; in between evenly spread.
    #[serde(default)]
    pub within: Span,
}

/// Peers that die.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrashSpec {
    /// When the first dies.
    pub at: Span,
    /// The last dies this much later; in between evenly spread.
    #[serde(default)]
    pub within: Span,
    /// The share of all peers that die, chosen by the dice.
    pub fraction: Share,
}

/// Why a scenario cannot be used.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read the scenario {}: {source}. Give the path of a .toml file; examples are in labs/", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML, or has a wrong key or value.
    #[error("{}:{line}:{column}: {message}", file.display())]
    Syntax {
        /// Which file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// It is readable, but asks for something that cannot be.
    #[error("{}:{line}: {message}", file.display())]
    Meaning {
        /// Which file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
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
        crate::check::check_paths(&scenario, text)?;
        Ok(scenario)
    }

    /// The same for a text whose content will be replaced: paths need not be there.
    pub fn parse_elsewhere(text: &str, file: &Path) -> Result<Self, ScenarioError> {
        let mut scenario: Scenario = toml::from_str(text).map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            ScenarioError::Syntax { file: file.to_owned(), line, column, message: error.message().trim().to_owned() }
        })?;
        scenario.file = file.to_owned();
        crate::check::check(&scenario, text)?;
        Ok(scenario)
    }

    /// The scenario with another number of peers. Where they are too few for the cast, publishers, fetchers and lookups shrink in proportion.
    #[must_use]
    pub fn with_peers(mut self, peers: u32) -> Self {
        if peers < self.peers {
            let share = f64::from(peers) / f64::from(self.peers);
            let shrink = |count: u32| (f64::from(count) * share).floor() as u32;
            for content in &mut self.content {
                content.fetchers = shrink(content.fetchers);
                content.publishers = shrink(content.publishers).max(1).min(peers);
            }
            for lookup in &mut self.lookup {
                lookup.count = shrink(lookup.count);
            }
        }
        self.peers = peers.min(MAX_PEERS);
        self
    }

    /// The scenario with the file or directory at `path` in place of its first content.
    #[must_use]
    pub fn with_content(mut self, name: &str, path: &Path) -> Self {
        if let Some(content) = self.content.first_mut() {
            name.clone_into(&mut content.name);
            content.path = std::path::absolute(path).ok().or_else(|| Some(path.to_owned()));
            content.size = None;
        }
        self
    }

    /// A digest of the scenario as it will be run, in hexadecimal: equal ones, under equal version and seed, give equal records.
    #[must_use]
    pub fn hash(&self) -> String {
        let anywhere = Scenario { file: PathBuf::new(), ..self.clone() };
        Key::of(format!("{anywhere:?}").as_bytes()).to_string()
    }

    /// A path that the scenario names, from where the scenario file is.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// The line and column, from 1, of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    (line, column)
}
