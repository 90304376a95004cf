//! A disk that really is full: a file system of a few MiB in memory, where the test may mount one.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use peerglass_store::*;
use support::*;

/// One at a time: a child that another test forks would hold open files for a moment, and with them the space that is to become free.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(dir.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).output();
    }
}

fn block(number: u32, size: usize) -> Block {
    Block::new(cid::RAW, HashKind::Blake3, Bytes::from(number.to_le_bytes().repeat(size / 4)))
}

#[test]
fn a_full_disk_is_said_loses_nothing_and_needs_no_restart() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // Block files fill the disk in one round, the index in the other.
    for size in [1 << 20, 40_000] {
        let Some(disk) = SmallDisk::new("16m") else { return };
        let ballast = disk.path().join("ballast");
        std::fs::write(&ballast, vec![1; 2 << 20]).unwrap();
        let store = store(&disk.path().join("store"));
        let mut kept = 0;
        let error = loop {
            match store.put(&block(kept, size)) {
                Ok(()) => kept += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StorageError::Full { .. }), "{error:?}");
        assert!(kept > 0);
        let check = |count: u32| (0..count).for_each(|number| assert_eq!(store.read(block(number, size).cid()).unwrap(), block(number, size).data()));
        check(kept);
        std::fs::remove_file(&ballast).unwrap();
        // The first attempt may be what opens the index again.
        let again = (0..3).find(|_| store.put(&block(kept, size)).is_ok());
        assert!(again.is_some(), "after making room, the store works again");
        check(kept + 1);
    }
}

#[test]
fn a_download_that_fills_the_disk_resumes_when_there_is_room() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(disk) = SmallDisk::new("6m") else { return };
    let home = tempfile::tempdir().unwrap();
    let bytes = noise("full", 3_000_000);
    let source = MemoryStore::new();
    let options = ImportOptions { shape: Shape { chunk: 100_000, width: 100 }, ..ImportOptions::default() };
    let root = import::import_reader(&mut &bytes[..], &options, &mut &source, &mut quiet).unwrap().root;
    let store = store(&home.path().join("store"));
    let out = disk.path().join("out");
    let begin = || Download::begin(&store, root, &out, false, 0).unwrap();
    let download = begin();
    download.accept(&Block::verified(root, source.read(&root).unwrap()).unwrap()).unwrap();
    // Somebody else fills the disk after the space was checked.
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 5 << 20]).unwrap();
    assert!(matches!(download.fill(&source), Err(DownloadError::Storage(StorageError::Full { .. }))));
    drop(download);
    assert!(!out.exists());
    let download = begin();
    assert!(matches!(download.local(&root), Err(DownloadError::NoSpace { .. })), "told before anything is fetched");
    drop(download);
    std::fs::remove_file(&ballast).unwrap();
    let download = begin();
    download.fill(&source).unwrap();
    assert!(download.finish().unwrap().progress.found > 0);
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
}
