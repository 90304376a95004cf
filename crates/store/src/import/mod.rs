//! Turning files and directories into DAGs.
//!
//! One pass, children before parents, in the shape of the profile `unixfs-v1-2025` (IPIP-499) that other IPFS programs also make by default: with
//! SHA2-256 the CIDs are theirs; with BLAKE3, our default, the shape is the same and the names are others.
//!
//! ```text
//!                   root                       chunks of 1 MiB as raw blocks, 1,024 links a node,
//!             /      |      \                  all chunks at one depth (a balanced tree)
//!         node      node     node
//!        / | \      / | \      |               a directory: entries sorted by name, sharded when its block
//!    chunk ...     ...       chunk             is over 256 KiB; symbolic links stay symbolic links
//! ```
//!
//! * The memory needed does not depend on the size of the file: one open node per level and a few chunks per hashing thread.
//! * A file that changes while it is read gives an error, not a DAG of something that never existed.
//! * The path that the user names is followed if it is a symbolic link; those found below it are kept as links. Names that begin with a dot are
//!   left out unless asked for. Sockets, pipes and devices are left out and reported.

mod directory;
mod file;
mod layout;

use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::hash::HashKind;
use crate::{BlockSink, Cid, Leaf, NodeBlock, StorageError};

pub(crate) use directory::MAX_DEPTH;
pub(crate) use layout::Layout;
pub use layout::Shape;

/// How to import.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// Names the blocks.
    pub hash: HashKind,
    /// Whether to take files whose names begin with a dot.
    pub hidden: bool,
    /// Chunk size and width of nodes.
    pub shape: Shape,
}

/// What an import made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Names the whole.
    pub root: Cid,
    /// Bytes of the encoded DAG, repeated blocks counted each time.
    pub dag_size: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Files, directories and links.
    pub entries: u64,
    /// Blocks, repeated ones counted each time.
    pub blocks: u64,
    /// What is neither file, directory nor link.
    pub skipped: Vec<PathBuf>,
}

/// Why an import stopped. What the sink has taken by then is whole blocks, but not the whole DAG.
#[derive(Debug, Error)]
pub enum ImportError {
    /// There is nothing at the path.
    #[error("{path} does not exist: check the spelling", path = .0.display())]
    NotFound(PathBuf),
    /// The file was written to meanwhile.
    #[error("{path} changed while it was being read: wait until nothing writes to it and share it again", path = .0.display())]
    Changed(PathBuf),
    /// A socket, pipe or device was named.
    #[error("{path} is neither a file nor a directory: only those can be shared", path = .0.display())]
    NotAFile(PathBuf),
    /// A name that cannot stand in a directory block.
    #[error("{path} has a name that cannot be shared: rename it (at most 255 bytes; UTF-8 on this system)", path = .0.display())]
    Name(PathBuf),
    /// Directories within directories without end.
    #[error("{path} is nested more than {limit} directories deep: share a part of the tree", path = path.display())]
    TooDeep {
        /// The directory.
        path: PathBuf,
        /// How deep it may be.
        limit: usize,
    },
    /// Two names with the same 64-bit hash: somebody made them so.
    #[error("\"{0}\" and another name in the same directory have the same 64-bit hash, which a large directory cannot hold: rename it")]
    HashCollision(String),
    /// The callback asked to stop.
    #[error("the import was cancelled")]
    Cancelled,
    /// The input stream failed.
    #[error("could not read the input: {0}")]
    Input(#[source] std::io::Error),
    /// A file could not be read, or a block not be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Is told the bytes read so far, and may stop the import.
pub type Progress<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// Progress that nobody watches.
pub fn unwatched(_bytes: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Imports the file or directory tree at `path`.
pub fn import_path(path: &Path, options: &ImportOptions, sink: &mut dyn BlockSink, progress: Progress<'_>) -> Result<Imported, ImportError> {
    let path = std::path::absolute(path).map_err(|_| ImportError::NotFound(path.to_owned()))?;
    let mut import = Import::new(options, sink, progress);
    let link = import.root(&path)?;
    Ok(import.finish(link))
}

/// Imports a stream as one file. Leaves come without a place, so the sink must keep their bytes.
pub fn import_reader(
    input: &mut dyn Read,
    options: &ImportOptions,
    sink: &mut dyn BlockSink,
    progress: Progress<'_>,
) -> Result<Imported, ImportError> {
    let mut import = Import::new(options, sink, progress);
    let link = import.stream(input)?;
    Ok(import.finish(link))
}

/// Bytes of all files that an import of `path` would read: for a progress bar.
pub fn measure(path: &Path, options: &ImportOptions) -> Result<u64, ImportError> {
    directory::measure(path, options, 0)
}

/// The state of one pass.
struct Import<'a> {
    options: &'a ImportOptions,
    sink: Counting<'a>,
    progress: Progress<'a>,
    made: Imported,
}

impl<'a> Import<'a> {
    fn new(options: &'a ImportOptions, sink: &'a mut dyn BlockSink, progress: Progress<'a>) -> Self {
        let made = Imported { root: Cid::default(), dag_size: 0, bytes: 0, entries: 0, blocks: 0, skipped: Vec::new() };
        Self { options, sink: Counting { inner: sink, blocks: 0 }, progress, made }
    }

    fn finish(self, link: crate::Link) -> Imported {
        Imported { root: link.cid, dag_size: link.size, blocks: self.sink.blocks, ..self.made }
    }

    /// Counts file bytes and lets the caller stop the import.
    fn advance(&mut self, bytes: u64) -> Result<(), ImportError> {
        self.made.bytes += bytes;
        match (self.progress)(self.made.bytes) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ImportError::Cancelled),
        }
    }
}

/// A sink that counts what passes through it.
struct Counting<'a> {
    inner: &'a mut dyn BlockSink,
    blocks: u64,
}

impl BlockSink for Counting<'_> {
    fn wants_bytes(&self) -> bool {
        self.inner.wants_bytes()
    }

    fn leaf(&mut self, leaf: Leaf<'_>) -> Result<(), StorageError> {
        self.blocks += 1;
        self.inner.leaf(leaf)
    }

    fn node(&mut self, node: NodeBlock<'_>) -> Result<(), StorageError> {
        self.blocks += 1;
        self.inner.node(node)
    }
}
