//! Peers that come and go by themselves: `[churn]`.
//!
//! ```toml
//! [churn]                                             # or several [[churn]], for several groups
//! session = { kind = "weibull", preset = "debian" }   # how long a peer stays
//! downtime = { kind = "exponential", mean = "30 min" }  # how long it is away; or interarrival: how long until the next comes in
//! diurnal = { period = "24 h", amplitude = 0.5, peak = "20 h" }
//! ```
//!
//! With `downtime` every peer lives a life of its own: the share `E[session] / (E[session] + E[downtime])` is up. With `interarrival` there is one stream of
//! arrivals, each of a peer drawn from those that are away: `E[session] / E[interarrival]` are up, by Little's law.

use std::fmt;
use std::path::PathBuf;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::Scope;
use crate::units::{Share, Span};

/// Peers that come and go by themselves.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnSpec {
    /// Who.
    #[serde(default, skip_serializing_if = "Scope::is_all")]
    pub who: Scope,
    /// How long a peer stays.
    pub session: DistributionSpec,
    /// How long a peer is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downtime: Option<DistributionSpec>,
    /// Or how long after one peer came back the next does, whichever it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interarrival: Option<DistributionSpec>,
    /// When it begins. By default where what is measured begins, or when all have joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Span>,
    /// When it stops: who is up stays up, who is away stays away. By default at the end of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// How it stands in the beginning.
    #[serde(default)]
    pub start: Start,
    /// Whether peers come back with the state they had.
    #[serde(default = "yes")]
    pub keep_state: bool,
    /// Days and nights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diurnal: Option<DiurnalSpec>,
}

fn yes() -> bool {
    true
}

/// How churn stands in the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// As if it had gone on for ever: some leave at once, and the sessions of the others have begun long ago. Nothing has to be waited for.
    #[default]
    Equilibrium,
    /// Everybody's first session begins.
    Fresh,
}

/// A rate that rises and falls as a cosine, its mean unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DiurnalSpec {
    /// From peak to peak.
    pub period: Span,
    /// How far above its mean the rate is at the peak, as a share of the mean.
    pub amplitude: Share,
    /// When a peak is.
    #[serde(default)]
    pub peak: Span,
}

/// A distribution of lengths of time.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "DistributionKeys", into = "DistributionKeys")]
pub enum DistributionSpec {
    /// Always the same.
    Constant {
        /// The length.
        value: Span,
    },
    /// Without memory: however long it has lasted, the rest is as long.
    Exponential {
        /// The mean.
        mean: Span,
    },
    /// Many are short and a few very long, with a shape below 1.
    Weibull {
        /// Below 1, the longer it has lasted the longer it will.
        shape: f64,
        /// About 63 % are below.
        scale: Span,
    },
    /// None is below the scale, and the tail is heavy.
    Pareto {
        /// The mean is finite above 1.
        shape: f64,
        /// The least.
        scale: Span,
    },
    /// As measured.
    Trace {
        /// A CSV file, one length in seconds a line (its first column), relative to the scenario file.
        path: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum DistributionKind {
    Constant,
    Exponential,
    Weibull,
    Pareto,
    Trace,
}

/// Session lengths of BitTorrent swarms as Weibull distributions (Stutzbach and Rejaie, *Understanding Churn in Peer-to-Peer Networks*, IMC 2006): shape, and scale
/// in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// A Debian image.
    Debian,
    /// A Red Hat image.
    Redhat,
    /// A demo of the game FlatOut.
    Flatout,
}

impl Preset {
    /// The distribution.
    #[must_use]
    pub fn sessions(self) -> DistributionSpec {
        // Tenths of a minute.
        let (shape, scale) = match self {
            Preset::Debian => (0.38, 424),
            Preset::Redhat => (0.34, 213),
            Preset::Flatout => (0.59, 419),
        };
        DistributionSpec::Weibull { shape, scale: Span(std::time::Duration::from_secs(scale * 6)) }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DistributionKeys {
    kind: DistributionKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<Preset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
}

impl TryFrom<DistributionKeys> for DistributionSpec {
    type Error = &'static str;
    fn try_from(keys: DistributionKeys) -> Result<Self, &'static str> {
        let DistributionKeys { kind, value, mean, shape, scale, preset, path } = keys;
        match (kind, value, mean, shape, scale, preset, path) {
            (DistributionKind::Constant, Some(value), None, None, None, None, None) => Ok(Self::Constant { value }),
            (DistributionKind::Exponential, None, Some(mean), None, None, None, None) => Ok(Self::Exponential { mean }),
            (DistributionKind::Weibull, None, None, Some(shape), Some(scale), None, None) => Ok(Self::Weibull { shape, scale }),
            (DistributionKind::Weibull, None, None, None, None, Some(preset), None) => Ok(preset.sessions()),
            (DistributionKind::Pareto, None, None, Some(shape), Some(scale), None, None) => Ok(Self::Pareto { shape, scale }),
            (DistributionKind::Trace, None, None, None, None, None, Some(path)) => Ok(Self::Trace { path }),
            (DistributionKind::Constant, ..) => Err("a constant length has the key value and no other"),
            (DistributionKind::Exponential, ..) => Err("an exponential distribution has the key mean and no other"),
            (DistributionKind::Weibull, ..) => {
                Err("a Weibull distribution has the keys shape and scale, or instead of them a preset: \"debian\", \"redhat\" or \"flatout\"")
            }
            (DistributionKind::Pareto, ..) => Err("a Pareto distribution has the keys shape and scale and no other"),
            (DistributionKind::Trace, ..) => Err("a trace has the key path, a CSV file of lengths in seconds, and no other"),
        }
    }
}

impl From<DistributionSpec> for DistributionKeys {
    fn from(spec: DistributionSpec) -> Self {
        let of = |kind| Self { kind, value: None, mean: None, shape: None, scale: None, preset: None, path: None };
        match spec {
            DistributionSpec::Constant { value } => Self { value: Some(value), ..of(DistributionKind::Constant) },
            DistributionSpec::Exponential { mean } => Self { mean: Some(mean), ..of(DistributionKind::Exponential) },
            DistributionSpec::Weibull { shape, scale } => Self { shape: Some(shape), scale: Some(scale), ..of(DistributionKind::Weibull) },
            DistributionSpec::Pareto { shape, scale } => Self { shape: Some(shape), scale: Some(scale), ..of(DistributionKind::Pareto) },
            DistributionSpec::Trace { path } => Self { path: Some(path), ..of(DistributionKind::Trace) },
        }
    }
}

impl fmt::Display for DistributionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DistributionSpec::Constant { value } => write!(f, "always {value}"),
            DistributionSpec::Exponential { mean } => write!(f, "exponential, mean {mean}"),
            DistributionSpec::Weibull { shape, scale } => write!(f, "Weibull, shape {shape}, scale {scale}"),
            DistributionSpec::Pareto { shape, scale } => write!(f, "Pareto, shape {shape}, scale {scale}"),
            DistributionSpec::Trace { path } => write!(f, "as in {}", path.display()),
        }
    }
}

impl fmt::Display for ChurnSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "churn of {}: sessions {}", self.who, self.session)?;
        self.downtime.iter().try_for_each(|downtime| write!(f, "; away {downtime}"))?;
        self.interarrival.iter().try_for_each(|gap| write!(f, "; between arrivals {gap}"))?;
        self.diurnal.iter().try_for_each(|day| write!(f, "; ± {} every {}", day.amplitude, day.period))?;
        f.write_str(if self.keep_state { "" } else { "; without their state" })
    }
}

/// `[churn]` is a list of one.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ChurnSpec>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Vec<ChurnSpec>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table [churn], or several [[churn]]")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            ChurnSpec::deserialize(MapAccessDeserializer::new(map)).map(|churn| vec![churn])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }
    deserializer.deserialize_any(Either)
}
