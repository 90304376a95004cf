//! Content ids and DAG nodes.

use bytes::Bytes;
use peerglass_store::cid::DAG_PB;
use peerglass_store::dag_pb::PbNode;
use peerglass_store::unixfs::{Node, NodeData, safe_name};
use peerglass_store::{Block, HashKind, cid_from_bytes, cid_of, parse_cid, verify};

/// A content id, as text and as bytes. What was understood is understood again in its own spelling.
pub(crate) fn cid(bytes: &[u8]) {
    if let Ok(cid) = std::str::from_utf8(bytes).map_err(drop).and_then(|text| parse_cid(text).map_err(drop)) {
        assert_eq!(parse_cid(&cid.to_string()).ok(), Some(cid));
    }
    if let Ok(cid) = cid_from_bytes(bytes) {
        assert_eq!(cid_from_bytes(&cid.to_bytes()).ok(), Some(cid));
    }
}

/// A dag-pb block. What was understood means the same in the one form that is written.
pub(crate) fn dag_pb(bytes: &[u8]) {
    if let Ok(node) = PbNode::decode(bytes) {
        let again = node.encode();
        assert_eq!(again.len(), node.encoded_len());
        assert_eq!(PbNode::decode(&again).ok(), Some(node));
    }
}

/// The UnixFS message inside a dag-pb block.
pub(crate) fn unixfs(bytes: &[u8]) {
    if let Ok(data) = NodeData::decode(bytes) {
        assert_eq!(NodeData::decode(&data.encode()).ok(), Some(data));
    }
}

/// A block as Bitswap carries it: the length of a CID prefix, the prefix, the data. A block that is accepted has a CID that fits its data.
pub(crate) fn prefix(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else { return };
    let (prefix, data) = rest.split_at(usize::from(*length).min(rest.len()));
    if let Ok(block) = Block::from_prefix(prefix, Bytes::copy_from_slice(data)) {
        assert!(verify(block.cid(), data).is_ok());
    }
}

/// A block as the walk over a DAG reads it. Sizes add up, and no name leads out of its directory.
pub(crate) fn node(bytes: &[u8]) {
    let cid = cid_of(DAG_PB, HashKind::Blake3, bytes);
    match Node::decode(&cid, &Bytes::copy_from_slice(bytes)) {
        Ok(Node::File { data, children, size }) => assert_eq!(children.iter().map(|chunk| chunk.size).sum::<u64>() + data.len() as u64, size),
        Ok(Node::Directory(entries)) => assert!(entries.iter().all(|entry| safe_name(&entry.name))),
        Ok(Node::Shard(shard)) => assert!(shard.entries.iter().all(|entry| safe_name(&entry.name))),
        Ok(Node::Symlink(_)) | Err(_) => {}
    }
}
