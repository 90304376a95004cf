//! Downloads: blocks go straight into the final file's place.
//!
//! A block is written once, to where it belongs in `<output>.part` (a file, or a directory for a directory), and the index refers to it there: it can be served
//! to others while the rest is still coming. When all is there, everything is flushed and the `.part` gets its final name. Nothing half-written ever stands under
//! that name.
//!
//! ```text
//!   begin(root, out) ──► local(root)? ──no──► fetched: accept(root) ──► links ──► local(..)? / accept(..) in any order ──► finish()
//!                           │ yes: already in the part file, or in the store from elsewhere: copied, not fetched
//! ```
//!
//! The network layer drives it: it asks [`Download::local`] for each block before it fetches it, and hands what it fetched, already hashed, to
//! [`Download::accept`]. After a kill, [`Download::begin`] with the same root and output goes on: `local` finds what the `.part` holds by hashing it, so it does not
//! matter what had been noted when the kill came.
//!
//! Blocks of different parts may be accepted by several threads at once; the writing happens outside of the lock. After an error of `accept` or `local` the
//! download should be dropped and begun again.

mod ahead;
mod direct;
mod error;
mod output;
mod plan;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::cid::{RAW, inline_data};
use crate::disk::index::Op;
use crate::disk::{Root, RootKind};
use crate::hash::{Block, supported, verify};
use crate::platform::read_exact_at;
use crate::unixfs::Node;
use crate::{BlockSource, Cid, DiskStore, Local, MAX_BLOCK};

pub use error::DownloadError;
use output::{Mode, OpenFile, Output, part_path};
use plan::{Action, Home, Plan, Role};

/// After this many bytes of leaves the index is told of them.
const COMMIT_BYTES: u64 = 64 << 20;
/// After this many changes the index is told of them.
const COMMIT_OPS: usize = 1024;

/// How far a download is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DownloadProgress {
    /// Bytes of different blocks that are in place.
    pub bytes: u64,
    /// Bytes of the whole: exact for a file, about that for a directory, 0 until the root is known. Repeated blocks count each time.
    pub total: u64,
    /// Different blocks that are known to belong to it.
    pub blocks: usize,
    /// How many of these are missing.
    pub missing: usize,
    /// Bytes that were found here and did not have to be fetched.
    pub found: u64,
}

/// A download that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Where it is.
    pub path: PathBuf,
    /// How it came there.
    pub progress: DownloadProgress,
}

/// A download into a file or directory. See the module's text.
#[derive(Debug)]
pub struct Download {
    store: DiskStore,
    root: Cid,
    when: u64,
    out: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    output: Output,
    progress: DownloadProgress,
    /// What the index is still to learn.
    ops: Vec<Op>,
    uncommitted: u64,
    /// Nodes among these: they cannot be read from the store yet.
    recent: BTreeMap<Cid, Bytes>,
}

/// Bytes to write, once the lock is released.
struct Write {
    file: Arc<OpenFile>,
    offset: u64,
}

impl Download {
    /// Begins or resumes the download of `root` to `out`. Proves that the output can be written before anything is fetched.
    ///
    /// If `out` exists, it must turn out to be this very content, and then nothing is fetched but the nodes; with `overwrite` a file there is replaced at the end.
    /// `when` is in seconds from the Unix epoch.
    pub fn begin(store: &DiskStore, root: Cid, out: &Path, overwrite: bool, when: u64) -> Result<Self, DownloadError> {
        supported(&root).map_err(|source| DownloadError::Unsupported { cid: root, source })?;
        let out = std::path::absolute(out).map_err(|_| DownloadError::NoName(out.to_owned()))?;
        match (out.file_name(), out.parent()) {
            (Some(_), Some(parent)) if parent.is_dir() => {}
            (Some(_), Some(parent)) => return Err(DownloadError::NoDirectory(parent.to_owned())),
            _ => return Err(DownloadError::NoName(out)),
        }
        if overwrite && out.is_dir() {
            return Err(DownloadError::OutputExists(out));
        }
        let claim = Claim::new(store, &out)?;
        let output = Self::prepare(store, &root, &out, overwrite, when)?;
        claim.keep();
        let state =
            State { plan: Plan::new(root), output, progress: DownloadProgress::default(), ops: Vec::new(), uncommitted: 0, recent: BTreeMap::new() };
        Ok(Self { store: store.clone(), root, when, out, state: Mutex::new(state) })
    }

    /// Notes the download before it writes anything, so that after a kill the `.part` is known to be ours.
    fn prepare(store: &DiskStore, root: &Cid, out: &Path, overwrite: bool, when: u64) -> Result<Output, DownloadError> {
        let unfinished = |known: &Root| known.path == out && known.cid == *root && known.kind == RootKind::Downloading;
        if store.roots()?.iter().any(unfinished) {
            return Output::prepare(store, out.to_owned(), overwrite);
        }
        let part = part_path(out);
        if part.symlink_metadata().is_ok() {
            return Err(DownloadError::PartExists(part));
        }
        if out.symlink_metadata().is_ok() && !overwrite {
            return Output::prepare(store, out.to_owned(), overwrite);
        }
        let record = Root::new(*root, out.to_owned(), RootKind::Downloading, when);
        store.commit(vec![Op::Root(record.clone())])?;
        Output::prepare(store, out.to_owned(), overwrite).inspect_err(|_| {
            // The first error is the one to report; a record without a file does no harm.
            let _ = store.commit(vec![Op::RemoveRoot(record)]);
        })
    }

    /// What is being downloaded.
    #[must_use]
    pub fn root(&self) -> &Cid {
        &self.root
    }

    /// Where it will be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.out
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> DownloadProgress {
        let state = self.lock();
        let (blocks, missing) = state.plan.counts();
        DownloadProgress { blocks, missing, ..state.progress }
    }

    /// Whether the block is part of this download, as far as is known by now.
    #[must_use]
    pub fn concerns(&self, cid: &Cid) -> bool {
        self.lock().plan.find(cid).is_some()
    }

    /// Up to `limit` blocks that are known to be needed and not there, in the order of the DAG.
    #[must_use]
    pub fn missing(&self, limit: usize) -> Vec<Cid> {
        self.lock().plan.missing(limit)
    }

    /// Whether the block is here; if it is here but not yet in its place, it is put there. Ask this before fetching a block.
    ///
    /// Looks into the `.part` file of an earlier run, then into the store.
    pub fn local(&self, cid: &Cid) -> Result<Option<Local>, DownloadError> {
        let Some(block) = self.lock().plan.find(cid) else { return Ok(self.store.local(cid)) };
        if let Some(local) = self.present(block)? {
            return Ok(Some(local));
        }
        let data = match self.leftover(block)? {
            Some(data) => data,
            None => match self.store.read(cid) {
                Ok(data) => data,
                Err(_) => return Ok(None),
            },
        };
        let size = data.len() as u64;
        let local = self.take(block, Block::trusted(*cid, data))?;
        self.lock().progress.found += size;
        Ok(Some(local))
    }

    /// Takes a fetched block in, and tells what it links to. A block that is not part of this download, as far as is known, is kept in the store.
    pub fn accept(&self, block: &Block) -> Result<Local, DownloadError> {
        let found = self.lock().plan.find(block.cid());
        match found {
            Some(number) => self.take(number, block.clone()),
            None => {
                self.store.put(block)?;
                Ok(Local::of(block.cid(), block.data()))
            }
        }
    }

    /// Gets all that is missing from `source`: to copy content out of a store, and for tests.
    pub fn fill(&self, source: &dyn BlockSource) -> Result<(), DownloadError> {
        loop {
            let missing = self.missing(64);
            if missing.is_empty() {
                return Ok(());
            }
            for cid in missing {
                if self.local(&cid)?.is_none() {
                    let data = source.read(&cid)?;
                    let block = Block::verified(cid, data).map_err(|source| DownloadError::Unsupported { cid, source })?;
                    self.accept(&block)?;
                }
            }
        }
    }

    /// Makes everything durable and gives it its final name. From then on it is served from there.
    pub fn finish(&self) -> Result<Finished, DownloadError> {
        let mut state = self.lock();
        let (blocks, missing) = state.plan.counts();
        if missing > 0 {
            return Err(DownloadError::Incomplete { missing });
        }
        let mut ops = std::mem::take(&mut state.ops);
        // What refers to the `.part` is durable before the rename; what refers to the final name, after.
        self.store.commit(std::mem::take(&mut ops))?;
        let symlinks = std::mem::take(&mut state.plan.symlinks);
        ops.extend(state.output.finish(&symlinks)?);
        let size = state.progress.total;
        // What was kept under this path before is not there any more.
        let replaced = self.store.roots()?.into_iter().filter(|root| root.path == self.out && root.cid != self.root);
        ops.extend(replaced.map(Op::RemoveRoot));
        ops.push(Op::Root(Root { size, ..Root::new(self.root, self.out.clone(), RootKind::Downloaded, self.when) }));
        self.store.commit(ops)?;
        state.recent.clear();
        Ok(Finished { path: self.out.clone(), progress: DownloadProgress { blocks, missing, ..state.progress } })
    }

    /// Gives up: removes the `.part` and forgets the download.
    pub fn abandon(self) -> Result<(), DownloadError> {
        self.remove()
    }

    fn remove(&self) -> Result<(), DownloadError> {
        let mut state = self.lock();
        let mut ops = state.output.remove()?;
        ops.push(Op::RemoveRoot(Root::new(self.root, self.out.clone(), RootKind::Downloading, self.when)));
        drop(state);
        Ok(self.store.commit(ops)?)
    }

    /// Whether nothing of it is there: neither a block in place, nor a `.part` with anything in it.
    fn is_empty(&self) -> bool {
        let empty = |part: PathBuf| part.symlink_metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0);
        self.lock().progress.bytes == 0 && empty(part_path(&self.out))
    }

    /// What is known of a block that is in its place.
    fn present(&self, block: u32) -> Result<Option<Local>, DownloadError> {
        let (cid, recent) = {
            let state = self.lock();
            if !state.plan.is_present(block) {
                return Ok(None);
            }
            if let Some(home) = state.plan.home(block) {
                return Ok(Some(Local { size: home.size, links: Vec::new() }));
            }
            let cid = state.plan.cid(block);
            (cid, state.recent.get(&cid).cloned())
        };
        let data = recent.map_or_else(|| self.store.read(&cid), Ok)?;
        Ok(Some(Local::of(&cid, &data)))
    }

    /// The block's bytes, if an earlier run has put them where they belong.
    fn leftover(&self, block: u32) -> Result<Option<Bytes>, DownloadError> {
        let mut state = self.lock();
        let cid = state.plan.cid(block);
        if state.output.mode == Mode::Fresh || cid.codec() != RAW || inline_data(&cid).is_some() {
            return Ok(None);
        }
        let place = match state.plan.roles(block).first().cloned() {
            Some(Role::Part { file, offset, size, .. }) => Some((state.output.file(file)?, offset, size)),
            Some(Role::Entry(role)) => state.output.leftover(&role.path).map(|(file, size)| (file, 0, size)),
            _ => None,
        };
        let settled = state.output.mode == Mode::Settled;
        drop(state);
        let mut data = Vec::new();
        let found = place.is_some_and(|(file, offset, size)| {
            size <= MAX_BLOCK as u64 && read_exact_at(&file.file, &mut data, size as usize, offset).is_ok() && verify(&cid, &data).is_ok()
        });
        match found {
            true => Ok(Some(data.into())),
            false if settled => Err(DownloadError::OutputExists(self.out.clone())),
            false => Ok(None),
        }
    }

    /// Acts on a block in all its roles, and then on those blocks which it gave another role.
    fn take(&self, number: u32, block: Block) -> Result<Local, DownloadError> {
        let local = Local::of(block.cid(), block.data());
        self.place(number, &block)?;
        while let Some(again) = { self.lock().plan.next_again() } {
            let block = self.reread(again)?;
            self.place(again, &block)?;
        }
        self.commit_if_due()?;
        Ok(local)
    }

    fn place(&self, number: u32, block: &Block) -> Result<(), DownloadError> {
        let node = Node::decode(block.cid(), block.data()).map_err(|source| DownloadError::Node { cid: *block.cid(), source })?;
        let bytes = match &node {
            Node::File { data, .. } => data.clone(),
            _ => Bytes::new(),
        };
        if !self.lock().plan.claim(number) {
            return Ok(());
        }
        loop {
            let (mode, writes) = self.plan_writes(number, &node, block)?;
            for write in &writes {
                Output::put(mode, &write.file, &self.out, write.offset, &bytes)?;
            }
            let mut state = self.lock();
            if state.plan.set_present(number) {
                return Ok(());
            }
        }
    }

    /// Makes files and directories that the block tells of, notes it for the index, and returns where its bytes go.
    fn plan_writes(&self, number: u32, node: &Node, block: &Block) -> Result<(Mode, Vec<Write>), DownloadError> {
        let mut state = self.lock();
        let state = &mut *state;
        let actions = state.plan.apply(number, node)?;
        let mut writes = Vec::new();
        let mut home = None;
        for action in actions {
            match action {
                Action::MakeDirectory(path) => state.output.make_directory(path)?,
                Action::MakeFile { file, path, size } => {
                    state.ops.push(state.output.make_file(file, path, size, &self.store)?);
                    home.get_or_insert((file, 0));
                }
                Action::Write { file, offset } => {
                    home.get_or_insert((file, offset));
                    writes.push(Write { file: state.output.file(file)?, offset });
                }
            }
        }
        if number == 0 {
            state.progress.total = total(node);
        }
        self.note(state, number, home, block)?;
        Ok((state.output.mode, writes))
    }

    /// Notes for the index where the block is: a leaf in its file, anything else in the store.
    fn note(&self, state: &mut State, number: u32, home: Option<(u32, u64)>, block: &Block) -> Result<(), DownloadError> {
        let (cid, size) = (*block.cid(), block.data().len() as u32);
        if !state.plan.note(number) {
            return Ok(());
        }
        match home {
            Some((file, offset)) if cid.codec() == RAW => {
                state.ops.push(Op::Place { cid, file: state.output.id(file), offset, size });
                state.plan.set_home(number, Home { file, offset, size });
            }
            _ => {
                state.ops.extend(self.store.write_flat(std::slice::from_ref(block))?);
                state.recent.insert(cid, block.data().clone());
            }
        }
        state.progress.bytes += u64::from(size);
        state.uncommitted += u64::from(size);
        Ok(())
    }

    /// The bytes of a block that was in place before it got another role.
    fn reread(&self, number: u32) -> Result<Block, DownloadError> {
        let mut state = self.lock();
        let cid = state.plan.cid(number);
        if let Some(data) = state.recent.get(&cid) {
            return Ok(Block::trusted(cid, data.clone()));
        }
        let Some(home) = state.plan.home(number) else {
            drop(state);
            return Ok(Block::trusted(cid, self.store.read(&cid)?));
        };
        let file = state.output.file(home.file)?;
        drop(state);
        let mut data = Vec::new();
        let read = read_exact_at(&file.file, &mut data, home.size as usize, home.offset);
        match read {
            Ok(()) if verify(&cid, &data).is_ok() => Ok(Block::trusted(cid, data.into())),
            _ => Err(crate::ReadError::SourceChanged { path: file.path.clone(), cid }.into()),
        }
    }

    /// Tells the index what has gathered, if it is much.
    fn commit_if_due(&self) -> Result<(), DownloadError> {
        let mut state = self.lock();
        if state.uncommitted < COMMIT_BYTES && state.ops.len() < COMMIT_OPS {
            return Ok(());
        }
        state.uncommitted = 0;
        let ops = std::mem::take(&mut state.ops);
        let recent: Vec<Cid> = state.recent.keys().copied().collect();
        drop(state);
        // Leaves are found again by hashing the `.part`, nodes only through the index; and each flush of the index would wait for the leaves' flush too.
        if recent.is_empty() {
            self.store.note(ops)?
        } else {
            self.store.commit(ops)?
        }
        let mut state = self.lock();
        for cid in recent {
            state.recent.remove(&cid);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if self.is_empty() {
            // Nothing came of it: the empty `.part` would only be in the way of others.
            let _ = self.remove();
        }
        // What has been written is worth noting, but a resume finds it without.
        let ops = std::mem::take(&mut self.lock().ops);
        let _ = self.store.commit(ops);
        self.store.inner.outputs.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.out);
    }
}

/// The size of the whole, from its root.
fn total(root: &Node) -> u64 {
    match root {
        Node::File { size, .. } => *size,
        Node::Directory(entries) => entries.iter().fold(0, |sum, entry| entry.size.saturating_add(sum)),
        Node::Shard(shard) => {
            let sizes = shard.entries.iter().map(|entry| entry.size).chain(shard.shards.iter().map(|link| link.size));
            sizes.fold(0, u64::saturating_add)
        }
        Node::Symlink(_) => 0,
    }
}

/// One output path belongs to one download at a time.
struct Claim<'a> {
    store: &'a DiskStore,
    out: Option<&'a Path>,
}

impl<'a> Claim<'a> {
    fn new(store: &'a DiskStore, out: &'a Path) -> Result<Self, DownloadError> {
        let mut outputs = store.inner.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        if outputs.insert(out.to_owned()) { Ok(Self { store, out: Some(out) }) } else { Err(DownloadError::Busy(out.to_owned())) }
    }

    /// The download gives it back.
    fn keep(mut self) {
        self.out = None;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(out) = self.out {
            self.store.inner.outputs.lock().unwrap_or_else(PoisonError::into_inner).remove(out);
        }
    }
}
