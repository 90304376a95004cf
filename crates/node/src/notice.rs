//! [`Notice`]: what a node tells whoever listens, beside the answers to what was asked.

use std::path::PathBuf;

use libp2p::{Multiaddr, PeerId};
use peerglass_kad::Mode;
use peerglass_store::Cid;

/// Something worth knowing.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A connection to a peer is up.
    Connected {
        /// Whom.
        peer: PeerId,
    },
    /// The last connection to a peer is gone.
    Disconnected {
        /// Whom.
        peer: PeerId,
    },
    /// A peer said what it is.
    Identified {
        /// Who.
        peer: PeerId,
        /// Its software, as it says.
        agent: String,
    },
    /// A join is done, as far as it went.
    Joined {
        /// Contacts in the routing table. None means that nobody answered.
        contacts: usize,
    },
    /// A part of what is shared was announced again.
    Republished {
        /// How many roots.
        keys: usize,
        /// How many peers were told something.
        peers: usize,
    },
    /// The node began or ceased to serve Kademlia.
    Mode {
        /// Which it is now.
        mode: Mode,
    },
    /// A block that was shared cannot be served any more: its file was changed or removed.
    Unreadable {
        /// The block.
        cid: Cid,
        /// The file it was shared from.
        file: Option<PathBuf>,
        /// What happened and what to do, as a sentence.
        why: String,
    },
    /// A block that arrived could not be stored.
    Unstorable {
        /// The block.
        cid: Cid,
        /// What happened and what to do, as a sentence.
        why: String,
    },
    /// A peer broke the rules and is cut off for a while.
    ShutOut {
        /// Who.
        peer: PeerId,
        /// What it did.
        why: String,
    },
    /// Nothing more is recorded; the node goes on.
    RecordingEnded {
        /// What happened.
        why: String,
    },
    /// The node does not listen there any more.
    ListenerClosed {
        /// Where.
        addresses: Vec<Multiaddr>,
        /// Why.
        why: String,
    },
}
