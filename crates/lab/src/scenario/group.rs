//! Who is meant: scopes, and groups, which are scopes with a name.
//!
//! ```toml
//! [[group]]
//! name = "servers"
//! range = "0..100"            # or peers = [3, 5], fraction = 0.2, count = 20; the last two are chosen by the dice
//! ```
//!
//! Wherever peers are asked for (`who`, `from`, `to`, `sides`, …), the name of a group stands for its members, and a table says them on the spot:
//! `who = { fraction = 0.1, of = "servers" }`. Three names are always there: `all`, and `publishers` and `fetchers`, those of the scenario's `[[content]]`.
//!
//! Peers are counted from 0 in the order in which they come in.

use std::fmt;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::units::Share;

/// The name of the group of everybody.
pub const ALL: &str = "all";
/// The name of the group of those that publish a `[[content]]`.
pub const PUBLISHERS: &str = "publishers";
/// The name of the group of those that fetch a `[[content]]`.
pub const FETCHERS: &str = "fetchers";

/// A scope with a name.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "GroupKeys", into = "GroupKeys")]
pub struct GroupSpec {
    /// What it is called.
    pub name: String,
    /// Who is in it.
    pub members: Scope,
}

/// Some of the peers.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// Those of the group with this name.
    Group(String),
    /// These, in ascending order.
    Peers(Vec<u32>),
    /// Those from a number on, below another.
    Range(PeerRange),
    /// A share, chosen by the dice.
    Fraction(Share, String),
    /// So many, chosen by the dice.
    Count(u32, String),
}

/// Peers with numbers from `from` on, below `to`: `"10..20"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerRange {
    /// The first.
    pub from: u32,
    /// The one behind the last.
    pub to: u32,
}

impl Scope {
    /// Everybody.
    #[must_use]
    pub fn all() -> Self {
        Scope::Group(ALL.to_owned())
    }

    /// Whether it says in so many words that it means everybody.
    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!(self, Scope::Group(name) if name == ALL)
    }

    /// The group that it names or is drawn from.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        match self {
            Scope::Group(name) | Scope::Fraction(_, name) | Scope::Count(_, name) => Some(name),
            Scope::Peers(_) | Scope::Range(_) => None,
        }
    }

    /// The same scope among another number of peers: ranges keep their proportions, and peers that no longer are leave.
    pub(crate) fn scale(&mut self, from: u32, to: u32) {
        match self {
            Scope::Peers(peers) => peers.retain(|peer| *peer < to),
            Scope::Range(range) if to < from => {
                let scaled = |peer: u32| (u64::from(peer) * u64::from(to) / u64::from(from.max(1))) as u32;
                *range = PeerRange { from: scaled(range.from), to: scaled(range.to) };
            }
            Scope::Count(count, _) if to < from => *count = (u64::from(*count) * u64::from(to) / u64::from(from.max(1))) as u32,
            Scope::Group(_) | Scope::Range(_) | Scope::Fraction(..) | Scope::Count(..) => {}
        }
    }
}

impl Default for Scope {
    fn default() -> Self {
        Scope::all()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Group(name) => write!(f, "{{{name}}}"),
            Scope::Peers(peers) => {
                let shown: Vec<String> = peers.iter().take(8).map(|peer| format!("p{peer}")).collect();
                let more = if peers.len() > 8 { format!(" and {} more", peers.len() - 8) } else { String::new() };
                write!(f, "{{{}{more}}}", shown.join(", "))
            }
            Scope::Range(range) => write!(f, "{{p{}..p{}}}", range.from, range.to),
            Scope::Fraction(share, of) => write!(f, "{share} of {{{of}}}"),
            Scope::Count(count, of) => write!(f, "{count} of {{{of}}}"),
        }
    }
}

impl FromStr for PeerRange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bounds = text.split_once("..").and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)));
        match bounds {
            Some((from, to)) if from < to => Ok(Self { from, to }),
            Some(_) => Err(format!("the range `{text}` is empty: the first number must be below the second, which is not in it any more")),
            None => Err(format!("`{text}` is not a range of peers: write it like 0..100, the first and the one behind the last")),
        }
    }
}

impl<'de> Deserialize<'de> for PeerRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for PeerRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}..{}", self.from, self.to))
    }
}

/// The keys of which a scope has exactly one; `of` goes with the last two.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ScopeKeys {
    #[serde(skip_serializing_if = "Option::is_none")]
    peers: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<PeerRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fraction: Option<Share>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
}

impl TryFrom<ScopeKeys> for Scope {
    type Error = String;
    fn try_from(keys: ScopeKeys) -> Result<Self, String> {
        let drawn = keys.of.is_none();
        let of = keys.of.unwrap_or_else(|| ALL.to_owned());
        match (keys.peers, keys.range, keys.fraction, keys.count) {
            (Some(mut peers), None, None, None) if drawn => {
                peers.sort_unstable();
                peers.dedup();
                Ok(Scope::Peers(peers))
            }
            (None, Some(range), None, None) if drawn => Ok(Scope::Range(range)),
            (None, None, Some(share), None) => Ok(Scope::Fraction(share, of)),
            (None, None, None, Some(count)) => Ok(Scope::Count(count, of)),
            _ => Err("say who by exactly one of peers = [0, 3], range = \"0..100\", fraction = 0.2 or count = 20; with the last two, of = \"GROUP\" may say \
                      of whom"
                .to_owned()),
        }
    }
}

impl From<Scope> for ScopeKeys {
    fn from(scope: Scope) -> Self {
        let of = |name: String| Some(name).filter(|name| name != ALL);
        match scope {
            // Only a group of all members of another: `count` and `fraction` have no word for it, a share of 1 is the same.
            Scope::Group(name) => ScopeKeys { fraction: Some(Share::ALL), of: of(name), ..Self::default() },
            Scope::Peers(peers) => ScopeKeys { peers: Some(peers), ..Self::default() },
            Scope::Range(range) => ScopeKeys { range: Some(range), ..Self::default() },
            Scope::Fraction(share, name) => ScopeKeys { fraction: Some(share), of: of(name), ..Self::default() },
            Scope::Count(count, name) => ScopeKeys { count: Some(count), of: of(name), ..Self::default() },
        }
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Scope;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a group, or one of { peers = [0, 3] }, { range = \"0..100\" }, { fraction = 0.2 }, { count = 20 }")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Scope, E> {
                Ok(Scope::Group(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Scope, A::Error> {
                ScopeKeys::deserialize(MapAccessDeserializer::new(map))?.try_into().map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Scope::Group(name) => serializer.serialize_str(name),
            _ => ScopeKeys::from(self.clone()).serialize(serializer),
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct GroupKeys {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peers: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<PeerRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fraction: Option<Share>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
}

impl TryFrom<GroupKeys> for GroupSpec {
    type Error = String;
    fn try_from(keys: GroupKeys) -> Result<Self, String> {
        let GroupKeys { name, peers, range, fraction, count, of } = keys;
        Ok(Self { name, members: ScopeKeys { peers, range, fraction, count, of }.try_into()? })
    }
}

impl From<GroupSpec> for GroupKeys {
    fn from(group: GroupSpec) -> Self {
        let ScopeKeys { peers, range, fraction, count, of } = group.members.into();
        Self { name: group.name, peers, range, fraction, count, of }
    }
}
