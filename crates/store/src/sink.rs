//! Where an import puts what it finds.
//!
//! An import makes one pass over the files and tells a sink of every block. What becomes of them is the sink's choice, so that one walk serves to share
//! a file where it lies (the sink notes places), to copy it into a store (the sink keeps bytes), and to lay it out for the simulator (the sink keeps
//! only sizes and links).

use std::path::PathBuf;

use bytes::Bytes;

use crate::dag_pb::PbLink;
use crate::{Cid, StorageError};

/// What a file looked like when it was read: if this differs later, the file may hold something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds from the Unix epoch to the last modification, as far as the file system tells.
    pub modified: i128,
}

impl Stamp {
    /// The stamp of a file with this metadata.
    #[must_use]
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        let modified = metadata.modified().ok().map_or(0, |time| match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        });
        Self { size: metadata.len(), modified }
    }
}

/// A file that leaves are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Absolute.
    pub path: PathBuf,
    /// How it was when it was opened.
    pub stamp: Stamp,
}

/// A chunk of a file.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// The block.
    pub cid: Cid,
    /// Bytes of the block.
    pub size: u32,
    /// Its bytes, if the sink [wants](BlockSink::wants_bytes) them.
    pub bytes: &'a [u8],
    /// The file and the offset in it, unless the bytes come from somewhere without a name.
    pub place: Option<(&'a SourceFile, u64)>,
}

/// A block that was made: inner node of a file, directory, symbolic link.
#[derive(Clone, Debug)]
pub struct NodeBlock<'a> {
    /// The block.
    pub cid: Cid,
    /// Its bytes.
    pub bytes: Bytes,
    /// What it links to.
    pub links: &'a [PbLink],
}

/// Takes the blocks of an import: children before parents, files in the order of their names.
pub trait BlockSink {
    /// Whether leaves should come with their bytes. An import that need not hand them over is faster.
    fn wants_bytes(&self) -> bool;

    /// A chunk of a file.
    fn leaf(&mut self, leaf: Leaf<'_>) -> Result<(), StorageError>;

    /// A made block.
    fn node(&mut self, node: NodeBlock<'_>) -> Result<(), StorageError>;
}
