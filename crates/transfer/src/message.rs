//! [`Message`]: what one peer says to another (Bitswap 1.2, section "Bitswap 1.2.0: wire format").
//!
//! Bitswap is not request and answer. Each side keeps telling the other how its wants change (a *delta*, or now and then the *full* list), and the
//! other side sends blocks and presences whenever it has them. One message may carry all of it.

use peerglass_core::{Describe, Fields, Value};
use peerglass_store::Cid;

/// What one peer says to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Whether `wants` replaces everything that the sender wanted before.
    pub full: bool,
    /// What the sender wants, or wants no longer.
    pub wants: Vec<Want>,
    /// Blocks that the sender gives. The bytes are the driver's business.
    pub blocks: Vec<Block>,
    /// What the sender has and does not have of what was wanted.
    pub presences: Vec<Presence>,
    /// How many bytes of blocks the sender still has queued for the receiver.
    pub pending_bytes: u32,
}

/// One line of a wantlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// What is wanted.
    pub cid: Cid,
    /// Higher comes first.
    pub priority: i32,
    /// The block itself, or only word of it.
    pub kind: WantKind,
    /// Whether this takes back an earlier want.
    pub cancel: bool,
    /// Whether to say DONT_HAVE rather than nothing.
    pub send_dont_have: bool,
}

/// What is wanted of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantKind {
    /// The block itself: want-block.
    Block,
    /// Word of whether it is there: want-have.
    Have,
}

/// A block, by reference: the driver reads the bytes when the stream is writable, and has verified and stored them before the receiver's
/// protocol hears of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its name, which on arrival was computed from its bytes.
    pub cid: Cid,
    /// How many bytes it has.
    pub size: u32,
}

/// Word of whether a block is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Which block.
    pub cid: Cid,
    /// HAVE or DONT_HAVE.
    pub have: bool,
}

impl Message {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.full && self.wants.is_empty() && self.blocks.is_empty() && self.presences.is_empty()
    }

    /// How many bytes its blocks have.
    #[must_use]
    pub fn block_bytes(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.size)).sum()
    }
}

impl Describe for Message {
    /// Named by the weightiest thing it carries, so that statistics tell wants from blocks.
    fn name(&self) -> &'static str {
        if !self.blocks.is_empty() {
            return "BLOCK";
        }
        if self.wants.iter().any(|want| !want.cancel && want.kind == WantKind::Block) {
            return "WANT_BLOCK";
        }
        if self.wants.iter().any(|want| !want.cancel) {
            return "WANT_HAVE";
        }
        match self.presences.iter().any(|presence| presence.have) {
            true => "HAVE",
            false if !self.presences.is_empty() => "DONT_HAVE",
            false if !self.wants.is_empty() => "CANCEL",
            false => "WANTLIST",
        }
    }

    fn fields(&self, fields: &mut Fields) {
        let mut list = |name, cids: Vec<Value>| {
            if !cids.is_empty() {
                fields.add(name, cids);
            }
        };
        let wanted = |kind| self.wants.iter().filter(move |want| !want.cancel && want.kind == kind).map(|want| text(&want.cid)).collect();
        let told = |have| self.presences.iter().filter(move |presence| presence.have == have).map(|presence| text(&presence.cid)).collect();
        list("want_block", wanted(WantKind::Block));
        list("want_have", wanted(WantKind::Have));
        list("cancel", self.wants.iter().filter(|want| want.cancel).map(|want| text(&want.cid)).collect());
        list("blocks", self.blocks.iter().map(|block| text(&block.cid)).collect());
        list("have", told(true));
        list("dont_have", told(false));
        if self.full {
            fields.add("full", true);
        }
        if !self.blocks.is_empty() {
            fields.add("bytes", self.block_bytes());
        }
    }
}

fn text(cid: &Cid) -> Value {
    Value::Text(cid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::name;

    #[test]
    fn a_message_is_named_by_the_weightiest_thing_in_it() {
        let want = |kind, cancel| Want { cid: name(1), priority: 1, kind, cancel, send_dont_have: true };
        let mut message = Message { full: true, ..Message::default() };
        assert_eq!(message.name(), "WANTLIST");
        message.wants.push(want(WantKind::Block, true));
        assert_eq!(message.name(), "CANCEL");
        message.presences.push(Presence { cid: name(1), have: false });
        assert_eq!(message.name(), "DONT_HAVE");
        message.presences.push(Presence { cid: name(2), have: true });
        assert_eq!(message.name(), "HAVE");
        message.wants.push(want(WantKind::Have, false));
        assert_eq!(message.name(), "WANT_HAVE");
        message.wants.push(want(WantKind::Block, false));
        assert_eq!(message.name(), "WANT_BLOCK");
        message.blocks.push(Block { cid: name(3), size: 5 });
        assert_eq!(message.name(), "BLOCK");
        assert_eq!(Fields::of(&message).get("bytes"), Some(Value::Number(5)));
    }
}
