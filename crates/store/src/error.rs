//! What a disk can refuse, said so that a person can act on it.
//!
//! A full disk and a missing permission need different help than a broken disk, so they are variants of their own; every one names the path.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

/// A storage operation that the system refused.
#[derive(Clone, Debug, Error)]
pub enum StorageError {
    /// No space left, or over a quota or file-size limit.
    #[error("the disk is full: {path} could not be written. Free some space or move the data directory, then run the same command again: it resumes", path = path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// The system forbids it.
    #[error("no permission to {doing} {path}: check who owns it, or choose another place", path = path.display())]
    Denied {
        /// What was being done, as a verb.
        doing: &'static str,
        /// To what.
        path: PathBuf,
    },
    /// Another failure of the file system.
    #[error("could not {doing} {path}: {source}. Check that the place is there and takes files, or choose another", path = path.display())]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The index refused; the blocks themselves are not touched by that.
    #[error("the index {path} failed: {source}. If this stays after a restart, move the file away and share your files again", path = path.display())]
    Index {
        /// The index file.
        path: PathBuf,
        /// What it said.
        source: Arc<redb::Error>,
    },
}

impl StorageError {
    /// Sorts what the system said about `doing` something to `path`.
    pub(crate) fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StorageError::Full { path },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StorageError::Denied { doing, path },
            _ => StorageError::Io { doing, path, source: Arc::new(source) },
        }
    }

    /// Sorts what the index at `path` said.
    pub(crate) fn index(path: &Path, source: impl Into<redb::Error>) -> Self {
        match source.into() {
            redb::Error::Io(error) => Self::new("write", path, error),
            source => StorageError::Index { path: path.to_owned(), source: Arc::new(source) },
        }
    }
}

/// Shortens `map_err` for file-system calls: `file.sync_all().doing("flush", &path)?`.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, StorageError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, StorageError> {
        self.map_err(|error| StorageError::new(doing, path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_missing_permission_are_told_apart() {
        let sort = |kind| StorageError::new("write", Path::new("/data/x"), io::Error::from(kind));
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge] {
            assert!(matches!(sort(kind), StorageError::Full { .. }));
        }
        for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
            assert!(matches!(sort(kind), StorageError::Denied { .. }));
        }
        assert!(matches!(sort(ErrorKind::BrokenPipe), StorageError::Io { .. }));
        assert!(matches!(StorageError::index(Path::new("i"), redb::Error::Io(ErrorKind::StorageFull.into())), StorageError::Full { .. }));
        assert!(sort(ErrorKind::StorageFull).to_string().contains("/data/x"));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_space_is_a_full_disk() {
        use std::io::Write;
        let path = Path::new("/dev/full");
        let Ok(mut full) = std::fs::OpenOptions::new().write(true).open(path) else { return };
        let error = full.write_all(b"x").doing("write", path).unwrap_err();
        assert!(matches!(error, StorageError::Full { .. }), "{error}");
    }
}
