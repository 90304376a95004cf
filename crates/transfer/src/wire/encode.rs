//! From a message to bytes, with the data of blocks or around it.
//!
//! Fields stand in the order of their numbers and defaults are left out, as protobuf's canonical form has it.

use peerglass_core::wire::{bytes_field_len, put_bytes_field, put_varint, put_varint_field, varint_field_len, varint_len};
use peerglass_store::Cid;

use super::{Prefix, Version};
use crate::{Message, Presence, Want, WantKind};

/// The bytes of a frame before and after the data of its one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The frame's length, and everything up to the data.
    pub head: Vec<u8>,
    /// Everything after the data; mostly nothing.
    pub tail: Vec<u8>,
}

/// Encodes `message` as a frame, with the `data` of its blocks in the same order: for messages without blocks or with small ones.
///
/// Blocks without data are left out, so `&[]` encodes everything else.
#[must_use]
pub fn encode(message: &Message, version: Version, data: &[&[u8]]) -> Vec<u8> {
    let mut body =
        Vec::with_capacity(64 + 48 * (message.wants.len() + message.presences.len()) + data.iter().map(|data| data.len() + 16).sum::<usize>());
    put_before(&mut body, message);
    for (block, data) in message.blocks.iter().zip(data) {
        put_block_head(&mut body, &block.cid, version, data.len());
        body.extend_from_slice(data);
    }
    put_after(&mut body, message);
    framed(body)
}

/// The frame around the data of `message`'s one block, which has `data_len` bytes. The driver writes head, data, tail.
///
/// A message with no block or several is encoded without: use [`encode`].
#[must_use]
pub fn split(message: &Message, version: Version, data_len: usize) -> Split {
    let [block] = &message.blocks[..] else { return Split { head: encode(message, version, &[]), tail: Vec::new() } };
    let mut fields = Vec::with_capacity(64);
    put_before(&mut fields, message);
    put_block_head(&mut fields, &block.cid, version, data_len);
    let mut tail = Vec::new();
    put_after(&mut tail, message);
    let mut head = Vec::with_capacity(fields.len() + 5);
    put_varint(&mut head, (fields.len() + data_len + tail.len()) as u64);
    head.append(&mut fields);
    Split { head, tail }
}

/// The frame of `message` as version 1.2 up to the data of its first block, which is not there: all of it if there is no block. The frame has [`wire_len`] bytes.
#[must_use]
pub fn head(message: &Message) -> Vec<u8> {
    let Some(block) = message.blocks.first() else { return encode(message, Version::V1_2, &[]) };
    let mut head = Vec::with_capacity(96);
    put_varint(&mut head, body_len(message) as u64);
    put_before(&mut head, message);
    put_block_head(&mut head, &block.cid, Version::V1_2, block.size as usize);
    head
}

/// How many bytes `message` takes on the wire as version 1.2, with its frame and the bytes of its blocks.
#[must_use]
pub fn wire_len(message: &Message) -> usize {
    let body = body_len(message);
    varint_len(body as u64) + body
}

/// How many bytes that is without the frame's length.
#[must_use]
pub fn body_len(message: &Message) -> usize {
    let mut body = 0;
    if has_wantlist(message) {
        body += bytes_field_len(1, wantlist_len(message));
    }
    for block in &message.blocks {
        body += bytes_field_len(3, block_len(&block.cid, block.size as usize));
    }
    for presence in &message.presences {
        body += bytes_field_len(4, presence_len(presence));
    }
    if message.pending_bytes > 0 {
        body += varint_field_len(5, u64::from(message.pending_bytes));
    }
    body
}

fn framed(mut body: Vec<u8>) -> Vec<u8> {
    let mut length = Vec::with_capacity(5);
    put_varint(&mut length, body.len() as u64);
    body.splice(0..0, length);
    body
}

fn put_before(out: &mut Vec<u8>, message: &Message) {
    if !has_wantlist(message) {
        return;
    }
    put_varint(out, 1 << 3 | 2);
    put_varint(out, wantlist_len(message) as u64);
    for want in &message.wants {
        put_varint(out, 1 << 3 | 2);
        put_varint(out, want_len(want) as u64);
        put_want(out, want);
    }
    if message.full {
        put_varint_field(out, 2, 1);
    }
}

fn put_block_head(out: &mut Vec<u8>, cid: &Cid, version: Version, data_len: usize) {
    if version == Version::V1_0 {
        put_varint(out, 2 << 3 | 2);
        return put_varint(out, data_len as u64);
    }
    put_varint(out, 3 << 3 | 2);
    put_varint(out, block_len(cid, data_len) as u64);
    put_bytes_field(out, 1, &Prefix::of(cid).to_bytes());
    put_varint(out, 2 << 3 | 2);
    put_varint(out, data_len as u64);
}

fn put_after(out: &mut Vec<u8>, message: &Message) {
    for presence in &message.presences {
        put_varint(out, 4 << 3 | 2);
        put_varint(out, presence_len(presence) as u64);
        put_bytes_field(out, 1, &presence.cid.to_bytes());
        if !presence.have {
            put_varint_field(out, 2, 1);
        }
    }
    if message.pending_bytes > 0 {
        put_varint_field(out, 5, u64::from(message.pending_bytes));
    }
}

fn has_wantlist(message: &Message) -> bool {
    message.full || !message.wants.is_empty()
}

fn put_want(out: &mut Vec<u8>, want: &Want) {
    put_bytes_field(out, 1, &want.cid.to_bytes());
    for (number, value) in want_numbers(want) {
        if value != 0 {
            put_varint_field(out, number, value);
        }
    }
}

/// The fields of a want after its CID. Negative priorities take ten bytes, as protobuf's int32 does.
fn want_numbers(want: &Want) -> [(u32, u64); 4] {
    let have = u64::from(want.kind == WantKind::Have);
    [(2, i64::from(want.priority) as u64), (3, u64::from(want.cancel)), (4, have), (5, u64::from(want.send_dont_have))]
}

fn want_len(want: &Want) -> usize {
    let numbers: usize = want_numbers(want).iter().filter(|(_, value)| *value != 0).map(|(number, value)| varint_field_len(*number, *value)).sum();
    bytes_field_len(1, want.cid.encoded_len()) + numbers
}

fn wantlist_len(message: &Message) -> usize {
    let entries: usize = message.wants.iter().map(|want| bytes_field_len(1, want_len(want))).sum();
    entries + if message.full { varint_field_len(2, 1) } else { 0 }
}

fn block_len(cid: &Cid, data_len: usize) -> usize {
    let Prefix { version, codec, hash, digest_len } = Prefix::of(cid);
    let prefix = [version, codec, hash, digest_len].into_iter().map(varint_len).sum();
    bytes_field_len(1, prefix) + bytes_field_len(2, data_len)
}

fn presence_len(presence: &Presence) -> usize {
    bytes_field_len(1, presence.cid.encoded_len()) + if presence.have { 0 } else { varint_field_len(2, 1) }
}
