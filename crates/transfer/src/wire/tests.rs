//! The bytes against the golden frames of the reference, and against hostile ones.

use bytes::Bytes;
use peerglass_core::layout::{Holding, Kind, Name, parts};
use peerglass_core::wire::WireError;
use peerglass_store::Cid;
use proptest::prelude::*;

use super::*;
use crate::tests::{leaf, node};
use crate::{Block, Presence, Want};

const HELLO: &[u8] = b"hello world\n";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn hello() -> Cid {
    Cid::try_from("bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4").unwrap()
}

fn v0() -> Cid {
    Cid::try_from("QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n").unwrap()
}

fn want(kind: WantKind, cancel: bool, send_dont_have: bool) -> Want {
    Want { cid: hello(), priority: i32::from(!cancel), kind, cancel, send_dont_have }
}

fn body(frame: &[u8]) -> Bytes {
    let (header, length) = frame_length(frame).unwrap().unwrap();
    assert_eq!(header + length, frame.len());
    Bytes::copy_from_slice(&frame[header..])
}

/// The golden frames of the reference, made there by an independent encoder.
fn golden() -> Vec<(Message, &'static str)> {
    let wants = |full, want| Message { full, wants: vec![want], ..Message::default() };
    let presence = |have| Message { presences: vec![Presence { cid: hello(), have }], ..Message::default() };
    vec![
        (
            wants(true, want(WantKind::Block, false, false)),
            "2e0a2c0a280a2401551220a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a44710011001",
        ),
        (
            wants(false, want(WantKind::Have, false, true)),
            "300a2e0a2c0a2401551220a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447100120012801",
        ),
        (
            wants(false, want(WantKind::Block, true, false)),
            "2c0a2a0a280a2401551220a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a4471801",
        ),
        (Message { blocks: vec![Block { cid: hello(), size: 12 }], ..Message::default() }, "161a140a0401551220120c68656c6c6f20776f726c640a"),
        (presence(true), "2822260a2401551220a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447"),
        (presence(false), "2a22280a2401551220a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a4471001"),
    ]
}

#[test]
fn the_golden_frames_are_written_and_read_byte_for_byte() {
    for (message, frame) in golden() {
        let data: Vec<&[u8]> = message.blocks.iter().map(|_| HELLO).collect();
        let bytes = hex(frame);
        assert_eq!(encode(&message, Version::V1_2, &data), bytes, "{message:?}");
        assert_eq!(wire_len(&message), bytes.len());
        let read = WireMessage::decode(&body(&bytes)).unwrap();
        let mut expected = message.clone();
        // A cancel says nothing of priority; protobuf's default is read as 1, Bitswap's.
        expected.wants.iter_mut().for_each(|want| want.priority = 1);
        assert_eq!(read.into_message(message.blocks.iter().map(|block| block.cid)), expected);
    }
}

#[test]
fn a_frame_split_around_its_block_is_the_frame() {
    let block = Block { cid: hello(), size: 12 };
    let presences = vec![Presence { cid: leaf(1), have: false }];
    for message in [
        Message { blocks: vec![block], ..Message::default() },
        Message { blocks: vec![block], presences, wants: vec![want(WantKind::Have, false, true)], full: true, pending_bytes: 7 },
    ] {
        for version in [Version::V1_0, Version::V1_1, Version::V1_2] {
            let Split { head, tail } = split(&message, version, HELLO.len());
            assert_eq!([&head[..], HELLO, &tail[..]].concat(), encode(&message, version, &[HELLO]));
        }
    }
}

#[test]
fn a_decoded_block_is_a_slice_of_its_frame() {
    let frame = encode(&Message { blocks: vec![Block { cid: hello(), size: 12 }], ..Message::default() }, Version::V1_2, &[HELLO]);
    let body = body(&frame);
    let message = WireMessage::decode(&body).unwrap();
    let data = &message.blocks[0].data;
    assert_eq!(&data[..], HELLO);
    assert!(body.as_ptr_range().contains(&data.as_ptr()), "no copy");
    assert_eq!(message.blocks[0].prefix, Prefix::RAW_SHA256);
    assert_eq!(message.blocks[0].prefix.cid(hello().hash().digest()), Some(hello()));
}

#[test]
fn both_forms_of_the_version_0_prefix_are_read() {
    assert_eq!(Prefix::parse(&[0x00, 0x70, 0x12, 0x20]), Ok(Prefix::V0));
    assert_eq!(Prefix::parse(&[0x12, 0x20]), Ok(Prefix::V0));
    assert_eq!(Prefix::of(&v0()), Prefix::V0);
    assert_eq!(Prefix::V0.to_bytes(), [0x00, 0x70, 0x12, 0x20]);
    assert_eq!(Prefix::V0.cid(v0().hash().digest()), Some(v0()));
    assert_eq!(Prefix::V0.cid(&[0; 31]), None);
    assert!(Prefix::parse(&[0x00, 0x55, 0x12, 0x20]).is_err(), "version 0 is dag-pb with SHA2-256 only");
    assert!(Prefix::parse(&[0x02, 0x55, 0x12, 0x20]).is_err());
    assert!(Prefix::parse(&[0x01, 0x55, 0x12, 0x20, 0x00]).is_err());
}

#[test]
fn blocks_of_version_1_0_have_no_prefix() {
    let message = Message { blocks: vec![Block { cid: v0(), size: 12 }, Block { cid: hello(), size: 12 }], ..Message::default() };
    let message = downgrade(message, Version::V1_0);
    assert_eq!(message.blocks.len(), 1, "only version 0 names can be told from bytes alone");
    let read = WireMessage::decode(&body(&encode(&message, Version::V1_0, &[HELLO]))).unwrap();
    assert_eq!(read.blocks, [WireBlock { prefix: Prefix::V0, data: Bytes::from_static(HELLO) }]);
}

#[test]
fn for_older_versions_want_have_becomes_want_block_and_silence_says_dont_have() {
    let message = Message {
        wants: vec![want(WantKind::Have, false, true), want(WantKind::Block, true, false)],
        presences: vec![Presence { cid: hello(), have: false }],
        pending_bytes: 9,
        ..Message::default()
    };
    assert_eq!(downgrade(message.clone(), Version::V1_2), message);
    let older = downgrade(message, Version::V1_1);
    assert_eq!(older.wants, [want(WantKind::Block, false, false), want(WantKind::Block, true, false)]);
    assert_eq!((older.presences.len(), older.pending_bytes), (0, 0));
    assert_eq!(Version::of("/ipfs/bitswap"), Some(Version::V1_0));
    assert_eq!(Version::of("/ipfs/bitswap/9"), None);
}

#[test]
fn frame_lengths_are_read_as_they_come_and_bounded() {
    assert_eq!(frame_length(&[]), Ok(None));
    assert_eq!(frame_length(&[0x80]), Ok(None));
    assert_eq!(frame_length(&[0x2e, 1, 2]), Ok(Some((1, 0x2e))));
    assert_eq!(frame_length(&[0x80, 0x80, 0x80, 0x02]), Ok(Some((4, FRAME_LIMIT))));
    assert!(matches!(frame_length(&[0x81, 0x80, 0x80, 0x02]), Err(WireError::TooLong { .. })));
    assert_eq!(frame_length(&[0x80, 0x00]), Err(WireError::Varint));
    assert_eq!(frame_length(&[0x80; 5]), Err(WireError::Varint), "a length that never ends");
}

#[test]
fn hostile_messages_are_errors() {
    for (bytes, why) in [
        ("0a020a00", "a want without a name"),
        ("0a040a020a00", "an empty name"),
        ("1a021200", "a block without prefix"),
        ("1a060a0401551220ff", "a field cut off"),
        ("2200", "a presence without a name"),
        ("0a0a0a08 0a060155000103ff", "bytes behind a name"),
    ] {
        assert!(WireMessage::decode(&Bytes::from(hex(&bytes.replace(' ', "")))).is_err(), "{why}");
    }
    let many = [0x22, 0x08, 0x0a, 0x06, 0x01, 0x55, 0x00, 0x02, 1, 2].repeat(20_000);
    assert!(matches!(WireMessage::decode(&Bytes::from(many)), Err(WireError::TooLong { .. })), "a message of too many presences");
    let mut large = vec![0x12];
    peerglass_core::wire::put_frame(&mut large, &vec![0; BLOCK_LIMIT + 1]);
    assert!(WireMessage::decode(&Bytes::from(large)).is_err(), "a block over the limit");
}

fn any_cid() -> impl Strategy<Value = Cid> {
    prop_oneof![any::<u32>().prop_map(leaf), any::<u32>().prop_map(node), Just(v0())]
}

fn any_want() -> impl Strategy<Value = Want> {
    (any_cid(), any::<i32>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(cid, priority, have, cancel, send_dont_have)| Want {
        cid,
        // Zero is protobuf's default, which is not written and read as 1.
        priority: if priority == 0 { 1 } else { priority },
        kind: if have { WantKind::Have } else { WantKind::Block },
        cancel,
        send_dont_have,
    })
}

proptest! {
    #[test]
    fn messages_round_trip_and_their_length_is_known(
        full: bool,
        wants in proptest::collection::vec(any_want(), 0..8),
        blocks in proptest::collection::vec((any_cid(), proptest::collection::vec(any::<u8>(), 0..300)), 0..5),
        presences in proptest::collection::vec((any_cid(), any::<bool>()), 0..8),
        pending in 0u32..i32::MAX as u32,
    ) {
        let message = Message {
            full,
            wants,
            blocks: blocks.iter().map(|(cid, data)| Block { cid: *cid, size: data.len() as u32 }).collect(),
            presences: presences.into_iter().map(|(cid, have)| Presence { cid, have }).collect(),
            pending_bytes: pending,
        };
        let data: Vec<&[u8]> = blocks.iter().map(|(_, data)| &data[..]).collect();
        let frame = encode(&message, Version::V1_2, &data);
        prop_assert_eq!(frame.len(), wire_len(&message));
        let head = head(&message);
        let data_at = blocks.first().map_or(frame.len(), |(_, data)| {
            let at = frame.windows(head.len()).position(|window| window == head).map(|at| at + head.len());
            at.filter(|at| frame[*at..].starts_with(data)).expect("the data follows")
        });
        prop_assert_eq!(&frame[..data_at], &head[..], "what is kept of a frame is its first bytes");
        let laid_out = parts(&frame, frame.len() as u64, &FORMAT);
        prop_assert!(laid_out.iter().all(|part| !matches!(part.name, Name::Unknown(_) | Name::Malformed | Name::Missing)), "{laid_out:?}");
        let of_kind = |kind: Kind| laid_out.iter().filter_map(move |part| match part.value {
            Holding::Bytes(bytes, is) if is == kind => Some(bytes.to_vec()),
            _ => None,
        });
        let cids = message.wants.iter().map(|want| want.cid).chain(message.presences.iter().map(|presence| presence.cid));
        prop_assert!(of_kind(Kind::Cid).eq(cids.map(|cid| cid.to_bytes())));
        prop_assert!(of_kind(Kind::Data).eq(blocks.iter().map(|(_, data)| data.clone())));
        let kept = parts(&head, frame.len() as u64, &FORMAT);
        prop_assert!(kept.iter().all(|part| part.name != Name::Malformed), "{kept:?}");
        let read = WireMessage::decode(&body(&frame)).unwrap();
        for (block, (cid, data)) in read.blocks.iter().zip(&blocks) {
            prop_assert_eq!(block.prefix, Prefix::of(cid));
            prop_assert_eq!(&block.data[..], &data[..]);
        }
        prop_assert_eq!(read.into_message(message.blocks.iter().map(|block| block.cid)), message);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let _ = frame_length(&bytes);
        let _ = Prefix::parse(&bytes);
        let _ = WireMessage::decode(&Bytes::from(bytes));
    }

    /// Bytes that look like a message, so that the inner decoders are reached.
    #[test]
    fn mangled_messages_are_read_without_panic(which in 0usize..6, at: usize, byte: u8, cut: usize) {
        let mut bytes = hex(golden()[which].1);
        let len = bytes.len();
        bytes[at % len] = byte;
        bytes.truncate(len - cut % len);
        let _ = WireMessage::decode(&Bytes::copy_from_slice(&bytes[1.min(bytes.len())..]));
    }
}
