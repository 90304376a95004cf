use proptest::prelude::*;

use super::*;
use crate::Link;
use crate::hash::{HashKind, cid_of};

fn cid(seed: &[u8]) -> Cid {
    cid_of(RAW, HashKind::Blake3, seed)
}

fn v0(bytes: &[u8]) -> String {
    Cid::new_v0(*cid_of(DAG_PB, HashKind::Sha256, bytes).hash()).unwrap().to_string()
}

fn decode(node: &PbNode) -> Result<Node, NodeError> {
    let bytes = Bytes::from(node.encode());
    Node::decode(&cid_of(DAG_PB, HashKind::Blake3, &bytes), &bytes)
}

fn data(message: NodeData) -> Option<Vec<u8>> {
    Some(message.encode())
}

#[test]
fn small_nodes_are_the_published_ones() {
    assert_eq!(symlink_block(b"foo"), [0x0a, 0x07, 0x08, 0x04, 0x12, 0x03, b'f', b'o', b'o']);
    assert_eq!(v0(&symlink_block(b"foo")), "QmTB8BaCJdCH5H3k7GrxJsxgDNmNYGGR71C58ERkivXoj5");
    let empty = PbNode { links: vec![], data: data(NodeData::new(Kind::Directory)) }.encode();
    assert_eq!(v0(&empty), "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn");
    assert_eq!(cid_of(DAG_PB, HashKind::Sha256, &empty).to_string(), "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
    let empty = PbNode { links: vec![], data: data(NodeData { file_size: Some(0), ..NodeData::new(Kind::File) }) }.encode();
    assert_eq!(v0(&empty), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH");
}

#[test]
fn a_file_in_a_dag_pb_leaf_is_read() {
    for (text, cid, v1) in [
        ("hello world", "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD", None),
        ("Hello from IPFS Gateway Checker\n", "", Some("bafybeifx7yeb55armcsxwwitkymga5xf53dxiarykms3ygqic223w5sk3m")),
    ] {
        let message = NodeData { data: Some(text.into()), file_size: Some(text.len() as u64), ..NodeData::new(Kind::File) };
        let node = PbNode { links: vec![], data: data(message) };
        match v1 {
            None => assert_eq!(v0(&node.encode()), cid),
            Some(v1) => assert_eq!(cid_of(DAG_PB, HashKind::Sha256, &node.encode()).to_string(), v1),
        }
        let expected = Node::File { data: Bytes::from(text), children: vec![], size: text.len() as u64 };
        assert_eq!(decode(&node), Ok(expected));
    }
}

#[test]
fn the_inline_empty_directory_is_a_directory() {
    let inline = crate::parse_cid("bafyaabakaieac").unwrap();
    let block = Bytes::copy_from_slice(crate::cid::inline_data(&inline).unwrap());
    assert_eq!(Node::decode(&inline, &block), Ok(Node::Directory(vec![])));
}

#[test]
fn files_whose_sizes_do_not_add_up_are_refused() {
    let link = PbLink::chunk(Link { cid: cid(b"a"), size: 5 });
    let node = |sizes: Vec<u64>, size| PbNode {
        links: vec![link.clone()],
        data: data(NodeData { block_sizes: sizes, file_size: size, ..NodeData::new(Kind::File) }),
    };
    assert!(decode(&node(vec![5], Some(5))).is_ok());
    for (sizes, size) in [(vec![], Some(5)), (vec![5, 0], Some(5)), (vec![5], Some(6)), (vec![5], None), (vec![1 << 63], Some(1 << 63))] {
        assert!(decode(&node(sizes.clone(), size)).is_err(), "{sizes:?} {size:?}");
    }
    let mut named = node(vec![5], Some(5));
    named.links[0].name = Some(b"chunk".to_vec());
    assert!(decode(&named).is_err());
}

#[test]
fn directories_with_unsafe_or_repeated_names_are_refused() {
    let node = |names: &[&str]| PbNode {
        links: names.iter().map(|name| PbLink::named(name.as_bytes().to_vec(), Link { cid: cid(b"x"), size: 1 })).collect(),
        data: data(NodeData::new(Kind::Directory)),
    };
    assert!(decode(&node(&["a", "..a", "%2e%2e"])).is_ok());
    for bad in [&[""][..], &["."], &[".."], &["a/b"], &["/etc"], &["a\0"], &["a", "b", "a"]] {
        assert!(decode(&node(bad)).is_err(), "{bad:?}");
    }
}

#[test]
fn other_codecs_are_named_in_the_error() {
    let cbor = cid_of(0x71, HashKind::Blake3, b"");
    assert_eq!(Node::decode(&cbor, &Bytes::new()), Err(NodeError::Codec(0x71)));
}

fn message() -> impl Strategy<Value = NodeData> {
    let kinds = prop::sample::select(vec![Kind::Raw, Kind::Directory, Kind::File, Kind::Symlink, Kind::Shard]);
    (kinds, any::<Option<Vec<u8>>>(), any::<Option<u64>>(), any::<Vec<u64>>(), any::<Option<u64>>(), any::<Option<u64>>())
        .prop_map(|(kind, data, file_size, block_sizes, hash_type, fanout)| NodeData { kind, data, file_size, block_sizes, hash_type, fanout })
}

proptest! {
    #[test]
    fn messages_round_trip(message in message()) {
        prop_assert_eq!(NodeData::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>) {
        let _ = NodeData::decode(&bytes);
        let cid = cid_of(DAG_PB, HashKind::Blake3, &bytes);
        let _ = Node::decode(&cid, &Bytes::from(bytes));
    }

    #[test]
    fn any_message_in_any_node_is_understood_or_refused_without_panic(message in message(), names in proptest::collection::vec(any::<Vec<u8>>(), 0..4)) {
        let links = names.into_iter().map(|name| PbLink::named(name, Link { cid: cid(b"x"), size: 1 })).collect();
        let _ = decode(&PbNode { links, data: data(message) });
    }
}
