//! What a scenario may not ask for, beyond what its types already exclude.
//!
//! Each rule names the table and key it speaks of, so that the error can point at the line. Rules about times keep a scenario from quietly doing nothing: a
//! crash planned for after the end is a mistake, not a wish. Rules about who keep a plan from being impossible: a fault for a peer that never exists, two faults
//! that contradict each other.

mod churn;
mod faults;
mod groups;
mod lives;
mod network;
#[cfg(test)]
mod tests;
mod workload;

use std::path::Path;
use std::time::Duration;

use crate::scenario::{DistributionSpec, LatencySpec, MAX_PEERS, Scenario, ScenarioError, Table};
use crate::units::Span;

/// Checks the rules in the order in which the file is usually written; the first that is broken is reported.
pub(crate) fn check(scenario: &Scenario) -> Result<(), ScenarioError> {
    let rules = Rules { scenario };
    rules.top()?;
    rules.network()?;
    rules.kademlia()?;
    rules.times(Table::only("join"), &[("within", scenario.join.within)])?;
    rules.groups()?;
    rules.nats()?;
    rules.churns()?;
    rules.contents()?;
    rules.lookups()?;
    rules.workloads()?;
    rules.faults()
}

/// Checks that what the contents name is there, and traces and tables too.
pub(crate) fn check_paths(scenario: &Scenario) -> Result<(), ScenarioError> {
    let rules = Rules { scenario };
    for (i, content) in scenario.content.iter().enumerate() {
        content.path.iter().try_for_each(|path| rules.path(Table::nth("content", i), "path", path))?;
    }
    if let LatencySpec::Matrix { path } = &scenario.network.latency {
        rules.path(Table::only("network"), "latency", path)?;
    }
    for (i, churn) in scenario.churn.iter().enumerate() {
        let named = [("session", Some(&churn.session)), ("downtime", churn.downtime.as_ref()), ("interarrival", churn.interarrival.as_ref())];
        for (key, distribution) in named {
            if let Some(DistributionSpec::Trace { path }) = distribution {
                rules.path(Table::nth("churn", i), key, path)?;
            }
        }
    }
    Ok(())
}

pub(crate) use groups::size;

struct Rules<'a> {
    scenario: &'a Scenario,
}

impl Rules<'_> {
    fn top(&self) -> Result<(), ScenarioError> {
        let peers = self.scenario.peers;
        self.require(peers <= MAX_PEERS, Table::TOP, "peers", || format!("{peers} peers are too many: allowed is 0 to {MAX_PEERS}"))?;
        self.times(Table::only("phases"), &[("initialisation", self.scenario.phases.initialisation)])
    }

    fn kademlia(&self) -> Result<(), ScenarioError> {
        let spec = &self.scenario.kademlia;
        for (key, value, most) in [("k", spec.k, 1000), ("alpha", spec.alpha, 100), ("disjoint_paths", spec.disjoint_paths, 20)] {
            let fine = value.is_none_or(|value| (1..=most).contains(&value));
            self.require(fine, Table::only("kademlia"), key, || format!("{key} must be 1 to {most}"))?;
        }
        Ok(())
    }

    /// The sum of these must lie within the run.
    fn times(&self, table: Table<'_>, spans: &[(&str, Span)]) -> Result<(), ScenarioError> {
        let end = spans.iter().fold(Duration::ZERO, |sum, (_, span)| sum.saturating_add(span.0));
        self.within_run(table, spans[0].0, end)
    }

    fn within_run(&self, table: Table<'_>, key: &str, end: Duration) -> Result<(), ScenarioError> {
        let duration = self.scenario.duration.0;
        self.require(end <= duration, table, key, || format!("this would end at {end:?}, after the scenario's duration of {duration:?}"))
    }

    fn path(&self, table: Table<'_>, key: &str, path: &Path) -> Result<(), ScenarioError> {
        let path = self.scenario.resolve(path);
        let message = || format!("there is no {}: paths start at the folder of the scenario file", path.display());
        self.require(path.exists(), table, key, message)
    }

    fn require(&self, fine: bool, table: Table<'_>, key: &str, message: impl FnOnce() -> String) -> Result<(), ScenarioError> {
        if fine { Ok(()) } else { Err(self.scenario.origin.error(table, key, message())) }
    }
}
