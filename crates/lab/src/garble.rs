//! What becomes of a message whose bits flip on the way: the true codec decides.
//!
//! Real links check what they carry: Ethernet, IP, TCP or QUIC, and the cipher above them each throw a damaged packet away, so protocols almost never see one. Here
//! is the network without any of that, to see what the checks are good for. The message is encoded as it stands on the real wire, some bits of the frame are
//! flipped, and the receiver's decoder is run on the result:
//!
//! ```text
//!   message ──codec──▶ frame ──flip 1, 2, … of its bits──▶ frame' ──decoder──▶ refuses: the message is lost, as corrupt
//!                                                                     └──────▶ understands something: that is what arrives
//! ```
//!
//! How many bits flip is a geometric number: one in half of the cases, two in a quarter, and so on, eight at most. Which, each bit with the same chance. So of a
//! block of a mebibyte it is nearly always the data that is hit, and of a FIND_NODE nearly always the target.
//!
//! What comes of it, by what was hit:
//!
//! | hit | the receiver |
//! |---|---|
//! | lengths, tags, types | mostly cannot decode the frame; an answer of the wrong type counts as a refusal, as in the node's driver |
//! | the target of a search | answers a question that nobody asked, about a place elsewhere in the key space |
//! | a peer in an answer | hears of a peer that does not exist: asked, it cannot be reached (`wire::directory`) |
//! | the data of a block | computes another name from it, that of a block which it asked nobody for (`blocks`) |
//!
//! Request ids are not on these wires (libp2p correlates by stream), so no flip changes them; a stream reset carries no bits and is lost as a whole.

mod blocks;
mod kad;
#[cfg(test)]
mod tests;

use core::ops::Range;
use std::borrow::Cow;
use std::collections::BTreeSet;

use peerglass_core::Rng;
use peerglass_sim::Sight;
use peerglass_stack::{Message, Stack};

/// The most bits that flip in one message.
const MOST: u32 = 8;

/// Why the receiver's codec rejects a message.
type Refusal = Cow<'static, str>;

/// What is understood of a message some of whose bits flip, or why it is rejected: the engine's [`Garble`](peerglass_sim::Garble) for the stack.
pub(crate) fn garble(sight: &Sight<'_, Stack>, dice: &mut Rng) -> Result<Message, Refusal> {
    let flips = Flips::draw(sight.bytes, dice);
    match sight.message {
        Message::Kad(message) => kad::understood(message, sight.from, sight.to, &flips).map(Message::Kad),
        Message::Transfer(message) => blocks::understood(message, &flips, dice).map(|message| Message::Transfer(Box::new(message))),
    }
}

/// The bits of a frame that flip, counted from its beginning.
#[derive(Clone, Debug)]
struct Flips(BTreeSet<u64>);

impl Flips {
    /// Some bits of a frame of `bytes` bytes.
    fn draw(bytes: u64, dice: &mut Rng) -> Self {
        let count = 1 + dice.bits().trailing_zeros().min(MOST - 1);
        Self::exactly(count, bytes, dice)
    }

    /// So many different bits of a frame of `bytes` bytes, or all it has.
    fn exactly(count: u32, bytes: u64, dice: &mut Rng) -> Self {
        let bits = bytes.saturating_mul(8);
        let mut flips = BTreeSet::new();
        while (flips.len() as u64) < u64::from(count).min(bits) {
            flips.insert(dice.below(bits));
        }
        Self(flips)
    }

    /// Flips them in `frame`.
    fn apply(&self, frame: &mut [u8]) {
        for bit in &self.0 {
            if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| frame.get_mut(at)) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// How many of them are in these bytes of the frame.
    fn count(&self, bytes: &Range<usize>) -> usize {
        self.0.range(bytes.start as u64 * 8..bytes.end as u64 * 8).count()
    }

    /// Whether any is.
    fn hit(&self, bytes: &Range<usize>) -> bool {
        self.count(bytes) > 0
    }
}
