//! How Byzantine peers behave.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{Share, Span};

/// How a Byzantine peer behaves: a change to what an honest one would do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    /// It sends nothing.
    Silent,
    /// It sends everything so much later.
    Delay(Span),
    /// It sends old messages again.
    Replay,
    /// It sends so many messages with wrong contents.
    Corrupt(Share),
    /// It gives different answers to different askers.
    Equivocate,
    /// It lies, knowing the protocol.
    Lie(Lie),
    /// It drops so many of its messages.
    Drop(Share),
}

/// What a Byzantine peer lies about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// It names its friends, or nobody, instead of the contacts closest to a key.
    Contacts,
    /// It gives wrong values.
    Values,
    /// It names providers that provide nothing.
    Providers,
}

/// The words for behaviours in scenario files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BehaviourWord {
    Silent,
    Delay,
    Replay,
    Corrupt,
    Equivocate,
    Lie,
    Drop,
}

/// The keys of a behaviour.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BehaviourKeys {
    pub(super) behaviour: Option<BehaviourWord>,
    pub(super) extra: Option<Span>,
    pub(super) share: Option<Share>,
    pub(super) lie: Option<Lie>,
}

impl BehaviourKeys {
    /// The behaviour they say, if any.
    pub(super) fn read(self) -> Result<Option<Behaviour>, String> {
        let behaviour = match (self.behaviour, self.extra, self.share, self.lie) {
            (Some(BehaviourWord::Silent), None, None, None) => Behaviour::Silent,
            (Some(BehaviourWord::Delay), Some(extra), None, None) => Behaviour::Delay(extra),
            (Some(BehaviourWord::Replay), None, None, None) => Behaviour::Replay,
            (Some(BehaviourWord::Corrupt), None, share, None) => Behaviour::Corrupt(share.unwrap_or(Share::ALL)),
            (Some(BehaviourWord::Equivocate), None, None, None) => Behaviour::Equivocate,
            (Some(BehaviourWord::Lie), None, None, Some(lie)) => Behaviour::Lie(lie),
            (Some(BehaviourWord::Drop), None, share, None) => Behaviour::Drop(share.unwrap_or(Share::ALL)),
            (None, None, None, None) => return Ok(None),
            _ => {
                return Err("a behaviour is one of \"silent\", \"replay\", \"equivocate\", \"delay\" with extra, \"corrupt\" and \"drop\" with share or without, \
                            and \"lie\" with lie = \"contacts\", \"values\" or \"providers\""
                    .to_owned());
            }
        };
        Ok(Some(behaviour))
    }

    pub(super) fn of(behaviour: Behaviour) -> Self {
        let word = |word| Self { behaviour: Some(word), ..Self::default() };
        match behaviour {
            Behaviour::Silent => word(BehaviourWord::Silent),
            Behaviour::Delay(extra) => Self { extra: Some(extra), ..word(BehaviourWord::Delay) },
            Behaviour::Replay => word(BehaviourWord::Replay),
            Behaviour::Corrupt(share) => Self { share: Some(share), ..word(BehaviourWord::Corrupt) },
            Behaviour::Equivocate => word(BehaviourWord::Equivocate),
            Behaviour::Lie(lie) => Self { lie: Some(lie), ..word(BehaviourWord::Lie) },
            Behaviour::Drop(share) => Self { share: Some(share), ..word(BehaviourWord::Drop) },
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Behaviour::Silent => f.write_str("silent"),
            Behaviour::Delay(extra) => write!(f, "late by {extra}"),
            Behaviour::Replay => f.write_str("replaying"),
            Behaviour::Corrupt(share) => write!(f, "corrupting {share}"),
            Behaviour::Equivocate => f.write_str("equivocating"),
            Behaviour::Lie(Lie::Contacts) => f.write_str("lying about contacts"),
            Behaviour::Lie(Lie::Values) => f.write_str("lying about values"),
            Behaviour::Lie(Lie::Providers) => f.write_str("lying about providers"),
            Behaviour::Drop(share) => write!(f, "dropping {share}"),
        }
    }
}
