//! [`About`]: where an export comes from. With engine, seed and scenario a simulated run can be made again, and with the filter the export.

use crate::json::{put_key, put_text};
use crate::{Filter, RunHeader};

/// The run, and what was chosen of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    pub(crate) header: &'a RunHeader,
    pub(crate) filter: Option<&'a Filter>,
    pub(crate) limit: Option<u64>,
}

impl About<'_> {
    /// All that is known, by name.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        let header = self.header;
        let pairs = [
            ("engine", Some(header.engine.clone())),
            ("source", Some(header.source.name().to_owned())),
            ("seed", header.seed.map(|seed| seed.to_string())),
            ("scenario", Some(header.scenario.clone())),
            ("scenario_hash", Some(header.scenario_hash.clone()).filter(|hash| !hash.is_empty())),
            ("epoch_unix_ns", header.epoch_unix_ns.map(|epoch| epoch.to_string())),
            ("filter", self.filter.map(Filter::to_string)),
            ("limit", self.limit.map(|limit| limit.to_string())),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The header's line, with the filter and the limit. A reader of records takes it as a header.
    pub(crate) fn to_json(self) -> String {
        let mut line = self.header.to_json().into_bytes();
        line.pop();
        for (name, value) in self.pairs().iter().filter(|(name, _)| matches!(*name, "filter" | "limit")) {
            put_key(&mut line, name);
            put_text(&mut line, value);
        }
        line.push(b'}');
        String::from_utf8(line).unwrap_or_default()
    }
}
