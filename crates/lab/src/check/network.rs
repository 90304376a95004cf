//! Rules about `[network]` and `[[nat]]`.

use super::Rules;
use crate::scenario::{LatencySpec, LossSpec, ScenarioError, Table};

const NETWORK: Table<'static> = Table { name: "network", nth: 0 };

impl Rules<'_> {
    pub(super) fn network(&self) -> Result<(), ScenarioError> {
        self.latency()?;
        let network = &self.scenario.network;
        if let Some(reorder) = network.reorder {
            self.require(!reorder.within.is_zero(), NETWORK, "reorder", || {
                "reordered packets must be held back for some time: within is above zero".into()
            })?;
        }
        if let LossSpec::GilbertElliott { to_bad, to_good, .. } = network.loss {
            self.require(to_bad.0 == 0.0 || to_good.0 > 0.0, NETWORK, "loss", || {
                "a link that turns bad must be able to turn good again: to_good is above zero".into()
            })?;
        }
        let limited = network.up.is_some() || network.down.is_some();
        self.require(!limited || network.buffer.0 > 0, NETWORK, "buffer", || "a link that carries only so much needs a buffer above zero".into())
    }

    fn latency(&self) -> Result<(), ScenarioError> {
        let at = |fine, message: &str| self.require(fine, NETWORK, "latency", || message.to_owned());
        match &self.scenario.network.latency {
            LatencySpec::Constant { .. } | LatencySpec::Matrix { .. } => Ok(()),
            LatencySpec::Uniform { min, max } => at(min <= max, "min must not be above max"),
            LatencySpec::Normal { mean, min, .. } => at(min <= mean, "min must not be above the mean"),
            LatencySpec::LogNormal { sigma, median, .. } => {
                at((0.0..=5.0).contains(sigma) && !median.is_zero(), "log-normal latency needs a median above zero and a sigma of 0.0 to 5.0")
            }
            LatencySpec::Plane { across, .. } => at(!across.is_zero(), "a plane must be some time across: above zero"),
            LatencySpec::Cities { detour, .. } => at((1.0..=10.0).contains(detour), "detour must be 1.0, the straight way, to 10.0"),
        }
    }

    pub(super) fn nats(&self) -> Result<(), ScenarioError> {
        for (i, nat) in self.scenario.nat.iter().enumerate() {
            let table = Table::nth("nat", i);
            self.scope(table, "who", &nat.who)?;
            self.require(!nat.timeout.is_zero(), table, "timeout", || "a mapping must last for some time: above zero".into())?;
        }
        Ok(())
    }
}
