//! [`Options`]: how to start a node.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use peerglass_store::BlockSource;

use crate::book::Bounds;
use crate::profile::Network;

/// Where records go, from the driver's task.
pub type BoxedRecorder = Box<dyn peerglass_trace::Recorder + Send>;

/// How to start a node.
pub struct Options {
    /// Where its key and its store are. Made if it is not there.
    pub data_dir: PathBuf,
    /// Which network to join.
    pub network: Network,
    /// Where to listen, port 0 for any that is free. Empty: TCP and QUIC on all interfaces, any port.
    pub listen: Vec<Multiaddr>,
    /// Peers to join through. Empty: those of the network.
    pub bootstrap: Vec<Multiaddr>,
    /// Where records of what happens go. Their times count from the Unix epoch.
    pub recorder: Option<BoxedRecorder>,
    /// Whether to find peers by mDNS; as the network says if not set.
    pub mdns: Option<bool>,
    /// Whether to serve Kademlia to others; as the network says if not set.
    pub server: Option<bool>,
    /// A key instead of the one in the data directory.
    pub identity: Option<Keypair>,
    /// Protocol parameters, instead of those of the network.
    pub stack: Option<peerglass_stack::Config>,
    /// Where the blocks come from that others ask for, instead of the store. What arrives still goes into the store. For peers that serve something
    /// else than files, and for tests with peers that lie: what comes from here is sent without a look at its hash.
    pub source: Option<Arc<dyn BlockSource>>,
    /// Bounds.
    pub limits: Limits,
}

impl Options {
    /// A node of the network `private` with its data in `data_dir`.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            network: Network::default(),
            listen: Vec::new(),
            bootstrap: Vec::new(),
            recorder: None,
            mdns: None,
            server: None,
            identity: None,
            stack: None,
            source: None,
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("data_dir", &self.data_dir)
            .field("network", &self.network)
            .field("listen", &self.listen)
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

/// Bounds of a node.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at most.
    pub connections: u32,
    /// How long a connection without streams stays open.
    pub idle: Duration,
    /// What all streams together may hold in memory of messages that are arriving.
    pub stream_memory: usize,
    /// Of the address book.
    pub book: Bounds,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, idle: Duration::from_secs(60), stream_memory: 64 << 20, book: Bounds::default() }
    }
}
