//! Byzantine behaviour, as a decorator over a peer's effects.
//!
//! A Byzantine peer is an honest state machine whose effects are changed on their way out, so no protocol has a line of code for being evil, and every protocol
//! can be made to be.

use peerglass_core::{Effect, Rng};
use peerglass_sim::Bend;
use peerglass_stack::{Message, Stack};
use peerglass_store::{Cid, HashKind, cid_of};

/// Sends blocks with other bytes than they are called by: who receives one finds that its hash is that of a block nobody asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CorruptBlocks;

impl Bend<Stack> for CorruptBlocks {
    fn bend(&mut self, mut effect: Effect<Stack>, rng: &mut Rng, out: &mut Vec<Effect<Stack>>) {
        if let Effect::Send { message: Message::Transfer(message), .. } = &mut effect {
            for block in &mut message.blocks {
                block.cid = other_bytes(&block.cid, rng);
            }
        }
        out.push(effect);
    }

    fn name(&self) -> &'static str {
        "corrupt blocks"
    }
}

/// The CID of other bytes under the same codec.
fn other_bytes(cid: &Cid, rng: &mut Rng) -> Cid {
    cid_of(cid.codec(), HashKind::Blake3, &rng.bits().to_le_bytes())
}
