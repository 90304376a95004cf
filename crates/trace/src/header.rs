//! [`RunHeader`]: what a run was. With it and the records' schema, anybody can read the records; with seed, scenario and engine version, anybody can
//! make them again.
//!
//! It is the first line of a JSON Lines file, and a file of its own next to a CSV table, which has no place for it. Numbers of 64 bits are written
//! as strings, because JavaScript and spreadsheets lose digits above 2^53.

use std::io::{self, Write};

use crate::json::{put_key, put_text};

/// What a run was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunHeader {
    /// The version of the record schema: [`RunHeader::SCHEMA`].
    pub schema: u32,
    /// The version of the engine that made the records.
    pub engine: String,
    /// Which driver made them.
    pub source: Source,
    /// The seed of a simulated run.
    pub seed: Option<u64>,
    /// The scenario's name, or the node's.
    pub scenario: String,
    /// A hash of the scenario's text, in hexadecimal; empty when there is none.
    pub scenario_hash: String,
    /// The wall-clock time of the records' time 0, in nanoseconds since the Unix epoch. Simulated runs have none.
    pub epoch_unix_ns: Option<u64>,
}

/// Which driver made the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The simulator.
    Sim,
    /// A real node.
    Node,
}

impl Source {
    /// Its name in the header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Source::Sim => "sim",
            Source::Node => "node",
        }
    }
}

impl RunHeader {
    /// The record schema that this crate writes.
    pub const SCHEMA: u32 = 1;

    /// The header of a simulated run.
    #[must_use]
    pub fn sim(scenario: &str, seed: u64) -> Self {
        Self {
            schema: Self::SCHEMA,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            source: Source::Sim,
            seed: Some(seed),
            scenario: scenario.to_owned(),
            scenario_hash: String::new(),
            epoch_unix_ns: None,
        }
    }

    /// The header of a real node's run, whose records' time 0 was at `epoch_unix_ns`.
    #[must_use]
    pub fn node(name: &str, epoch_unix_ns: u64) -> Self {
        Self { source: Source::Node, seed: None, epoch_unix_ns: Some(epoch_unix_ns), ..Self::sim(name, 0) }
    }

    /// The header with the hash of the scenario's text.
    #[must_use]
    pub fn with_scenario_hash(mut self, hash: &str) -> Self {
        hash.clone_into(&mut self.scenario_hash);
        self
    }

    /// The header as one line of JSON, without the line's end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = format!("{{\"format\":\"peerglass-records\",\"schema\":{},\"engine\":", self.schema).into_bytes();
        put_text(&mut out, &self.engine);
        put_key(&mut out, "source");
        put_text(&mut out, self.source.name());
        if let Some(seed) = self.seed {
            put_key(&mut out, "seed");
            put_text(&mut out, &seed.to_string());
        }
        put_key(&mut out, "scenario");
        put_text(&mut out, &self.scenario);
        if !self.scenario_hash.is_empty() {
            put_key(&mut out, "scenario_hash");
            put_text(&mut out, &self.scenario_hash);
        }
        if let Some(epoch) = self.epoch_unix_ns {
            put_key(&mut out, "epoch_unix_ns");
            put_text(&mut out, &epoch.to_string());
        }
        out.push(b'}');
        String::from_utf8(out).unwrap_or_default()
    }

    /// Writes the header as a file of its own, as goes next to a CSV table.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.to_json().as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Reads a header back from its line. `None` when it is not one.
    #[must_use]
    pub fn from_json(line: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| value.get(name).and_then(|v| v.as_str());
        if text("format")? != "peerglass-records" {
            return None;
        }
        Some(Self {
            schema: u32::try_from(value.get("schema")?.as_u64()?).ok()?,
            engine: text("engine")?.to_owned(),
            source: if text("source")? == "node" { Source::Node } else { Source::Sim },
            seed: text("seed").and_then(|v| v.parse().ok()),
            scenario: text("scenario")?.to_owned(),
            scenario_hash: text("scenario_hash").unwrap_or_default().to_owned(),
            epoch_unix_ns: text("epoch_unix_ns").and_then(|v| v.parse().ok()),
        })
    }
}
