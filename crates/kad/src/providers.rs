//! Providers: who has which content.
//!
//! A provider record says "this peer can give you the content with this multihash". PROVIDE looks up the content's key and tells the k closest peers
//! with ADD_PROVIDER, which nobody answers. FIND PROVIDERS walks towards the key with GET_PROVIDERS, and tells the application of each provider as
//! soon as somebody names it, because fetching can begin with the first.
//!
//! ```text
//!                         key of the content
//!   provider ── ADD ──▶  ● ● ● ● ● (k closest)  ◀── GET ── seeker
//!      ▲                                                     │
//!      └────────────────── fetches the content ──────────────┘
//! ```
//!
//! Bounds: keys in all, providers per key, keys per provider. A full list refuses newcomers, as full buckets do: a provider that keeps renewing its
//! record is not pushed out by fresh identities. When the keys are full, the one farthest from the holder makes way for a nearer one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use peerglass_core::{Cx, Key, Operation, Peer, Time};

use crate::event::{Event, Outcome, Timer};
use crate::kad::Kad;
use crate::message::{Message, Request};
use crate::operation::{Job, Running};
use crate::{Config, Name, Target};

/// The provider records held for others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Providers {
    held: BTreeMap<Name, Vec<Provider>>,
    /// How many keys each provider is held for.
    keys_of: BTreeMap<Peer, u32>,
}

#[derive(Clone, Copy, Debug)]
struct Provider {
    peer: Peer,
    /// When it said so, by our clock.
    since: Time,
}

impl Provider {
    fn is_alive(&self, now: Time, config: &Config) -> bool {
        now.since(self.since) < config.provider_lifetime
    }
}

impl Providers {
    fn get(&self, key: &Name, now: Time, config: &Config) -> impl Iterator<Item = Peer> {
        self.held.get(key).into_iter().flatten().filter(move |provider| provider.is_alive(now, config)).map(|provider| provider.peer)
    }

    /// Says whether the record is held now.
    fn add(&mut self, own: Key, key: &Name, peer: Peer, now: Time, config: &Config) -> bool {
        if let Some(known) = self.held.get_mut(key).and_then(|list| list.iter_mut().find(|provider| provider.peer == peer)) {
            known.since = now;
            return true;
        }
        if self.keys_of.get(&peer).is_some_and(|keys| *keys as usize >= config.keys_per_provider) || !self.make_room(own, key, now, config) {
            return false;
        }
        self.held.entry(key.clone()).or_default().push(Provider { peer, since: now });
        *self.keys_of.entry(peer).or_default() += 1;
        true
    }

    fn make_room(&mut self, own: Key, key: &Name, now: Time, config: &Config) -> bool {
        if let Some(list) = self.held.get(key) {
            if list.len() >= config.providers_per_key && list.iter().any(|provider| !provider.is_alive(now, config)) {
                self.expire(now, config);
            }
            return self.held.get(key).is_none_or(|list| list.len() < config.providers_per_key);
        }
        if self.held.len() < config.provider_keys {
            return config.providers_per_key > 0;
        }
        match self.held.keys().max_by_key(|name| name.key() ^ own).cloned() {
            Some(farthest) if farthest.key() ^ own > key.key() ^ own => {
                for provider in self.held.remove(&farthest).into_iter().flatten() {
                    release(&mut self.keys_of, provider.peer);
                }
                true
            }
            _ => false,
        }
    }

    /// Drops what is too old. Says how many keys are left.
    pub(crate) fn expire(&mut self, now: Time, config: &Config) -> usize {
        let keys_of = &mut self.keys_of;
        self.held.retain(|_, list| {
            list.iter().filter(|provider| !provider.is_alive(now, config)).for_each(|provider| release(keys_of, provider.peer));
            list.retain(|provider| provider.is_alive(now, config));
            !list.is_empty()
        });
        self.held.len()
    }

    pub(crate) fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        self.keys_of.keys().copied().for_each(visit);
    }
}

fn release(keys_of: &mut BTreeMap<Peer, u32>, peer: Peer) {
    if let Entry::Occupied(mut entry) = keys_of.entry(peer) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

impl Kad {
    /// Announces that this peer has the content `key`, and keeps the announcement alive until [`Kad::stop_providing`]. Ends with
    /// [`Event::Provided`].
    pub fn provide(&mut self, key: Name, cx: &mut Cx<'_, Self>) -> Operation {
        self.publish_provider(key.clone(), cx);
        self.begin(Job::Provide { key: key.clone() }, Target::Name(key), cx.config().k, cx)
    }

    /// Finds providers of `key`: `wanted` of them, or all for 0. Tells of them in [`Event::Providers`] as they come, and ends with
    /// [`Event::ProvidersEnded`].
    pub fn find_providers(&mut self, key: Name, wanted: usize, cx: &mut Cx<'_, Self>) -> Operation {
        let known: Vec<Peer> = self.providers.as_ref().map_or(Vec::new(), |held| held.get(&key, cx.now(), cx.config()).collect());
        let known: Vec<Peer> = known.into_iter().filter(|peer| *peer != cx.me()).collect();
        let job = Job::Providers { key: key.clone(), wanted, found: known.clone() };
        let operation = self.begin(job, Target::Name(key), cx.config().k, cx);
        if !known.is_empty() {
            cx.emit(Event::Providers { operation, providers: known });
        }
        operation
    }

    /// How many keys have providers here, expired ones included until the next sweep.
    #[must_use]
    pub fn provider_keys_held(&self) -> usize {
        self.providers.as_ref().map_or(0, |providers| providers.held.len())
    }

    /// Whether it is held here that `provider` has `key`, be it expired, until the next sweep.
    #[must_use]
    pub fn holds_provider(&self, key: &Name, provider: Peer) -> bool {
        let held = self.providers.as_ref().and_then(|providers| providers.held.get(key));
        held.is_some_and(|list| list.iter().any(|known| known.peer == provider))
    }

    /// Who provides `key` as far as is known here, for `from`: oneself included if one does, `from` not.
    pub(crate) fn held_providers(&self, key: &Name, from: Peer, cx: &Cx<'_, Self>) -> Vec<Peer> {
        let mut providers: Vec<Peer> = self.providers.as_ref().map_or(Vec::new(), |held| held.get(key, cx.now(), cx.config()).collect());
        if self.is_providing(key) && !providers.contains(&cx.me()) {
            providers.push(cx.me());
        }
        providers.retain(|peer| *peer != from);
        providers
    }

    pub(crate) fn hold_provider(&mut self, key: &Name, provider: Peer, cx: &mut Cx<'_, Self>) -> bool {
        let own = self.table.own();
        let held = self.providers.get_or_insert_default().add(own, key, provider, cx.now(), cx.config());
        self.expect_expiry(cx);
        held
    }

    /// Takes the providers that an answer names.
    pub(crate) fn collect_providers(running: &mut Running, providers: &[Peer], cx: &mut Cx<'_, Self>) {
        let operation = running.operation();
        let Job::Providers { wanted, found, .. } = &mut running.job else { return };
        let limit = if *wanted == 0 { cx.config().providers_found } else { (*wanted).min(cx.config().providers_found) };
        let before = found.len();
        for peer in providers {
            if found.len() < limit && *peer != cx.me() && !found.contains(peer) {
                found.push(*peer);
            }
        }
        if found.len() > before {
            cx.emit(Event::Providers { operation, providers: found[before..].to_vec() });
        }
        if found.len() >= limit {
            running.search.finish();
        }
    }

    /// The lookup of a PROVIDE is over: tell the closest.
    pub(crate) fn announce(&mut self, running: &Running, key: &Name, outcome: Outcome, cx: &mut Cx<'_, Self>) {
        let closest = running.search.closest();
        for candidate in &closest {
            cx.step(running.operation(), |step| step.named("announce").with("peer", candidate.peer));
            self.tell_provider(candidate.peer, key.clone(), cx);
        }
        self.was_published(key.key(), closest.len(), cx);
        cx.emit(Event::Provided { operation: running.operation(), replicas: closest.len(), report: running.report(outcome) });
    }

    /// Sends ADD_PROVIDER, which has no answer.
    pub(crate) fn tell_provider(&mut self, peer: Peer, key: Name, cx: &mut Cx<'_, Self>) {
        let id = self.requests.unanswered();
        cx.send(peer, Message::Request { id, request: Request::AddProvider { key, provider: cx.me() } });
    }

    /// Sets the expiry timer if it is not under way.
    pub(crate) fn expect_expiry(&mut self, cx: &mut Cx<'_, Self>) {
        if !self.expiring {
            self.expiring = true;
            cx.wake_in(cx.config().expiry_interval, Timer::Expire);
        }
    }

    /// Drops expired records, and looks again later if any are left.
    pub(crate) fn on_expire(&mut self, cx: &mut Cx<'_, Self>) {
        self.expiring = false;
        let values = self.values.as_mut().map_or(0, |values| values.expire(cx.now(), cx.config()));
        let keys = self.providers.as_mut().map_or(0, |providers| providers.expire(cx.now(), cx.config()));
        if values == 0 {
            self.values = None;
        }
        if keys == 0 {
            self.providers = None;
        }
        if values + keys > 0 {
            self.expect_expiry(cx);
        }
    }
}
