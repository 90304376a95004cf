//! What others want of us.
//!
//! For each want the driver is asked whether the block is here, once for all clients that want it. Then: a want-block is answered with the block, a
//! want-have with HAVE, or with the block itself when that is hardly larger than the word. For what is not here the answer is DONT_HAVE to who asked
//! for that and silence to others; either way the want stays on the list and is served when the block arrives, ours to fetch or by other ways.
//!
//! ```text
//!   WANT ─▶ wantlist ─▶ backlog ─▶ Lookup ─▶ Local ─┬─ here ────▶ queue by priority ─▶ BLOCK / HAVE
//!              ▲                                     └─ not here ─▶ DONT_HAVE, stays on the list
//!              └── CANCEL, full list, client gone
//! ```
//!
//! Everything is bounded by `Config`: wants of a client, wants of all, clients, lookups under way. What is over a bound is refused as if the block
//! were not here.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use peerglass_core::{Cx, Peer, Time};
use peerglass_store::Cid;
use smallvec::SmallVec;

use crate::ledger::Ledger;
use crate::lookups::Lookups;
use crate::outbox::Outbox;
use crate::wantlist::Wantlist;
use crate::{Block, Config, Presence, Transfer, Want, WantKind};

#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    clients: BTreeMap<Peer, Wantlist>,
    /// Who wants what, the other way round. Its size is the sum of all lists.
    wanted: BTreeMap<Cid, Wanted>,
    backlog: VecDeque<Cid>,
    lines: usize,
    /// Clients for whom blocks are queued.
    busy: BTreeSet<Peer>,
}

#[derive(Clone, Debug, Default)]
struct Wanted {
    by: SmallVec<[Peer; 2]>,
    in_backlog: bool,
}

impl Server {
    /// A client's wants changed. Of several lines about one block the last holds; higher priorities are looked up first.
    pub(crate) fn on_wants(&mut self, from: Peer, full: bool, wants: Vec<Want>, config: &Config, out: &mut Outbox) {
        if full {
            self.clear(from);
        }
        let last: BTreeMap<Cid, usize> = wants.iter().enumerate().map(|(index, want)| (want.cid, index)).collect();
        let mut order: Vec<usize> = last.into_values().collect();
        order.sort_unstable_by_key(|index| (!wants[*index].cancel, Reverse(wants[*index].priority), *index));
        for want in order.into_iter().map(|index| &wants[index]) {
            if want.cancel {
                self.cancel(from, &want.cid);
            } else if !self.put(from, want, config) && want.send_dont_have {
                out.presence(from, Presence { cid: want.cid, have: false }, config);
            }
        }
        self.forget_idle(from);
    }

    /// Puts a want on its client's list and in the backlog of lookups. Says whether there was room.
    fn put(&mut self, from: Peer, want: &Want, config: &Config) -> bool {
        if self.clients.len() >= config.clients && !self.clients.contains_key(&from) {
            return false;
        }
        let list = self.clients.entry(from).or_default();
        if list.is_queued(&want.cid) {
            return true;
        }
        let known = list.get(&want.cid).is_some();
        if !known && self.lines >= config.wantlists || !list.put(want, config.wantlist) {
            return false;
        }
        let wanted = self.wanted.entry(want.cid).or_default();
        if !known {
            self.lines += 1;
            wanted.by.push(from);
        }
        if !core::mem::replace(&mut wanted.in_backlog, true) {
            self.backlog.push_back(want.cid);
        }
        true
    }

    fn cancel(&mut self, from: Peer, cid: &Cid) {
        if let Some(list) = self.clients.get_mut(&from) {
            list.cancel_queued(cid);
            if list.take(cid).is_some() {
                self.unlink(from, cid);
            }
        }
    }

    fn clear(&mut self, from: Peer) {
        let cids = self.clients.get_mut(&from).map(Wantlist::clear).unwrap_or_default();
        for cid in cids {
            self.unlink(from, &cid);
        }
    }

    fn unlink(&mut self, from: Peer, cid: &Cid) {
        self.lines -= 1;
        // A name in the backlog stays known until its turn, so that wanting and cancelling over and over queues it once.
        if let Some(wanted) = self.wanted.get_mut(cid) {
            wanted.by.retain(|peer| *peer != from);
            if wanted.by.is_empty() && !wanted.in_backlog {
                self.wanted.remove(cid);
            }
        }
    }

    fn forget_idle(&mut self, peer: Peer) {
        if self.clients.get(&peer).is_some_and(Wantlist::is_idle) {
            self.clients.remove(&peer);
        }
    }

    /// Asks the driver about what clients want, as far as the bound on lookups allows.
    pub(crate) fn look_up(&mut self, lookups: &mut Lookups, cx: &mut Cx<'_, Transfer>) {
        while !self.backlog.is_empty() && lookups.len() < cx.config().serve_lookups {
            let Some(cid) = self.backlog.pop_front() else { return };
            let Some(wanted) = self.wanted.get_mut(&cid) else { continue };
            wanted.in_backlog = false;
            if wanted.by.is_empty() {
                self.wanted.remove(&cid);
            } else {
                lookups.ask(cid, cx);
            }
        }
    }

    /// The block is here (`size`), or is not.
    pub(crate) fn on_local(&mut self, cid: &Cid, size: Option<u32>, config: &Config, out: &mut Outbox) {
        let Some(peers) = self.wanted.get(cid).map(|wanted| wanted.by.clone()) else { return };
        for peer in peers {
            match size {
                Some(size) => self.give(peer, Block { cid: *cid, size }, config, out),
                None => self.refuse(peer, cid, config, out),
            }
        }
    }

    fn give(&mut self, peer: Peer, block: Block, config: &Config, out: &mut Outbox) {
        let Some(list) = self.clients.get_mut(&peer) else { return };
        let Some(line) = list.take(&block.cid) else { return };
        match line.kind {
            WantKind::Have if block.size > config.small_block => out.presence(peer, Presence { cid: block.cid, have: true }, config),
            _ => {
                list.push(block, line.priority);
                self.busy.insert(peer);
            }
        }
        self.unlink(peer, &block.cid);
        self.forget_idle(peer);
    }

    /// DONT_HAVE is said once for each time it is asked for; the want stays.
    fn refuse(&mut self, peer: Peer, cid: &Cid, config: &Config, out: &mut Outbox) {
        let Some(list) = self.clients.get_mut(&peer) else { return };
        let Some(line) = list.take(cid) else { return };
        if line.send_dont_have {
            out.presence(peer, Presence { cid: *cid, have: false }, config);
        }
        let want = Want { cid: *cid, priority: line.priority, kind: line.kind, cancel: false, send_dont_have: false };
        list.put(&want, usize::MAX);
    }

    /// Sends what is queued, as far as the bound on outstanding bytes allows.
    pub(crate) fn send(&mut self, now: Time, config: &Config, ledger: &mut Ledger, out: &mut Outbox) {
        for peer in core::mem::take(&mut self.busy) {
            let Some(list) = self.clients.get_mut(&peer) else { continue };
            while let Some(block) = list.pop(config.outstanding_bytes) {
                ledger.sent(peer, block.size, now, config.ledger);
                out.block(peer, block, config);
            }
            if list.has_queued() {
                self.busy.insert(peer);
            }
            out.pending(peer, list.queued_bytes());
            self.forget_idle(peer);
        }
    }

    pub(crate) fn on_written(&mut self, peer: Peer, bytes: u64) {
        if let Some(list) = self.clients.get_mut(&peer) {
            list.written(bytes);
        }
        self.forget_idle(peer);
    }

    /// The client is gone. It will send its full list when it comes back.
    pub(crate) fn on_unreachable(&mut self, peer: Peer) {
        self.clear(peer);
        self.clients.remove(&peer);
    }

    /// How many wants are kept for clients.
    pub(crate) fn wants(&self) -> usize {
        self.lines
    }

    pub(crate) fn wantlist_len(&self, peer: Peer) -> usize {
        self.clients.get(&peer).map_or(0, Wantlist::len)
    }

    pub(crate) fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        self.clients.keys().copied().for_each(visit);
    }
}
