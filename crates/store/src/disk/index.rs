//! The index: where each block is.
//!
//! One redb database with these tables:
//!
//! ```text
//!   inline   cid           -> bytes            small blocks: a file and a flush for each would cost more than the bytes
//!   flat     cid           -> size             larger ones, each in a file of its own
//!   places   cid | file id -> offset, size     chunks of the user's files, where they lie; one place per file and block is enough
//!   files    file id       -> path, stamp      a file that changed and is shared again gets a new id, so old places still know what they meant
//!   roots    cid | path    -> what is kept and why
//! ```
//!
//! All changes are [`Op`]s, applied many at a time in one transaction (see [`super::commit`]). After a failed write redb refuses everything until
//! it is opened again; a disk that was full for a moment must not need a restart, so the index then opens itself again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use redb::{Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::record::{FileRecord, Root};
use crate::{Cid, StorageError};

pub(super) const INLINE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("inline");
pub(super) const FLAT: TableDefinition<'_, &[u8], u32> = TableDefinition::new("flat");
pub(super) const PLACES: TableDefinition<'_, &[u8], (u64, u32)> = TableDefinition::new("places");
pub(super) const FILES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("files");
pub(super) const ROOTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("roots");

/// Pages that redb may keep in memory. The kernel keeps them too.
const CACHE: usize = 8 << 20;

/// One change of the index.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Inline(Cid, Bytes),
    Flat(Cid, u32),
    /// The store's own copy is damaged.
    Forget(Cid),
    Place {
        cid: Cid,
        file: u64,
        offset: u64,
        size: u32,
    },
    File(u64, FileRecord),
    RemoveFile(u64),
    Root(Root),
    RemoveRoot(Root),
}

impl Op {
    /// About how many bytes this keeps in memory until it is committed.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + if let Op::Inline(_, data) = self { data.len() } else { 0 }
    }

    fn apply(self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        match self {
            Op::Inline(cid, data) => drop(transaction.open_table(INLINE)?.insert(&cid.to_bytes()[..], &data[..])?),
            Op::Flat(cid, size) => drop(transaction.open_table(FLAT)?.insert(&cid.to_bytes()[..], size)?),
            Op::Forget(cid) => {
                transaction.open_table(INLINE)?.remove(&cid.to_bytes()[..])?;
                transaction.open_table(FLAT)?.remove(&cid.to_bytes()[..])?;
            }
            Op::Place { cid, file, offset, size } => drop(transaction.open_table(PLACES)?.insert(&place_key(&cid, file)[..], (offset, size))?),
            Op::File(id, record) => drop(transaction.open_table(FILES)?.insert(id, &record.encode()[..])?),
            Op::RemoveFile(id) => drop(transaction.open_table(FILES)?.remove(id)?),
            Op::Root(root) => drop(transaction.open_table(ROOTS)?.insert(&root.key()[..], &root.encode()[..])?),
            Op::RemoveRoot(root) => drop(transaction.open_table(ROOTS)?.remove(&root.key()[..])?),
        }
        Ok(())
    }
}

fn place_key(cid: &Cid, file: u64) -> Vec<u8> {
    [&cid.to_bytes()[..], &file.to_be_bytes()].concat()
}

/// Where a block may be.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    Inline(Bytes),
    Flat(u32),
    Place { file: FileRecord, offset: u64, size: u32 },
}

#[derive(Debug)]
pub(crate) struct Index {
    path: PathBuf,
    /// `None` only while it is opened again after a failed write.
    database: RwLock<Option<Arc<Database>>>,
    next_file: AtomicU64,
}

impl Index {
    pub(super) fn open(path: &Path) -> Result<Self, redb::DatabaseError> {
        let database = open_database(path)?;
        Ok(Self { path: path.to_owned(), database: RwLock::new(Some(Arc::new(database))), next_file: AtomicU64::new(1) })
    }

    /// Makes the tables and learns which ids are taken. To be called once before use.
    pub(super) fn prepare(&self) -> Result<(), StorageError> {
        self.write(|transaction| {
            transaction.open_table(INLINE)?;
            transaction.open_table(FLAT)?;
            transaction.open_table(PLACES)?;
            transaction.open_table(ROOTS)?;
            let files = transaction.open_table(FILES)?;
            let last = files.last()?.map_or(0, |(id, _)| id.value());
            self.next_file.store(last + 1, Ordering::Relaxed);
            Ok(())
        })
    }

    /// An id that no file has.
    pub(crate) fn new_file(&self) -> u64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    /// Applies all of `ops` or, if that fails, none.
    pub(super) fn apply(&self, ops: Vec<Op>, durability: Durability) -> Result<(), StorageError> {
        self.write_as(durability, |transaction| ops.into_iter().try_for_each(|op| op.apply(transaction)))
    }

    /// One durable transaction.
    pub(super) fn write<T>(&self, change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>) -> Result<T, StorageError> {
        self.write_as(Durability::Immediate, change)
    }

    fn write_as<T>(&self, durability: Durability, change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>) -> Result<T, StorageError> {
        let outcome = self.database().and_then(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(durability)?;
            let made = change(&transaction)?;
            transaction.commit()?;
            Ok(made)
        });
        outcome.map_err(|error| self.failed(error))
    }

    /// One consistent view.
    pub(super) fn read<T>(&self, look: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T, StorageError> {
        let outcome = self.database().and_then(|database| look(&database.begin_read()?));
        outcome.map_err(|error| self.failed(error))
    }

    /// The database for one transaction. The lock is not held during it, so that transactions may nest.
    fn database(&self) -> Result<Arc<Database>, redb::Error> {
        self.database.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(redb::Error::DatabaseClosed)
    }

    /// Sorts an error, and opens the database again if it has locked itself up after one.
    fn failed(&self, error: redb::Error) -> StorageError {
        if matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed) {
            let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
            // Its lock on the file must be gone before it can be taken again; if others still use it, a later failure tries again.
            drop(database.take());
            *database = open_database(&self.path).ok().map(Arc::new);
        }
        StorageError::index(&self.path, error)
    }

    /// Where `cid` may be, best first.
    pub(super) fn locate(&self, cid: &Cid) -> Result<Vec<Location>, StorageError> {
        let key = cid.to_bytes();
        self.read(|transaction| {
            if let Some(data) = transaction.open_table(INLINE)?.get(&key[..])? {
                return Ok(vec![Location::Inline(Bytes::copy_from_slice(data.value()))]);
            }
            let mut found = Vec::new();
            if let Some(size) = transaction.open_table(FLAT)?.get(&key[..])? {
                found.push(Location::Flat(size.value()));
            }
            let (places, files) = (transaction.open_table(PLACES)?, transaction.open_table(FILES)?);
            let (first, last) = (place_key(cid, 0), place_key(cid, u64::MAX));
            // The newest file first: it is the likeliest to be still what it was.
            for place in places.range(&first[..]..=&last[..])?.rev() {
                let (key, value) = place?;
                let (offset, size) = value.value();
                let id = key.value().last_chunk().map_or(0, |id| u64::from_be_bytes(*id));
                if let Some(file) = files.get(id)?.and_then(|record| FileRecord::decode(record.value())) {
                    found.push(Location::Place { file, offset, size });
                }
            }
            Ok(found)
        })
    }

    /// All files, by id.
    pub(crate) fn files(&self) -> Result<Vec<(u64, FileRecord)>, StorageError> {
        self.read(|transaction| {
            let mut files = Vec::new();
            for entry in transaction.open_table(FILES)?.iter()? {
                let (id, record) = entry?;
                files.extend(FileRecord::decode(record.value()).map(|record| (id.value(), record)));
            }
            Ok(files)
        })
    }

    /// All roots, sorted by CID.
    pub(super) fn roots(&self) -> Result<Vec<Root>, StorageError> {
        self.read(|transaction| {
            let mut roots = Vec::new();
            for entry in transaction.open_table(ROOTS)?.iter()? {
                roots.extend(Root::decode(entry?.1.value()));
            }
            Ok(roots)
        })
    }
}

fn open_database(path: &Path) -> Result<Database, redb::DatabaseError> {
    Database::builder().set_cache_size(CACHE).create(path)
}
