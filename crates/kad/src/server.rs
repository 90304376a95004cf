//! Answering requests: a peer's share of the work.
//!
//! FIND_NODE names up to k closest servers that are known, without the requester and without oneself, *even if none is closer than oneself*. One
//! exception: if the target itself is known it is always named, also when it is oneself, the requester or a client; otherwise nobody could find the
//! addresses of a peer that is not in a table (reference section 3).
//!
//! A client rejects everything. What is stored must pass its validator, is bounded, and expires ([`crate::values`], [`crate::providers`]).

use peerglass_core::{Cx, Key, Peer};

use crate::config::Mode;
use crate::kad::Kad;
use crate::message::{Message, Record, Request, Response};
use crate::operation::UPKEEP;
use crate::{Name, Target};

impl Kad {
    pub(crate) fn serve(&mut self, from: Peer, id: u64, request: Request, cx: &mut Cx<'_, Self>) {
        if self.mode == Mode::Client {
            if request.is_answered() {
                cx.send(from, Message::Response { id, response: Response::Rejected });
            }
            return;
        }
        let response = match request {
            Request::FindNode { target } => Some(self.nodes(from, &target, cx)),
            Request::GetValue { key } => Some(self.value(from, key, cx)),
            Request::PutValue { record } => Some(self.put(from, record, cx)),
            Request::GetProviders { key } => Some(self.providers_of(from, &key, cx)),
            Request::AddProvider { key, provider } => {
                self.add_provider(from, key, provider, cx);
                None
            }
        };
        if let Some(response) = response {
            cx.send(from, Message::Response { id, response });
        }
        self.met(from, cx);
    }

    fn nodes(&mut self, from: Peer, target: &Target, cx: &mut Cx<'_, Self>) -> Response {
        let key = target.key(cx.acquaintances());
        let mut closer = self.closer(from, key, cx);
        if let Some(peer) = self.target_itself(from, target, key, cx)
            && !closer.contains(&peer)
        {
            closer.truncate(cx.config().k.saturating_sub(1));
            closer.push(peer);
        }
        Response::Nodes { closer }
    }

    /// The target, where [`Kad::closer`] would leave it out.
    fn target_itself(&self, from: Peer, target: &Target, key: Key, cx: &Cx<'_, Self>) -> Option<Peer> {
        if key == self.table.own() {
            return Some(cx.me());
        }
        if *target == Target::Peer(from) || key.high() == cx.acquaintances().key_high(from) && key == cx.key(from) {
            return Some(from);
        }
        self.client_at(key, cx)
    }

    fn closer(&self, from: Peer, key: Key, cx: &Cx<'_, Self>) -> Vec<Peer> {
        let mut closer = Vec::with_capacity(cx.config().k);
        self.table.closest(key, cx.config().k, from, cx.acquaintances(), &mut closer);
        closer
    }

    fn value(&mut self, from: Peer, key: Name, cx: &mut Cx<'_, Self>) -> Response {
        let closer = self.closer(from, key.key(), cx);
        let value = self.held_value(&key, cx);
        Response::Value { record: value.map(|value| Box::new(Record { key, value })), closer }
    }

    fn put(&mut self, from: Peer, record: Box<Record>, cx: &mut Cx<'_, Self>) -> Response {
        let key = record.key.key();
        match self.hold_value(Record::clone(&record), cx) {
            Ok(()) => {
                cx.step(UPKEEP, |step| step.named("store value").with("peer", from).with("key", key));
                Response::Stored { record }
            }
            Err(why) => {
                cx.step(UPKEEP, |step| step.named("refuse value").with("peer", from).with("key", key).with("why", why.to_string()));
                Response::Rejected
            }
        }
    }

    fn providers_of(&mut self, from: Peer, key: &Name, cx: &mut Cx<'_, Self>) -> Response {
        let closer = self.closer(from, key.key(), cx);
        Response::Providers { providers: Box::new(self.held_providers(key, from, cx)), closer }
    }

    fn add_provider(&mut self, from: Peer, key: Name, provider: Peer, cx: &mut Cx<'_, Self>) {
        // Nobody speaks for others: the driver authenticated the sender, not what it says.
        let held = provider == from && self.hold_provider(&key, provider, cx);
        cx.step(UPKEEP, |step| step.named(if held { "store provider" } else { "refuse provider" }).with("peer", from).with("key", key.key()));
    }
}
