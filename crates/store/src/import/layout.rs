//! The balanced layout: chunks in, root out, one open node per level.
//!
//! Chunks are grouped by `width` under nodes, these again, until one is left. A group's node is made as soon as the group is full; at the end the open
//! groups are closed from below. The last node of a level may have a single child and is kept, never replaced by that child: all chunks stand at one
//! depth, and the CIDs are those of the published vectors.

use crate::dag_pb::{PbLink, PbNode};
use crate::hamt::write_node;
use crate::hash::HashKind;
use crate::unixfs::{Kind, NodeData};
use crate::{BlockSink, ImportError, Link};

/// How a file is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of a chunk: at least 1, at most [`crate::MAX_BLOCK`].
    pub chunk: usize,
    /// Links of a node: at least 2.
    pub width: usize,
}

impl Default for Shape {
    /// The profile `unixfs-v1-2025`: 1 MiB, 1,024.
    fn default() -> Self {
        Self { chunk: 1 << 20, width: 1024 }
    }
}

impl Shape {
    /// The shape with its fields moved into their bounds.
    pub(crate) fn bounded(self) -> Self {
        Self { chunk: self.chunk.clamp(1, crate::MAX_BLOCK), width: self.width.clamp(2, 1 << 14) }
    }
}

/// A subtree that is done.
#[derive(Clone, Debug)]
struct Part {
    link: Link,
    /// File bytes in it.
    bytes: u64,
}

/// Collects chunks into a balanced tree.
#[derive(Debug)]
pub(crate) struct Layout {
    width: usize,
    hash: HashKind,
    /// Open groups, chunks first. Each is shorter than `width`.
    levels: Vec<Vec<Part>>,
}

impl Layout {
    pub(crate) fn new(shape: Shape, hash: HashKind) -> Self {
        Self { width: shape.bounded().width, hash, levels: Vec::new() }
    }

    /// The next chunk of the file.
    pub(crate) fn chunk(&mut self, link: Link, sink: &mut dyn BlockSink) -> Result<(), ImportError> {
        let part = Part { bytes: link.size, link };
        self.push(0, part, sink)
    }

    fn push(&mut self, level: usize, mut part: Part, sink: &mut dyn BlockSink) -> Result<(), ImportError> {
        for level in level.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(part);
            if self.levels[level].len() < self.width {
                break;
            }
            part = self.close(level, sink)?;
        }
        Ok(())
    }

    /// Makes a node of the group that is open at `level`.
    fn close(&mut self, level: usize, sink: &mut dyn BlockSink) -> Result<Part, ImportError> {
        let parts = std::mem::take(&mut self.levels[level]);
        let block_sizes: Vec<u64> = parts.iter().map(|part| part.bytes).collect();
        let bytes = block_sizes.iter().sum();
        let data = NodeData { file_size: Some(bytes), block_sizes, ..NodeData::new(Kind::File) };
        let links = parts.into_iter().map(|part| PbLink::chunk(part.link)).collect();
        let link = write_node(&PbNode { links, data: Some(data.encode()) }, self.hash, sink)?;
        Ok(Part { link, bytes })
    }

    /// Closes all groups and returns the link to the root. There must have been a chunk, if an empty one.
    pub(crate) fn finish(mut self, sink: &mut dyn BlockSink) -> Result<Link, ImportError> {
        let mut level = 0;
        loop {
            let top = self.levels.iter().skip(level + 1).all(Vec::is_empty);
            match &self.levels[level][..] {
                [root] if top => return Ok(root.link.clone()),
                [] => {}
                _ => {
                    let part = self.close(level, sink)?;
                    self.push(level + 1, part, sink)?;
                }
            }
            level += 1;
        }
    }
}
