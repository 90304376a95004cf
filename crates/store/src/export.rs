//! Reading files and directories out of a store.
//!
//! Every block is understood strictly (see [`crate::unixfs`]), and a child must have exactly the size that its parent said. So the size in a file's root is
//! the truth about the whole file, reading stops after that many bytes, and a DAG that links to the same block a million times over cannot make a
//! reader do more work than the bytes it writes.

use std::io::{self, Write};
use std::ops::Range;

use bytes::Bytes;
use thiserror::Error;

use crate::hamt::Shard;
use crate::unixfs::{Chunk, Entry, Node, NodeError};
use crate::{BlockSource, Cid, ReadError};

/// No honest file has more levels of nodes than this.
pub(crate) const MAX_LEVELS: usize = 64;
/// No directory is listed beyond this many entries.
const MAX_ENTRIES: usize = 1 << 22;

/// Why content could not be read out.
#[derive(Debug, Error)]
pub enum ExportError {
    /// A block is missing or cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A block is not part of a file system.
    #[error("block {cid} cannot be used: {source}")]
    Node {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        source: NodeError,
    },
    /// Blocks contradict each other.
    #[error("the content is malformed at block {cid}: {why}. Its author made it so; it cannot be repaired by fetching again")]
    Malformed {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A directory or link was given where a file is needed.
    #[error("{0} is not a file")]
    NotAFile(Cid),
    /// A file or link was given where a directory is needed.
    #[error("{0} is not a directory")]
    NotADirectory(Cid),
    /// A path leads nowhere.
    #[error("there is no entry {name:?} in the directory {directory}")]
    NoEntry {
        /// What was looked for.
        name: String,
        /// Where.
        directory: Cid,
    },
    /// The output failed.
    #[error("could not write the output: {0}")]
    Output(#[from] io::Error),
}

/// What a root is, from its root block alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stat {
    /// A file of this many bytes: exact.
    File(u64),
    /// A directory whose entries have about this many bytes (a hint by its author), all DAGs included.
    Directory(u64),
    /// A symbolic link to this target.
    Symlink(Vec<u8>),
}

impl Stat {
    /// Bytes of the whole: exact for files, a hint for directories.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Stat::File(size) | Stat::Directory(size) => *size,
            Stat::Symlink(target) => target.len() as u64,
        }
    }
}

/// What `root` is and how large.
pub fn stat(source: &dyn BlockSource, root: &Cid) -> Result<Stat, ExportError> {
    Ok(match read_node(source, root)? {
        Node::File { size, .. } => Stat::File(size),
        Node::Directory(entries) => Stat::Directory(entries.iter().fold(0, |sum, entry| entry.size.saturating_add(sum))),
        Node::Shard(shard) => {
            let sizes = shard.entries.iter().map(|entry| entry.size).chain(shard.shards.iter().map(|link| link.size));
            Stat::Directory(sizes.fold(0, u64::saturating_add))
        }
        Node::Symlink(target) => Stat::Symlink(target),
    })
}

/// Writes the whole file under `root` to `out` and returns its size.
pub fn cat(source: &dyn BlockSource, root: &Cid, out: &mut dyn Write) -> Result<u64, ExportError> {
    cat_range(source, root, 0..u64::MAX, out)
}

/// Writes the part of the file that lies in `range`; fetches only the blocks that touch it.
pub fn cat_range(source: &dyn BlockSource, root: &Cid, range: Range<u64>, out: &mut dyn Write) -> Result<u64, ExportError> {
    let Node::File { data, children, size } = read_node(source, root)? else { return Err(ExportError::NotAFile(*root)) };
    let mut reader = Reader { source, range: range.start..range.end.min(size), at: 0, written: 0, out, open: Vec::new() };
    reader.enter(&data, children)?;
    while let Some(chunk) = reader.next_chunk() {
        reader.read(chunk)?;
    }
    Ok(reader.written)
}

/// A walk through the nodes of one file, in order.
struct Reader<'a> {
    source: &'a dyn BlockSource,
    range: Range<u64>,
    /// File offset of what comes next.
    at: u64,
    written: u64,
    out: &'a mut dyn Write,
    /// Children still to come, the innermost node last.
    open: Vec<std::vec::IntoIter<Chunk>>,
}

impl Reader<'_> {
    fn next_chunk(&mut self) -> Option<Chunk> {
        while let Some(level) = self.open.last_mut() {
            match level.next() {
                Some(chunk) => return Some(chunk),
                None => self.open.pop(),
            };
        }
        None
    }

    fn read(&mut self, chunk: Chunk) -> Result<(), ExportError> {
        let end = self.at + chunk.size;
        // Empty chunks hold nothing to read, and there could be any number of them.
        if chunk.size == 0 || end <= self.range.start || self.at >= self.range.end {
            self.at = end;
            return Ok(());
        }
        match read_node(self.source, &chunk.cid)? {
            Node::File { data, children, size } if size == chunk.size => self.enter(&data, children),
            Node::File { .. } => Err(ExportError::Malformed { cid: chunk.cid, why: "its size is not what the node above says" }),
            _ => Err(ExportError::Malformed { cid: chunk.cid, why: "a part of a file is not a file" }),
        }
        .and_then(|()| if self.open.len() > MAX_LEVELS { Err(ExportError::Malformed { cid: chunk.cid, why: "too many levels" }) } else { Ok(()) })
    }

    fn enter(&mut self, data: &Bytes, children: Vec<Chunk>) -> Result<(), ExportError> {
        let end = self.at + data.len() as u64;
        let (from, to) = (self.range.start.clamp(self.at, end), self.range.end.clamp(self.at, end));
        let wanted = &data[(from - self.at) as usize..(to.max(from) - self.at) as usize];
        self.out.write_all(wanted)?;
        self.written += wanted.len() as u64;
        self.at = end;
        self.open.push(children.into_iter());
        Ok(())
    }
}

/// The entries of a directory, sharded or not, sorted by name.
pub fn list(source: &dyn BlockSource, directory: &Cid) -> Result<Vec<Entry>, ExportError> {
    let mut entries = match read_node(source, directory)? {
        Node::Directory(entries) => entries,
        Node::Shard(shard) => list_shards(source, directory, shard)?,
        _ => return Err(ExportError::NotADirectory(*directory)),
    };
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    match entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(_) => Err(ExportError::Malformed { cid: *directory, why: "a name stands twice in a directory" }),
        None => Ok(entries),
    }
}

fn list_shards(source: &dyn BlockSource, directory: &Cid, root: Shard) -> Result<Vec<Entry>, ExportError> {
    let (fanout, depth) = (root.fanout, root.max_depth());
    let (mut entries, mut open, mut shards) = (Vec::new(), vec![(root, 1)], 1);
    while let Some((shard, level)) = open.pop() {
        entries.extend(shard.entries);
        shards += shard.shards.len();
        // Each shard of an honest directory leads to two entries at least.
        if entries.len() > MAX_ENTRIES || shards > MAX_ENTRIES || (level == depth && !shard.shards.is_empty()) {
            return Err(ExportError::Malformed { cid: *directory, why: "the directory is larger than any can be" });
        }
        for link in shard.shards {
            match read_node(source, &link.cid)? {
                Node::Shard(shard) if shard.fanout == fanout => open.push((shard, level + 1)),
                _ => return Err(ExportError::Malformed { cid: link.cid, why: "a part of a sharded directory is something else" }),
            }
        }
    }
    Ok(entries)
}

/// Follows `path` (names separated by slashes) from `root` through directories.
pub fn resolve(source: &dyn BlockSource, root: &Cid, path: &str) -> Result<Cid, ExportError> {
    path.split('/').filter(|name| !name.is_empty()).try_fold(*root, |directory, name| {
        let entries = list(source, &directory)?;
        let found = entries.binary_search_by(|entry| entry.name[..].cmp(name.as_bytes()));
        found.map(|index| entries[index].cid).map_err(|_| ExportError::NoEntry { name: name.to_owned(), directory })
    })
}

fn read_node(source: &dyn BlockSource, cid: &Cid) -> Result<Node, ExportError> {
    let data = source.read(cid)?;
    Node::decode(cid, &data).map_err(|error| ExportError::Node { cid: *cid, source: error })
}
