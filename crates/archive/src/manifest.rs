//! [`Manifest`]: `run.json`, what a run was.
//!
//! It holds the header that every record file of ours begins with, and with it what only a directory has: how much was captured, the machine, and whether
//! the run ended. It is written when a run begins and replaced when it ends, each time as a whole.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use peerglass_trace::{Capture, RunHeader};
use serde::{Deserialize, Serialize};

/// The file's name.
pub const NAME: &str = "run.json";

/// What a run was.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Seed, scenario and version.
    pub header: RunHeader,
    /// The rest.
    pub rest: Rest,
}

/// What `run.json` holds beside the header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rest {
    /// How much was recorded: `operations`, `summary` or `full`.
    pub capture: String,
    /// Where it ran.
    pub machine: Machine,
    /// Whether it ended.
    pub state: State,
    /// How many records there are, once it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
}

/// The computer a run was made on. Results do not depend on it; how long they took does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `linux`, `macos`, `windows`.
    pub os: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// How many threads it runs at once.
    pub cpus: usize,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Self { os: std::env::consts::OS.to_owned(), arch: std::env::consts::ARCH.to_owned(), cpus }
    }
}

/// Whether a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It goes on, or was killed.
    Running,
    /// It ended, and all its records are there.
    Finished,
}

impl Manifest {
    /// Of a run that begins here and now.
    #[must_use]
    pub fn begin(header: RunHeader, capture: Capture) -> Self {
        let rest = Rest { capture: capture.name().to_owned(), machine: Machine::this(), state: State::Running, records: None };
        Self { header, rest }
    }

    /// Reads the manifest in `dir`; `None` when there is none or it is not one of ours.
    pub(crate) fn read(dir: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(dir.join(NAME)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
            other => other?,
        };
        let manifest = || Some(Self { header: RunHeader::from_json(&text)?, rest: serde_json::from_str(&text).ok()? });
        Ok(manifest())
    }

    /// Writes it into `dir`, in the place of an earlier one.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        let part = dir.join("run.json.part");
        let mut text = self.header.to_json();
        text.pop();
        let rest = serde_json::to_string(&self.rest)?;
        text.push(',');
        text.push_str(&rest[1..]);
        text.push('\n');
        fs::File::create(&part)?.write_all(text.as_bytes())?;
        fs::rename(part, dir.join(NAME))
    }
}
