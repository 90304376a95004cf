//! What the local application can ask of its peer.

use peerglass_core::{Describe, Fields, Peer};
use peerglass_kad::{Mode, Target};
use peerglass_store::{Cid, Local};

/// Chosen by whoever asks; comes back in the events that answer.
pub type Tag = u64;

/// What the local application asks.
#[derive(Clone, Debug)]
pub enum Command {
    /// Join the network through these contacts. Answered by [`Event::Joined`](crate::Event::Joined).
    Join {
        /// Peers to start from.
        contacts: Vec<Peer>,
    },
    /// The driver learnt whether `peer` serves Kademlia.
    Contact {
        /// Who.
        peer: Peer,
        /// Whether it accepts our Kademlia protocol.
        server: bool,
    },
    /// Serve Kademlia to others, or only use it.
    SetMode {
        /// Which of the two.
        mode: Mode,
    },
    /// Tell the network that the DAG below `root`, which is in the store already, can be had here; go on telling it. Answered by
    /// [`Event::Shared`](crate::Event::Shared).
    Share {
        /// Comes back.
        tag: Tag,
        /// The root of the DAG.
        root: Cid,
    },
    /// Stop telling.
    Unshare {
        /// The root of the DAG.
        root: Cid,
    },
    /// Get the DAG below `root`. Answered by [`Event::Fetched`](crate::Event::Fetched) or [`Event::FetchFailed`](crate::Event::FetchFailed).
    Fetch {
        /// Comes back.
        tag: Tag,
        /// The root of the DAG.
        root: Cid,
        /// Peers said to have it; may be empty, then Kademlia is asked.
        sources: Vec<Peer>,
    },
    /// Give up what was asked with this tag.
    Cancel {
        /// Of the command to give up.
        tag: Tag,
    },
    /// Find the peers closest to a target. Answered by [`Event::Nodes`](crate::Event::Nodes).
    FindNode {
        /// Comes back.
        tag: Tag,
        /// A peer or any name.
        target: Target,
    },
    /// Find peers that provide `cid`. Answered by [`Event::Providers`](crate::Event::Providers), the last of them with `done`.
    FindProviders {
        /// Comes back.
        tag: Tag,
        /// What is to be provided.
        cid: Cid,
        /// Enough; 0 for all that can be found.
        wanted: usize,
    },
    /// Store a value in the DHT. Answered by [`Event::Stored`](crate::Event::Stored).
    PutValue {
        /// Comes back.
        tag: Tag,
        /// Its key, with the namespace.
        key: Vec<u8>,
        /// The value, which the namespace's validator must accept.
        value: Vec<u8>,
    },
    /// Find a value in the DHT. Answered by [`Event::Value`](crate::Event::Value).
    GetValue {
        /// Comes back.
        tag: Tag,
        /// Its key, with the namespace.
        key: Vec<u8>,
    },
    /// The driver's answer to [`Event::Lookup`](crate::Event::Lookup).
    Local {
        /// Which block was asked about.
        cid: Cid,
        /// What is known of it, if it is here.
        found: Option<Local>,
    },
    /// The driver has written, or given up, this many bytes of blocks of the messages that it was to send. Needed, for every block, with
    /// [`outstanding_bytes`](peerglass_transfer::Config::outstanding_bytes), and only then.
    Written {
        /// To whom.
        peer: Peer,
        /// How many bytes of blocks.
        bytes: u64,
    },
}

impl Describe for Command {
    fn name(&self) -> &'static str {
        match self {
            Command::Join { .. } => "join",
            Command::Contact { .. } => "contact",
            Command::SetMode { .. } => "set_mode",
            Command::Share { .. } => "share",
            Command::Unshare { .. } => "unshare",
            Command::Fetch { .. } => "fetch",
            Command::Cancel { .. } => "cancel",
            Command::FindNode { .. } => "find_node",
            Command::FindProviders { .. } => "find_providers",
            Command::PutValue { .. } => "put_value",
            Command::GetValue { .. } => "get_value",
            Command::Local { .. } => "local",
            Command::Written { .. } => "written",
        }
    }

    fn fields(&self, fields: &mut Fields) {
        match self {
            Command::Join { contacts } => fields.add("contacts", &contacts[..]),
            Command::Contact { peer, server } => {
                fields.add("peer", *peer);
                fields.add("server", *server);
            }
            Command::SetMode { mode } => fields.add("mode", format!("{mode:?}").to_lowercase()),
            Command::Share { tag, root } => {
                fields.add("tag", *tag);
                fields.add("root", root.to_string());
            }
            Command::Unshare { root } => fields.add("root", root.to_string()),
            Command::Fetch { tag, root, sources } => {
                fields.add("tag", *tag);
                fields.add("root", root.to_string());
                fields.add("sources", &sources[..]);
            }
            Command::Cancel { tag } => fields.add("tag", *tag),
            Command::FindNode { tag, target } => {
                fields.add("tag", *tag);
                match target {
                    Target::Peer(peer) => fields.add("target", *peer),
                    Target::Name(name) => fields.add("target", name.key()),
                }
            }
            Command::FindProviders { tag, cid, wanted } => {
                fields.add("tag", *tag);
                fields.add("cid", cid.to_string());
                fields.add("wanted", *wanted);
            }
            Command::PutValue { tag, key, value } => {
                fields.add("tag", *tag);
                fields.add("key", &key[..]);
                fields.add("bytes", value.len());
            }
            Command::GetValue { tag, key } => {
                fields.add("tag", *tag);
                fields.add("key", &key[..]);
            }
            Command::Local { cid, found } => {
                fields.add("cid", cid.to_string());
                fields.add("here", found.is_some());
            }
            Command::Written { peer, bytes } => {
                fields.add("peer", *peer);
                fields.add("bytes", *bytes);
            }
        }
    }
}
