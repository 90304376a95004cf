//! Bitswap's messages.

use bytes::Bytes;
use peerglass_transfer::wire::{FORMAT, Version, WireMessage, encode, frame_length, split, wire_len};

/// The body of a frame. What was understood is the same when written, whole or around its one block, and read again.
pub(crate) fn message(bytes: &[u8]) {
    crate::core::laid_out(bytes, &FORMAT);
    let _ = frame_length(bytes);
    let Ok(mut wire) = WireMessage::decode(&Bytes::copy_from_slice(bytes)) else { return };
    // A priority of 0 is protobuf's word for an absent one, which Bitswap reads as 1.
    wire.wants.iter_mut().filter(|want| want.priority == 0).for_each(|want| want.priority = 1);
    let names = wire.blocks.iter().map(|block| block.prefix.cid(&vec![0; block.prefix.digest_len as usize]));
    // A prefix may name a hash that we do not know: then the block has no name, and the sender is at fault.
    let Some(names) = names.collect::<Option<Vec<_>>>() else { return };
    let message = wire.clone().into_message(names);
    let data: Vec<&[u8]> = wire.blocks.iter().map(|block| &block.data[..]).collect();

    let frame = encode(&message, Version::V1_2, &data);
    assert_eq!(frame.len(), wire_len(&message), "what the simulator charges is what is written");
    let Ok(Some((head, body))) = frame_length(&frame) else { panic!("our own frame is refused: {frame:02x?}") };
    assert_eq!(head + body, frame.len());
    assert_eq!(WireMessage::decode(&Bytes::copy_from_slice(&frame[head..])), Ok(wire.clone()));
    if let [only] = &data[..] {
        let around = split(&message, Version::V1_2, only.len());
        assert_eq!([&around.head, *only, &around.tail].concat(), frame);
    }
}
