//! What can go wrong, as data: faults of peers and of links.
//!
//! A fault takes effect at one instant of virtual time, to the nanosecond, before anything else happens at that instant. What lasts is ended by another fault:
//! a plan says `Slow` at 10 s and `Slow` of nothing at 20 s. Scopes (a fraction, a group), durations and repetition are resolved by whoever makes the plan; here
//! is only what the engine carries out.
//!
//! ```text
//!   PeerFault ──▶ one peer         crash, restart, freeze, slow, clock, access, disk, bend
//!   LinkRule  ──▶ packets that go from one set of peers to another, from when it is set until it is lifted
//! ```
//!
//! Rules of links look at a packet when it is sent. All rules that match it apply: cuts first, then losses, then delays, which add up.

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

use peerglass_core::{Peer, Protocol};

use crate::{Access, Bend, SetupError};

/// Something that goes wrong with one peer, or goes well again.
pub enum PeerFault<P: Protocol, H> {
    /// It goes down without a word.
    Crash,
    /// It comes up again, if it is down: with the state it had when it went down, or with a fresh one.
    Restart {
        /// The fresh protocol and local application. `None`: it goes on with what it had.
        fresh: Option<Box<(P, H)>>,
    },
    /// It stands still: what arrives and what falls due waits until it goes on, and then happens in order.
    Freeze {
        /// How long.
        lasting: Duration,
    },
    /// It takes this long over everything that happens to it; what comes meanwhile waits. Zero: as fast as ever.
    Slow {
        /// How long over each message, timer and command.
        each: Duration,
    },
    /// Its clock goes wrong from now on. It never goes back: a clock set back stands still until time has caught up.
    Clock {
        /// How far it jumps ahead, in nanoseconds; back if negative.
        skew: i64,
        /// How much faster it runs, in parts per million; slower if negative. Not below -999,999.
        drift: f64,
    },
    /// Its access links are these for now. `None`: its own again.
    Access(Option<Access>),
    /// Its disk fails, or works again. Told to its [`Host`](crate::Host).
    Disk(Disk),
    /// It is Byzantine from now on. `None`: honest again.
    Bend(Option<Box<dyn Bend<P>>>),
}

/// How a peer's disk is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disk {
    /// It works.
    #[default]
    Sound,
    /// Nothing more can be written; what is there can be read.
    Full,
    /// Nothing can be read or written.
    Broken,
    /// What is read has wrong bytes.
    Corrupt,
}

/// What befalls packets from some peers to others, as long as it is set.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkRule {
    /// Whose packets.
    pub from: PeerSet,
    /// To whom.
    pub to: PeerSet,
    /// What befalls them.
    pub what: LinkFault,
}

/// What befalls a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LinkFault {
    /// It is lost: a partition.
    Cut,
    /// It is lost with this probability, on top of the network's own loss.
    Loss(f64),
    /// It takes this much longer.
    Delay(Duration),
    /// It arrives twice with this probability.
    Duplicate(f64),
    /// Bits of it flip with this probability.
    Corrupt(f64),
}

/// A set of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerSet {
    /// Everybody, those that come later too.
    All,
    /// These, sorted.
    These(Arc<[Peer]>),
}

impl PeerSet {
    /// The set of `peers`.
    #[must_use]
    pub fn of(peers: impl IntoIterator<Item = Peer>) -> Self {
        let mut peers: Vec<Peer> = peers.into_iter().collect();
        peers.sort_unstable();
        peers.dedup();
        Self::These(peers.into())
    }

    fn first(&self) -> Option<Peer> {
        match self {
            PeerSet::All => None,
            PeerSet::These(peers) => peers.first().copied(),
        }
    }

    /// Whether `peer` is in it.
    #[must_use]
    pub fn contains(&self, peer: Peer) -> bool {
        match self {
            PeerSet::All => true,
            PeerSet::These(peers) => peers.binary_search(&peer).is_ok(),
        }
    }
}

impl<P: Protocol, H> PeerFault<P, H> {
    /// The fault's name in the records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            PeerFault::Crash => "crash",
            PeerFault::Restart { .. } => "restart",
            PeerFault::Freeze { .. } => "freeze",
            PeerFault::Slow { .. } => "slow",
            PeerFault::Clock { .. } => "clock",
            PeerFault::Access(_) => "access",
            PeerFault::Disk(_) => "disk",
            PeerFault::Bend(_) => "byzantine",
        }
    }

    /// Its parameters, for the records.
    pub(crate) fn detail(&self) -> Cow<'static, str> {
        match self {
            PeerFault::Crash => "it goes down".into(),
            PeerFault::Restart { fresh: None } => "it comes up again as it was".into(),
            PeerFault::Restart { fresh: Some(_) } => "it comes up again with nothing".into(),
            PeerFault::Freeze { lasting } => format!("it stands still for {lasting:?}").into(),
            PeerFault::Slow { each } if each.is_zero() => "it is as fast as ever".into(),
            PeerFault::Slow { each } => format!("it takes {each:?} over everything").into(),
            PeerFault::Clock { skew, drift } => format!("its clock jumps by {skew} ns and drifts by {drift} ppm").into(),
            PeerFault::Access(None) => "its access links are its own again".into(),
            PeerFault::Access(Some(access)) => format!("up {}, down {}", rate(access.up.rate), rate(access.down.rate)).into(),
            PeerFault::Disk(disk) => disk.name().into(),
            PeerFault::Bend(Some(bend)) => format!("{}: its effects are changed from now on", bend.name()).into(),
            PeerFault::Bend(None) => "it is honest again".into(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), SetupError> {
        match self {
            PeerFault::Access(Some(access)) => access.check(),
            PeerFault::Clock { drift, .. } if !(drift.is_finite() && *drift > -1e6) => Err(SetupError::Drift { value: *drift }),
            _ => Ok(()),
        }
    }
}

fn rate(rate: Option<u64>) -> String {
    rate.map_or_else(|| "unlimited".to_owned(), |rate| format!("{rate} bit/s"))
}

impl<P: Protocol + Clone, H: Clone> Clone for PeerFault<P, H> {
    fn clone(&self) -> Self {
        match self {
            PeerFault::Crash => PeerFault::Crash,
            PeerFault::Restart { fresh } => PeerFault::Restart { fresh: fresh.clone() },
            PeerFault::Freeze { lasting } => PeerFault::Freeze { lasting: *lasting },
            PeerFault::Slow { each } => PeerFault::Slow { each: *each },
            PeerFault::Clock { skew, drift } => PeerFault::Clock { skew: *skew, drift: *drift },
            PeerFault::Access(access) => PeerFault::Access(*access),
            PeerFault::Disk(disk) => PeerFault::Disk(*disk),
            PeerFault::Bend(bend) => PeerFault::Bend(bend.as_ref().map(|bend| bend.fork())),
        }
    }
}

impl Disk {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Disk::Sound => "sound",
            Disk::Full => "full",
            Disk::Broken => "broken",
            Disk::Corrupt => "corrupt",
        }
    }
}

impl LinkFault {
    /// The fault's name in the records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LinkFault::Cut => "cut",
            LinkFault::Loss(_) => "loss",
            LinkFault::Delay(_) => "delay",
            LinkFault::Duplicate(_) => "duplicate",
            LinkFault::Corrupt(_) => "corrupt",
        }
    }
}

impl LinkRule {
    /// The peer under which the rule is recorded: the first sender that it names, else the first receiver, else `p0`.
    pub(crate) fn first(&self) -> Peer {
        self.from.first().or(self.to.first()).unwrap_or_default()
    }

    pub(crate) fn check(&self) -> Result<(), SetupError> {
        match self.what {
            LinkFault::Loss(p) | LinkFault::Duplicate(p) | LinkFault::Corrupt(p) if !(0.0..=1.0).contains(&p) => {
                Err(SetupError::Probability { what: "probability of a link rule", value: p })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for LinkRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} to {}", self.what, self.from, self.to)
    }
}

impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkFault::Cut => f.write_str("cut"),
            LinkFault::Loss(p) => write!(f, "loss of {p}"),
            LinkFault::Delay(extra) => write!(f, "delay of {extra:?}"),
            LinkFault::Duplicate(p) => write!(f, "duplication of {p}"),
            LinkFault::Corrupt(p) => write!(f, "corruption of {p}"),
        }
    }
}

impl fmt::Display for PeerSet {
    /// A few by name, many by their number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerSet::All => f.write_str("all"),
            PeerSet::These(peers) if peers.len() > 8 => write!(f, "{} peers", peers.len()),
            PeerSet::These(peers) => {
                let names: Vec<String> = peers.iter().map(Peer::to_string).collect();
                write!(f, "{{{}}}", names.join(" "))
            }
        }
    }
}
