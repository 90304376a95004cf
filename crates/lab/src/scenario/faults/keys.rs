//! The keys of a `[[fault]]` table, and which of them each kind has.
//!
//! All keys stand in one struct, so that a wrong value is reported at its own line; what they mean together is told by [`Kind::keys`] and the two conversions.

use serde::{Deserialize, Serialize};

use super::behaviour::{BehaviourKeys, BehaviourWord};
use super::{DiskState, Fault, FaultSpec, Lie, LinkTrouble, Near, PeerTrouble};
use crate::scenario::Scope;
use crate::units::{Rate, Share, Skew, Span};

/// The kinds of faults, as scenario files name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the words themselves; what each means stands at Fault, PeerTrouble and LinkTrouble")]
pub enum Kind {
    #[default]
    Crash,
    Restart,
    Freeze,
    Slow,
    Clock,
    Throttle,
    Disk,
    Byzantine,
    Partition,
    Delay,
    Loss,
    Duplicate,
    Corrupt,
    Sybil,
    Eclipse,
}

impl Kind {
    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Crash => "crash",
            Kind::Restart => "restart",
            Kind::Freeze => "freeze",
            Kind::Slow => "slow",
            Kind::Clock => "clock",
            Kind::Throttle => "throttle",
            Kind::Disk => "disk",
            Kind::Byzantine => "byzantine",
            Kind::Partition => "partition",
            Kind::Delay => "delay",
            Kind::Loss => "loss",
            Kind::Duplicate => "duplicate",
            Kind::Corrupt => "corrupt",
            Kind::Sybil => "sybil",
            Kind::Eclipse => "eclipse",
        }
    }

    /// Its word, with an article.
    fn one(self) -> String {
        format!("{} {}", if self == Kind::Eclipse { "an" } else { "a" }, self.name())
    }

    /// The keys that it has beside `kind` and `at`.
    #[must_use]
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Kind::Crash => &["within", "for", "every", "times", "who", "keep_state"],
            Kind::Restart => &["within", "every", "times", "who", "keep_state"],
            Kind::Freeze => &["within", "for", "every", "times", "who"],
            Kind::Slow => &["within", "for", "every", "times", "who", "each"],
            Kind::Clock => &["within", "for", "every", "times", "who", "skew", "drift_ppm"],
            Kind::Throttle => &["within", "for", "every", "times", "who", "up", "down"],
            Kind::Disk => &["within", "for", "every", "times", "who", "state"],
            Kind::Byzantine => &["within", "for", "every", "times", "who", "behaviour", "extra", "share", "lie"],
            Kind::Partition => &["for", "every", "times", "sides", "one_way", "bridge"],
            Kind::Delay => &["for", "every", "times", "from", "to", "extra"],
            Kind::Loss | Kind::Duplicate | Kind::Corrupt => &["for", "every", "times", "from", "to", "share"],
            Kind::Sybil => &["within", "for", "count", "target", "bits", "behaviour", "extra", "share", "lie"],
            Kind::Eclipse => &["within", "for", "count", "content", "bits", "behaviour", "extra", "share", "lie"],
        }
    }
}

/// Every key there is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultKeys {
    kind: Kind,
    at: Span,
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    within: Span,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    lasting: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sides: Option<Vec<Scope>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    one_way: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bridge: Option<Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_state: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    each: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skew: Option<Skew>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift_ppm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    up: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    down: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<DiskState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<Share>,
    #[serde(skip_serializing_if = "Option::is_none")]
    behaviour: Option<BehaviourWord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lie: Option<Lie>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits: Option<u32>,
}

impl TryFrom<FaultKeys> for FaultSpec {
    type Error = String;
    fn try_from(keys: FaultKeys) -> Result<Self, String> {
        keys.no_others()?;
        let (at, within, lasting, every, times) = (keys.at, keys.within, keys.lasting, keys.every, keys.times);
        Ok(FaultSpec { at, within, lasting, every, times, what: keys.fault()? })
    }
}

impl FaultKeys {
    /// No key is written that this kind does not have.
    fn no_others(&self) -> Result<(), String> {
        let written = toml::Table::try_from(self).map_err(|error| error.to_string())?;
        let known = |key: &str| ["kind", "at"].contains(&key) || self.kind.keys().contains(&key);
        match written.keys().find(|key| !known(key)) {
            Some(key) => Err(format!("{} has no `{key}`: beside kind and at it may have {}", self.kind.one(), self.kind.keys().join(", "))),
            None => Ok(()),
        }
    }

    fn need<T>(&self, value: Option<T>, key: &str, what: &str) -> Result<T, String> {
        value.ok_or_else(|| format!("{} needs `{key}`: {what}", self.kind.one()))
    }

    fn behaviour(&self) -> Result<Option<super::Behaviour>, String> {
        BehaviourKeys { behaviour: self.behaviour, extra: self.extra, share: self.share, lie: self.lie }.read()
    }

    fn fault(self) -> Result<Fault, String> {
        let what = match self.kind {
            Kind::Crash => PeerTrouble::Crash { keep_state: self.keep_state.unwrap_or(true) },
            Kind::Restart => PeerTrouble::Restart { keep_state: self.keep_state.unwrap_or(true) },
            Kind::Freeze => {
                self.need(self.lasting, "for", "how long it stands still")?;
                PeerTrouble::Freeze
            }
            Kind::Slow => PeerTrouble::Slow { each: self.need(self.each, "each", "how long each message, timer and command takes")? },
            Kind::Clock if self.skew.is_none() && self.drift_ppm.is_none() => {
                return Err("a clock needs `skew`, how far it jumps, or `drift_ppm`, how much too fast it runs, or both".to_owned());
            }
            Kind::Clock => PeerTrouble::Clock { skew: self.skew.unwrap_or_default(), drift_ppm: self.drift_ppm.unwrap_or_default() },
            Kind::Throttle if self.up.is_none() && self.down.is_none() => {
                return Err("a throttle needs `up` or `down`, what the links still carry, or both".to_owned());
            }
            Kind::Throttle => PeerTrouble::Throttle { up: self.up, down: self.down },
            Kind::Disk => PeerTrouble::Disk { state: self.need(self.state, "state", "\"full\", \"broken\" or \"corrupt\"")? },
            Kind::Byzantine => {
                let words = "one of \"silent\", \"delay\", \"replay\", \"corrupt\", \"equivocate\", \"lie\", \"drop\"";
                PeerTrouble::Byzantine { behaviour: self.need(self.behaviour()?, "behaviour", words)? }
            }
            Kind::Partition => return self.partition(),
            Kind::Delay | Kind::Loss | Kind::Duplicate | Kind::Corrupt => return self.links(),
            Kind::Sybil | Kind::Eclipse => return self.swarm(),
        };
        Ok(Fault::Peers { who: self.who.unwrap_or_default(), what })
    }

    fn partition(self) -> Result<Fault, String> {
        let sides = self.need(self.sides.clone(), "sides", "groups that can no longer reach each other, like [\"europe\", \"america\"]")?;
        Ok(Fault::Partition { sides, one_way: self.one_way.unwrap_or(false), bridge: self.bridge })
    }

    fn links(self) -> Result<Fault, String> {
        let share = |what| self.need(self.share, "share", what);
        let what = match self.kind {
            Kind::Delay => LinkTrouble::Delay(self.need(self.extra, "extra", "how much longer packets take")?),
            Kind::Loss => LinkTrouble::Loss(share("how many packets are lost")?),
            Kind::Duplicate => LinkTrouble::Duplicate(share("how many packets arrive twice")?),
            _ => LinkTrouble::Corrupt(share("how many packets arrive with flipped bits")?),
        };
        Ok(Fault::Links { from: self.from.unwrap_or_default(), to: self.to.unwrap_or_default(), what })
    }

    fn swarm(self) -> Result<Fault, String> {
        let near = match (self.kind, self.target.as_deref()) {
            (Kind::Eclipse, _) => Near::Content(self.need(self.content.clone(), "content", "the name of the content whose key is surrounded")?),
            (_, None | Some("random")) => Near::Random,
            (_, Some(key)) if key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()) => Near::Key(key.to_ascii_lowercase()),
            (_, Some(key)) => return Err(format!("`{key}` is not a key: give 64 hexadecimal digits, or \"random\"")),
        };
        let count = self.need(self.count, "count", "how many peers the attacker has")?;
        Ok(Fault::Swarm { count, near, bits: self.bits, behaviour: self.behaviour()? })
    }

    fn blank(kind: Kind, fault: &FaultSpec) -> Self {
        let (at, within, lasting, every, times) = (fault.at, fault.within, fault.lasting, fault.every, fault.times);
        Self { kind, at, within, lasting, every, times, ..Self::default() }
    }

    fn behaving(mut self, behaviour: super::Behaviour) -> Self {
        let keys = BehaviourKeys::of(behaviour);
        (self.behaviour, self.extra, self.share, self.lie) = (keys.behaviour, keys.extra, keys.share, keys.lie);
        self
    }
}

impl From<FaultSpec> for FaultKeys {
    fn from(fault: FaultSpec) -> Self {
        let blank = |kind| FaultKeys::blank(kind, &fault);
        match fault.what.clone() {
            Fault::Peers { who, what } => {
                let keys = match what {
                    PeerTrouble::Crash { keep_state } => Self { keep_state: Some(keep_state), ..blank(Kind::Crash) },
                    PeerTrouble::Restart { keep_state } => Self { keep_state: Some(keep_state), ..blank(Kind::Restart) },
                    PeerTrouble::Freeze => blank(Kind::Freeze),
                    PeerTrouble::Slow { each } => Self { each: Some(each), ..blank(Kind::Slow) },
                    PeerTrouble::Clock { skew, drift_ppm } => Self { skew: Some(skew), drift_ppm: Some(drift_ppm), ..blank(Kind::Clock) },
                    PeerTrouble::Throttle { up, down } => Self { up, down, ..blank(Kind::Throttle) },
                    PeerTrouble::Disk { state } => Self { state: Some(state), ..blank(Kind::Disk) },
                    PeerTrouble::Byzantine { behaviour } => blank(Kind::Byzantine).behaving(behaviour),
                };
                Self { who: Some(who), ..keys }
            }
            Fault::Links { from, to, what } => {
                let keys = match what {
                    LinkTrouble::Delay(extra) => Self { extra: Some(extra), ..blank(Kind::Delay) },
                    LinkTrouble::Loss(share) => Self { share: Some(share), ..blank(Kind::Loss) },
                    LinkTrouble::Duplicate(share) => Self { share: Some(share), ..blank(Kind::Duplicate) },
                    LinkTrouble::Corrupt(share) => Self { share: Some(share), ..blank(Kind::Corrupt) },
                };
                Self { from: Some(from), to: Some(to), ..keys }
            }
            Fault::Partition { sides, one_way, bridge } => Self { sides: Some(sides), one_way: Some(one_way), bridge, ..blank(Kind::Partition) },
            Fault::Swarm { count, near, bits, behaviour } => {
                let keys = match near {
                    Near::Random => Self { target: Some("random".to_owned()), ..blank(Kind::Sybil) },
                    Near::Key(key) => Self { target: Some(key), ..blank(Kind::Sybil) },
                    Near::Content(name) => Self { content: Some(name), ..blank(Kind::Eclipse) },
                };
                let keys = Self { count: Some(count), bits, ..keys };
                behaviour.map_or(keys.clone(), |behaviour| keys.behaving(behaviour))
            }
        }
    }
}
