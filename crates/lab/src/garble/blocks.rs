//! Messages of block exchange with flipped bits: Bitswap frames, through the codec and the steps of the node's driver.
//!
//! The data of blocks exists as sizes only, so it is not encoded when all flips fall into data, which for large blocks is nearly always:
//!
//! ```text
//!   length │ wantlist │ tag, prefix │ ····· data of 1 MiB ····· │ presences │ pending
//!   ▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲ ▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲ ▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲▲
//!   the decoder is run on the frame,    the block gets the name    the decoder is run
//!   with zeros for data                 of other bytes
//! ```
//!
//! A block travels without its name: the receiver computes it from data and prefix ([`Block::from_prefix`], as in the node). So data with a flipped bit is not
//! a wrong block but a right one that nobody asked for, and the protocol holds that against its sender.

use core::ops::Range;

use bytes::Bytes;
use peerglass_core::Rng;
use peerglass_core::wire::{take_frame, varint_len};
use peerglass_store::{Block, Cid};
use peerglass_transfer::Message;
use peerglass_transfer::wire::{FRAME_LIMIT, Prefix, Version, WireBlock, WireMessage, body_len, encode};

use super::{Flips, Refusal};

/// What is understood of `message`. The dice stand for the bytes that blocks turn out to have.
pub(super) fn understood(message: &Message, flips: &Flips, dice: &mut Rng) -> Result<Message, Refusal> {
    let data = data_ranges(message);
    let in_data: usize = data.iter().map(|range| flips.count(range)).sum();
    if in_data == flips.len() {
        let mut message = message.clone();
        for (block, _) in message.blocks.iter_mut().zip(&data).filter(|(_, range)| flips.hit(range)) {
            block.cid = name_of_others(&Prefix::of(&block.cid), dice)?;
        }
        return Ok(message);
    }
    let zeros: Vec<Vec<u8>> = message.blocks.iter().map(|block| vec![0; block.size as usize]).collect();
    let mut frame = encode(message, Version::V1_2, &zeros.iter().map(Vec::as_slice).collect::<Vec<_>>());
    flips.apply(&mut frame);
    let mut rest = &frame[..];
    let body = take_frame(&mut rest, FRAME_LIMIT).map_err(|error| error.to_string())?;
    let start = frame.len() - rest.len() - body.len();
    let sound = Sound { blocks: message.blocks.iter().map(|block| block.cid).zip(data).filter(|(_, range)| !flips.hit(range)).collect(), start };
    let body = Bytes::copy_from_slice(body);
    let wire = WireMessage::decode(&body).map_err(|error| error.to_string())?;
    let names: Vec<Cid> = wire.blocks.iter().map(|block| sound.name(block, &body, dice)).collect::<Result<_, _>>()?;
    let message = wire.into_message(names);
    // The driver does not bother the protocol with a message of nothing.
    if message.is_empty() && message.pending_bytes == 0 { Err("nothing is said any more".into()) } else { Ok(message) }
}

/// Blocks whose data was not hit, and where it is in the frame.
struct Sound {
    blocks: Vec<(Cid, Range<usize>)>,
    /// Where the frame's body begins.
    start: usize,
}

impl Sound {
    /// The name that the receiver computes for a block cut out of `body`.
    fn name(&self, block: &WireBlock, body: &Bytes, dice: &mut Rng) -> Result<Cid, Refusal> {
        if block.data.is_empty() {
            return name_under(&block.prefix, Bytes::new());
        }
        let from = self.start + (block.data.as_ptr() as usize - body.as_ptr() as usize);
        let whole = self.blocks.iter().find(|(_, range)| *range == (from..from + block.data.len()));
        let Some((cid, _)) = whole else { return name_of_others(&block.prefix, dice) };
        let (told, true_one) = (block.prefix, Prefix::of(cid));
        if told == true_one {
            return Ok(*cid);
        }
        // Other words before the same data. Another function makes another digest; another codec only makes another name.
        let other = name_of_others(&told, dice)?;
        if told.hash == true_one.hash {
            told.cid(cid.hash().digest()).ok_or_else(|| "a block's prefix is not that of a CID".into())
        } else {
            Ok(other)
        }
    }
}

/// The name of some other bytes under this prefix.
fn name_of_others(prefix: &Prefix, dice: &mut Rng) -> Result<Cid, Refusal> {
    let mut others = [0; 16];
    dice.fill(&mut others);
    name_under(prefix, Bytes::copy_from_slice(&others))
}

fn name_under(prefix: &Prefix, data: Bytes) -> Result<Cid, Refusal> {
    Block::from_prefix(&prefix.to_bytes(), data).map(|block| *block.cid()).map_err(|error| error.to_string().into())
}

/// Where in the frame of `message` the data of each block is: at the end of the block's field. Fields stand one behind the other, so the lengths of parts add up.
fn data_ranges(message: &Message) -> Vec<Range<usize>> {
    let before = Message { full: message.full, wants: message.wants.clone(), ..Message::default() };
    let mut end = varint_len(body_len(message) as u64) + body_len(&before);
    let ends = message.blocks.iter().map(|block| {
        end += body_len(&Message { blocks: vec![*block], ..Message::default() });
        end - block.size as usize..end
    });
    ends.collect()
}
