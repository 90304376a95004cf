//! What one client wants of us: its [`Wantlist`], as its messages left it.
//!
//! The client keeps it up to date by deltas; a full list replaces it. It is bounded, and nothing that a client sends can make it grow past that:
//! repeated wants change their line, cancels of unknown things do nothing, and what does not fit is refused.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use peerglass_store::Cid;

use crate::{Block, Want, WantKind};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) priority: i32,
    pub(crate) kind: WantKind,
    pub(crate) send_dont_have: bool,
}

/// Blocks on their way to a client, highest priority first, then as they came.
type Queue = BTreeMap<(Reverse<i32>, u64), Block>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Wantlist {
    lines: BTreeMap<Cid, Line>,
    queue: Queue,
    queued_bytes: u64,
    outstanding: u64,
    counter: u64,
}

impl Wantlist {
    /// Puts a want on the list, or changes its line. Says whether there was room.
    pub(crate) fn put(&mut self, want: &Want, limit: usize) -> bool {
        if self.lines.len() >= limit && !self.lines.contains_key(&want.cid) {
            return false;
        }
        let line = Line { priority: want.priority, kind: want.kind, send_dont_have: want.send_dont_have };
        self.lines.insert(want.cid, line);
        true
    }

    pub(crate) fn get(&self, cid: &Cid) -> Option<&Line> {
        self.lines.get(cid)
    }

    pub(crate) fn take(&mut self, cid: &Cid) -> Option<Line> {
        self.lines.remove(cid)
    }

    /// Takes everything off the list, and gives the names that were on it.
    pub(crate) fn clear(&mut self) -> Vec<Cid> {
        self.queue.clear();
        self.queued_bytes = 0;
        core::mem::take(&mut self.lines).into_keys().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.lines.is_empty() && self.queue.is_empty() && self.outstanding == 0
    }

    pub(crate) fn is_queued(&self, cid: &Cid) -> bool {
        self.queue.values().any(|block| block.cid == *cid)
    }

    pub(crate) fn push(&mut self, block: Block, priority: i32) {
        self.counter += 1;
        self.queue.insert((Reverse(priority), self.counter), block);
        self.queued_bytes += u64::from(block.size);
    }

    pub(crate) fn cancel_queued(&mut self, cid: &Cid) {
        self.queue.retain(|_, block| block.cid != *cid);
        self.queued_bytes = self.queue.values().map(|block| u64::from(block.size)).sum();
    }

    pub(crate) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(crate) fn queued_bytes(&self) -> u64 {
        self.queued_bytes
    }

    /// The next block that may go, if `limit` allows more to be under way. One block always may.
    pub(crate) fn pop(&mut self, limit: Option<u64>) -> Option<Block> {
        if limit.is_some_and(|limit| self.outstanding >= limit) {
            return None;
        }
        let (_, block) = self.queue.pop_first()?;
        self.queued_bytes -= u64::from(block.size);
        if limit.is_some() {
            self.outstanding += u64::from(block.size);
        }
        Some(block)
    }

    pub(crate) fn written(&mut self, bytes: u64) {
        self.outstanding = self.outstanding.saturating_sub(bytes);
    }
}
