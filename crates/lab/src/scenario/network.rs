//! What lies between peers: `[network]` and `[[nat]]`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use peerglass_sim::network::Nat;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::Scope;
use crate::units::{Rate, Share, Size, Span};

/// What lies between peers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSpec {
    /// One-way delay.
    pub latency: LatencySpec,
    /// Whether it is drawn once for each pair of peers or for each packet.
    pub spread: SpreadSpec,
    /// Each packet takes up to so much longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Span>,
    /// Which packets are lost on the way.
    pub loss: LossSpec,
    /// The share of packets that arrive twice.
    #[serde(skip_serializing_if = "is_none")]
    pub duplicate: Share,
    /// Packets that are held back, so that others overtake them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder: Option<ReorderSpec>,
    /// The share of packets whose bits flip on the way.
    #[serde(skip_serializing_if = "is_none")]
    pub corrupt: Share,
    /// What each peer's access link carries towards the network. Unlimited when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<Rate>,
    /// What it carries from the network. Unlimited when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<Rate>,
    /// How many bytes may wait before each access link; what comes on top is dropped.
    pub buffer: Size,
    /// How access links are shared.
    pub bandwidth: BandwidthSpec,
}

fn is_none(share: &Share) -> bool {
    share.0 == 0.0
}

impl Default for NetworkSpec {
    fn default() -> Self {
        Self {
            latency: LatencySpec::Constant { mean: Span(Duration::from_millis(50)) },
            spread: SpreadSpec::PerPair,
            jitter: None,
            loss: LossSpec::default(),
            duplicate: Share(0.0),
            reorder: None,
            corrupt: Share(0.0),
            up: None,
            down: None,
            buffer: Size(64 << 20),
            bandwidth: BandwidthSpec::Queue,
        }
    }
}

/// One-way delay between two peers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LatencySpec {
    /// Always the same.
    Constant {
        /// The delay.
        mean: Span,
    },
    /// Anything between two bounds.
    Uniform {
        /// At least.
        min: Span,
        /// At most.
        max: Span,
    },
    /// Around a mean, cut off below.
    Normal {
        /// The mean.
        mean: Span,
        /// The standard deviation.
        deviation: Span,
        /// None is nearer than this.
        #[serde(default = "one_millisecond")]
        min: Span,
    },
    /// Most are near the median, some are far longer: like the Internet.
    LogNormal {
        /// Half are nearer.
        median: Span,
        /// The standard deviation of the logarithm: 0.5 is usual, 1 is wild.
        sigma: f64,
        /// None is nearer than this.
        #[serde(default = "one_millisecond")]
        min: Span,
    },
    /// Peers at random places of a square; the delay grows with the distance.
    Plane {
        /// From one corner to the opposite one.
        across: Span,
        /// What comes on top at each end.
        #[serde(default = "one_millisecond")]
        last_mile: Span,
    },
    /// Peers in cities of the world, by population; light in fibre, along a way that is longer than the straight one.
    Cities {
        /// How much longer than the great circle: 1.0 and more.
        #[serde(default = "usual_detour")]
        detour: f64,
        /// What comes on top at each end.
        #[serde(default = "five_milliseconds")]
        last_mile: Span,
    },
    /// Measured delays: peers are rows of a square table, drawn by the dice.
    Matrix {
        /// A CSV file of one-way delays in milliseconds, relative to the scenario file.
        path: PathBuf,
    },
}

fn one_millisecond() -> Span {
    Span(Duration::from_millis(1))
}

fn five_milliseconds() -> Span {
    Span(Duration::from_millis(5))
}

fn usual_detour() -> f64 {
    1.5
}

/// Whether a latency is drawn anew for each packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpreadSpec {
    /// Once for each pair of peers, the same in both directions.
    #[default]
    PerPair,
    /// For each packet: packets overtake each other.
    PerPacket,
}

/// How access links are shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BandwidthSpec {
    /// First come, first served, with a bounded buffer.
    #[default]
    Queue,
    /// Bulk transfers as flows that share links max-min fairly.
    MaxMin,
}

/// Packets that are held back.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReorderSpec {
    /// The share of packets.
    pub share: Share,
    /// For up to so long.
    pub within: Span,
}

/// Which packets are lost on the way: a share, or a table that says more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LossSpec {
    /// Each with this probability, independently.
    Bernoulli(Share),
    /// In bursts, by a chain of two states (Gilbert 1960, Elliott 1963).
    GilbertElliott {
        /// The probability that a packet turns a good link bad.
        to_bad: Share,
        /// The probability that a packet turns a bad link good.
        to_good: Share,
        /// The probability that a packet is lost while the link is good.
        loss_good: Share,
        /// The probability that a packet is lost while the link is bad.
        loss_bad: Share,
    },
}

impl Default for LossSpec {
    fn default() -> Self {
        LossSpec::Bernoulli(Share(0.0))
    }
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum LossTable {
    Bernoulli {
        share: Share,
    },
    GilbertElliott {
        to_bad: Share,
        to_good: Share,
        #[serde(default)]
        loss_good: Share,
        #[serde(default = "everything")]
        loss_bad: Share,
    },
}

fn everything() -> Share {
    Share::ALL
}

impl<'de> Deserialize<'de> for LossSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = LossSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share from 0.0 to 1.0, or { kind = \"gilbert-elliott\", to_bad, to_good }")
            }

            fn visit_f64<E: de::Error>(self, share: f64) -> Result<LossSpec, E> {
                Share::deserialize(de::value::F64Deserializer::new(share)).map(LossSpec::Bernoulli)
            }

            fn visit_i64<E: de::Error>(self, share: i64) -> Result<LossSpec, E> {
                self.visit_f64(share as f64)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LossSpec, A::Error> {
                Ok(match LossTable::deserialize(MapAccessDeserializer::new(map))? {
                    LossTable::Bernoulli { share } => LossSpec::Bernoulli(share),
                    LossTable::GilbertElliott { to_bad, to_good, loss_good, loss_bad } => {
                        LossSpec::GilbertElliott { to_bad, to_good, loss_good, loss_bad }
                    }
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for LossSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            LossSpec::Bernoulli(share) => share.serialize(serializer),
            LossSpec::GilbertElliott { to_bad, to_good, loss_good, loss_bad } => {
                LossTable::GilbertElliott { to_bad, to_good, loss_good, loss_bad }.serialize(serializer)
            }
        }
    }
}

/// Peers behind network address translators.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NatSpec {
    /// How strict it is.
    pub kind: NatKind,
    /// Who is behind one, each behind its own.
    pub who: Scope,
    /// A mapping that is not used for so long is forgotten.
    #[serde(default = "usual_timeout")]
    pub timeout: Span,
}

fn usual_timeout() -> Span {
    Span(Nat::TIMEOUT)
}

/// How strict a network address translator is (RFC 3489, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NatKind {
    /// Once mapped, anybody gets in.
    FullCone,
    /// Those get in to whom the peer has sent.
    Restricted,
    /// Those get in to whose very port the peer has sent.
    PortRestricted,
    /// Every destination has a mapping of its own.
    Symmetric,
}
