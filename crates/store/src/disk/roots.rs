//! What is kept, and for whom.

use std::path::Path;

use super::DiskStore;
use super::index::Op;
use super::record::{Root, RootKind};
use crate::{Cid, StorageError};

impl DiskStore {
    /// All that is kept, sorted by CID and path: shared files, downloads (complete or not), copies.
    pub fn roots(&self) -> Result<Vec<Root>, StorageError> {
        self.inner.index.roots()
    }

    /// Keeps the DAG below `root.cid` from being collected.
    pub fn keep(&self, root: Root) -> Result<(), StorageError> {
        self.commit(vec![Op::Root(root)])
    }

    /// Stops keeping `cid`, under whatever paths it was kept, and returns what that was. The user's files are not touched. Downloads that are not complete
    /// stay: see [`crate::Download::abandon`].
    pub fn unshare(&self, cid: &Cid) -> Result<Vec<Root>, StorageError> {
        self.unshare_if(|root| root.cid == *cid)
    }

    /// Stops keeping what is at `path`.
    pub fn unshare_path(&self, path: &Path) -> Result<Vec<Root>, StorageError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.unshare_if(|root| root.path == path)
    }

    fn unshare_if(&self, chosen: impl Fn(&Root) -> bool) -> Result<Vec<Root>, StorageError> {
        let removed: Vec<Root> = self.roots()?.into_iter().filter(|root| root.kind != RootKind::Downloading && chosen(root)).collect();
        self.commit(removed.iter().cloned().map(Op::RemoveRoot).collect())?;
        Ok(removed)
    }
}
