//! Directory trees: children first, entries sorted by name.

use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use super::{Import, ImportError, ImportOptions};
use crate::dag_pb::{PbLink, PbNode};
use crate::error::Doing;
use crate::hamt::{self, SHARD_ABOVE, write_node};
use crate::hash::cid_of;
use crate::platform::name_bytes;
use crate::unixfs::{Entry, Kind, NodeData, safe_name, symlink_block};
use crate::{BlockSink, HashKind, Link, NodeBlock, StorageError};

/// Deeper trees are refused, so that neither making nor reading them can exhaust the stack.
pub(crate) const MAX_DEPTH: usize = 256;

impl Import<'_> {
    /// What the user named: a link is followed here, and only here.
    pub(super) fn root(&mut self, path: &Path) -> Result<Link, ImportError> {
        let metadata = fs::metadata(path).map_err(|error| not_found(path, error))?;
        let link = self.any(path, metadata.file_type(), 0)?;
        link.ok_or_else(|| ImportError::NotAFile(path.to_owned()))
    }

    fn any(&mut self, path: &Path, kind: FileType, depth: usize) -> Result<Option<Link>, ImportError> {
        if kind.is_dir() {
            self.directory(path, depth).map(Some)
        } else if kind.is_symlink() {
            self.symlink(path).map(Some)
        } else if kind.is_file() {
            self.file(path).map(Some)
        } else {
            self.made.skipped.push(path.to_owned());
            Ok(None)
        }
    }

    fn directory(&mut self, path: &Path, depth: usize) -> Result<Link, ImportError> {
        if depth == MAX_DEPTH {
            return Err(ImportError::TooDeep { path: path.to_owned(), limit: MAX_DEPTH });
        }
        let mut entries = Vec::new();
        for (name, path, kind) in children(path, self.options.hidden)? {
            if let Some(link) = self.any(&path, kind, depth + 1)? {
                entries.push(Entry { name, cid: link.cid, size: link.size });
            }
        }
        self.made.entries += 1;
        write_directory(entries, self.options.hash, &mut self.sink)
    }

    fn symlink(&mut self, path: &Path) -> Result<Link, ImportError> {
        let target = fs::read_link(path).doing("read", path)?;
        let bytes = symlink_block(&name_bytes(target.as_os_str()).ok_or_else(|| ImportError::Name(path.to_owned()))?);
        let link = Link { cid: cid_of(crate::cid::DAG_PB, self.options.hash, &bytes), size: bytes.len() as u64 };
        self.sink.node(NodeBlock { cid: link.cid, bytes: bytes.into(), links: &[] })?;
        self.made.entries += 1;
        Ok(link)
    }
}

/// Writes a directory of `entries` that are sorted by name.
pub(crate) fn write_directory(entries: Vec<Entry>, hash: HashKind, sink: &mut dyn BlockSink) -> Result<Link, ImportError> {
    let data = Some(NodeData::new(Kind::Directory).encode());
    let links = entries.iter().map(|entry| PbLink::named(entry.name.clone(), Link { cid: entry.cid, size: entry.size }));
    let node = PbNode { links: links.collect(), data };
    if node.encoded_len() > SHARD_ABOVE { hamt::build(entries, hash, sink) } else { Ok(write_node(&node, hash, sink)?) }
}

/// The entries to take from a directory, sorted by name: the file system's own order is not reproducible.
fn children(path: &Path, hidden: bool) -> Result<Vec<(Vec<u8>, PathBuf, FileType)>, ImportError> {
    let mut children = Vec::new();
    for entry in fs::read_dir(path).doing("list", path)? {
        let entry = entry.doing("list", path)?;
        let name = name_bytes(&entry.file_name()).filter(|name| safe_name(name)).ok_or_else(|| ImportError::Name(entry.path()))?;
        if hidden || !name.starts_with(b".") {
            children.push((name, entry.path(), entry.file_type().doing("read", &entry.path())?));
        }
    }
    children.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(children)
}

pub(super) fn measure(path: &Path, options: &ImportOptions, depth: usize) -> Result<u64, ImportError> {
    let read = if depth == 0 { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let metadata = read.map_err(|error| not_found(path, error))?;
    if !metadata.is_dir() {
        return match metadata.is_file() {
            true => Ok(metadata.len()),
            false if depth == 0 => Err(ImportError::NotAFile(path.to_owned())),
            // Those below are left out and reported.
            false => Ok(0),
        };
    }
    if depth == MAX_DEPTH {
        return Err(ImportError::TooDeep { path: path.to_owned(), limit: MAX_DEPTH });
    }
    children(path, options.hidden)?.iter().map(|(_, path, _)| measure(path, options, depth + 1)).sum()
}

fn not_found(path: &Path, error: std::io::Error) -> ImportError {
    match error.kind() {
        std::io::ErrorKind::NotFound => ImportError::NotFound(path.to_owned()),
        _ => StorageError::new("read", path, error).into(),
    }
}
