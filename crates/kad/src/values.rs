//! Values: putting, getting, holding, correcting.
//!
//! PUT looks up the key and sends the record to the k closest peers. GET walks the same way and may meet several versions: every version is
//! validated, the best is kept, and the walk ends when [`Config::quorum`](crate::Config::quorum) valid ones have been seen. Then comes *entry
//! correction*: of the closest peers that were asked, those that had nothing or something worse are sent the best, so that reading repairs.
//!
//! ```text
//!   GET /v/x     p4: v7   p9: –   p2: v7   p5: v6          ──▶ result v7
//!                         └─────────────────┴──── PUT v7 ──▶ corrected
//! ```
//!
//! What is held for others is bounded in number and bytes. When there is no room, the record farthest from the holder makes way for a nearer one
//! and never the other way round: the near ones are those that others will look for here.

use std::collections::BTreeMap;
use std::sync::Arc;

use peerglass_core::{Cx, Key, Operation, Peer, Time};
use thiserror::Error;

use crate::event::{Event, Outcome};
use crate::kad::Kad;
use crate::message::{Record, Request, Response};
use crate::operation::{Job, Running, Storing};
use crate::requests::Purpose;
use crate::validator::Invalid;
use crate::{Config, Name, Target};

/// Why a value is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PutError {
    /// The value is too long.
    #[error("the value has {length} bytes and at most {limit} are stored; make it shorter, or store its digest")]
    TooLong {
        /// Of the value.
        length: usize,
        /// `Config::value_bytes`.
        limit: usize,
    },
    /// The validator of the namespace refuses it.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A value that is preferred is held already.
    #[error("a newer value is held under this key; get it first, and put one that supersedes it")]
    Outdated,
    /// There is no room for values this far from the holder.
    #[error("there is no room for more values; raise the bounds in the configuration, or try again when others have expired")]
    Full,
}

/// The state of a GET.
#[derive(Clone, Debug)]
pub(crate) struct Get {
    pub(crate) key: Name,
    best: Option<Arc<[u8]>>,
    /// How many valid values were seen.
    seen: usize,
    /// Who answered, and whether with the best.
    holders: Vec<(Peer, bool)>,
}

/// The values held for others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    held: BTreeMap<Name, Held>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Held {
    value: Arc<[u8]>,
    /// By our own clock: no sender can extend a record's life.
    received: Time,
}

impl Held {
    fn is_alive(&self, now: Time, config: &Config) -> bool {
        now.since(self.received) < config.value_lifetime
    }
}

impl Values {
    fn get(&self, key: &Name, now: Time, config: &Config) -> Option<Arc<[u8]>> {
        let held = self.held.get(key).filter(|held| held.is_alive(now, config))?;
        // Some values expire by what is in them (IPNS): checked again whenever one is served.
        config.validators.validate(key.bytes(), &held.value, now).ok()?;
        Some(held.value.clone())
    }

    fn put(&mut self, own: Key, record: Record, now: Time, config: &Config) -> Result<(), PutError> {
        let Record { key, value } = record;
        check(&key, &value, now, config)?;
        if let Some(held) = self.get(&key, now, config)
            && held != value
            && !config.validators.prefers(key.bytes(), &value, &held, now)
        {
            return Err(PutError::Outdated);
        }
        self.remove(&key);
        if !self.has_room(value.len(), config) {
            self.expire(now, config);
        }
        while !self.has_room(value.len(), config) {
            let farthest = self.held.keys().max_by_key(|name| name.key() ^ own).filter(|name| name.key() ^ own > key.key() ^ own).cloned();
            self.remove(&farthest.ok_or(PutError::Full)?);
        }
        self.bytes += value.len();
        self.held.insert(key, Held { value, received: now });
        Ok(())
    }

    fn has_room(&self, length: usize, config: &Config) -> bool {
        self.held.len() < config.values && self.bytes + length <= config.values_bytes
    }

    fn remove(&mut self, key: &Name) {
        if let Some(held) = self.held.remove(key) {
            self.bytes -= held.value.len();
        }
    }

    /// Drops what is too old. Says how much is left.
    pub(crate) fn expire(&mut self, now: Time, config: &Config) -> usize {
        self.held.retain(|_, held| held.is_alive(now, config));
        self.bytes = self.held.values().map(|held| held.value.len()).sum();
        self.held.len()
    }
}

fn check(key: &Name, value: &[u8], now: Time, config: &Config) -> Result<(), PutError> {
    if value.len() > config.value_bytes {
        return Err(PutError::TooLong { length: value.len(), limit: config.value_bytes });
    }
    Ok(config.validators.validate(key.bytes(), value, now)?)
}

impl Kad {
    /// Stores `value` under `key` at the k closest peers, and keeps it alive there until [`Kad::stop_putting`]. Ends with [`Event::Put`].
    ///
    /// # Errors
    /// When the value is not valid under this key, or a better one is known here.
    pub fn put_value(&mut self, key: Name, value: &[u8], cx: &mut Cx<'_, Self>) -> Result<Operation, PutError> {
        let record = Record { key: key.clone(), value: value.into() };
        self.hold_value(record.clone(), cx)?;
        self.publish_value(key.clone(), record.value.clone(), cx);
        Ok(self.begin(Job::Put { record, storing: None }, Target::Name(key), cx.config().k, cx))
    }

    /// Finds the value under `key`. Ends with [`Event::Value`].
    pub fn get_value(&mut self, key: Name, cx: &mut Cx<'_, Self>) -> Operation {
        let best = self.held_value(&key, cx);
        let get = Get { key: key.clone(), seen: usize::from(best.is_some()), best, holders: Vec::new() };
        self.begin(Job::Get(Box::new(get)), Target::Name(key), cx.config().k, cx)
    }

    /// The value held here, if it is valid now.
    #[must_use]
    pub fn held_value(&self, key: &Name, cx: &Cx<'_, Self>) -> Option<Arc<[u8]>> {
        self.values.as_ref()?.get(key, cx.now(), cx.config())
    }

    /// Whether this very value is held under `key`, be it expired, until the next sweep.
    #[must_use]
    pub fn holds_value(&self, key: &Name, value: &[u8]) -> bool {
        self.values.as_ref().and_then(|values| values.held.get(key)).is_some_and(|held| *held.value == *value)
    }

    /// How many values are held, expired ones included until the next sweep.
    #[must_use]
    pub fn values_held(&self) -> usize {
        self.values.as_ref().map_or(0, |values| values.held.len())
    }

    pub(crate) fn hold_value(&mut self, record: Record, cx: &mut Cx<'_, Self>) -> Result<(), PutError> {
        let own = self.table.own();
        self.values.get_or_insert_default().put(own, record, cx.now(), cx.config())?;
        self.expect_expiry(cx);
        Ok(())
    }

    /// Takes what an answer to GET_VALUE holds into account.
    pub(crate) fn collect_value(running: &mut Running, from: Peer, record: Option<&Record>, cx: &mut Cx<'_, Self>) {
        let (operation, config, now) = (running.operation(), cx.config(), cx.now());
        let Job::Get(get) = &mut running.job else { return };
        let valid = record.filter(|record| record.key == get.key && check(&get.key, &record.value, now, config).is_ok());
        if record.is_some() && valid.is_none() {
            cx.step(operation, |step| step.named("invalid value").with("peer", from));
        }
        let holds_best = valid.is_some_and(|record| get.see(&record.value, now, config));
        get.holders.push((from, holds_best));
        if config.quorum > 0 && get.seen >= config.quorum {
            running.search.finish();
        }
    }

    /// The walk of a GET is over: tell the result, and correct the entries of those that had none or worse.
    pub(crate) fn got(&mut self, running: Box<Running>, outcome: Outcome, cx: &mut Cx<'_, Self>) {
        let Job::Get(get) = &running.job else { return };
        cx.emit(Event::Value { operation: running.operation(), value: get.best.clone(), report: running.report(outcome) });
        let Some(value) = &get.best else { return };
        for candidate in running.search.closest() {
            let lacks = get.holders.iter().any(|(peer, holds_best)| *peer == candidate.peer && !holds_best);
            if lacks && self.requests.len() < cx.config().outstanding {
                cx.step(running.operation(), |step| step.named("correct").with("peer", candidate.peer));
                let record = Box::new(Record { key: get.key.clone(), value: value.clone() });
                self.ask(candidate.peer, Request::PutValue { record }, Purpose::Correct, cx);
            }
        }
    }

    /// The lookup of a PUT is over: send the record. Or the acknowledgements are in, or the time is up: tell the result.
    pub(crate) fn store(&mut self, mut running: Box<Running>, outcome: Outcome, cx: &mut Cx<'_, Self>) {
        let number = running.number;
        let (operation, closest) = (running.operation(), running.search.closest());
        let Job::Put { record, storing } = &mut running.job else { return };
        if storing.is_none() && !matches!(outcome, Outcome::Busy) {
            let mut pending = 0;
            for candidate in closest.iter().filter(|_| outcome == Outcome::Done) {
                cx.step(operation, |step| step.named("store").with("peer", candidate.peer));
                self.ask(candidate.peer, Request::PutValue { record: Box::new(record.clone()) }, Purpose::Store(number), cx);
                pending += 1;
            }
            *storing = Some(Storing { pending, stored: 0 });
            running.requests += pending;
        }
        self.stored(running, outcome, cx);
    }

    /// `peer` took a record, or did not.
    pub(crate) fn acknowledged(&mut self, number: u32, peer: Peer, stored: bool, cx: &mut Cx<'_, Self>) {
        let Some(mut running) = self.take(number) else { return };
        if stored {
            running.answers += 1;
        } else {
            running.failures += 1;
        }
        cx.step(running.operation(), |step| step.named(if stored { "stored" } else { "not stored" }).with("peer", peer));
        if let Job::Put { storing: Some(storing), .. } = &mut running.job {
            storing.pending = storing.pending.saturating_sub(1);
            storing.stored += u32::from(stored);
        }
        self.stored(running, Outcome::Done, cx);
    }

    fn stored(&mut self, running: Box<Running>, outcome: Outcome, cx: &mut Cx<'_, Self>) {
        let Job::Put { storing, record } = &running.job else { return };
        let Storing { pending, stored } = storing.unwrap_or_default();
        if pending > 0 && outcome == Outcome::Done && cx.now() < running.deadline {
            return self.put_back(running);
        }
        self.was_published(record.key.key(), stored as usize, cx);
        cx.emit(Event::Put { operation: running.operation(), replicas: stored as usize, report: running.report(outcome) });
    }
}

impl Get {
    /// A valid value came. Says whether it is (equal to) the best so far.
    fn see(&mut self, value: &Arc<[u8]>, now: Time, config: &Config) -> bool {
        self.seen += 1;
        match &self.best {
            Some(best) if best == value => true,
            Some(best) if !config.validators.prefers(self.key.bytes(), value, best, now) => false,
            _ => {
                self.holders.iter_mut().for_each(|(_, holds_best)| *holds_best = false);
                self.best = Some(value.clone());
                true
            }
        }
    }
}

impl Kad {
    /// Collects what an answer brings besides closer peers.
    pub(crate) fn collect(&mut self, running: &mut Running, from: Peer, response: &Response, cx: &mut Cx<'_, Self>) {
        match response {
            Response::Value { record, .. } => Self::collect_value(running, from, record.as_deref(), cx),
            Response::Providers { providers, .. } => Self::collect_providers(running, providers, cx),
            Response::Nodes { .. } | Response::Stored { .. } | Response::Rejected => {}
        }
    }
}
