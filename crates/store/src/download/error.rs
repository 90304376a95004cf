//! Why a download cannot begin, go on or end.

use std::path::PathBuf;

use thiserror::Error;

use crate::hash::VerifyError;
use crate::unixfs::NodeError;
use crate::{Cid, ReadError, StorageError};

/// A download that cannot begin, go on or end. What was written stays in `<output>.part`, and beginning again resumes, unless the text says otherwise.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// The content is named in a way that cannot be checked.
    #[error("{cid} cannot be downloaded: {source}")]
    Unsupported {
        /// The root.
        cid: Cid,
        /// Why not.
        source: VerifyError,
    },
    /// The path has no last part.
    #[error("{path} cannot be the name of the output: give a path that ends in a name", path = .0.display())]
    NoName(PathBuf),
    /// The directory for the output is missing.
    #[error("the directory {path} for the output does not exist: create it or give another path", path = .0.display())]
    NoDirectory(PathBuf),
    /// Something else stands under the final name.
    #[error("{path} exists already and is not this content: give another output path, or ask to overwrite it (only files can be overwritten)", path = .0.display())]
    OutputExists(PathBuf),
    /// Something that this store knows nothing of stands under the temporary name.
    #[error("{path} is in the way: it belongs to another download. Finish that one, remove the file, or give another output path", path = .0.display())]
    PartExists(PathBuf),
    /// The same output twice.
    #[error("{path} is being downloaded already: wait for it", path = .0.display())]
    Busy(PathBuf),
    /// Not enough space on the disk.
    #[error("{path} needs {needed} more bytes and {free} are free: free some space or choose another disk, then run the same command again", path = path.display())]
    NoSpace {
        /// The file.
        path: PathBuf,
        /// Bytes still to be written.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A block is not part of a file system.
    #[error("block {cid} cannot be used: {source}. Fetching again does not help; the content was made so")]
    Node {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        source: NodeError,
    },
    /// Blocks contradict each other.
    #[error("the content is malformed at block {cid}: {why}. Fetching again does not help; it was made so")]
    Malformed {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The DAG unfolds into too much.
    #[error("the content has more than {} parts: it was made to exhaust whoever fetches it", super::plan::MAX_ROLES)]
    TooManyBlocks,
    /// Two names that this file system does not tell apart, or somebody else writes to the same place.
    #[error("{path} appeared while downloading: two entries whose names this disk does not tell apart, or another program. Choose another output path", path = .0.display())]
    Collision(PathBuf),
    /// Asked to finish too early.
    #[error("{missing} blocks are missing: fetch them first")]
    Incomplete {
        /// How many of those that are known.
        missing: usize,
    },
    /// A block could not be read from where it was copied from.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The system refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
