//! Large directories as a tree of blocks: a hash array mapped trie (HAMT).
//!
//! A directory whose block would be over 256 KiB is cut by the hash of its names. A shard has 256 buckets, chosen by the next byte of the hash; a
//! bucket holds nothing, one entry, or, when two names meet in it, a shard on the byte after.
//!
//! ```text
//!   hash("470.txt") = 00 6e 88 ...        root shard: "00" ---> sub-shard: "6E470.txt" -> file
//!   hash("742.txt") = 00 ff 87 ...                                         "FF742.txt" -> file
//! ```
//!
//! A link's name is the bucket in upper-case hexadecimal, followed by the entry's name unless it leads to a sub-shard. The hash is murmur3 x64, of which
//! the first 64-bit half is taken, most significant bits first; the bit field of used buckets is a big-endian number without its leading zero bytes. (The
//! specification's text says little-endian and least significant first; the blocks in the network and their published CIDs say this.)
//!
//! The form is canonical: the same names give the same blocks in whatever order they come.

use crate::Link;
use crate::cid::DAG_PB;
use crate::dag_pb::{PbLink, PbNode};
use crate::hash::{HashKind, cid_of};
use crate::unixfs::{Entry, Kind, NodeData, NodeError, entry};
use crate::{BlockSink, ImportError, NodeBlock, StorageError};

/// A directory whose block would have more bytes than this is sharded.
pub const SHARD_ABOVE: usize = 262_144;

const FANOUT: u64 = 256;
const MURMUR3_X64_64: u64 = 0x22;

/// A part of a sharded directory, as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Buckets of this shard: a power of two from 8 to 1,024, the same in the whole tree.
    pub fanout: u64,
    /// Entries that stand in this shard.
    pub entries: Vec<Entry>,
    /// Shards below this one.
    pub shards: Vec<Link>,
}

impl Shard {
    /// How deep a tree with this fanout can be: the hash has 64 bits.
    #[must_use]
    pub const fn max_depth(&self) -> u32 {
        64 / self.fanout.trailing_zeros()
    }

    pub(crate) fn from_pb(links: Vec<PbLink>, message: &NodeData) -> Result<Self, NodeError> {
        let fanout = message.fanout.unwrap_or(0);
        // An unchecked fanout once made readers allocate without end: CVE-2023-23625.
        if !fanout.is_power_of_two() || !(8..=1024).contains(&fanout) {
            return Err(NodeError::Malformed("a shard's fanout must be a power of two from 8 to 1,024"));
        }
        if message.hash_type != Some(MURMUR3_X64_64) {
            return Err(NodeError::Malformed("a shard's names must be hashed with murmur3-x64-64"));
        }
        let mut shard = Self { fanout, entries: Vec::new(), shards: Vec::new() };
        let width = format!("{:X}", fanout - 1).len();
        let mut last = None;
        for link in links {
            let bucket = shard.add(link, width)?;
            if last.is_some_and(|last| bucket <= last) {
                return Err(NodeError::Malformed("a shard's links must be sorted by bucket, one for each"));
            }
            last = Some(bucket);
        }
        Ok(shard)
    }

    fn add(&mut self, link: PbLink, width: usize) -> Result<u64, NodeError> {
        let mut prefix = link.name.unwrap_or_default();
        let name = if prefix.len() >= width { prefix.split_off(width) } else { return Err(NodeError::Malformed("a shard's link has no bucket")) };
        let bucket = std::str::from_utf8(&prefix).ok().filter(|hex| hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')));
        let bucket = bucket.and_then(|hex| u64::from_str_radix(hex, 16).ok()).filter(|bucket| *bucket < self.fanout);
        let bucket = bucket.ok_or(NodeError::Malformed("a shard's link has a malformed bucket"))?;
        if name.is_empty() {
            self.shards.push(Link { cid: link.cid, size: link.size.unwrap_or(0) });
        } else {
            self.entries.push(entry(name, link.cid, link.size)?);
        }
        Ok(bucket)
    }
}

/// Writes `entries` as a sharded directory and returns the link to its root shard.
pub(crate) fn build(entries: Vec<Entry>, hash: HashKind, sink: &mut dyn BlockSink) -> Result<Link, ImportError> {
    let mut hashed: Vec<(u64, Entry)> = entries.into_iter().map(|entry| (name_hash(&entry.name), entry)).collect();
    hashed.sort_by_key(|(hash, _)| *hash);
    build_shard(&hashed, 0, hash, sink)
}

/// One shard over names that agree in the first `depth` bytes of their hash. At most eight levels deep.
fn build_shard(entries: &[(u64, Entry)], depth: u32, hash: HashKind, sink: &mut dyn BlockSink) -> Result<Link, ImportError> {
    let bucket_of = |hash: u64| (hash >> (56 - 8 * depth)) as u8;
    let mut node = PbNode::default();
    let mut used = [0u8; 32];
    for group in entries.chunk_by(|a, b| bucket_of(a.0) == bucket_of(b.0)) {
        let bucket = bucket_of(group[0].0);
        used[31 - usize::from(bucket / 8)] |= 1 << (bucket % 8);
        let prefix = format!("{bucket:02X}").into_bytes();
        node.links.push(match group {
            [(_, entry)] => PbLink::named([&prefix[..], &entry.name].concat(), Link { cid: entry.cid, size: entry.size }),
            _ if depth == 7 => return Err(ImportError::HashCollision(String::from_utf8_lossy(&group[0].1.name).into())),
            _ => PbLink::named(prefix, build_shard(group, depth + 1, hash, sink)?),
        });
    }
    let bits = used.iter().position(|byte| *byte != 0).map_or(&[][..], |first| &used[first..]);
    let message = NodeData { data: Some(bits.to_vec()), hash_type: Some(MURMUR3_X64_64), fanout: Some(FANOUT), ..NodeData::new(Kind::Shard) };
    node.data = Some(message.encode());
    Ok(write_node(&node, hash, sink)?)
}

/// Encodes a node, gives it to the sink, and returns the link to it: its size is its own plus what its links say.
pub(crate) fn write_node(node: &PbNode, hash: HashKind, sink: &mut dyn BlockSink) -> Result<Link, StorageError> {
    let bytes = node.encode();
    let below: u64 = node.links.iter().map(|link| link.size.unwrap_or(0)).sum();
    let link = Link { cid: cid_of(DAG_PB, hash, &bytes), size: bytes.len() as u64 + below };
    sink.node(NodeBlock { cid: link.cid, bytes: bytes.into(), links: &node.links })?;
    Ok(link)
}

/// The first half of murmur3 x64 128 with seed 0.
#[must_use]
pub fn name_hash(name: &[u8]) -> u64 {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let mix1 = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let mix2 = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let (mut h1, mut h2) = (0u64, 0u64);
    let (blocks, tail) = name.as_chunks::<16>();
    for block in blocks {
        let (k1, k2) = halves(block);
        h1 = (h1 ^ mix1(k1)).rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ mix2(k2)).rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let mut padded = [0; 16];
    padded[..tail.len()].copy_from_slice(tail);
    let (k1, k2) = halves(&padded);
    h2 ^= mix2(k2) ^ name.len() as u64;
    h1 ^= mix1(k1) ^ name.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    finish(h1).wrapping_add(finish(h2))
}

fn halves(block: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*block);
    (both as u64, (both >> 64) as u64)
}

const fn finish(mut k: u64) -> u64 {
    k = (k ^ (k >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    k = (k ^ (k >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hash_to_the_published_values() {
        assert_eq!(name_hash(b"470.txt"), 0x006e_88df_5847_e67c);
        assert_eq!(name_hash(b"742.txt"), 0x00ff_87d1_29ae_5428);
    }

    #[test]
    fn hostile_shards_are_refused() {
        let link = |name: &str| PbLink::named(name.as_bytes().to_vec(), Link { cid: cid_of(0x55, HashKind::Blake3, b""), size: 0 });
        let message = |fanout| NodeData { hash_type: Some(MURMUR3_X64_64), fanout: Some(fanout), ..NodeData::new(Kind::Shard) };
        let shard = |names: &[&str], fanout| Shard::from_pb(names.iter().map(|name| link(name)).collect(), &message(fanout));
        assert!(shard(&["00", "01a", "FFb"], 256).is_ok());
        assert!(shard(&["000a", "3FFb"], 1024).is_ok());
        assert!(shard(&["400a"], 1024).is_err());
        for (names, fanout) in [(&["0"][..], 256), (&["ff"], 256), (&["GG"], 256), (&["01a", "00b"], 256), (&["00", "00a"], 256), (&["00../x"], 256)]
        {
            assert!(shard(names, fanout).is_err(), "{names:?}");
        }
        for fanout in [0, 1, 4, 100, 2048, 1 << 40] {
            assert!(shard(&[], fanout).is_err(), "{fanout}");
        }
    }
}
