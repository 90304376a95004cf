//! From bytes to [`WireMessage`]. The bytes are hostile: nothing is allocated by a length that they claim, and everything is counted.

use bytes::Bytes;
use peerglass_core::wire::{FieldReader, WireError, take_minimal_varint};
use peerglass_store::Cid;

use super::{BLOCK_LIMIT, CID_LIMIT, FRAME_LIMIT, Prefix};
use crate::{Block, Message, Presence, Want, WantKind};

/// The most wants, the most presences and the most blocks that one message may carry.
const ENTRIES: usize = 16_384;

/// A message as it came, its blocks not yet hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireMessage {
    /// Whether `wants` replaces everything that the sender wanted before.
    pub full: bool,
    /// What the sender wants, or wants no longer.
    pub wants: Vec<Want>,
    /// Blocks, cut out of the frame without copying.
    pub blocks: Vec<WireBlock>,
    /// What the sender has and has not.
    pub presences: Vec<Presence>,
    /// How many bytes of blocks the sender has queued for us.
    pub pending_bytes: u32,
}

/// A block whose name is not computed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireBlock {
    /// How to compute its name.
    pub prefix: Prefix,
    /// Its bytes: a slice of the frame. Holding it holds the frame.
    pub data: Bytes,
}

/// Reads the length of a frame from the first bytes of a stream: how many bytes the length itself takes, and how many follow. `None` when more bytes
/// are needed to tell.
///
/// # Errors
///
/// [`WireError::TooLong`] over [`FRAME_LIMIT`], [`WireError::Varint`] for a malformed length: the stream is of no use any more.
pub fn frame_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, WireError> {
    let mut rest = bytes;
    match take_minimal_varint(&mut rest) {
        Ok(length) if length > FRAME_LIMIT as u64 => Err(WireError::TooLong { length, limit: FRAME_LIMIT as u64 }),
        Ok(length) => Ok(Some((bytes.len() - rest.len(), length as usize))),
        Err(WireError::Truncated) if bytes.len() < 5 => Ok(None),
        Err(_) => Err(WireError::Varint),
    }
}

impl WireMessage {
    /// Decodes the body of a frame. Blocks share its memory.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the bytes. The sender is broken or hostile, and its stream should be closed.
    pub fn decode(body: &Bytes) -> Result<Self, WireError> {
        let mut message = Self::default();
        let mut fields = FieldReader::new(body);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => message.read_wantlist(value.bytes()?)?,
                2 => message.add_block(WireBlock::new(Prefix::V0, body.slice_ref(value.bytes()?))?)?,
                3 => message.add_block(WireBlock::read(body, value.bytes()?)?)?,
                4 => {
                    room(message.presences.len())?;
                    message.presences.push(read_presence(value.bytes()?)?);
                }
                5 => message.pending_bytes = u32::try_from(value.varint()? as i32).unwrap_or(0),
                _ => {}
            }
        }
        Ok(message)
    }

    /// The protocol's message, with the names that the driver computed for the blocks, in the same order.
    #[must_use]
    pub fn into_message(self, names: impl IntoIterator<Item = Cid>) -> Message {
        let blocks = names.into_iter().zip(&self.blocks).map(|(cid, block)| Block { cid, size: block.data.len() as u32 }).collect();
        Message { full: self.full, wants: self.wants, blocks, presences: self.presences, pending_bytes: self.pending_bytes }
    }

    fn read_wantlist(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let mut fields = FieldReader::new(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => {
                    room(self.wants.len())?;
                    self.wants.push(read_want(value.bytes()?)?);
                }
                2 => self.full = value.varint()? != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn add_block(&mut self, block: WireBlock) -> Result<(), WireError> {
        room(self.blocks.len())?;
        self.blocks.push(block);
        Ok(())
    }
}

impl WireBlock {
    fn new(prefix: Prefix, data: Bytes) -> Result<Self, WireError> {
        match data.len() > BLOCK_LIMIT {
            true => Err(WireError::TooLong { length: data.len() as u64, limit: BLOCK_LIMIT as u64 }),
            false => Ok(Self { prefix, data }),
        }
    }

    fn read(body: &Bytes, bytes: &[u8]) -> Result<Self, WireError> {
        let (mut prefix, mut data) = (None, &body[..0]);
        let mut fields = FieldReader::new(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => prefix = Some(Prefix::parse(value.bytes()?)?),
                2 => data = value.bytes()?,
                _ => {}
            }
        }
        let prefix = prefix.ok_or(WireError::Invalid("a block has no prefix, so its name cannot be computed"))?;
        Self::new(prefix, body.slice_ref(data))
    }
}

fn room(taken: usize) -> Result<(), WireError> {
    if taken < ENTRIES { Ok(()) } else { Err(WireError::TooLong { length: taken as u64 + 1, limit: ENTRIES as u64 }) }
}

fn read_cid(bytes: &[u8]) -> Result<Cid, WireError> {
    if bytes.len() > CID_LIMIT {
        return Err(WireError::TooLong { length: bytes.len() as u64, limit: CID_LIMIT as u64 });
    }
    let cid = Cid::try_from(bytes).map_err(|_| WireError::Invalid("a CID is malformed"))?;
    if cid.encoded_len() == bytes.len() { Ok(cid) } else { Err(WireError::Invalid("bytes follow a CID")) }
}

fn read_want(bytes: &[u8]) -> Result<Want, WireError> {
    let mut cid = None;
    let mut want = Want { cid: Cid::default(), priority: 0, kind: WantKind::Block, cancel: false, send_dont_have: false };
    let mut fields = FieldReader::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => cid = Some(read_cid(value.bytes()?)?),
            2 => want.priority = value.varint()? as i32,
            3 => want.cancel = value.varint()? != 0,
            4 => want.kind = if value.varint()? == 1 { WantKind::Have } else { WantKind::Block },
            5 => want.send_dont_have = value.varint()? != 0,
            _ => {}
        }
    }
    // In proto3 an absent number and a zero are the same; of priorities both mean the usual one.
    if want.priority == 0 {
        want.priority = 1;
    }
    want.cid = cid.ok_or(WireError::Invalid("a want names no block"))?;
    Ok(want)
}

fn read_presence(bytes: &[u8]) -> Result<Presence, WireError> {
    let (mut cid, mut have) = (None, true);
    let mut fields = FieldReader::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => cid = Some(read_cid(value.bytes()?)?),
            2 => have = value.varint()? == 0,
            _ => {}
        }
    }
    Ok(Presence { cid: cid.ok_or(WireError::Invalid("a presence names no block"))?, have })
}
