//! [`Prefix`]: a CID without its digest.

use core::fmt;

use peerglass_core::wire::{WireError, put_varint, take_minimal_varint};
use peerglass_store::Cid;

use super::CID_LIMIT;
use crate::RAW;

/// How the name of a block is computed from its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The version of the CID, 0 or 1.
    pub version: u64,
    /// How the block is encoded.
    pub codec: u64,
    /// How it is hashed.
    pub hash: u64,
    /// How many bytes of digest there are.
    pub digest_len: u64,
}

impl Prefix {
    /// Of a version 0 CID: dag-pb, SHA2-256.
    pub const V0: Prefix = Prefix { version: 0, codec: 0x70, hash: 0x12, digest_len: 32 };
    /// Of most blocks: plain bytes, SHA2-256.
    pub const RAW_SHA256: Prefix = Prefix { version: 1, codec: RAW, hash: 0x12, digest_len: 32 };

    /// The prefix of `cid`.
    #[must_use]
    pub fn of(cid: &Cid) -> Self {
        let hash = cid.hash();
        Self { version: cid.version().into(), codec: cid.codec(), hash: hash.code(), digest_len: u64::from(hash.size()) }
    }

    /// Reads a prefix that must fill all of `bytes`. Both forms in use for version 0 are read: `00 70 12 20` and `12 20`.
    pub fn parse(mut bytes: &[u8]) -> Result<Self, WireError> {
        if bytes == [0x12, 0x20] {
            return Ok(Self::V0);
        }
        let mut next = || take_minimal_varint(&mut bytes);
        let prefix = Self { version: next()?, codec: next()?, hash: next()?, digest_len: next()? };
        let known = prefix.version == 1 || prefix == Self::V0;
        if !known || !bytes.is_empty() {
            return Err(WireError::Invalid("a block's prefix is not that of a CID of version 0 or 1"));
        }
        if prefix.digest_len as usize > CID_LIMIT {
            return Err(WireError::TooLong { length: prefix.digest_len, limit: CID_LIMIT as u64 });
        }
        Ok(prefix)
    }

    /// Appends the prefix; that of version 0 as `00 70 12 20`.
    pub fn put(&self, out: &mut Vec<u8>) {
        for value in [self.version, self.codec, self.hash, self.digest_len] {
            put_varint(out, value);
        }
    }

    /// The prefix as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8);
        self.put(&mut out);
        out
    }

    /// The name of a block with this digest. `None` when the digest's length is not the one announced, or longer than a CID here can hold (64 bytes).
    #[must_use]
    pub fn cid(&self, digest: &[u8]) -> Option<Cid> {
        if digest.len() as u64 != self.digest_len {
            return None;
        }
        let mut bytes = Vec::with_capacity(8 + digest.len());
        match self.version {
            0 => bytes.extend_from_slice(&[0x12, 0x20]),
            _ => self.put(&mut bytes),
        }
        bytes.extend_from_slice(digest);
        Cid::try_from(&bytes[..]).ok()
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix(v{} codec {:#x} hash {:#x} {} bytes)", self.version, self.codec, self.hash, self.digest_len)
    }
}
