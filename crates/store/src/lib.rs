//! Content identifiers, UnixFS DAGs, and block stores on disk and in memory.
//!
//! A file is cut into blocks; each block is named by the hash of its bytes (its [`Cid`]); blocks of names tie them together up to one root. Whoever has
//! the root's name can check every byte that anybody sends. This crate makes such DAGs, keeps their blocks, and turns them back into files. It knows no
//! network, and it is the only crate below the node that touches the file system.
//!
//! | module | what it does |
//! |---|---|
//! | [`cid`], [`hash`] | names: parsing them, making them, checking bytes against them; [`Block`] = checked bytes |
//! | [`dag_pb`], [`unixfs`], [`hamt`] | what is in a block: links, files, directories small and large |
//! | [`import`] | files to blocks, in one pass, into any [`BlockSink`] |
//! | [`export`] | blocks to bytes and listings, from any [`BlockSource`] |
//! | [`disk`] | the store on disk: survives a kill at any moment, refers to shared files where they lie |
//! | [`download`] | a fetch that writes straight into the final file's place, and resumes |
//! | [`memory`], [`dag`] | a store in memory; a DAG of sizes and links only, for the simulator |

pub mod cid;
pub mod dag;
pub mod dag_pb;
pub mod disk;
pub mod download;
pub mod export;
pub mod hamt;
pub mod hash;
pub mod import;
pub mod memory;
pub mod unixfs;

mod error;
mod platform;
mod sink;
mod source;

pub use crate::cid::{CidError, cid_from_bytes, parse_cid};
pub use crate::dag::Dag;
pub use crate::disk::{DiskStore, OpenError};
pub use crate::download::{Download, DownloadError};
pub use crate::error::StorageError;
pub use crate::hash::{Block, HashKind, MAX_BLOCK, VerifyError, cid_of, verify};
pub use crate::import::{ImportError, ImportOptions, Imported, Shape};
pub use crate::memory::MemoryStore;
pub use crate::sink::{BlockSink, Leaf, NodeBlock, SourceFile, Stamp};
pub use crate::source::{BlockSource, Local, ReadError};

/// A content identifier: how a block is encoded, how it was hashed, and the hash.
pub type Cid = ::cid::Cid;

/// A link from one block of a DAG to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The block linked to.
    pub cid: Cid,
    /// Bytes of the whole DAG below and including it, as far as the linking block says. A hint.
    pub size: u64,
}
