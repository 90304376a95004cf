//! Collecting what nothing keeps any more: mark from the roots, sweep the rest.
//!
//! The user's own files are never touched; of them only the notes are removed. Imports that are going on are waited for, and other threads' commits wait for the
//! sweep, which happens in one transaction.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use redb::{ReadableTable, Table, WriteTransaction};

use super::DiskStore;
use super::index::{FILES, FLAT, INLINE, PLACES};
use crate::cid::{RAW, cid_from_bytes};
use crate::{Cid, Local, StorageError};

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blocks that the store forgot.
    pub blocks: u64,
    /// Bytes of block files that were removed.
    pub bytes: u64,
}

impl DiskStore {
    /// Removes all blocks that no root reaches.
    pub fn collect(&self) -> Result<Collected, StorageError> {
        let _collecting = self.inner.collecting.write().unwrap_or_else(PoisonError::into_inner);
        let (blocks, kept) = self.inner.index.write(|transaction| {
            // Inside the transaction nothing is committed by others, so the marks cannot be out of date.
            let marked = self.mark().map_err(|error| redb::Error::Io(std::io::Error::other(error)))?;
            sweep(transaction, &marked)
        })?;
        let bytes = self.inner.flat.sweep(|name| kept.contains(name))?;
        Ok(Collected { blocks, bytes })
    }

    /// The binary CIDs of all blocks that roots reach. Unreadable ones are marked, what lies below them is not known.
    fn mark(&self) -> Result<BTreeSet<Vec<u8>>, StorageError> {
        let mut open: Vec<Cid> = self.roots()?.into_iter().map(|root| root.cid).collect();
        let mut marked = BTreeSet::new();
        while let Some(cid) = open.pop() {
            if marked.insert(cid.to_bytes()) && cid.codec() != RAW {
                open.extend(self.read_only(&cid).map(|data| Local::of(&cid, &data).links).unwrap_or_default());
            }
        }
        Ok(marked)
    }
}

/// Removes what is not marked, and returns how many blocks that were and the names of the block files that stay.
fn sweep(transaction: &WriteTransaction, marked: &BTreeSet<Vec<u8>>) -> Result<(u64, BTreeSet<String>), redb::Error> {
    let mut blocks = 0;
    let mut count = |keep: bool| {
        blocks += u64::from(!keep);
        keep
    };
    transaction.open_table(INLINE)?.retain(|cid, _| count(marked.contains(cid)))?;
    let mut flat = transaction.open_table(FLAT)?;
    flat.retain(|cid, _| count(marked.contains(cid)))?;
    let mut files = BTreeSet::new();
    transaction.open_table(PLACES)?.retain(|key, _| {
        let Some((cid, id)) = key.split_last_chunk::<8>() else { return false };
        let keep = count(marked.contains(cid));
        if keep {
            files.insert(u64::from_be_bytes(*id));
        }
        keep
    })?;
    // A download's file may have no block yet; it is known by being unfinished.
    transaction
        .open_table(FILES)?
        .retain(|id, record| files.contains(&id) || super::record::FileRecord::decode(record).is_some_and(|file| file.growing))?;
    let kept = names(&flat)?;
    Ok((blocks, kept))
}

fn names(flat: &Table<'_, &'static [u8], u32>) -> Result<BTreeSet<String>, redb::Error> {
    let mut names = BTreeSet::new();
    for entry in flat.iter()? {
        names.extend(cid_from_bytes(entry?.0.value()).ok().map(|cid| cid.to_string()));
    }
    Ok(names)
}
