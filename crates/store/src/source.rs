//! Where blocks come from: the one question a server asks, and the answers.

use std::path::PathBuf;

use bytes::Bytes;
use thiserror::Error;

use crate::cid::DAG_PB;
use crate::dag_pb::PbNode;
use crate::{Cid, StorageError};

/// What is known of a block that is here, without its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// Bytes of the block.
    pub size: u32,
    /// Blocks it links to, in the order of the DAG. Empty for leaves.
    pub links: Vec<Cid>,
}

impl Local {
    /// What is known of a block from its bytes. A dag-pb block that does not decode has no links.
    #[must_use]
    pub fn of(cid: &Cid, data: &[u8]) -> Self {
        let links = if cid.codec() == DAG_PB { PbNode::decode(data).unwrap_or_default().links } else { Vec::new() };
        Self { size: data.len() as u32, links: links.into_iter().map(|link| link.cid).collect() }
    }
}

/// A supply of blocks that others may ask for.
pub trait BlockSource: Send + Sync {
    /// Whether the block is here, and what it links to. Cheap for leaves: nothing is read, so a later [`BlockSource::read`] may still fail.
    fn local(&self, cid: &Cid) -> Option<Local>;

    /// The bytes. A store checks their hash first; whoever gets them from elsewhere checks it again.
    fn read(&self, cid: &Cid) -> Result<Bytes, ReadError>;
}

impl<S: BlockSource + ?Sized> BlockSource for std::sync::Arc<S> {
    fn local(&self, cid: &Cid) -> Option<Local> {
        (**self).local(cid)
    }

    fn read(&self, cid: &Cid) -> Result<Bytes, ReadError> {
        (**self).read(cid)
    }
}

/// Why a block could not be read. No variant ever comes with bytes: what does not verify is not served.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Nobody has put it here.
    #[error("the block {0} is not here")]
    NotFound(Cid),
    /// A shared file is not what it was when it was shared.
    #[error("{path} has changed since it was shared, so its block {cid} is no longer there: share the file again", path = path.display())]
    SourceChanged {
        /// The file.
        path: PathBuf,
        /// The block that was asked for.
        cid: Cid,
    },
    /// A shared file is not there any more.
    #[error("{path} was shared and is gone, and with it the block {cid}: put it back or unshare it", path = path.display())]
    SourceGone {
        /// The file.
        path: PathBuf,
        /// The block that was asked for.
        cid: Cid,
    },
    /// The store's own copy does not match its hash: the disk lost it.
    #[error("the copy of block {cid} in {path} is damaged and was dropped: fetch it again", path = path.display())]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// The block that was asked for.
        cid: Cid,
    },
    /// The system refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
