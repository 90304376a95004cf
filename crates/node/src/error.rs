//! What can go wrong, one enum per operation, each variant with what to do about it.

use std::io;
use std::path::PathBuf;

use libp2p::Multiaddr;
use peerglass_stack::Rejection;
use peerglass_store::{DownloadError, ImportError, OpenError, StorageError};
use peerglass_transfer::FetchError;
use thiserror::Error;

use crate::identity::IdentityError;
use crate::swarm::transport::BuildError;

/// Why a node could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data directory cannot be made.
    #[error("the data directory {} cannot be made ({source}): choose another with --data-dir", path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The transports cannot be set up.
    #[error(transparent)]
    Transport(#[from] BuildError),
    /// Somebody else listens there.
    #[error("{address} is in use by another program: stop it, choose another port, or let the system choose one with port 0")]
    PortInUse {
        /// Where.
        address: Multiaddr,
    },
    /// The address is not one to listen on.
    #[error("cannot listen on {address}: {why}. Addresses look like /ip4/0.0.0.0/tcp/0 or /ip4/0.0.0.0/udp/0/quic-v1")]
    Listen {
        /// Where.
        address: Multiaddr,
        /// What is wrong.
        why: String,
    },
    /// A bootstrap address that cannot be dialled.
    #[error("{address} is not an address to join through: it looks like /ip4/192.0.2.1/tcp/4001/p2p/12D3…, and must fit the network `{network}`")]
    Bootstrap {
        /// Which.
        address: Multiaddr,
        /// The network it does not fit.
        network: crate::profile::Network,
    },
}

/// The node was shut down, or its task failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the node has stopped: start it again")]
pub struct Stopped;

/// Why something could not be shared.
#[derive(Debug, Error)]
pub enum ShareError {
    /// The files could not be read or noted.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The store refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The network refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The node is gone.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why something could not be fetched.
#[derive(Debug, Error)]
pub enum GetError {
    /// The output cannot be written.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The blocks could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A block arrived and could not be stored.
    #[error("a block arrived but could not be stored: {0}")]
    Disk(String),
    /// The network refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The node is gone.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a question to the DHT has no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// The question was refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The node is gone.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
