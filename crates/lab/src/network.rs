//! From `[network]` and `[[nat]]` to the simulator's network.

use std::path::PathBuf;
use std::time::Duration;

use peerglass_sim::network::{Geographic, LastMile, Matrix, MatrixError, Places, Plane, Rows};
use peerglass_sim::{Access, Impairment, Jitter, Latency, Link, Loss, NatKind, Network, Spread};
use thiserror::Error;

use crate::Scenario;
use crate::run::RunError;
use crate::scenario::{self, BandwidthSpec, LatencySpec, LossSpec, SpreadSpec};
use crate::units::{Rate, Share};

/// Messages of so many bytes or more are flows where links are shared max-min fairly: blocks are, whatever routes is not.
const BULK: u64 = 16 << 10;

/// Why a table of latencies cannot be used.
#[derive(Debug, Error)]
pub enum LatencyTableError {
    /// The file cannot be read.
    #[error("cannot read the table of latencies {}: {source}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no table.
    #[error("{}: {source}", file.display())]
    Table {
        /// Which file.
        file: PathBuf,
        /// What is wrong and what is allowed.
        source: MatrixError,
    },
}

/// The network between the peers of `scenario`.
pub(crate) fn of(scenario: &Scenario) -> Result<Network, RunError> {
    let spec = &scenario.network;
    let spread = match spec.spread {
        SpreadSpec::PerPair => Spread::PerPair,
        SpreadSpec::PerPacket => Spread::PerPacket,
    };
    let (reorder, hold) = spec.reorder.map_or((0.0, Duration::ZERO), |reorder| (reorder.share.0, reorder.within.0));
    Ok(Network {
        latency: latency(scenario)?,
        spread,
        jitter: spec.jitter.map_or(Jitter::None, |up_to| Jitter::Uniform { up_to: up_to.0 }),
        loss: loss(spec.loss),
        impairment: Impairment { reorder, hold, duplicate: spec.duplicate.0, corrupt: spec.corrupt.0 },
        bulk: (spec.bandwidth == BandwidthSpec::MaxMin).then_some(BULK),
        access: Access { up: link(spec.up, spec.buffer.0), down: link(spec.down, spec.buffer.0) },
        ..Network::default()
    })
}

fn latency(scenario: &Scenario) -> Result<Latency, RunError> {
    Ok(match &scenario.network.latency {
        LatencySpec::Constant { mean } => Latency::Constant(mean.0),
        LatencySpec::Uniform { min, max } => Latency::Uniform { from: min.0, to: max.0 },
        LatencySpec::Normal { mean, deviation, min } => Latency::Normal { mean: mean.0, deviation: deviation.0, least: min.0 },
        LatencySpec::LogNormal { median, sigma, min } => Latency::LogNormal { median: median.0, sigma: *sigma, least: min.0 },
        // From corner to corner is the square root of two sides.
        LatencySpec::Plane { across, last_mile } => {
            let per_unit = across.0.div_f64(std::f64::consts::SQRT_2);
            Latency::Plane(Plane { base: last_mile.0 * 2, per_unit, places: Places::Square(1.0) })
        }
        LatencySpec::Cities { detour, last_mile } => {
            let last_mile = LastMile { median: last_mile.0, ..LastMile::default() };
            Latency::Geographic(Geographic::new(*detour, last_mile)?)
        }
        LatencySpec::Matrix { path } => {
            let file = scenario.resolve(path);
            let text = std::fs::read_to_string(&file).map_err(|source| LatencyTableError::Read { file: file.clone(), source })?;
            let matrix = Matrix::parse(&text).map_err(|source| LatencyTableError::Table { file, source })?;
            Latency::Matrix(matrix.with_rows(Rows::ByDice))
        }
    })
}

fn loss(spec: LossSpec) -> Loss {
    match spec {
        LossSpec::Bernoulli(Share(0.0)) => Loss::None,
        LossSpec::Bernoulli(share) => Loss::Bernoulli(share.0),
        LossSpec::GilbertElliott { to_bad, to_good, loss_good, loss_bad } => {
            Loss::GilbertElliott { to_bad: to_bad.0, to_good: to_good.0, loss_good: loss_good.0, loss_bad: loss_bad.0 }
        }
    }
}

/// A link of so many bytes a second.
pub(crate) fn link(rate: Option<Rate>, buffer: u64) -> Link {
    Link { rate: rate.map(|rate| (rate.0 * 8.0).round().max(1.0) as u64), buffer }
}

/// A NAT as the engine knows it.
pub(crate) fn nat_kind(kind: scenario::NatKind) -> NatKind {
    match kind {
        scenario::NatKind::FullCone => NatKind::FullCone,
        scenario::NatKind::Restricted => NatKind::RestrictedCone,
        scenario::NatKind::PortRestricted => NatKind::PortRestrictedCone,
        scenario::NatKind::Symmetric => NatKind::Symmetric,
    }
}
