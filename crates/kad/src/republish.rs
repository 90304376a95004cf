//! Publishing again, by region instead of by key.
//!
//! Records expire, and the peers that held them leave, so whoever published must do it again every 22 hours or so. One lookup per key does not scale:
//! ten thousand keys would be ten thousand lookups, usually in one burst. But keys that are near each other belong to the same peers. So the key
//! space is *swept*, as a lighthouse does, once per interval (the idea of go-libp2p-kad-dht's sweeping provider):
//!
//! ```text
//!   key space  0 ─────────────────────────────────────────────── 2^256
//!   own keys      ×  ××× ×        ××    ×××××   ×     ××  ×  ××
//!                       ▲ the sweep, at the pace of one key space per interval
//!                   └─region─┘  one lookup finds all its peers; each key goes to its own k closest of them
//! ```
//!
//! * *When*: each key has its natural moment in the interval, proportional to where it sits, from a beginning that each peer chooses by dice. So
//!   the load is even over time, and differs between peers.
//! * *Region*: a lookup finds the k closest peers to its centre, the farthest of which shares, say, 9 bits with it. The subtree of these 9 bits
//!   therefore holds k peers or more, so the k closest of *every* key in it are in it. The lookup knows the near half of it completely. If other keys
//!   are due in the subtree, further lookups (hardly ever more than one), each around a peer already known, learn the far half, and all keys of the
//!   subtree are published, up to [`Config::republish_batch`](crate::Config::republish_batch).
//!
//! ```text
//!      the subtree of 9 bits, with k to 2k peers
//!   ├────────────────────────┬────────────────────────┤
//!     ● ●  ● × ● ● ●  ● ●        ●  ●  ●    ●   ●  ●
//!            ▲ first lookup      ▲ second lookup: around a peer that the first found
//! ```
//!
//! * *Pace*: one region at a time.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use peerglass_core::{Cx, Distance, Key, Peer, Time};

use crate::event::{Event, Outcome, Timer};
use crate::kad::Kad;
use crate::lookup::Candidate;
use crate::message::{Record, Request};
use crate::operation::{Job, Running};
use crate::requests::Purpose;
use crate::{Name, Target};

/// How many lookups may be made for one region.
const MAX_LOOKUPS: u32 = 8;

/// The keys and values of our own that are kept alive.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// When the first interval began.
    epoch: Time,
    entries: BTreeMap<Key, Entry>,
    /// The entries by when they are due.
    schedule: BTreeSet<(Time, Key)>,
    /// The current generation of the timer.
    generation: u32,
    /// When the timer goes off.
    armed: Option<Time>,
    /// Whether a sweep is under way.
    sweeping: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    name: Name,
    provider: bool,
    value: Option<Arc<[u8]>>,
    last: Time,
    due: Time,
    /// How many publications in a row reached too few peers.
    thin: u32,
}

/// A region that is being published again.
#[derive(Clone, Debug)]
pub(crate) struct Sweep {
    /// The key around which the first lookup went.
    pub(crate) center: Key,
    /// How many bits the keys of the region share with it.
    prefix: u32,
    /// Whom the lookups have found.
    pub(crate) near: Vec<Peer>,
    /// Subtrees of the region that are not known yet: a peer in each, and how many bits their peers share with it.
    unknown: Vec<(Peer, u32)>,
    /// How many bits the subtree has that the present lookup is to make known.
    inside: u32,
    /// How many lookups there have been.
    lookups: u32,
}

impl Sweep {
    fn new(center: Key) -> Self {
        Self { center, prefix: Key::BITS, near: Vec::new(), unknown: Vec::new(), inside: Key::BITS, lookups: 0 }
    }

    /// The lookup around `key`, somewhere in the subtree of `prefix` bits, found `found`. Every sibling subtree on the way down from `prefix` to the
    /// last bit that its farthest peer shares may hold more.
    fn learn(&mut self, key: Key, prefix: u32, found: &[Candidate], cx: &Cx<'_, Kad>) {
        self.lookups += 1;
        self.near.extend(found.iter().map(|c| c.peer));
        self.near.sort_unstable();
        self.near.dedup();
        if found.len() < cx.config().k {
            // It ran out of peers: these are all there are.
            return;
        }
        let shared = found.last().map_or(0, |c| c.distance.leading_zeros());
        for bit in prefix..=shared {
            let inside = self.near.iter().find(|peer| cx.key(**peer).common_prefix(key) == bit);
            self.unknown.extend(inside.map(|peer| (*peer, bit + 1)));
        }
    }
}

impl Published {
    fn new(epoch: Time) -> Self {
        Self { epoch, entries: BTreeMap::new(), schedule: BTreeSet::new(), generation: 0, armed: None, sweeping: false }
    }

    /// The first natural moment of `key` at `after` or later.
    fn natural(&self, key: Key, after: Time, interval: Duration) -> Time {
        let interval = interval.as_nanos().clamp(1, u128::from(u64::MAX >> 1)) as u64;
        let phase = ((u128::from(key.high()) * u128::from(interval)) >> 64) as u64;
        let since = after.as_nanos().saturating_sub(self.epoch.as_nanos());
        let rounds = since.saturating_sub(phase).div_ceil(interval);
        self.epoch + Duration::from_nanos(phase) + Duration::from_nanos(interval.saturating_mul(rounds))
    }

    fn set_due(&mut self, key: Key, due: Time) {
        if let Some(entry) = self.entries.get_mut(&key) {
            self.schedule.remove(&(entry.due, key));
            entry.due = due;
            self.schedule.insert((due, key));
        }
    }

    fn remove_if_bare(&mut self, key: Key) {
        if let Some(entry) = self.entries.get(&key)
            && !entry.provider
            && entry.value.is_none()
        {
            self.schedule.remove(&(entry.due, key));
            self.entries.remove(&key);
        }
    }

    /// The keys that share `prefix` bits with `center` and were not published within the last half interval.
    fn region(&self, center: Key, prefix: u32, now: Time, interval: Duration) -> impl Iterator<Item = &Entry> {
        let near = self.entries.range(subtree(center, prefix)).map(|(_, entry)| entry);
        near.filter(move |entry| entry.last + interval / 2 <= now || entry.due <= now)
    }
}

/// The keys that share `prefix` bits with `center`. Prefixes beyond 64 bits do not occur: they would need 2^64 peers.
fn subtree(center: Key, prefix: u32) -> core::ops::RangeInclusive<Key> {
    let rest = u64::MAX.checked_shr(prefix).unwrap_or(0);
    let word = |high: u64, fill: u8| {
        let mut bytes = [fill; 32];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        Key::from_bytes(bytes)
    };
    word(center.high() & !rest, 0)..=word(center.high() | rest, u8::MAX)
}

impl Kad {
    /// Stops keeping the announcement of `key` alive. The records at others expire by themselves.
    pub fn stop_providing(&mut self, key: &Name) {
        self.stop(key, |entry| entry.provider = false);
    }

    /// Stops keeping the value under `key` alive.
    pub fn stop_putting(&mut self, key: &Name) {
        self.stop(key, |entry| entry.value = None);
    }

    /// Keeps the announcement of `key` alive that was last made at `last`, for instance before a restart, without announcing it at once: the sweep
    /// comes to it in time, and soon if it is overdue.
    pub fn keep_providing(&mut self, key: Name, last: Time, cx: &mut Cx<'_, Self>) {
        self.publish(key.clone(), last, cx, |entry| entry.provider = true);
    }

    /// Whether this peer provides `key`.
    #[must_use]
    pub fn is_providing(&self, key: &Name) -> bool {
        self.published.as_ref().and_then(|published| published.entries.get(&key.key())).is_some_and(|entry| entry.provider)
    }

    /// How many keys are kept alive, and how long ago the one was published that has waited longest.
    #[must_use]
    pub fn published(&self, now: Time) -> (usize, Duration) {
        let Some(published) = &self.published else { return (0, Duration::ZERO) };
        let oldest = published.entries.values().map(|entry| now.since(entry.last)).max();
        (published.entries.len(), oldest.unwrap_or_default())
    }

    pub(crate) fn publish_provider(&mut self, key: Name, cx: &mut Cx<'_, Self>) {
        let now = cx.now();
        self.publish(key, now, cx, |entry| entry.provider = true);
    }

    pub(crate) fn publish_value(&mut self, key: Name, value: Arc<[u8]>, cx: &mut Cx<'_, Self>) {
        let now = cx.now();
        self.publish(key, now, cx, |entry| entry.value = Some(value));
    }

    fn publish(&mut self, name: Name, last: Time, cx: &mut Cx<'_, Self>, set: impl FnOnce(&mut Entry)) {
        let (now, interval, limit) = (cx.now(), cx.config().republish_interval, cx.config().published);
        let dice = cx.rng().duration(Duration::ZERO, interval);
        let published = self.published.get_or_insert_with(|| Box::new(Published::new(now - dice)));
        let key = name.key();
        if published.entries.len() >= limit && !published.entries.contains_key(&key) {
            return;
        }
        let due = if last + interval < now { now } else { published.natural(key, last + interval / 2, interval) };
        let entry = published.entries.entry(key).or_insert(Entry { name, provider: false, value: None, last, due, thin: 0 });
        set(entry);
        published.set_due(key, due);
        self.arm_republish(cx);
    }

    fn stop(&mut self, key: &Name, unset: impl FnOnce(&mut Entry)) {
        let Some(published) = &mut self.published else { return };
        if let Some(entry) = published.entries.get_mut(&key.key()) {
            unset(entry);
            published.remove_if_bare(key.key());
        }
        if published.entries.is_empty() && !published.sweeping {
            self.published = None;
        }
    }

    /// The record under `key` is out at so many peers.
    ///
    /// With fewer than half of k it is *thin*, as when the first peer of a network shares something before anybody has come: it is published again soon, and
    /// then less and less often, so that newcomers come to keep it too. A network that stays small costs a sweep every [`Config::republish_retry`].
    ///
    /// [`Config::republish_retry`]: crate::Config::republish_retry
    pub(crate) fn was_published(&mut self, key: Key, replicas: usize, cx: &mut Cx<'_, Self>) {
        let (now, config) = (cx.now(), cx.config());
        let jitter = cx.rng().duration(Duration::ZERO, config.republish_interval / 100);
        let Some(published) = &mut self.published else { return };
        let Some(entry) = published.entries.get_mut(&key) else { return self.arm_republish(cx) };
        if replicas > 0 {
            entry.last = now;
        }
        let due = if replicas * 2 < config.k {
            let wait = config.thin_retry.saturating_mul(1 << entry.thin.min(16)).min(config.republish_retry);
            entry.thin += 1;
            now + wait
        } else {
            entry.thin = 0;
            published.natural(key, now + config.republish_interval / 2, config.republish_interval) + jitter
        };
        published.set_due(key, due);
        self.arm_republish(cx);
    }

    /// After a restart no sweep and no timer is under way.
    pub(crate) fn resume_republishing(&mut self, cx: &mut Cx<'_, Self>) {
        if let Some(published) = &mut self.published {
            (published.sweeping, published.armed) = (false, None);
        }
        self.arm_republish(cx);
    }

    /// Sets the timer for the first key that is due, unless a sweep is under way, which will do it when it ends.
    fn arm_republish(&mut self, cx: &mut Cx<'_, Self>) {
        let Some(published) = &mut self.published else { return };
        let Some((due, _)) = published.schedule.first().copied() else { return };
        if published.sweeping || published.armed.is_some_and(|at| at <= due) {
            return;
        }
        published.armed = Some(due);
        published.generation = published.generation.wrapping_add(1);
        cx.wake_in(due.since(cx.now()), Timer::Republish { generation: published.generation });
    }

    /// Begins the sweep of the region around the first key that is due.
    pub(crate) fn on_republish(&mut self, generation: u32, cx: &mut Cx<'_, Self>) {
        let now = cx.now();
        let Some(published) = &mut self.published else { return };
        if generation != published.generation || published.armed.take().is_none() {
            return;
        }
        match published.schedule.first().copied() {
            Some((due, center)) if due <= now => {
                let Some(entry) = published.entries.get(&center) else { return };
                let target = Target::Name(entry.name.clone());
                published.sweeping = true;
                self.begin(Job::Sweep(Sweep::new(center)), target, cx.config().k, cx);
            }
            _ => self.arm_republish(cx),
        }
    }

    /// A lookup of a region is over: the second half of the region, or its keys.
    pub(crate) fn swept(&mut self, mut running: Box<Running>, outcome: Outcome, cx: &mut Cx<'_, Self>) {
        let (now, config) = (cx.now(), cx.config());
        let found = running.search.closest();
        let Job::Sweep(sweep) = &mut running.job else { return };
        let Some(published) = &mut self.published else { return };
        let mut inside = sweep.inside;
        if sweep.lookups == 0 {
            sweep.prefix = if found.len() < config.k { 0 } else { found.last().map_or(Key::BITS, |c| c.distance.leading_zeros()) };
            inside = sweep.prefix;
        }
        sweep.learn(running.key, inside, &found, cx);
        let crowded = published.region(sweep.center, sweep.prefix, now, config.republish_interval).nth(1).is_some();
        if crowded
            && outcome == Outcome::Done
            && sweep.lookups < MAX_LOOKUPS
            && let Some((peer, prefix)) = sweep.unknown.pop()
        {
            sweep.inside = prefix;
            (running.target, running.key) = (Target::Peer(peer), cx.key(peer));
            running.deadline = now + config.operation_timeout;
            self.seed(&mut running, cx);
            return self.advance(running, cx);
        }
        published.sweeping = false;
        let sweep = sweep.clone();
        self.publish_region(&running, &sweep, outcome, cx);
    }

    fn publish_region(&mut self, running: &Running, sweep: &Sweep, outcome: Outcome, cx: &mut Cx<'_, Self>) {
        let (now, config) = (cx.now(), cx.config());
        if sweep.near.is_empty() {
            return self.was_published(sweep.center, 0, cx);
        }
        let Some(published) = &self.published else { return };
        let near = published.region(sweep.center, sweep.prefix, now, config.republish_interval);
        let others = near.filter(|entry| entry.name.key() != sweep.center).take(config.republish_batch.saturating_sub(1));
        let entries: Vec<Entry> = published.entries.get(&sweep.center).into_iter().chain(others).cloned().collect();
        let age = entries.iter().map(|entry| now.since(entry.last)).max().unwrap_or_default();
        let mut told = BTreeSet::new();
        for entry in &entries {
            self.publish_entry(entry, &sweep.near, &mut told, cx);
        }
        let (keys, peers) = (entries.len(), told.len());
        cx.step(running.operation(), |step| step.named("region").with("prefix", sweep.prefix).with("keys", keys).with("peers", peers));
        cx.emit(Event::Republished { keys, peers, age, report: running.report(outcome) });
        self.arm_republish(cx);
    }

    fn publish_entry(&mut self, entry: &Entry, peers: &[Peer], told: &mut BTreeSet<Peer>, cx: &mut Cx<'_, Self>) {
        let (key, k) = (entry.name.key(), cx.config().k);
        let mut near: Vec<(Distance, Peer)> = peers.iter().map(|peer| (cx.key(*peer) ^ key, *peer)).collect();
        near.sort_unstable();
        near.truncate(k);
        let replicas = near.len();
        for (_, peer) in near {
            told.insert(peer);
            if entry.provider {
                self.tell_provider(peer, entry.name.clone(), cx);
            }
            if let Some(value) = &entry.value
                && self.requests.len() < cx.config().outstanding
            {
                let record = Box::new(Record { key: entry.name.clone(), value: value.clone() });
                self.ask(peer, Request::PutValue { record }, Purpose::Correct, cx);
            }
        }
        self.was_published(key, replicas, cx);
    }
}
