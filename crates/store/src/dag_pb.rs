//! dag-pb: the protobuf that blocks with links are written in.
//!
//! ```text
//!   PBNode: Links = 2 (repeated PBLink), Data = 1 (bytes)        Links stand BEFORE Data although their number is higher
//!   PBLink: Hash = 1 (binary CID), Name = 2 (string), Tsize = 3 (varint)
//! ```
//!
//! A block is named by its hash, so a node must have exactly one encoding: the encoder writes that one, the decoder refuses what it would not have
//! written (unknown fields, repeated fields, lengths padded with zeroes), except that it takes Data before Links, which old programs wrote. "Absent"
//! and "empty" are different for Data and for Name, and differ in their hash: links from a file to its chunks carry a name that is empty *and present*.
//!
//! Specification: <https://ipld.io/specs/codecs/dag-pb/spec/>.

use peerglass_core::wire::{bytes_field_len, put_bytes_field, put_varint, put_varint_field, take_bytes, take_minimal_varint, varint_field_len};
use thiserror::Error;

use crate::cid::cid_from_bytes;
use crate::hash::MAX_BLOCK;
use crate::{Cid, Link};

/// A link with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PbLink {
    /// The block linked to.
    pub cid: Cid,
    /// The name, which is not always UTF-8. `Some(empty)` and `None` are different.
    pub name: Option<Vec<u8>>,
    /// Encoded bytes of the whole DAG below, as the author says. A hint, never to be trusted.
    pub size: Option<u64>,
}

impl PbLink {
    /// A link as files have them to their chunks: the name is empty and present.
    #[must_use]
    pub fn chunk(link: Link) -> Self {
        Self { cid: link.cid, name: Some(Vec::new()), size: Some(link.size) }
    }

    /// A link as directories have them to their entries.
    #[must_use]
    pub fn named(name: Vec<u8>, link: Link) -> Self {
        Self { cid: link.cid, name: Some(name), size: Some(link.size) }
    }
}

/// A node: links in order, and data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PbNode {
    /// In the order they stand in the block.
    pub links: Vec<PbLink>,
    /// `Some(empty)` and `None` are different.
    pub data: Option<Vec<u8>>,
}

/// Why bytes are not a dag-pb node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the block is not valid dag-pb: {0}")]
pub struct PbError(&'static str);

impl PbNode {
    /// The one encoding of this node.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        for link in &self.links {
            put_varint(&mut out, 2 << 3 | 2);
            put_varint(&mut out, link.body_len() as u64);
            link.encode_body(&mut out);
        }
        if let Some(data) = &self.data {
            put_bytes_field(&mut out, 1, data);
        }
        out
    }

    /// How many bytes [`PbNode::encode`] gives.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let links: usize = self.links.iter().map(PbLink::encoded_len).sum();
        links + self.data.as_ref().map_or(0, |data| bytes_field_len(1, data.len()))
    }

    /// Decodes a block. For hostile input: never panics, never allocates more than a small multiple of the input.
    pub fn decode(block: &[u8]) -> Result<Self, PbError> {
        if block.len() > MAX_BLOCK {
            return Err(PbError("it is larger than a block may be"));
        }
        let mut node = Self::default();
        let (mut rest, mut links_closed) = (block, false);
        while !rest.is_empty() {
            match field(&mut rest)? {
                (2, Field::Bytes(_)) if links_closed => return Err(PbError("the links are not together")),
                (2, Field::Bytes(body)) => node.links.push(PbLink::decode(body)?),
                (1, Field::Bytes(data)) => {
                    links_closed = !node.links.is_empty();
                    set_once(&mut node.data, data.to_vec())?;
                }
                _ => return Err(PbError("a node has a field that dag-pb does not know")),
            }
        }
        Ok(node)
    }
}

impl PbLink {
    fn encode_body(&self, out: &mut Vec<u8>) {
        put_bytes_field(out, 1, &self.cid.to_bytes());
        if let Some(name) = &self.name {
            put_bytes_field(out, 2, name);
        }
        if let Some(size) = self.size {
            put_varint_field(out, 3, size);
        }
    }

    fn body_len(&self) -> usize {
        let name = self.name.as_ref().map_or(0, |name| bytes_field_len(2, name.len()));
        bytes_field_len(1, self.cid.encoded_len()) + name + self.size.map_or(0, |size| varint_field_len(3, size))
    }

    /// How many bytes this link adds to its node.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        bytes_field_len(2, self.body_len())
    }

    fn decode(body: &[u8]) -> Result<Self, PbError> {
        let (mut cid, mut name, mut size, mut rest) = (None, None, None, body);
        while !rest.is_empty() {
            match field(&mut rest)? {
                (1, Field::Bytes(bytes)) => set_once(&mut cid, cid_from_bytes(bytes).map_err(|_| PbError("a link holds a malformed CID"))?)?,
                (2, Field::Bytes(bytes)) => set_once(&mut name, bytes.to_vec())?,
                (3, Field::Varint(value)) => set_once(&mut size, value)?,
                _ => return Err(PbError("a link has a field that dag-pb does not know")),
            }
        }
        Ok(Self { cid: cid.ok_or(PbError("a link has no CID"))?, name, size })
    }
}

enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

/// One field with every varint in its shortest form.
fn field<'a>(rest: &mut &'a [u8]) -> Result<(u64, Field<'a>), PbError> {
    let varint = |rest: &mut &'a [u8]| take_minimal_varint(rest).map_err(|_| PbError("a varint is malformed or longer than needed"));
    let tag = varint(rest)?;
    let value = varint(rest)?;
    match tag & 7 {
        0 => Ok((tag >> 3, Field::Varint(value))),
        2 => Ok((tag >> 3, Field::Bytes(take_bytes(rest, value).map_err(|_| PbError("a field is longer than the block"))?))),
        _ => Err(PbError("a field has a wire type that dag-pb does not use")),
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T) -> Result<(), PbError> {
    if slot.replace(value).is_some() { Err(PbError("a field stands twice")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cid::{DAG_PB, RAW};
    use crate::hash::{HashKind, cid_of};
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_published_nodes_decode_and_encode_to_the_same_bytes() {
        for (cid, bytes) in [
            ("bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", ""),
            ("bafybeiaqfni3s5s2k2r6rgpxz4hohdsskh44ka5tk6ztbjerqpvxwfkwaq", "0a00"),
            ("bafybeibazl2z4vqp2tmwcfag6wirmtpnomxknqcgrauj7m2yisrz3qjbom", "0a050001020304"),
            (
                "bafybeihyivpglm6o6wrafbe36fp5l67abmewk7i2eob5wacdbhz7as5obe",
                "12240a2212207521fe19c374a97759226dc5c0c8e674e73950e81b211f7dd3b6b30883a08a51",
            ),
            ("bafybeie7fstnkm4yshfwnmpp7d3mlh4f4okmk7a54d6c3ffr755q7qzk44", "120d0a090155000500010203041200"),
            ("bafybeiezymjvhwfuharanxmzxwuomzjjuzqjewjolr4phaiyp6l7qfwo64", "12140a0901550005000102030418ffffffffffffff0f"),
            ("bafybeichjs5otecmbvwh5azdr4jc45mp2qcofh2fr54wjdxhz4znahod2i", "120d0a090155000500010203041800"),
        ] {
            let bytes = hex(bytes);
            assert_eq!(cid_of(DAG_PB, HashKind::Sha256, &bytes).to_string(), cid);
            let node = PbNode::decode(&bytes).unwrap();
            assert_eq!(node.encode(), bytes);
            assert!(crate::unixfs::Node::decode(&crate::parse_cid(cid).unwrap(), &bytes.into()).is_err(), "{cid} is no UnixFS node");
        }
    }

    #[test]
    fn data_before_links_is_read_and_links_around_data_are_not() {
        let link = "120d0a090155000500010203041800";
        assert_eq!(PbNode::decode(&hex(&format!("0a0101{link}{link}"))).unwrap().links.len(), 2);
        assert!(PbNode::decode(&hex(&format!("{link}0a0101{link}"))).is_err());
    }

    #[test]
    fn what_the_encoder_would_not_write_is_refused() {
        for bad in [
            "0a000a00",                         // Data twice
            "1a00",                             // unknown field
            "0a8000",                           // padded length
            "0a05",                             // shorter than said
            "1200",                             // a link without CID
            "12100a090155000500010203040a0101", // Hash twice
            "0801",                             // Data as a number
            "120b0a09015500050001020304",       // length in the link too short for its CID
            "120a0a0801550005000102",           // truncated CID
        ] {
            let outcome = PbNode::decode(&hex(bad));
            assert!(outcome.is_err() || bad.starts_with("120b"), "{bad}: {outcome:?}");
        }
        assert!(PbNode::decode(&vec![0; MAX_BLOCK + 1]).is_err());
    }

    fn link() -> impl Strategy<Value = PbLink> {
        (any::<[u8; 4]>(), any::<Option<Vec<u8>>>(), any::<Option<u64>>()).prop_map(|(seed, name, size)| PbLink {
            cid: cid_of(RAW, HashKind::Blake3, &seed),
            name,
            size,
        })
    }

    proptest! {
        #[test]
        fn nodes_round_trip(links in proptest::collection::vec(link(), 0..20), data: Option<Vec<u8>>) {
            let node = PbNode { links, data };
            let bytes = node.encode();
            prop_assert_eq!(bytes.len(), node.encoded_len());
            prop_assert_eq!(PbNode::decode(&bytes), Ok(node));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
            let _ = PbNode::decode(&bytes);
        }

        #[test]
        fn a_changed_byte_never_panics(links in proptest::collection::vec(link(), 1..5), at: prop::sample::Index, with: u8) {
            let mut bytes = PbNode { links, data: None }.encode();
            let at = at.index(bytes.len());
            bytes[at] = with;
            let _ = PbNode::decode(&bytes);
        }
    }
}
