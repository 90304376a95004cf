//! What stands in the index: files, roots and places, and how they are written.
//!
//! Records are protobuf messages, so that later versions can add fields and still read these.

use std::path::PathBuf;

use peerglass_core::wire::{FieldReader, WireError, put_bytes_field, put_varint_field};

use crate::cid::cid_from_bytes;
use crate::platform::{name_bytes, name_from_bytes};
use crate::{Cid, Stamp};

/// A file that blocks lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileRecord {
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
    /// A download writes to it: its stamp means nothing yet.
    pub(crate) growing: bool,
}

impl FileRecord {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes_field(&mut out, 1, &path_bytes(&self.path));
        put_varint_field(&mut out, 2, self.stamp.size);
        put_bytes_field(&mut out, 3, &self.stamp.modified.to_le_bytes());
        put_varint_field(&mut out, 4, self.growing.into());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut record = Self { path: PathBuf::new(), stamp: Stamp { size: 0, modified: 0 }, growing: false };
        let mut fields = FieldReader::new(bytes);
        while let Some((number, value)) = fields.next().ok()? {
            match number {
                1 => record.path = path_from(value.bytes().ok()?),
                2 => record.stamp.size = value.varint().ok()?,
                3 => record.stamp.modified = i128::from_le_bytes(value.bytes().ok()?.try_into().ok()?),
                4 => record.growing = value.varint().ok()? != 0,
                _ => {}
            }
        }
        Some(record)
    }
}

/// Why content is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RootKind {
    /// Files of the user's that are served from where they lie.
    Shared,
    /// A download that is not complete.
    Downloading,
    /// A download that is complete, served from where it was put.
    Downloaded,
    /// Copied into the store.
    Pinned,
}

impl RootKind {
    const ALL: [RootKind; 4] = [RootKind::Shared, RootKind::Downloading, RootKind::Downloaded, RootKind::Pinned];
}

/// Content that is kept, with all that its DAG reaches, until it is unshared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Names the content.
    pub cid: Cid,
    /// Where the files are. Empty for what was copied from a stream.
    pub path: PathBuf,
    /// What to call it: the last part of the path as a rule.
    pub name: String,
    /// Why it is kept.
    pub kind: RootKind,
    /// Seconds from the Unix epoch to when it came, by the clock of whoever put it.
    pub when: u64,
    /// Bytes of its files, 0 while not known.
    pub size: u64,
}

impl Root {
    /// A root that is kept under the last part of its path.
    #[must_use]
    pub fn new(cid: Cid, path: PathBuf, kind: RootKind, when: u64) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { cid, path, name, kind, when, size: 0 }
    }

    pub(super) fn key(&self) -> Vec<u8> {
        [&self.cid.to_bytes()[..], &path_bytes(&self.path)].concat()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes_field(&mut out, 1, &self.cid.to_bytes());
        put_bytes_field(&mut out, 2, &path_bytes(&self.path));
        put_bytes_field(&mut out, 3, self.name.as_bytes());
        put_varint_field(&mut out, 4, self.kind as u64);
        put_varint_field(&mut out, 5, self.when);
        put_varint_field(&mut out, 6, self.size);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        Self::read(bytes).ok().filter(|root| root.cid != Cid::default())
    }

    fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut root = Self::new(Cid::default(), PathBuf::new(), RootKind::Shared, 0);
        let mut fields = FieldReader::new(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => root.cid = cid_from_bytes(value.bytes()?).unwrap_or_default(),
                2 => root.path = path_from(value.bytes()?),
                3 => root.name = String::from_utf8_lossy(value.bytes()?).into_owned(),
                4 => root.kind = RootKind::ALL.get(value.varint()? as usize).copied().unwrap_or(RootKind::Shared),
                5 => root.when = value.varint()?,
                6 => root.size = value.varint()?,
                _ => {}
            }
        }
        Ok(root)
    }
}

pub(super) fn path_bytes(path: &std::path::Path) -> Vec<u8> {
    name_bytes(path.as_os_str()).unwrap_or_else(|| path.to_string_lossy().into_owned().into_bytes())
}

fn path_from(bytes: &[u8]) -> PathBuf {
    name_from_bytes(bytes).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_round_trip(path: String, size: u64, modified: i128, growing: bool, when: u64, kind in 0usize..4) {
            let file = FileRecord { path: path.clone().into(), stamp: Stamp { size, modified }, growing };
            prop_assert_eq!(FileRecord::decode(&file.encode()), Some(file));
            let cid = crate::cid_of(0x55, crate::HashKind::Blake3, path.as_bytes());
            let root = Root { size, ..Root::new(cid, path.into(), RootKind::ALL[kind], when) };
            prop_assert_eq!(Root::decode(&root.encode()), Some(root));
        }

        #[test]
        fn a_damaged_record_never_panics(bytes: Vec<u8>) {
            let _ = (FileRecord::decode(&bytes), Root::decode(&bytes));
        }
    }
}
