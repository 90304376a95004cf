//! Reading blocks: from wherever they are, and never without checking their hash.
//!
//! A file of the user's may change at any moment, a disk may lose bytes, a kill may have torn a download's last write. One check covers all: what does not
//! hash to its CID is not handed out. BLAKE3 costs a quarter of a millisecond for a block of 1 MiB.

use std::io::ErrorKind;

use bytes::Bytes;

use super::DiskStore;
use super::index::{Location, Op};
use super::record::FileRecord;
use crate::cid::{RAW, inline_data};
use crate::hash::verify;
use crate::platform::{open_for_reading, read_exact_at};
use crate::{BlockSource, Cid, Local, ReadError, Stamp, StorageError};

impl BlockSource for DiskStore {
    fn local(&self, cid: &Cid) -> Option<Local> {
        self.find(cid).ok()
    }

    fn read(&self, cid: &Cid) -> Result<Bytes, ReadError> {
        let read = self.read_only(cid);
        if let Err(ReadError::Damaged { .. }) = &read {
            // So that it is asked for again, and not offered to anybody.
            self.commit(vec![Op::Forget(*cid)])?;
        }
        read
    }
}

impl DiskStore {
    /// What [`BlockSource::local`] answers, or the reason why the block cannot be served: which file of the user's has changed or is gone.
    ///
    /// Leaves are not read as long as their file looks as it did when it was shared.
    pub fn find(&self, cid: &Cid) -> Result<Local, ReadError> {
        if cid.codec() == RAW && inline_data(cid).is_none() {
            for location in self.inner.index.locate(cid)? {
                if let Some(size) = unread_size(&location) {
                    return Ok(Local { size, links: Vec::new() });
                }
            }
        }
        self.read(cid).map(|data| Local::of(cid, &data))
    }

    /// Reads without ever writing: a damaged copy is reported and kept.
    pub(super) fn read_only(&self, cid: &Cid) -> Result<Bytes, ReadError> {
        if let Some(data) = inline_data(cid) {
            return Ok(Bytes::copy_from_slice(data));
        }
        let mut first_error = None;
        for location in self.inner.index.locate(cid)? {
            match self.read_at(cid, location) {
                Ok(data) => return Ok(data),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or(ReadError::NotFound(*cid)))
    }

    fn read_at(&self, cid: &Cid, location: Location) -> Result<Bytes, ReadError> {
        match location {
            Location::Inline(data) if verify(cid, &data).is_ok() => Ok(data),
            Location::Inline(_) => Err(self.damaged(cid)),
            Location::Flat(size) => self.read_flat(cid, size),
            Location::Place { file, offset, size } => read_place(cid, &file, offset, size),
        }
    }

    fn read_flat(&self, cid: &Cid, size: u32) -> Result<Bytes, ReadError> {
        let path = self.inner.flat.path(cid);
        let mut data = Vec::new();
        let read = open_for_reading(&path).and_then(|file| read_exact_at(&file, &mut data, size as usize, 0));
        match read {
            Ok(()) if verify(cid, &data).is_ok() => Ok(data.into()),
            Ok(()) => Err(self.damaged(cid)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => Err(self.damaged(cid)),
            Err(error) => Err(StorageError::new("read", &path, error).into()),
        }
    }

    fn damaged(&self, cid: &Cid) -> ReadError {
        ReadError::Damaged { path: self.inner.flat.path(cid), cid: *cid }
    }
}

/// The size of a leaf that can be taken to be here without reading it.
fn unread_size(location: &Location) -> Option<u32> {
    match location {
        Location::Inline(data) => Some(data.len() as u32),
        Location::Flat(size) => Some(*size),
        Location::Place { file, size, .. } => {
            let looks_the_same = file.growing || std::fs::metadata(&file.path).is_ok_and(|now| Stamp::of(&now) == file.stamp);
            looks_the_same.then_some(*size)
        }
    }
}

fn read_place(cid: &Cid, file: &FileRecord, offset: u64, size: u32) -> Result<Bytes, ReadError> {
    let mut data = Vec::new();
    let read = open_for_reading(&file.path).and_then(|open| read_exact_at(&open, &mut data, size as usize, offset));
    match read {
        Ok(()) if verify(cid, &data).is_ok() => Ok(data.into()),
        // A download that a kill interrupted: nothing of the user's has changed.
        Ok(()) if file.growing => Err(ReadError::NotFound(*cid)),
        Ok(()) => Err(ReadError::SourceChanged { path: file.path.clone(), cid: *cid }),
        Err(error) => Err(match error.kind() {
            _ if file.growing => ReadError::NotFound(*cid),
            ErrorKind::NotFound | ErrorKind::NotADirectory => ReadError::SourceGone { path: file.path.clone(), cid: *cid },
            ErrorKind::UnexpectedEof | ErrorKind::IsADirectory => ReadError::SourceChanged { path: file.path.clone(), cid: *cid },
            _ => StorageError::new("read", &file.path, error).into(),
        }),
    }
}
