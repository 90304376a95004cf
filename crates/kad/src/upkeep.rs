//! Keeping the table true: who is admitted, checked, demoted, evicted; and the periodic refresh.
//!
//! Only a peer that has *answered* becomes a contact: hearsay does not count, and neither does a request, because clients ask too. There are three
//! ways to answer: as a step of a lookup; to an *admission probe*, FIND_NODE for the peer's own key, sent when the driver says that a peer serves
//! ([`Kad::contact`]) or when an unknown requester would find room; and to a *liveness check*, the same request sent to a contact.
//!
//! ```text
//!              answers                        bucket full                    oldest is questionable
//!   stranger ───────────▶ room? ─ no ──▶ replacement cache ─────────▶ check the oldest
//!                          │ yes                                          │ answers: stays, now freshest
//!                          ▼                                              ▼ fails
//!                       contact ◀──────── takes its place ─────────── demoted ─ fails again ─▶ evicted
//! ```
//!
//! A table with k contacts or more admits nobody who names nobody (go-libp2p-kad-dht's rule against peers that take and do not give).
//!
//! Refresh, every ten minutes or so: contacts that have been silent are checked, buckets where no lookup went are looked up at a random key, then
//! the own key. A table that has lost everybody joins again through the peers it once joined through.
//!
//! A network that is split while its peers join becomes two, each with full tables that know nobody beyond. When the split is over, no lookup leads from one to the other: the only
//! ones who remember anybody there are those who were to join through them. So at each refresh a peer *knocks* at the peers it once joined through and does not know: it asks them for
//! the peers closest to itself, and probes those that it has never heard of.
//!
//! ```text
//!   one half   ● ● ● ● ── knock ──▶ ○ ○ ○ ○   the other
//!                    ◀── closest to ● ── ○
//!                    ── probe ──▶ ○ ○          and both know each other
//! ```

use core::time::Duration;

use peerglass_core::{Cx, Key, Peer, Time};

use crate::Target;
use crate::event::Timer;
use crate::kad::Kad;
use crate::message::{Request, Response};
use crate::operation::{Job, UPKEEP};
use crate::preimage::Preimages;
use crate::requests::Purpose;
use crate::table::{Failure, Insert, Sight};

/// Peers that are remembered although they are no contacts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visitors {
    /// Through whom to join again.
    bootstrap: Vec<Peer>,
    /// Who is known to serve nothing, the latest last.
    clients: Vec<Peer>,
}

impl Visitors {
    pub(crate) fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        self.bootstrap.iter().chain(&self.clients).copied().for_each(visit);
    }
}

impl Kad {
    /// The driver learnt whether `peer` serves this protocol (on libp2p: from identify, and from its pushes). A server is probed and admitted if it
    /// answers; a client is taken out.
    pub fn contact(&mut self, peer: Peer, server: bool, cx: &mut Cx<'_, Self>) {
        if peer == cx.me() {
            return;
        }
        if !server {
            return self.is_client(peer, cx);
        }
        if let Some(visitors) = &mut self.visitors {
            visitors.clients.retain(|client| *client != peer);
        }
        if self.table.see(peer, cx.now(), cx.acquaintances(), cx.config()) != Sight::Contact {
            self.probe(peer, Purpose::Probe, cx);
        }
    }

    /// `from` answered a request.
    pub(crate) fn heard(&mut self, from: Peer, response: &Response, purpose: Purpose, cx: &mut Cx<'_, Self>) {
        let acknowledges = matches!(purpose, Purpose::Store(_) | Purpose::Correct);
        if matches!(response, Response::Rejected) && !acknowledges {
            return self.is_client(from, cx);
        }
        if response.closer().is_empty() && self.table.len() >= cx.config().bucket_size() {
            // It lives, but names nobody: worth keeping if it is a contact, not worth a place if it is not.
            let sight = self.table.see(from, cx.now(), cx.acquaintances(), cx.config());
            if sight != Sight::Contact && purpose == Purpose::Probe {
                cx.step(UPKEEP, |step| step.named("refuse").with("peer", from).with("why", "it names nobody"));
            }
            return;
        }
        self.admit(from, cx);
    }

    fn admit(&mut self, peer: Peer, cx: &mut Cx<'_, Self>) {
        match self.table.insert(peer, cx.now(), cx.acquaintances(), cx.config()) {
            Insert::Known | Insert::Own | Insert::Crowded => {}
            Insert::Added { bucket, splits } => {
                let (buckets, contacts) = (self.table.buckets(), self.table.len());
                if splits > 0 {
                    cx.step(UPKEEP, |step| step.named("split").with("times", splits).with("buckets", buckets));
                }
                cx.step(UPKEEP, |step| step.named("admit").with("peer", peer).with("bucket", bucket).with("contacts", contacts));
            }
            Insert::Full { bucket, oldest } => {
                cx.step(UPKEEP, |step| step.named("wait").with("peer", peer).with("bucket", bucket).with("oldest", oldest.peer));
                if oldest.is_questionable(cx.now(), cx.config().check_after) {
                    self.probe(oldest.peer, Purpose::Check, cx);
                }
            }
            Insert::Capped => cx.step(UPKEEP, |step| step.named("refuse").with("peer", peer).with("why", "its address group has its places")),
        }
    }

    /// Sees whether `peer` answers FIND_NODE for its own key, unless that is under way or too many such requests are.
    pub(crate) fn probe(&mut self, peer: Peer, purpose: Purpose, cx: &mut Cx<'_, Self>) {
        let (probes, asked) = self.requests.probes(peer);
        if asked || probes >= cx.config().probes || self.requests.len() >= cx.config().outstanding || peer == cx.me() {
            return;
        }
        let name = if purpose == Purpose::Check { "check" } else { "probe" };
        cx.step(UPKEEP, |step| step.named(name).with("peer", peer));
        self.ask(peer, Request::FindNode { target: Target::Peer(peer) }, purpose, cx);
    }

    /// An unknown peer asked us something: it may be worth a place.
    pub(crate) fn met(&mut self, from: Peer, cx: &mut Cx<'_, Self>) {
        let sight = self.table.see(from, cx.now(), cx.acquaintances(), cx.config());
        if sight == Sight::Room && cx.config().admit_requesters && !self.clients().contains(&from) {
            self.probe(from, Purpose::Probe, cx);
        }
    }

    /// `peer` failed to answer, or cannot be reached.
    pub(crate) fn demote(&mut self, peer: Peer, cx: &mut Cx<'_, Self>) {
        match self.table.fail(peer, cx.acquaintances(), cx.config()) {
            Failure::Unknown => {}
            Failure::Demoted { wanted } => {
                cx.step(UPKEEP, |step| step.named("demote").with("peer", peer));
                if wanted {
                    self.probe(peer, Purpose::Check, cx);
                }
            }
            Failure::Evicted { replacement } => Self::evicted(peer, replacement, cx),
        }
    }

    fn evicted(peer: Peer, replacement: Option<Peer>, cx: &mut Cx<'_, Self>) {
        cx.step(UPKEEP, |step| step.named("evict").with("peer", peer));
        if let Some(replacement) = replacement {
            cx.step(UPKEEP, |step| step.named("replace").with("peer", replacement).with("of", peer));
        }
    }

    fn is_client(&mut self, peer: Peer, cx: &mut Cx<'_, Self>) {
        if let Some(Failure::Evicted { replacement }) = self.table.remove(peer, cx.acquaintances(), cx.config()) {
            Self::evicted(peer, replacement, cx);
        }
        if cx.config().clients == 0 {
            return;
        }
        let clients = &mut self.visitors.get_or_insert_default().clients;
        clients.retain(|client| *client != peer);
        if clients.len() >= cx.config().clients {
            clients.remove(0);
        }
        clients.push(peer);
    }

    fn clients(&self) -> &[Peer] {
        self.visitors.as_ref().map_or(&[], |visitors| &visitors.clients)
    }

    /// The client at `target`, if one is remembered.
    pub(crate) fn client_at(&self, target: Key, cx: &Cx<'_, Self>) -> Option<Peer> {
        self.clients().iter().copied().find(|client| cx.key(*client) == target)
    }

    pub(crate) fn remember_bootstrap(&mut self, contacts: &[Peer], cx: &Cx<'_, Self>) {
        if contacts.is_empty() {
            return;
        }
        let bootstrap = &mut self.visitors.get_or_insert_default().bootstrap;
        for peer in contacts {
            if bootstrap.len() < cx.config().bootstrap && !bootstrap.contains(peer) {
                bootstrap.push(*peer);
            }
        }
        bootstrap.shrink_to_fit();
    }

    /// Sets the refresh timer: soon when the table is empty, else after the interval, a tenth earlier or later by the dice.
    pub(crate) fn arm_refresh(&mut self, cx: &mut Cx<'_, Self>) {
        let interval = if self.table.is_empty() { cx.config().rejoin_interval } else { cx.config().refresh_interval };
        self.refresh = self.refresh.wrapping_add(1);
        let delay = cx.rng().duration(interval * 9 / 10, interval * 11 / 10).max(Duration::from_millis(1));
        cx.wake_in(delay, Timer::Refresh { generation: self.refresh });
    }

    /// Refreshes the table, or joins again when nobody is left.
    pub(crate) fn on_refresh(&mut self, cx: &mut Cx<'_, Self>) {
        if self.table.is_empty() {
            let bootstrap = self.visitors.as_ref().map(|visitors| visitors.bootstrap.clone()).unwrap_or_default();
            if !bootstrap.is_empty() {
                self.join(&bootstrap, cx);
            }
        } else {
            self.check_silent(cx);
            self.knock(cx);
            self.refresh_buckets(cx);
        }
        self.arm_refresh(cx);
    }

    /// Asks those it once joined through, and does not know, for the peers closest to itself.
    fn knock(&mut self, cx: &mut Cx<'_, Self>) {
        let bootstrap = self.visitors.as_ref().map_or(&[][..], |visitors| &visitors.bootstrap);
        let strangers: Vec<Peer> = bootstrap.iter().copied().filter(|peer| !self.table.contains(*peer, cx.acquaintances())).collect();
        for peer in strangers {
            if self.requests.len() < cx.config().outstanding && peer != cx.me() {
                cx.step(UPKEEP, |step| step.named("knock").with("peer", peer));
                self.ask(peer, Request::FindNode { target: Target::Peer(cx.me()) }, Purpose::Knock, cx);
            }
        }
    }

    /// Somebody at whom it knocked named these: it makes the acquaintance of those that it does not know.
    pub(crate) fn let_in(&mut self, closer: &[Peer], cx: &mut Cx<'_, Self>) {
        for peer in closer {
            // Being named is no sign of life: a contact is not made fresher by it.
            let stranger = !self.table.contains(*peer, cx.acquaintances());
            if stranger && self.table.see(*peer, cx.now(), cx.acquaintances(), cx.config()) == Sight::Room {
                self.probe(*peer, Purpose::Probe, cx);
            }
        }
    }

    /// Checks contacts that failed or have been silent, the longest silent first.
    fn check_silent(&mut self, cx: &mut Cx<'_, Self>) {
        let (now, config) = (cx.now(), cx.config());
        let mut silent: Vec<_> = self.table.contacts().iter().filter(|c| c.is_questionable(now, config.check_after)).collect();
        silent.sort_by_key(|c| (c.is_healthy(), c.seen()));
        let silent: Vec<Peer> = silent.iter().take(config.checks_per_refresh).map(|c| c.peer).collect();
        silent.into_iter().for_each(|peer| self.probe(peer, Purpose::Check, cx));
    }

    fn refresh_buckets(&mut self, cx: &mut Cx<'_, Self>) {
        let stale = cx.now() - cx.config().refresh_interval * 3 / 4;
        for bucket in 0..self.table.buckets().saturating_sub(1).min(Preimages::BITS as usize) {
            if self.table.refreshed(bucket) > stale && stale > Time::ZERO {
                continue;
            }
            if let Some(name) = cx.config().preimages.in_bucket(self.table.own(), bucket as u32, cx.rng()) {
                self.begin(Job::Refresh, Target::Name(name), cx.config().k, cx);
            }
        }
        self.begin(Job::Refresh, Target::Peer(cx.me()), cx.config().k, cx);
    }
}
