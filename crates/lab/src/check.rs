//! What a scenario may not ask for, beyond what its types already exclude.
//!
//! Each rule names the table and key it speaks of, so that the error can point at the line. Rules about times keep a scenario from quietly doing nothing: a
//! crash planned for after the end is a mistake, not a wish.

use crate::scenario::{ContentSpec, LatencySpec, MAX_PEERS, Scenario, ScenarioError, position};
use crate::units::Span;

/// Checks the rules in the order in which the file is usually written; the first that is broken is reported.
pub(crate) fn check(scenario: &Scenario, text: &str) -> Result<(), ScenarioError> {
    let rules = Rules { scenario, text };
    rules.peers()?;
    rules.network()?;
    rules.kademlia()?;
    rules.times("join", None, &[("within", scenario.join.within)])?;
    for (i, content) in scenario.content.iter().enumerate() {
        rules.content(i, content)?;
    }
    for (i, lookup) in scenario.lookup.iter().enumerate() {
        rules.times("lookup", Some(i), &[("at", lookup.at), ("within", lookup.within)])?;
    }
    for (i, crash) in scenario.crash.iter().enumerate() {
        rules.times("crash", Some(i), &[("at", crash.at), ("within", crash.within)])?;
    }
    Ok(())
}

/// Checks that what the contents name is there.
pub(crate) fn check_paths(scenario: &Scenario, text: &str) -> Result<(), ScenarioError> {
    let rules = Rules { scenario, text };
    for (i, path) in scenario.content.iter().enumerate().filter_map(|(i, content)| Some((i, scenario.resolve(content.path.as_ref()?)))) {
        let message = || format!("there is no {}: paths start at the folder of the scenario file", path.display());
        rules.require(path.exists(), "content", Some(i), "path", message)?;
    }
    Ok(())
}

struct Rules<'a> {
    scenario: &'a Scenario,
    text: &'a str,
}

impl Rules<'_> {
    fn peers(&self) -> Result<(), ScenarioError> {
        let peers = self.scenario.peers;
        self.require(peers <= MAX_PEERS, "", None, "peers", || format!("{peers} peers are too many: allowed is 0 to {MAX_PEERS}"))
    }

    fn network(&self) -> Result<(), ScenarioError> {
        match self.scenario.network.latency {
            LatencySpec::Uniform { min, max } => self.require(min <= max, "network", None, "latency", || "min must not be above max".into()),
            LatencySpec::LogNormal { sigma, median, .. } => {
                self.require((0.0..=5.0).contains(&sigma) && !median.0.is_zero(), "network", None, "latency", || {
                    "log-normal latency needs a median above zero and a sigma of 0.0 to 5.0".into()
                })
            }
            LatencySpec::Constant { .. } => Ok(()),
        }
    }

    fn kademlia(&self) -> Result<(), ScenarioError> {
        let spec = &self.scenario.kademlia;
        for (key, value, most) in [("k", spec.k, 1000), ("alpha", spec.alpha, 100), ("disjoint_paths", spec.disjoint_paths, 20)] {
            let fine = value.is_none_or(|value| (1..=most).contains(&value));
            self.require(fine, "kademlia", None, key, || format!("{key} must be 1 to {most}"))?;
        }
        Ok(())
    }

    fn content(&self, i: usize, content: &ContentSpec) -> Result<(), ScenarioError> {
        let at = |key, fine, message: &str| self.require(fine, "content", Some(i), key, || message.to_owned());
        at(
            "name",
            content.path.is_some() != content.size.is_some(),
            "content needs either a path (a real file or directory) or a size, and not both",
        )?;
        at("publishers", content.publishers >= 1, "content needs at least one publisher")?;
        let wanted = u64::from(content.publishers) + u64::from(content.fetchers);
        let peers = self.scenario.peers;
        self.require(wanted <= u64::from(peers), "content", Some(i), "publishers", || {
            format!("{wanted} publishers and fetchers are asked for, but there are {peers} peers: a peer is one or the other")
        })?;
        at("fetch_at", content.fetchers == 0 || content.fetch_at >= content.publish_at, "nobody can fetch before publish_at")?;
        self.times("content", Some(i), &[("publish_at", content.publish_at)])?;
        self.times("content", Some(i), &[("fetch_at", content.fetch_at), ("fetch_within", content.fetch_within)])
    }

    /// The sum of these must lie within the run.
    fn times(&self, table: &str, nth: Option<usize>, spans: &[(&str, Span)]) -> Result<(), ScenarioError> {
        let end = spans.iter().fold(std::time::Duration::ZERO, |sum, (_, span)| sum.saturating_add(span.0));
        let duration = self.scenario.duration.0;
        self.require(end <= duration, table, nth, spans[0].0, || format!("this would end at {end:?}, after the scenario's duration of {duration:?}"))
    }

    fn require(&self, fine: bool, table: &str, nth: Option<usize>, key: &str, message: impl FnOnce() -> String) -> Result<(), ScenarioError> {
        if fine {
            return Ok(());
        }
        let line = line_of(self.text, table, nth.unwrap_or(0), key);
        Err(ScenarioError::Meaning { file: self.scenario.file.clone(), line, message: message() })
    }
}

/// The line of `key` in the `nth` table called `table` (empty: the top of the file); of the table itself if the key is not written; else the first line.
fn line_of(text: &str, table: &str, nth: usize, key: &str) -> usize {
    let is_key = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    let is_table = |line: &str| line.trim_start().starts_with('[');
    let names = |line: &str| line.trim().trim_matches(['[', ']']) == table;
    let mut lines = text.lines().enumerate();
    let start =
        if table.is_empty() { Some(0) } else { lines.by_ref().filter(|(_, line)| is_table(line) && names(line)).nth(nth).map(|(i, _)| i + 1) };
    let Some(start) = start else { return position(text, 0).0 };
    let body = text.lines().enumerate().skip(start).take_while(|(_, line)| !is_table(line));
    body.into_iter().find(|(_, line)| is_key(line)).map_or(start.max(1), |(i, _)| i + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
title = "t"
peers = 10
duration = "60 s"
[network]
latency = { kind = "uniform", min = "10 ms", max = "20 ms" }
[[content]]
name = "f"
size = "1 MiB"
publishers = 2
publish_at = "10 s"
fetchers = 3
fetch_at = "20 s"
[[crash]]
at = "30 s"
fraction = 0.2
"#;

    fn error_of(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "the test's own text has changed");
        Scenario::parse(&GOOD.replace(from, to), "x.toml".as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn the_good_one_is_good() {
        Scenario::parse(GOOD, "x.toml".as_ref()).unwrap();
    }

    #[test]
    fn every_mistake_is_named_with_its_line_and_what_is_allowed() {
        let cases = [
            ("peers = 10", "peers = 99999999", "x.toml:3: 99999999 peers are too many: allowed is 0 to 10000000"),
            ("peers = 10", "peers = 4", "x.toml:10: 5 publishers and fetchers are asked for, but there are 4 peers"),
            ("min = \"10 ms\"", "min = \"30 ms\"", "x.toml:6: min must not be above max"),
            ("fraction = 0.2", "fraction = 1.2", "x.toml:16:12: 1.2 is not a share: allowed is 0.0 to 1.0"),
            ("at = \"30 s\"", "at = \"3 h\"", "x.toml:15: this would end at 10800s, after the scenario's duration of 60s"),
            ("\"30 s\"", "\"30 sec\"", "x.toml:15:6: `sec` is not a unit of a duration: use one of ns, us, ms, s, min, h, d"),
            ("\"uniform\"", "\"gaussian\"", "x.toml:6:20: unknown variant `gaussian`, expected one of `constant`, `uniform`, `log-normal`"),
            ("fetchers = 3", "fetcher = 3", "x.toml:12:1: unknown field `fetcher`, expected one of `name`, `path`"),
            ("size = \"1 MiB\"", "", "x.toml:8: content needs either a path"),
            ("fetch_at = \"20 s\"", "fetch_at = \"2 s\"", "x.toml:13: nobody can fetch before publish_at"),
            ("size = \"1 MiB\"", "path = \"no/such\"", "x.toml:9: there is no no/such"),
            ("title = \"t\"", "", "missing field `title`"),
        ];
        for (from, to, expected) in cases {
            let error = error_of(from, to);
            assert!(error.contains(expected), "{to}\n  gave  {error}\n  not   {expected}");
        }
    }
}
