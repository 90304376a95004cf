//! What there is to say to each peer, put together into few messages.
//!
//! Wants become one message a peer. Blocks larger than the target go one a message, so that the driver can stream each from where it lies; small
//! ones and presences are put together up to the target of 16 KiB.
//!
//! The driver answers lookups one by one, and each answer may add a want or a block to a message. So while lookups are under way a message that
//! has room is held back: until the last is answered, or it is full, or [`Config::coalesce`] is over. Nagle's algorithm (RFC 896) waits for the
//! network in the same way; here only our own store is waited for, which takes microseconds.
//!
//! ```text
//!   WANT a b c d ─▶ Lookup a..d ─▶ Local a │ Local b │ Local c │ Local d ─▶ one BLOCK a b c d
//!                                    held      held      held      none under way
//! ```

use std::collections::BTreeMap;

use peerglass_core::{Cx, Peer};
use peerglass_store::Cid;

use crate::{Block, Config, Message, Presence, Transfer, Want, WantKind};

/// About how many bytes a presence takes on the wire, and a want, and what a block takes beyond its own.
pub(crate) const LINE: usize = 44;

#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    /// Messages that are complete, in order.
    ready: Vec<(Peer, Message)>,
    /// Messages that have room.
    open: BTreeMap<Peer, Letter>,
}

#[derive(Clone, Debug, Default)]
struct Letter {
    message: Message,
    bytes: usize,
    /// Cancels do not wait: until they arrive, a block may be sent for nothing.
    urgent: bool,
}

impl Outbox {
    /// Wants `cid` of `peer`. `fresh` says that this is the first thing said since the peer was reached, so its list of our wants is replaced.
    pub(crate) fn want(&mut self, peer: Peer, cid: Cid, kind: WantKind, priority: i32, fresh: bool) {
        let letter = self.open.entry(peer).or_default();
        letter.message.full |= fresh;
        letter.line(Want { cid, priority, kind, cancel: false, send_dont_have: true });
    }

    pub(crate) fn cancel(&mut self, peer: Peer, cid: Cid) {
        let want = Want { cid, priority: 0, kind: WantKind::Block, cancel: true, send_dont_have: false };
        self.open.entry(peer).or_default().line(want);
    }

    /// How many wants are in the message to `peer` that has room.
    pub(crate) fn wants(&self, peer: Peer) -> usize {
        self.open.get(&peer).map_or(0, |letter| letter.message.wants.len())
    }

    pub(crate) fn block(&mut self, peer: Peer, block: Block, config: &Config) {
        let bytes = block.size as usize;
        if bytes > config.message_target {
            self.ready.push((peer, Message { blocks: vec![block], ..Message::default() }));
        } else {
            self.room(peer, bytes + LINE, config).blocks.push(block);
        }
    }

    pub(crate) fn presence(&mut self, peer: Peer, presence: Presence, config: &Config) {
        self.room(peer, LINE, config).presences.push(presence);
    }

    /// The open message to `peer`, with room for so many bytes more.
    fn room(&mut self, peer: Peer, bytes: usize, config: &Config) -> &mut Message {
        let letter = self.open.entry(peer).or_default();
        if letter.bytes > 0 && letter.bytes + bytes > config.message_target {
            self.ready.push((peer, core::mem::take(letter).message));
        }
        letter.bytes += bytes;
        &mut letter.message
    }

    /// How many bytes wait for `peer` after what is in its messages.
    pub(crate) fn pending(&mut self, peer: Peer, bytes: u64) {
        let pending = i32::MAX.unsigned_abs().min(u32::try_from(bytes).unwrap_or(u32::MAX));
        let ready = self.ready.iter_mut().filter(|(to, _)| *to == peer).map(|(_, message)| message);
        for message in ready.chain(self.open.get_mut(&peer).map(|letter| &mut letter.message)) {
            message.pending_bytes = pending;
        }
    }

    /// Nothing more is said to `peer`.
    pub(crate) fn forget(&mut self, peer: Peer) {
        self.open.remove(&peer);
        self.ready.retain(|(to, _)| *to != peer);
    }

    /// Sends what there is; with `hold`, not what may still be added to. Says whether anything was held back.
    pub(crate) fn flush(&mut self, hold: bool, cx: &mut Cx<'_, Transfer>) -> bool {
        for (peer, message) in self.ready.drain(..) {
            cx.send(peer, message);
        }
        let target = cx.config().message_target;
        self.open.retain(|peer, letter| {
            let keep = hold && letter.bytes < target && !letter.urgent;
            if !keep {
                cx.send(*peer, core::mem::take(&mut letter.message));
            }
            keep
        });
        !self.open.is_empty()
    }
}

impl Letter {
    /// Adds a want or a cancel. What was to be said before about the same block is not said any more.
    fn line(&mut self, want: Want) {
        match self.message.wants.iter().position(|line| line.cid == want.cid) {
            Some(index) => drop(self.message.wants.remove(index)),
            None => self.bytes += LINE,
        }
        self.urgent |= want.cancel;
        self.message.wants.push(want);
    }
}
