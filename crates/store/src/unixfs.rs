//! UnixFS: files, directories and symbolic links as blocks.
//!
//! ```text
//!   raw block (codec 0x55)            the bytes of a chunk, nothing else
//!   File       dag-pb, links to chunks in order; data: type 2, filesize, blocksizes = file bytes below each link
//!   Directory  dag-pb, one named link per entry, sorted by name; data: type 1
//!   Symlink    dag-pb without links; data: type 4 and the target's text
//!   HAMTShard  dag-pb, part of a directory too large for one block: see [`crate::hamt`]
//! ```
//!
//! [`Node::decode`] takes blocks from strangers. Their hash was checked, which proves only that they are what the author of the root made, and the
//! author may be hostile: sizes that do not add up, names that climb out of a directory (`..`, `a/b`) and names that stand twice are refused here, so
//! that nothing above has to think of them.
//!
//! Specification: <https://specs.ipfs.tech/unixfs/>. Its text says "File (0)" and "Raw (2)" in one place; the published blocks have 2 and 0.

use bytes::Bytes;
use peerglass_core::wire::{FieldReader, FieldValue, WireError, put_bytes_field, put_varint_field, take_varint};
use thiserror::Error;

use crate::Cid;
use crate::cid::{DAG_PB, RAW};
use crate::dag_pb::{PbError, PbLink, PbNode};
use crate::hamt::Shard;

/// What a UnixFS node says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A chunk of a file in dag-pb clothes: old programs made them.
    Raw = 0,
    /// A directory in one block.
    Directory = 1,
    /// A file, or an inner node of one.
    File = 2,
    /// Never used by anybody.
    Metadata = 3,
    /// A symbolic link.
    Symlink = 4,
    /// A part of a large directory.
    Shard = 5,
}

/// The message in the Data field of a dag-pb node. Permissions and times are read over: we neither write nor restore them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeData {
    /// What the node is.
    pub kind: Kind,
    /// File bytes, link target, or bit field.
    pub data: Option<Vec<u8>>,
    /// File bytes in and below this node.
    pub file_size: Option<u64>,
    /// File bytes below each link.
    pub block_sizes: Vec<u64>,
    /// Shards: the multihash code of the function that hashes names.
    pub hash_type: Option<u64>,
    /// Shards: buckets per shard.
    pub fanout: Option<u64>,
}

impl NodeData {
    /// Nothing but a kind.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self { kind, data: None, file_size: None, block_sizes: Vec::new(), hash_type: None, fanout: None }
    }

    /// Fields in the order of their numbers, block sizes not packed: what the published CIDs are made of.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint_field(&mut out, 1, self.kind as u64);
        if let Some(data) = &self.data {
            put_bytes_field(&mut out, 2, data);
        }
        let optional = |out: &mut Vec<u8>, number, value: Option<u64>| {
            if let Some(value) = value {
                put_varint_field(out, number, value);
            }
        };
        optional(&mut out, 3, self.file_size);
        self.block_sizes.iter().for_each(|size| put_varint_field(&mut out, 4, *size));
        optional(&mut out, 5, self.hash_type);
        optional(&mut out, 6, self.fanout);
        out
    }

    /// Decodes the message. For hostile input: never panics, allocates no more than a small multiple of the input.
    pub fn decode(bytes: &[u8]) -> Result<Self, NodeError> {
        let (mut message, mut kind) = (Self::new(Kind::Raw), None);
        let mut fields = FieldReader::new(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => kind = Some(Kind::from_number(value.varint()?)?),
                2 => message.data = Some(value.bytes()?.to_vec()),
                3 => message.file_size = Some(value.varint()?),
                4 => read_sizes(value, &mut message.block_sizes)?,
                5 => message.hash_type = Some(value.varint()?),
                6 => message.fanout = Some(value.varint()?),
                _ => {}
            }
        }
        message.kind = kind.ok_or(NodeError::Malformed("the node does not say what it is"))?;
        Ok(message)
    }
}

impl Kind {
    fn from_number(number: u64) -> Result<Self, NodeError> {
        [Kind::Raw, Kind::Directory, Kind::File, Kind::Metadata, Kind::Symlink, Kind::Shard]
            .into_iter()
            .find(|kind| *kind as u64 == number)
            .ok_or(NodeError::Malformed("the node is of an unknown type"))
    }
}

/// Block sizes, one by one or packed: protobuf readers take both.
fn read_sizes(value: FieldValue<'_>, sizes: &mut Vec<u64>) -> Result<(), NodeError> {
    match value {
        FieldValue::Bytes(mut packed) => {
            while !packed.is_empty() {
                sizes.push(take_varint(&mut packed)?);
            }
        }
        single => sizes.push(single.varint()?),
    }
    Ok(())
}

/// Why a block cannot be used as part of a file system.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NodeError {
    /// The block has a codec that file systems are not made of.
    #[error("codec {0:#x} holds no files: a file or directory is raw (0x55) or dag-pb (0x70)")]
    Codec(u64),
    /// The bytes are not dag-pb.
    #[error(transparent)]
    Pb(#[from] PbError),
    /// The bytes in the node are not a protobuf message.
    #[error("the block is dag-pb but not UnixFS: {0}")]
    Wire(#[from] WireError),
    /// Parts of the node contradict each other.
    #[error("the UnixFS node is malformed: {0}")]
    Malformed(&'static str),
    /// A name that no directory may have.
    #[error("the directory holds the unsafe name {0:?}")]
    Name(String),
}

/// A part of a file below a node: where it is found and how many file bytes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The block with the chunk, or with the node above more chunks.
    pub cid: Cid,
    /// File bytes in and below it.
    pub size: u64,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// One safe component of a path: not empty, no slash, not `.` or `..`, no NUL. Not always UTF-8.
    pub name: Vec<u8>,
    /// The file or directory.
    pub cid: Cid,
    /// Encoded bytes of its DAG, as the author says. A hint.
    pub size: u64,
}

/// A block, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// File bytes in this block, followed by those below the children. The sizes add up without overflow.
    File {
        /// Bytes at the front. All there is, in a leaf.
        data: Bytes,
        /// What follows, in order.
        children: Vec<Chunk>,
        /// Bytes in all.
        size: u64,
    },
    /// Entries with unique names, in the order of the block.
    Directory(Vec<Entry>),
    /// The target's text.
    Symlink(Vec<u8>),
    /// Part of a large directory.
    Shard(Shard),
}

impl Node {
    /// Understands the block `data` of `cid`, whose hash was checked before.
    pub fn decode(cid: &Cid, data: &Bytes) -> Result<Self, NodeError> {
        match cid.codec() {
            RAW => Ok(Node::File { data: data.clone(), children: Vec::new(), size: data.len() as u64 }),
            DAG_PB => Self::from_pb(PbNode::decode(data)?),
            other => Err(NodeError::Codec(other)),
        }
    }

    fn from_pb(node: PbNode) -> Result<Self, NodeError> {
        let message = NodeData::decode(node.data.as_deref().ok_or(NodeError::Malformed("it has no data field"))?)?;
        match message.kind {
            Kind::File | Kind::Raw => file(node.links, message),
            Kind::Directory => Ok(Node::Directory(entries(node.links)?)),
            Kind::Symlink => symlink(&node.links, message),
            Kind::Shard => Ok(Node::Shard(Shard::from_pb(node.links, &message)?)),
            Kind::Metadata => Err(NodeError::Malformed("metadata nodes were never specified")),
        }
    }
}

fn file(links: Vec<PbLink>, message: NodeData) -> Result<Node, NodeError> {
    if links.len() != message.block_sizes.len() {
        return Err(NodeError::Malformed("a file must have one block size for each link"));
    }
    if links.iter().any(|link| link.name.as_ref().is_some_and(|name| !name.is_empty())) {
        return Err(NodeError::Malformed("a file's links must have no names"));
    }
    let data = Bytes::from(message.data.unwrap_or_default());
    let sizes = message.block_sizes.iter().try_fold(data.len() as u64, |sum, size| sum.checked_add(*size));
    let size = sizes.filter(|size| *size < 1 << 63).ok_or(NodeError::Malformed("the sizes of the chunks overflow"))?;
    if message.file_size.unwrap_or(0) != size {
        return Err(NodeError::Malformed("the file's size is not the sum of its chunks"));
    }
    let children = links.iter().zip(message.block_sizes).map(|(link, size)| Chunk { cid: link.cid, size }).collect();
    Ok(Node::File { data, children, size })
}

fn entries(links: Vec<PbLink>) -> Result<Vec<Entry>, NodeError> {
    let entries: Vec<Entry> = links.into_iter().map(|link| entry(link.name.unwrap_or_default(), link.cid, link.size)).collect::<Result<_, _>>()?;
    let mut names: Vec<&[u8]> = entries.iter().map(|entry| &entry.name[..]).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(_) => Err(NodeError::Malformed("a name stands twice in a directory")),
        None => Ok(entries),
    }
}

/// An entry whose name was checked.
pub(crate) fn entry(name: Vec<u8>, cid: Cid, size: Option<u64>) -> Result<Entry, NodeError> {
    if safe_name(&name) { Ok(Entry { name, cid, size: size.unwrap_or(0) }) } else { Err(NodeError::Name(String::from_utf8_lossy(&name).into())) }
}

/// Whether `name` is one component of a path that stays where it is put.
#[must_use]
pub fn safe_name(name: &[u8]) -> bool {
    // Windows gives meaning to more characters, and must not be tricked with them.
    let special = |byte: &u8| matches!(byte, b'/' | 0) || (cfg!(windows) && matches!(byte, b'\\' | b':'));
    !matches!(name, b"" | b"." | b"..") && name.len() <= 255 && !name.iter().any(special)
}

fn symlink(links: &[PbLink], message: NodeData) -> Result<Node, NodeError> {
    match message.data {
        Some(target) if links.is_empty() && !target.is_empty() && !target.contains(&0) => Ok(Node::Symlink(target)),
        _ => Err(NodeError::Malformed("a symbolic link needs a target and nothing else")),
    }
}

/// The block of a symbolic link.
#[must_use]
pub fn symlink_block(target: &[u8]) -> Vec<u8> {
    let message = NodeData { data: Some(target.to_vec()), ..NodeData::new(Kind::Symlink) };
    PbNode { links: Vec::new(), data: Some(message.encode()) }.encode()
}

#[cfg(test)]
#[path = "unixfs_tests.rs"]
mod tests;
