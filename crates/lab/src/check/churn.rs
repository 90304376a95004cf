//! Rules about `[churn]`.

use std::time::Duration;

use super::Rules;
use super::groups::size;
use crate::plan::MOST;
use crate::scenario::{ChurnSpec, DistributionSpec, DiurnalSpec, ScenarioError, Start, Table};

impl Rules<'_> {
    pub(super) fn churns(&self) -> Result<(), ScenarioError> {
        self.scenario.churn.iter().enumerate().try_for_each(|(i, churn)| self.churn(Table::nth("churn", i), churn))
    }

    fn churn(&self, table: Table<'_>, churn: &ChurnSpec) -> Result<(), ScenarioError> {
        self.scope(table, "who", &churn.who)?;
        self.require(churn.downtime.is_some() != churn.interarrival.is_some(), table, "downtime", || {
            "churn needs either downtime, how long a peer is away, or interarrival, how long until the next comes back, and not both".into()
        })?;
        let others = [("downtime", &churn.downtime), ("interarrival", &churn.interarrival)];
        let named = [("session", &churn.session)].into_iter().chain(others.into_iter().filter_map(|(key, spec)| Some((key, spec.as_ref()?))));
        for (key, spec) in named {
            self.distribution(table, key, spec, churn.start)?;
        }
        let (from, until) = (self.scenario.churn_from(churn), churn.until.unwrap_or(self.scenario.duration));
        self.times(table, &[("from", from)])?;
        self.times(table, &[("until", until)])?;
        self.require(from <= until, table, "until", || format!("churn cannot stop before it begins, at {from}"))?;
        churn.diurnal.iter().try_for_each(|day| self.diurnal(table, day))?;
        self.not_too_many(table, churn, until.0.saturating_sub(from.0))
    }

    pub(super) fn diurnal(&self, table: Table<'_>, day: &DiurnalSpec) -> Result<(), ScenarioError> {
        self.require(!day.period.is_zero(), table, "diurnal", || "a day must last some time: its period is above zero".into())
    }

    fn distribution(&self, table: Table<'_>, key: &str, spec: &DistributionSpec, start: Start) -> Result<(), ScenarioError> {
        let at = |fine, message: &str| self.require(fine, table, key, || message.to_owned());
        match *spec {
            DistributionSpec::Constant { value } => at(!value.is_zero(), "a length must be above zero"),
            DistributionSpec::Exponential { mean } => at(!mean.is_zero(), "the mean must be above zero"),
            DistributionSpec::Weibull { shape, scale } => {
                at((0.1..=20.0).contains(&shape) && !scale.is_zero(), "a Weibull distribution needs a shape of 0.1 to 20 and a scale above zero")
            }
            DistributionSpec::Pareto { shape, scale } => {
                at((0.1..=100.0).contains(&shape) && !scale.is_zero(), "a Pareto distribution needs a shape of 0.1 to 100 and a scale above zero")?;
                let fine = shape > 1.0 || start == Start::Fresh;
                at(fine, "with a shape of 1 or less the mean is infinite and there is no equilibrium: write start = \"fresh\"")
            }
            DistributionSpec::Trace { .. } => Ok(()),
        }
    }

    /// A plan of churn is kept in memory.
    fn not_too_many(&self, table: Table<'_>, churn: &ChurnSpec, lasts: Duration) -> Result<(), ScenarioError> {
        let members = f64::from(size(self.scenario, &churn.who).unwrap_or(self.scenario.peers));
        let mean = |spec: &DistributionSpec| crate::plan::distribution_of(spec).mean();
        let cycles = match (&churn.downtime, &churn.interarrival) {
            (Some(downtime), _) => members * lasts.as_secs_f64() / (mean(&churn.session) + mean(downtime)),
            (None, Some(gap)) => lasts.as_secs_f64() / mean(gap) + members,
            (None, None) => 0.0,
        };
        self.require(cycles <= MOST as f64 / 2.0, table, "session", || {
            format!("peers would come and go about {cycles:.0} times, more than {}: make sessions longer or the run shorter", MOST / 2)
        })
    }
}
