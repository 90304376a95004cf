//! Importing into the store: by reference, or as a copy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use bytes::Bytes;

use super::DiskStore;
use super::index::Op;
use super::record::{FileRecord, Root, RootKind};
use crate::hash::Block;
use crate::import::{Progress, import_path, import_reader};
use crate::{BlockSink, ImportError, ImportOptions, Imported, Leaf, NodeBlock, SourceFile, StorageError};

/// Changes that gather before they are committed.
const BATCH_OPS: usize = 4096;
/// Bytes of blocks that gather before they are written.
const BATCH_BYTES: usize = 8 << 20;

impl DiskStore {
    /// Shares the file or directory at `path` where it lies. `when` is in seconds from the Unix epoch.
    ///
    /// On an error nothing is shared; what was noted by then is removed by the next [`DiskStore::collect`].
    pub fn share(&self, path: &Path, options: &ImportOptions, when: u64, progress: Progress<'_>) -> Result<Imported, ImportError> {
        let path = std::path::absolute(path).map_err(|_| ImportError::NotFound(path.to_owned()))?;
        let _not_collecting = self.inner.collecting.read().unwrap_or_else(PoisonError::into_inner);
        let mut writer = Writer::new(self, false)?;
        let made = import_path(&path, options, &mut writer, progress)?;
        writer.finish(Root { size: made.bytes, ..Root::new(made.root, path, RootKind::Shared, when) })?;
        Ok(made)
    }

    /// Copies the file or directory at `path` into the store.
    pub fn copy_in(&self, path: &Path, options: &ImportOptions, when: u64, progress: Progress<'_>) -> Result<Imported, ImportError> {
        let path = std::path::absolute(path).map_err(|_| ImportError::NotFound(path.to_owned()))?;
        let _not_collecting = self.inner.collecting.read().unwrap_or_else(PoisonError::into_inner);
        let mut writer = Writer::new(self, true)?;
        let made = import_path(&path, options, &mut writer, progress)?;
        writer.finish(Root { size: made.bytes, ..Root::new(made.root, path, RootKind::Pinned, when) })?;
        Ok(made)
    }

    /// Copies what `input` gives into the store, as a file called `name`.
    pub fn copy_stream(&self, input: &mut dyn std::io::Read, name: &str, options: &ImportOptions, when: u64) -> Result<Imported, ImportError> {
        let _not_collecting = self.inner.collecting.read().unwrap_or_else(PoisonError::into_inner);
        let mut writer = Writer::new(self, true)?;
        let made = import_reader(input, options, &mut writer, &mut crate::import::unwatched)?;
        let root = Root { size: made.bytes, name: name.to_owned(), ..Root::new(made.root, Default::default(), RootKind::Pinned, when) };
        writer.finish(root)?;
        Ok(made)
    }
}

/// Gathers what an import finds and commits it in batches.
struct Writer<'a> {
    store: &'a DiskStore,
    copy: bool,
    ops: Vec<Op>,
    blocks: Vec<Block>,
    bytes: usize,
    /// The file whose leaves are coming, and its id.
    file: Option<(SourceFile, u64)>,
    /// Files that were shared before, by path: one that has not changed keeps its id.
    known: BTreeMap<PathBuf, (u64, FileRecord)>,
}

impl<'a> Writer<'a> {
    fn new(store: &'a DiskStore, copy: bool) -> Result<Self, StorageError> {
        let known = store.inner.index.files()?.into_iter().map(|(id, record)| (record.path.clone(), (id, record))).collect();
        Ok(Self { store, copy, ops: Vec::new(), blocks: Vec::new(), bytes: 0, file: None, known })
    }

    fn file_id(&mut self, source: &SourceFile) -> Result<u64, StorageError> {
        if let Some((_, id)) = self.file.as_ref().filter(|(file, _)| file == source) {
            return Ok(*id);
        }
        let record = FileRecord { path: source.path.clone(), stamp: source.stamp, growing: false };
        let id = match self.known.get(&source.path) {
            Some((id, known)) if *known == record => *id,
            _ => self.store.inner.index.new_file(),
        };
        self.ops.push(Op::File(id, record));
        self.file = Some((source.clone(), id));
        Ok(id)
    }

    fn keep(&mut self, block: Block) -> Result<(), StorageError> {
        self.bytes += block.data().len();
        self.blocks.push(block);
        self.flush_if_large()
    }

    fn flush_if_large(&mut self) -> Result<(), StorageError> {
        if self.ops.len() + self.blocks.len() >= BATCH_OPS || self.bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.bytes = 0;
        self.ops.extend(self.store.write_flat(&std::mem::take(&mut self.blocks))?);
        self.store.commit(std::mem::take(&mut self.ops))
    }

    /// The root is recorded last: it stands only over a whole DAG.
    fn finish(mut self, root: Root) -> Result<(), StorageError> {
        self.flush()?;
        self.store.commit(vec![Op::Root(root)])
    }
}

impl BlockSink for Writer<'_> {
    fn wants_bytes(&self) -> bool {
        self.copy
    }

    fn leaf(&mut self, leaf: Leaf<'_>) -> Result<(), StorageError> {
        match leaf.place {
            Some((source, offset)) if !self.copy => {
                let file = self.file_id(source)?;
                self.ops.push(Op::Place { cid: leaf.cid, file, offset, size: leaf.size });
                self.flush_if_large()
            }
            _ => self.keep(Block::trusted(leaf.cid, Bytes::copy_from_slice(leaf.bytes))),
        }
    }

    fn node(&mut self, node: NodeBlock<'_>) -> Result<(), StorageError> {
        self.keep(Block::trusted(node.cid, node.bytes))
    }
}
