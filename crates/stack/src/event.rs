//! What the local application is told by its peer.

use std::sync::Arc;
use std::time::Duration;

use peerglass_core::{Describe, Fields, Peer};
use peerglass_kad::Mode;
use peerglass_store::Cid;
use peerglass_transfer::{FetchError, FetchSummary};
use thiserror::Error;

use crate::Tag;

/// What the local application is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// Joining is done, as far as it went.
    Joined {
        /// How many contacts the routing table holds now. None means that nobody answered.
        contacts: usize,
    },
    /// The peer began or ceased to serve Kademlia.
    Mode {
        /// Which it is now.
        mode: Mode,
    },
    /// Is this block here? The driver answers with [`Command::Local`](crate::Command::Local).
    Lookup {
        /// The block asked about.
        cid: Cid,
    },
    /// A wanted block arrived and was verified.
    Arrived {
        /// Of the fetch it arrived for.
        tag: Tag,
        /// Which block.
        cid: Cid,
        /// How many bytes.
        size: u32,
        /// Who sent it.
        from: Peer,
    },
    /// What was to be shared has been announced.
    Shared {
        /// Of the command.
        tag: Tag,
        /// How many peers were told that we have it. None means that only those who already know us will find it.
        replicas: usize,
    },
    /// A whole DAG is here.
    Fetched {
        /// Of the command.
        tag: Tag,
        /// What it took.
        summary: FetchSummary,
    },
    /// A DAG could not be had.
    FetchFailed {
        /// Of the command.
        tag: Tag,
        /// Why.
        reason: FetchError,
    },
    /// The closest peers to a target.
    Nodes {
        /// Of the command.
        tag: Tag,
        /// Closest first.
        closest: Vec<Peer>,
        /// The length of the path of answers that led to the closest.
        hops: u32,
        /// How many requests it took.
        requests: u32,
    },
    /// Providers found.
    Providers {
        /// Of the command.
        tag: Tag,
        /// Those not reported before.
        providers: Vec<Peer>,
        /// Whether the search has ended.
        done: bool,
        /// The length of the longest path of answers, once it has ended.
        hops: u32,
    },
    /// A value was stored.
    Stored {
        /// Of the command.
        tag: Tag,
        /// At how many peers.
        replicas: usize,
    },
    /// The search for a value has ended.
    Value {
        /// Of the command.
        tag: Tag,
        /// The best valid value found.
        value: Option<Arc<[u8]>>,
    },
    /// A region of the keys that this peer keeps alive was announced again.
    Republished {
        /// How many keys.
        keys: usize,
        /// How many peers were told something.
        peers: usize,
        /// How long ago the oldest of these keys had been announced before.
        age: Duration,
    },
    /// A command could not be carried out.
    Rejected {
        /// Of the command.
        tag: Tag,
        /// Why.
        why: Rejection,
    },
    /// A peer broke the rules of block exchange.
    Misbehaved {
        /// Who.
        peer: Peer,
        /// How.
        why: &'static str,
    },
}

/// Why a command could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// A key that the DHT cannot take.
    #[error("the key is empty or longer than the DHT allows: use a shorter one")]
    Key,
    /// A value that its namespace's validator refuses.
    #[error("the value is not valid under this key: {0}")]
    Value(String),
    /// Too much is being done already.
    #[error("too many operations are running: wait for one to end")]
    Busy,
}

impl Describe for Event {
    fn name(&self) -> &'static str {
        match self {
            Event::Joined { .. } => "joined",
            Event::Mode { .. } => "mode",
            Event::Lookup { .. } => "lookup",
            Event::Arrived { .. } => "arrived",
            Event::Shared { .. } => "shared",
            Event::Fetched { .. } => "fetched",
            Event::FetchFailed { .. } => "fetch_failed",
            Event::Nodes { .. } => "nodes",
            Event::Providers { .. } => "providers",
            Event::Stored { .. } => "stored",
            Event::Value { .. } => "value",
            Event::Republished { .. } => "republished",
            Event::Rejected { .. } => "rejected",
            Event::Misbehaved { .. } => "misbehaved",
        }
    }

    fn fields(&self, fields: &mut Fields) {
        if let Some(tag) = self.tag() {
            fields.add("tag", tag);
        }
        match self {
            Event::Joined { contacts } => fields.add("contacts", *contacts),
            Event::Mode { mode } => fields.add("mode", format!("{mode:?}").to_lowercase()),
            Event::Lookup { cid } => fields.add("cid", cid.to_string()),
            Event::Arrived { cid, size, from, .. } => {
                fields.add("cid", cid.to_string());
                fields.add("bytes", *size);
                fields.add("from", *from);
            }
            Event::Shared { replicas, .. } | Event::Stored { replicas, .. } => fields.add("replicas", *replicas),
            Event::Fetched { summary, .. } => {
                fields.add("blocks", summary.blocks);
                fields.add("bytes", summary.bytes);
            }
            Event::FetchFailed { reason, .. } => fields.add("reason", reason.to_string()),
            Event::Nodes { closest, hops, requests, .. } => {
                fields.add("closest", &closest[..]);
                fields.add("hops", *hops);
                fields.add("requests", *requests);
            }
            Event::Providers { providers, done, hops, .. } => {
                fields.add("providers", &providers[..]);
                fields.add("done", *done);
                fields.add("hops", *hops);
            }
            Event::Value { value, .. } => fields.add("found", value.is_some()),
            Event::Republished { keys, peers, age } => {
                fields.add("keys", *keys);
                fields.add("peers", *peers);
                fields.add("age", *age);
            }
            Event::Rejected { why, .. } => fields.add("why", why.to_string()),
            Event::Misbehaved { peer, why } => {
                fields.add("peer", *peer);
                fields.add("why", *why);
            }
        }
    }
}

impl Event {
    /// The tag of the command that this answers, if it answers one.
    #[must_use]
    pub fn tag(&self) -> Option<Tag> {
        match self {
            Event::Arrived { tag, .. }
            | Event::Shared { tag, .. }
            | Event::Fetched { tag, .. }
            | Event::FetchFailed { tag, .. }
            | Event::Nodes { tag, .. }
            | Event::Providers { tag, .. }
            | Event::Stored { tag, .. }
            | Event::Value { tag, .. }
            | Event::Rejected { tag, .. } => Some(*tag),
            Event::Joined { .. } | Event::Mode { .. } | Event::Lookup { .. } | Event::Republished { .. } | Event::Misbehaved { .. } => None,
        }
    }
}
