//! What goes wrong: `[[fault]]`, and `[[crash]]`, its shorthand.
//!
//! ```toml
//! [[fault]]
//! kind = "partition"
//! sides = ["europe", "america"]
//! at = "60 s"
//! for = "10 s"              # ended by the opposite: here, the link is whole again
//! every = "30 s"            # and again
//! times = 4
//! ```
//!
//! A fault says *what* ([`Fault`]) and *when* ([`FaultSpec`]). In the file both are keys of one table, and `kind` decides which keys there may be: the table in
//! `faults/keys.rs`.

mod behaviour;
mod keys;
mod show;

use peerglass_sim::LinkFault;
use serde::{Deserialize, Serialize};

use super::{ALL, Scope};
use crate::units::{Rate, Share, Skew, Span};

pub use behaviour::{Behaviour, Lie};
pub use keys::Kind;

/// Something that goes wrong, and when.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "keys::FaultKeys", into = "keys::FaultKeys")]
pub struct FaultSpec {
    /// When it begins.
    pub at: Span,
    /// The last of the peers is struck this much later; in between evenly spread.
    pub within: Span,
    /// How long it lasts, for each peer. Without an end when absent.
    pub lasting: Option<Span>,
    /// It comes again so long after it came. Once when absent.
    pub every: Option<Span>,
    /// So often in all. Until the run ends when absent.
    pub times: Option<u32>,
    /// What goes wrong.
    pub what: Fault,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Peers themselves.
    Peers {
        /// Which.
        who: Scope,
        /// What is wrong with them.
        what: PeerTrouble,
    },
    /// What some send to others.
    Links {
        /// Whose packets.
        from: Scope,
        /// To whom.
        to: Scope,
        /// What befalls them.
        what: LinkTrouble,
    },
    /// The network falls apart.
    Partition {
        /// Those who can no longer reach each other. A single side is cut off from all others.
        sides: Vec<Scope>,
        /// Only what the first side sends to the second is lost.
        one_way: bool,
        /// Members of this group are on no side and see all.
        bridge: Option<Scope>,
    },
    /// Peers of one attacker join, with ids near a key: Sybils, and around a content's key an eclipse.
    Swarm {
        /// How many.
        count: u32,
        /// Which key.
        near: Near,
        /// How many leading bits their ids share with it. By default enough to be nearer than every honest peer.
        bits: Option<u32>,
        /// How they behave once they are in. Honestly when absent.
        behaviour: Option<Behaviour>,
    },
}

/// What is wrong with a peer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PeerTrouble {
    /// It goes down without a word.
    Crash {
        /// Whether it has its state when it comes back, if the fault has an end.
        keep_state: bool,
    },
    /// It comes up again, if it is down.
    Restart {
        /// With what it had, or as on its first day.
        keep_state: bool,
    },
    /// It stands still; what arrives and what falls due waits.
    Freeze,
    /// It takes its time.
    Slow {
        /// For each message, timer and command.
        each: Span,
    },
    /// Its clock goes wrong.
    Clock {
        /// It jumps so far.
        skew: Skew,
        /// And runs so much faster, in parts per million.
        drift_ppm: f64,
    },
    /// Its access links carry less.
    Throttle {
        /// Towards the network. As ever when absent.
        up: Option<Rate>,
        /// From the network. As ever when absent.
        down: Option<Rate>,
    },
    /// Its disk fails.
    Disk {
        /// In which way.
        state: DiskState,
    },
    /// It is Byzantine.
    Byzantine {
        /// In which way.
        behaviour: Behaviour,
    },
}

/// What befalls packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LinkTrouble {
    /// They take so much longer.
    Delay(Span),
    /// So many are lost, on top of what the network loses.
    Loss(Share),
    /// So many arrive twice.
    Duplicate(Share),
    /// So many arrive with flipped bits.
    Corrupt(Share),
}

impl From<LinkTrouble> for LinkFault {
    fn from(trouble: LinkTrouble) -> Self {
        match trouble {
            LinkTrouble::Delay(extra) => LinkFault::Delay(extra.0),
            LinkTrouble::Loss(share) => LinkFault::Loss(share.0),
            LinkTrouble::Duplicate(share) => LinkFault::Duplicate(share.0),
            LinkTrouble::Corrupt(share) => LinkFault::Corrupt(share.0),
        }
    }
}

/// How a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskState {
    /// Nothing more can be written.
    Full,
    /// Nothing can be read or written.
    Broken,
    /// What is read has wrong bytes.
    Corrupt,
}

/// A place in the key space.
#[derive(Clone, Debug, PartialEq)]
pub enum Near {
    /// A key that the dice choose.
    Random,
    /// This key, 64 hexadecimal digits.
    Key(String),
    /// The key under which the providers of the content with this name are found.
    Content(String),
}

/// Peers that die for good.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CrashSpec {
    /// When the first dies.
    pub at: Span,
    /// The last dies this much later; in between evenly spread.
    #[serde(default)]
    pub within: Span,
    /// The share of all peers that die, chosen by the dice.
    pub fraction: Share,
}

impl Fault {
    /// Follows a content to its new name.
    pub(crate) fn rename(&mut self, before: &str, name: &str) {
        if let Fault::Swarm { near: Near::Content(named), .. } = self
            && *named == before
        {
            name.clone_into(named);
        }
    }
}

impl From<&CrashSpec> for FaultSpec {
    fn from(crash: &CrashSpec) -> Self {
        let who = Scope::Fraction(crash.fraction, ALL.to_owned());
        let what = Fault::Peers { who, what: PeerTrouble::Crash { keep_state: true } };
        Self { at: crash.at, within: crash.within, lasting: None, every: None, times: None, what }
    }
}

impl FaultSpec {
    /// When it comes: as often as it is repeated, as far as it is over by `end`.
    pub fn moments(&self, end: Span) -> impl Iterator<Item = Span> + use<> {
        let (at, every, lasts) = (self.at, self.every.map(|every| every.0), self.lasts());
        let times = if every.is_some() { self.times.unwrap_or(u32::MAX) } else { 1 };
        let nth = move |n: u32| Span(at.0.saturating_add(every.unwrap_or_default().saturating_mul(n)));
        (0..times).map(nth).take_while(move |moment| moment.0.saturating_add(lasts) <= end.0)
    }

    /// From when it comes until it is over for the last of the peers.
    pub(crate) fn lasts(&self) -> std::time::Duration {
        self.within.0.saturating_add(self.lasting.unwrap_or_default().0)
    }

    /// All scopes that it names, by their keys.
    #[must_use]
    pub fn scopes(&self) -> Vec<(&'static str, &Scope)> {
        match &self.what {
            Fault::Peers { who, .. } => vec![("who", who)],
            Fault::Links { from, to, .. } => vec![("from", from), ("to", to)],
            Fault::Partition { sides, bridge, .. } => {
                sides.iter().map(|side| ("sides", side)).chain(bridge.iter().map(|bridge| ("bridge", bridge))).collect()
            }
            Fault::Swarm { .. } => Vec::new(),
        }
    }

    pub(crate) fn scopes_mut(&mut self) -> Vec<&mut Scope> {
        match &mut self.what {
            Fault::Peers { who, .. } => vec![who],
            Fault::Links { from, to, .. } => vec![from, to],
            Fault::Partition { sides, bridge, .. } => sides.iter_mut().chain(bridge).collect(),
            Fault::Swarm { .. } => Vec::new(),
        }
    }
}
