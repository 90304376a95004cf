//! What the local application asks for and is told, and what the timers mean.

use std::sync::Arc;

use peerglass_core::{Describe, Fields, Operation, Peer, Time};

use crate::config::Mode;
use crate::{Name, Target};

/// What the local application asks for. Each starts an operation; the methods of [`Kad`](crate::Kad) of the same names also return its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// [`Kad::join`](crate::Kad::join).
    Join {
        /// Peers to join through.
        contacts: Vec<Peer>,
    },
    /// [`Kad::contact`](crate::Kad::contact).
    Contact {
        /// Whom the driver learnt about.
        peer: Peer,
        /// Whether it serves the protocol.
        server: bool,
    },
    /// [`Kad::find_node`](crate::Kad::find_node).
    FindNode {
        /// What to look for.
        target: Target,
    },
    /// [`Kad::find_providers`](crate::Kad::find_providers).
    FindProviders {
        /// The content.
        key: Name,
        /// How many are enough; 0 for all.
        wanted: usize,
    },
    /// [`Kad::provide`](crate::Kad::provide).
    Provide {
        /// The content.
        key: Name,
    },
    /// [`Kad::stop_providing`](crate::Kad::stop_providing).
    StopProviding {
        /// The content.
        key: Name,
    },
    /// [`Kad::put_value`](crate::Kad::put_value).
    PutValue {
        /// The record's key.
        key: Name,
        /// What to store.
        value: Arc<[u8]>,
    },
    /// [`Kad::get_value`](crate::Kad::get_value).
    GetValue {
        /// The record's key.
        key: Name,
    },
    /// [`Kad::set_mode`](crate::Kad::set_mode).
    SetMode {
        /// The new mode.
        mode: Mode,
    },
    /// [`Kad::cancel`](crate::Kad::cancel).
    Cancel {
        /// What to give up.
        operation: Operation,
    },
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran to its end.
    Done,
    /// Its time was up; the result is what had been found by then.
    Deadline,
    /// Nobody answered: there are no contacts, or none can be reached.
    NoPeers,
    /// Too many operations were waiting already: it was never begun.
    Busy,
    /// What was asked is not valid: it was never begun.
    Refused,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Deadline => "deadline",
            Outcome::NoPeers => "no peers",
            Outcome::Busy => "busy",
            Outcome::Refused => "refused",
        }
    }
}

/// What an operation cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// How many hops the path to the closest peer found had; 0 when nobody answered.
    pub hops: u32,
    /// Requests sent.
    pub requests: u32,
    /// Answers received in time.
    pub answers: u32,
    /// Requests that failed.
    pub failures: u32,
    /// When it was asked for.
    pub started: Time,
}

/// What the local application is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A join is over. It succeeded if there are contacts.
    Joined {
        /// Which.
        operation: Operation,
        /// How many contacts the table has now.
        contacts: usize,
        /// What it cost.
        report: Report,
    },
    /// A search for peers is over.
    Found {
        /// Which.
        operation: Operation,
        /// The closest peers that answered, closest first, at most k.
        closest: Vec<Peer>,
        /// As in the report.
        hops: u32,
        /// What it cost.
        report: Report,
    },
    /// A search for providers found new ones.
    Providers {
        /// Which.
        operation: Operation,
        /// Those that had not been reported before.
        providers: Vec<Peer>,
    },
    /// A search for providers is over.
    ProvidersEnded {
        /// Which.
        operation: Operation,
        /// How many were found.
        total: usize,
        /// What it cost.
        report: Report,
    },
    /// Content is announced.
    Provided {
        /// Which.
        operation: Operation,
        /// How many peers were told. There is no acknowledgement in the protocol.
        replicas: usize,
        /// What it cost.
        report: Report,
    },
    /// A search for a value is over.
    Value {
        /// Which.
        operation: Operation,
        /// The best valid value, if any was found.
        value: Option<Arc<[u8]>>,
        /// What it cost.
        report: Report,
    },
    /// A value is stored.
    Put {
        /// Which.
        operation: Operation,
        /// How many peers acknowledged it.
        replicas: usize,
        /// What it cost.
        report: Report,
    },
    /// A region of the keys that this peer keeps alive was published again.
    Republished {
        /// How many keys.
        keys: usize,
        /// How many peers were told something.
        peers: usize,
        /// How long ago the oldest of these keys had been published.
        age: core::time::Duration,
        /// What the lookup cost.
        report: Report,
    },
    /// The mode changed.
    Mode {
        /// Into this.
        mode: Mode,
    },
}

impl Event {
    /// The operation that the event belongs to.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        match self {
            Event::Joined { operation, .. }
            | Event::Found { operation, .. }
            | Event::Providers { operation, .. }
            | Event::ProvidersEnded { operation, .. }
            | Event::Provided { operation, .. }
            | Event::Value { operation, .. }
            | Event::Put { operation, .. } => Some(*operation),
            Event::Republished { .. } | Event::Mode { .. } => None,
        }
    }

    /// What the operation cost, when it is over.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match self {
            Event::Joined { report, .. }
            | Event::Found { report, .. }
            | Event::ProvidersEnded { report, .. }
            | Event::Provided { report, .. }
            | Event::Value { report, .. }
            | Event::Put { report, .. }
            | Event::Republished { report, .. } => Some(report),
            Event::Providers { .. } | Event::Mode { .. } => None,
        }
    }
}

/// What comes back. A timer whose generation is not the current one is stale and does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A request or an operation may be due, or a lookup out of patience.
    Alarm {
        /// When it was set to go off: which of those under way it is.
        at: Time,
    },
    /// It is time to refresh the table.
    Refresh {
        /// Of which arming.
        generation: u32,
    },
    /// Records may have expired.
    Expire,
    /// Keys of our own are due to be published again.
    Republish {
        /// Of which arming.
        generation: u32,
    },
}

impl Describe for Command {
    fn name(&self) -> &'static str {
        match self {
            Command::Join { .. } => "join",
            Command::Contact { .. } => "contact",
            Command::FindNode { .. } => "find node",
            Command::FindProviders { .. } => "find providers",
            Command::Provide { .. } => "provide",
            Command::StopProviding { .. } => "stop providing",
            Command::PutValue { .. } => "put value",
            Command::GetValue { .. } => "get value",
            Command::SetMode { .. } => "set mode",
            Command::Cancel { .. } => "cancel",
        }
    }

    fn fields(&self, fields: &mut Fields) {
        match self {
            Command::Join { contacts } => fields.add("contacts", &contacts[..]),
            Command::Contact { peer, server } => {
                fields.add("peer", *peer);
                fields.add("server", *server);
            }
            Command::FindNode { target } => fields.add("target", target),
            Command::FindProviders { key, wanted } => {
                fields.add("key", key);
                fields.add("wanted", *wanted);
            }
            Command::Provide { key } | Command::StopProviding { key } | Command::GetValue { key } => fields.add("key", key),
            Command::PutValue { key, value } => {
                fields.add("key", key);
                fields.add("value_bytes", value.len());
            }
            Command::SetMode { mode } => fields.add("mode", mode.name()),
            Command::Cancel { operation } => fields.add("operation", *operation),
        }
    }
}

impl Describe for Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Joined { .. } => "joined",
            Event::Found { .. } => "found",
            Event::Providers { .. } => "providers",
            Event::ProvidersEnded { .. } => "providers ended",
            Event::Provided { .. } => "provided",
            Event::Value { .. } => "value",
            Event::Put { .. } => "put",
            Event::Republished { .. } => "republished",
            Event::Mode { .. } => "mode",
        }
    }

    fn fields(&self, fields: &mut Fields) {
        if let Some(operation) = self.operation() {
            fields.add("operation", operation);
        }
        match self {
            Event::Joined { contacts, .. } => fields.add("contacts", *contacts),
            Event::Found { closest, .. } => fields.add("closest", &closest[..]),
            Event::Providers { providers, .. } => fields.add("providers", &providers[..]),
            Event::ProvidersEnded { total, .. } => fields.add("total", *total),
            Event::Provided { replicas, .. } | Event::Put { replicas, .. } => fields.add("replicas", *replicas),
            Event::Value { value, .. } => fields.add("value_bytes", value.as_ref().map_or(0, |v| v.len())),
            Event::Republished { keys, peers, age, .. } => {
                fields.add("keys", *keys);
                fields.add("peers", *peers);
                fields.add("age", *age);
            }
            Event::Mode { mode } => fields.add("mode", mode.name()),
        }
        if let Some(report) = self.report() {
            report.fields(fields);
        }
    }
}

impl Report {
    fn fields(&self, fields: &mut Fields) {
        fields.add("outcome", self.outcome.name());
        fields.add("hops", self.hops);
        fields.add("requests", self.requests);
        fields.add("answers", self.answers);
        fields.add("failures", self.failures);
        fields.add("started", self.started);
    }
}

impl Describe for Timer {
    fn name(&self) -> &'static str {
        match self {
            Timer::Alarm { .. } => "alarm",
            Timer::Refresh { .. } => "refresh",
            Timer::Expire => "expire",
            Timer::Republish { .. } => "republish",
        }
    }
}
