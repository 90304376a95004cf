//! Flat files: larger blocks, one file each, in 256 directories by the first byte of the digest.
//!
//! A block is written under a temporary name, flushed, and renamed; only then does the index learn of it. A kill in between leaves a file that nobody knows,
//! which the next opening (temporary ones) or collection (renamed ones) removes.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Doing;
use crate::platform::sync_directory;
use crate::{Block, Cid, StorageError};

#[derive(Debug)]
pub(super) struct Flat {
    blocks: PathBuf,
    unfinished: PathBuf,
    next: AtomicU64,
}

impl Flat {
    /// Prepares the directories below `dir` and removes what a killed process left unfinished.
    pub(super) fn open(dir: &Path) -> Result<Self, StorageError> {
        let (blocks, unfinished) = (dir.join("blocks"), dir.join("unfinished"));
        for path in [&blocks, &unfinished] {
            fs::create_dir_all(path).doing("create", path)?;
        }
        for entry in fs::read_dir(&unfinished).doing("list", &unfinished)?.flatten() {
            fs::remove_file(entry.path()).doing("remove", &entry.path())?;
        }
        Ok(Self { blocks, unfinished, next: AtomicU64::new(0) })
    }

    pub(super) fn path(&self, cid: &Cid) -> PathBuf {
        let first = cid.hash().digest().first().copied().unwrap_or(0);
        self.blocks.join(format!("{first:02x}")).join(cid.to_string())
    }

    /// Writes a block durably, apart from its directory: see [`Flat::sync`].
    pub(super) fn write(&self, block: &Block) -> Result<(), StorageError> {
        let unfinished = self.unfinished.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let written = self.write_as(block, &unfinished);
        if written.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    fn write_as(&self, block: &Block, unfinished: &Path) -> Result<(), StorageError> {
        let mut file = File::create(unfinished).doing("create", unfinished)?;
        file.write_all(block.data()).doing("write", unfinished)?;
        file.sync_data().doing("flush", unfinished)?;
        let path = self.path(block.cid());
        match fs::rename(unfinished, &path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let parent = path.parent().unwrap_or(&self.blocks);
                fs::create_dir_all(parent).doing("create", parent)?;
                sync_directory(&self.blocks).doing("flush", &self.blocks)?;
                fs::rename(unfinished, &path).doing("create", &path)
            }
            other => other.doing("create", &path),
        }
    }

    /// Makes the names of written blocks durable.
    pub(super) fn sync<'a>(&self, cids: impl Iterator<Item = &'a Cid>) -> Result<(), StorageError> {
        let mut parents: Vec<PathBuf> = cids.filter_map(|cid| self.path(cid).parent().map(Path::to_owned)).collect();
        parents.sort_unstable();
        parents.dedup();
        parents.iter().try_for_each(|parent| sync_directory(parent).doing("flush", parent))
    }

    /// Removes files of blocks that `keep` does not know, and tells how many bytes that freed.
    pub(super) fn sweep(&self, keep: impl Fn(&str) -> bool) -> Result<u64, StorageError> {
        let mut freed = 0;
        for directory in fs::read_dir(&self.blocks).doing("list", &self.blocks)?.flatten() {
            for entry in fs::read_dir(directory.path()).doing("list", &directory.path())?.flatten() {
                if !entry.file_name().to_str().is_some_and(&keep) {
                    freed += entry.metadata().map_or(0, |metadata| metadata.len());
                    fs::remove_file(entry.path()).doing("remove", &entry.path())?;
                }
            }
        }
        Ok(freed)
    }
}
