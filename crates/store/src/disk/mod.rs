//! The store on disk.
//!
//! ```text
//!   data directory/
//!     index.redb        where each block is, what is kept and why            (one process at a time)
//!     blocks/3f/bafk…   larger blocks that have no other place
//!     unfinished/       blocks being written; emptied at the next start
//! ```
//!
//! *Shared files are not copied*: the index notes that a block lies in this file at that offset. Every read checks the hash, so a file that has changed is
//! noticed and never served, and the error names it.
//!
//! *Acknowledged means durable.* When [`DiskStore::put`] returns, the bytes and their entry in the index have been flushed; a kill or a power cut after that
//! loses nothing. A kill before leaves either nothing or a file that nobody refers to. Many threads may put at once and share one flush
//! (group commit: `commit.rs`).
//!
//! Nothing here knows the time: who shares something says when.

mod commit;
mod flat;
mod gc;
pub(crate) mod index;
mod reader;
pub(crate) mod record;
mod roots;
mod writer;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use thiserror::Error;

use crate::error::Doing;
use crate::hash::Block;
use crate::{Cid, StorageError};
use commit::Committer;
use flat::Flat;
use index::{Index, Op};

pub use gc::Collected;
pub use record::{Root, RootKind};

/// Blocks up to this size stand in the index itself.
const MAX_INLINE: usize = 64 << 10;

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the data directory {dir} is in use by another peerglass: stop that one, or give this one its own directory with --data-dir", dir = .0.display())]
    InUse(PathBuf),
    /// Made by another version.
    #[error("the index in {dir} has the format of another version ({version}): use that version, or another directory with --data-dir", dir = dir.display())]
    Version {
        /// The data directory.
        dir: PathBuf,
        /// The version of its format.
        version: u8,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A store on disk. Cheap to clone; all clones are the same store. All methods block: call them where blocking is allowed.
#[derive(Clone, Debug)]
pub struct DiskStore {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    dir: PathBuf,
    pub(crate) index: Index,
    committer: Committer,
    flat: Flat,
    /// Held for reading while blocks are put whose root is not recorded yet: a collection would take them for rubbish.
    collecting: RwLock<()>,
    /// Output paths of the downloads that are going on.
    pub(crate) outputs: Mutex<BTreeSet<PathBuf>>,
}

impl DiskStore {
    /// Opens the store in `dir`, making it if there is none.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let dir = std::path::absolute(dir).doing("find", dir)?;
        std::fs::create_dir_all(&dir).doing("create", &dir)?;
        let path = dir.join("index.redb");
        // The lock on the index comes first: only who holds it may tidy up.
        let index = Index::open(&path).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => OpenError::InUse(dir.clone()),
            redb::DatabaseError::UpgradeRequired(version) => OpenError::Version { dir: dir.clone(), version },
            other => StorageError::index(&path, other).into(),
        })?;
        index.prepare()?;
        let flat = Flat::open(&dir)?;
        let inner = Inner { dir, index, committer: Committer::default(), flat, collecting: RwLock::default(), outputs: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The directory that it is in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Puts a block. When this returns, the block will survive a crash.
    pub fn put(&self, block: &Block) -> Result<(), StorageError> {
        self.put_all(std::slice::from_ref(block))
    }

    /// Puts blocks and acknowledges them together.
    pub fn put_all(&self, blocks: &[Block]) -> Result<(), StorageError> {
        let ops = self.write_flat(blocks)?;
        self.commit(ops)
    }

    /// Writes what is too large for the index, and returns what the index is to learn.
    pub(crate) fn write_flat(&self, blocks: &[Block]) -> Result<Vec<Op>, StorageError> {
        let large: Vec<&Block> = blocks.iter().filter(|block| block.data().len() > MAX_INLINE).collect();
        large.iter().try_for_each(|block| self.inner.flat.write(block))?;
        self.inner.flat.sync(large.iter().map(|block| block.cid()))?;
        let op = |block: &Block| match block.data().len() {
            size if size > MAX_INLINE => Op::Flat(*block.cid(), size as u32),
            _ => Op::Inline(*block.cid(), block.data().clone()),
        };
        Ok(blocks.iter().map(op).collect())
    }

    /// Makes changes of the index durable, together with those of other threads.
    pub(crate) fn commit(&self, ops: Vec<Op>) -> Result<(), StorageError> {
        if ops.is_empty() { Ok(()) } else { self.inner.committer.commit(ops, &self.inner.index) }
    }

    /// Makes changes visible that a crash may lose.
    pub(crate) fn note(&self, ops: Vec<Op>) -> Result<(), StorageError> {
        self.inner.committer.note(ops, &self.inner.index)
    }

    /// Whether the index knows of the block. It may still be unreadable: see [`DiskStore::find`].
    pub fn contains(&self, cid: &Cid) -> Result<bool, StorageError> {
        Ok(!self.inner.index.locate(cid)?.is_empty())
    }
}
