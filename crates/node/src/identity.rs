//! Who this node is: an Ed25519 key that is made on first start and kept in `<data-dir>/identity.key`.
//!
//! The file holds libp2p's protobuf encoding of the private key (libp2p specification, peer-ids), so other software can read it. It is written to
//! a temporary file of mode 0600 first, whose name no other start shares, and then moved to its final name, which fails if another start was faster:
//! two nodes that start in one directory at the same moment agree on one key, and a crash never leaves half a key behind.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use libp2p::identity::Keypair;
use thiserror::Error;

/// The name of the key file within the data directory.
pub const FILE: &str = "identity.key";
/// No encoded key of ours is longer: a longer file is not one.
const LONGEST: u64 = 1024;

/// Why the identity could not be read or made.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file cannot be read.
    #[error("the identity key {} cannot be read ({source}): give this user read access to it, or choose another data directory", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read the private key.
    #[error("the identity key {} can be read by other users (mode {mode:03o}): run `chmod 600 {}`; if others may have read it, delete it to get a new identity", path.display(), path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no key.
    #[error("{} is not an Ed25519 key in libp2p's encoding: restore it from a backup, or delete it to get a new identity", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// A new key could not be written.
    #[error("a new identity key could not be written to {} ({source}): check that the directory is writable and the disk not full", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The key kept in `directory`, which exists; made if there is none yet.
pub fn load_or_create(directory: &Path) -> Result<Keypair, IdentityError> {
    let path = directory.join(FILE);
    match load(&path) {
        Err(IdentityError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        result => return result,
    }
    match create(&path) {
        // Another process may have been faster: the key on disk is the one.
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(IdentityError::Unwritable { path, source }),
        _ => load(&path),
    }
}

fn load(path: &Path) -> Result<Keypair, IdentityError> {
    let unreadable = |source| IdentityError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    if let Some(mode) = exposed(&file.metadata().map_err(unreadable)?) {
        return Err(IdentityError::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let malformed = || IdentityError::Malformed { path: path.to_owned() };
    if bytes.len() as u64 > LONGEST {
        return Err(malformed());
    }
    Keypair::from_protobuf_encoding(&bytes).map_err(|_| malformed())
}

fn create(path: &Path) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let key = Keypair::generate_ed25519();
    let bytes = key.to_protobuf_encoding().map_err(io::Error::other)?;
    // A name of its own each time, mode 0600: a name shared with another start would let one link what the other has only half written.
    let mut temporary = tempfile::Builder::new().prefix(FILE).suffix(".tmp").tempfile_in(directory)?;
    temporary.write_all(&bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist_noclobber(path).map_err(|failed| failed.error)?;
    sync_directory(directory)
}

/// So that the new name survives a power cut.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The permission bits, if they let others in.
#[cfg(unix)]
fn exposed(metadata: &fs::Metadata) -> Option<u32> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn exposed(_: &fs::Metadata) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let first = load_or_create(directory.path()).unwrap();
        let second = load_or_create(directory.path()).unwrap();
        assert_eq!(first.public(), second.public());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn racing_starts_agree_on_one_key() {
        for _ in 0..50 {
            let directory = tempfile::tempdir().unwrap();
            let together = Barrier::new(8);
            let start = || {
                together.wait();
                load_or_create(directory.path()).unwrap().public().to_peer_id()
            };
            let ids: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(ids.iter().all(|id| *id == ids[0]));
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        load_or_create(directory.path()).unwrap();
        let path = directory.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = load_or_create(directory.path()).unwrap_err();
        assert!(matches!(error, IdentityError::Exposed { mode: 0o644, .. }));
        assert!(error.to_string().contains("chmod 600"));
    }

    #[cfg(unix)]
    fn make_private(path: &Path) {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    #[cfg(not(unix))]
    fn make_private(_: &Path) {}

    #[test]
    fn a_file_that_is_no_key_is_kept_and_refused() {
        let directory = tempfile::tempdir().unwrap();
        for content in [&b"not a key"[..], &[0; 4096], &[]] {
            let path = directory.path().join(FILE);
            fs::write(&path, content).unwrap();
            make_private(&path);
            assert!(matches!(load_or_create(directory.path()), Err(IdentityError::Malformed { .. })));
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_that_names_the_file() {
        let error = load_or_create(Path::new("/nonexistent/place")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/place/identity.key"), "{error}");
    }
}
