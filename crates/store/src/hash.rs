//! Hash functions, and blocks that are known to be what their CID says.
//!
//! BLAKE3 is the default: on a processor without SHA instructions it is seventeen times faster than SHA-256, and every current IPFS implementation
//! verifies it. SHA-256 is there for those whose tools know nothing else; it goes through `ring`, which is twice as fast as portable Rust.
//!
//! Data from a stranger is checked once, at the door, and the check is kept in the type: a [`Block`] can only be made by hashing its bytes. What takes
//! a `Block` (the stores, a download) needs no second look, and what only has bytes and a claim cannot call it.

use bytes::Bytes;
use multihash::Multihash;
use peerglass_core::wire::{take_minimal_varint, varint_len};
use thiserror::Error;

use crate::Cid;
use crate::cid::{DAG_PB, IDENTITY, MAX_DIGEST, inline_data};

/// The largest block that is stored or accepted: what Bitswap peers must support.
pub const MAX_BLOCK: usize = 2 << 20;

const SHA2_256: u64 = 0x12;
const BLAKE3: u64 = 0x1e;

/// The hash functions that new content can be named by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HashKind {
    /// BLAKE3 with a digest of 32 bytes.
    #[default]
    Blake3,
    /// SHA2-256.
    Sha256,
}

impl HashKind {
    /// The multihash code.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            HashKind::Blake3 => BLAKE3,
            HashKind::Sha256 => SHA2_256,
        }
    }

    /// The function with this multihash code, if it is one of ours.
    #[must_use]
    pub const fn from_code(code: u64) -> Option<Self> {
        match code {
            BLAKE3 => Some(HashKind::Blake3),
            SHA2_256 => Some(HashKind::Sha256),
            _ => None,
        }
    }

    /// The digest of `bytes`.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> [u8; 32] {
        match self {
            HashKind::Blake3 => *blake3::hash(bytes).as_bytes(),
            HashKind::Sha256 => {
                let mut digest = [0; 32];
                digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
                digest
            }
        }
    }

    fn multihash(self, bytes: &[u8]) -> Multihash<MAX_DIGEST> {
        Multihash::wrap(self.code(), &self.digest(bytes)).expect("a digest of 32 bytes fits into 64")
    }
}

impl std::str::FromStr for HashKind {
    type Err = VerifyError;

    fn from_str(name: &str) -> Result<Self, VerifyError> {
        match name {
            "blake3" => Ok(HashKind::Blake3),
            "sha2-256" | "sha256" => Ok(HashKind::Sha256),
            other => Err(VerifyError::UnknownName(other.to_owned())),
        }
    }
}

/// Why bytes were not accepted under a CID.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The bytes hash to something else.
    #[error("the bytes do not belong to {expected}: they hash to {actual}")]
    Mismatch {
        /// What they should be.
        expected: Cid,
        /// What they are.
        actual: Cid,
    },
    /// A hash function that this program does not have.
    #[error("the hash function {0:#x} is not supported: content must be named by blake3 (0x1e) or sha2-256 (0x12)")]
    UnknownHash(u64),
    /// The name of no hash function.
    #[error("\"{0}\" is not a hash function: use blake3 or sha2-256")]
    UnknownName(String),
    /// A digest that was cut to another length.
    #[error("a digest of {0} bytes is not supported: 32 bytes are needed")]
    DigestLength(u64),
    /// More bytes than a block may have.
    #[error("a block of {0} bytes is over the limit of {MAX_BLOCK}")]
    TooLarge(usize),
    /// A CID without digest that makes no sense.
    #[error("a malformed CID prefix")]
    Prefix,
}

/// The CID (version 1) of `bytes`.
#[must_use]
pub fn cid_of(codec: u64, hash: HashKind, bytes: &[u8]) -> Cid {
    Cid::new_v1(codec, hash.multihash(bytes))
}

/// Checks that `bytes` are the block that `cid` names.
pub fn verify(cid: &Cid, bytes: &[u8]) -> Result<(), VerifyError> {
    if bytes.len() > MAX_BLOCK {
        return Err(VerifyError::TooLarge(bytes.len()));
    }
    if let Some(data) = inline_data(cid) {
        let actual = || Cid::new_v1(cid.codec(), HashKind::Blake3.multihash(bytes));
        return if data == bytes { Ok(()) } else { Err(VerifyError::Mismatch { expected: *cid, actual: actual() }) };
    }
    let kind = HashKind::from_code(cid.hash().code()).ok_or(VerifyError::UnknownHash(cid.hash().code()))?;
    if cid.hash().size() != 32 {
        return Err(VerifyError::DigestLength(cid.hash().size().into()));
    }
    let actual = kind.multihash(bytes);
    if actual.digest() == cid.hash().digest() {
        return Ok(());
    }
    Err(VerifyError::Mismatch { expected: *cid, actual: Cid::new(cid.version(), cid.codec(), actual).unwrap_or(*cid) })
}

/// Whether blocks under this CID can be checked here at all: ask before fetching.
pub fn supported(cid: &Cid) -> Result<(), VerifyError> {
    match (cid.hash().code(), cid.hash().size()) {
        (IDENTITY, _) => Ok(()),
        (code, size) => match HashKind::from_code(code) {
            None => Err(VerifyError::UnknownHash(code)),
            Some(_) if size != 32 => Err(VerifyError::DigestLength(size.into())),
            Some(_) => Ok(()),
        },
    }
}

/// Bytes that are known to hash to their CID. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    cid: Cid,
    data: Bytes,
}

impl Block {
    /// Names new bytes.
    pub fn new(codec: u64, hash: HashKind, data: Bytes) -> Self {
        Self { cid: cid_of(codec, hash, &data), data }
    }

    /// Checks bytes against the CID that they are said to have.
    pub fn verified(cid: Cid, data: Bytes) -> Result<Self, VerifyError> {
        verify(&cid, &data)?;
        Ok(Self { cid, data })
    }

    /// Names received bytes by a CID prefix (a CID without its digest), as Bitswap sends them.
    ///
    /// Accepts `12 20` and `00 70 12 20` for version 0.
    pub fn from_prefix(prefix: &[u8], data: Bytes) -> Result<Self, VerifyError> {
        if data.len() > MAX_BLOCK {
            return Err(VerifyError::TooLarge(data.len()));
        }
        let Prefix { version, codec, hash } = Prefix::parse(prefix)?;
        let multihash = hash.multihash(&data);
        let cid = Cid::new(version, codec, multihash).map_err(|_| VerifyError::Prefix)?;
        Ok(Self { cid, data })
    }

    /// What the bytes are named by.
    #[must_use]
    pub fn cid(&self) -> &Cid {
        &self.cid
    }

    /// The bytes.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// For bytes that this crate has just hashed itself.
    pub(crate) fn trusted(cid: Cid, data: Bytes) -> Self {
        debug_assert_eq!(verify(&cid, &data), Ok(()));
        Self { cid, data }
    }
}

struct Prefix {
    version: ::cid::Version,
    codec: u64,
    hash: HashKind,
}

impl Prefix {
    fn parse(prefix: &[u8]) -> Result<Self, VerifyError> {
        let mut rest = prefix;
        let mut next = || take_minimal_varint(&mut rest).map_err(|_| VerifyError::Prefix);
        let (version, codec) = if prefix == [0x12, 0x20] { (0, DAG_PB) } else { (next()?, next()?) };
        let (code, length) = (next()?, next()?);
        let hash = HashKind::from_code(code).ok_or(VerifyError::UnknownHash(code))?;
        if length != 32 {
            return Err(VerifyError::DigestLength(length));
        }
        let version = ::cid::Version::try_from(version).map_err(|_| VerifyError::Prefix)?;
        if rest.is_empty() { Ok(Self { version, codec, hash }) } else { Err(VerifyError::Prefix) }
    }
}

/// The bytes of `cid` without its digest, as Bitswap sends them before a block's data.
#[must_use]
pub fn prefix_of(cid: &Cid) -> Vec<u8> {
    let multihash = cid.hash();
    let mut out = Vec::with_capacity(4 + varint_len(cid.codec()));
    for value in [u64::from(cid.version()), cid.codec(), multihash.code(), u64::from(multihash.size())] {
        peerglass_core::wire::put_varint(&mut out, value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cid::RAW;

    #[test]
    fn cids_are_the_published_ones() {
        for (hash, bytes, cid) in [
            (HashKind::Sha256, &b"hello world\n"[..], "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"),
            (HashKind::Sha256, b"hello application/vnd.ipld.car\n", "bafkreifkam6ns4aoolg3wedr4uzrs3kvq66p4pecirz6y2vlrngla62mxm"),
            (HashKind::Sha256, b"", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
            (HashKind::Blake3, b"", "bafkr4ifpcne3t5pzugtkaqcn5i3nzskjtpfslsnnyejlpte2spfoihzsmi"),
            (HashKind::Blake3, b"hello world\n", "bafkr4ig4ljhnxasawambeqcsymycobuw7ftxdjr3iusquxax2maa5artku"),
        ] {
            assert_eq!(cid_of(RAW, hash, bytes).to_string(), cid);
        }
    }

    #[test]
    fn other_bytes_under_a_cid_are_refused_and_named() {
        let cid = cid_of(RAW, HashKind::Blake3, b"right");
        assert_eq!(verify(&cid, b"right"), Ok(()));
        let expected = VerifyError::Mismatch { expected: cid, actual: cid_of(RAW, HashKind::Blake3, b"wrong") };
        assert_eq!(verify(&cid, b"wrong"), Err(expected));
        assert_eq!(verify(&cid, &vec![0; MAX_BLOCK + 1]), Err(VerifyError::TooLarge(MAX_BLOCK + 1)));
    }

    #[test]
    fn an_unknown_hash_is_an_error_that_names_the_known_ones() {
        let sha512 = Cid::new_v1(RAW, Multihash::wrap(0x13, &[0; 64]).unwrap());
        assert_eq!(verify(&sha512, b""), Err(VerifyError::UnknownHash(0x13)));
        assert!(supported(&sha512).unwrap_err().to_string().contains("blake3"));
        let short = Cid::new_v1(RAW, Multihash::wrap(0x12, &[0; 20]).unwrap());
        assert_eq!(verify(&short, b""), Err(VerifyError::DigestLength(20)));
    }

    #[test]
    fn a_received_block_is_named_by_its_prefix_and_not_by_the_senders_word() {
        let data = Bytes::from_static(b"hello world\n");
        let block = Block::from_prefix(&[0x01, 0x55, 0x12, 0x20], data.clone()).unwrap();
        assert_eq!(block.cid().to_string(), "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4");
        assert_eq!(prefix_of(block.cid()), [0x01, 0x55, 0x12, 0x20]);
        for v0 in [&[0x12, 0x20][..], &[0x00, 0x70, 0x12, 0x20]] {
            assert_eq!(Block::from_prefix(v0, data.clone()).unwrap().cid().version(), ::cid::Version::V0);
        }
        for bad in [&[][..], &[1], &[1, 0x55, 0x13, 64], &[1, 0x55, 0x12, 0x20, 0], &[2, 0x55, 0x12, 0x20], &[0, 0x55, 0x12, 0x20]] {
            assert!(Block::from_prefix(bad, data.clone()).is_err(), "{bad:?}");
        }
    }
}
