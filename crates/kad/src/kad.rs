//! [`Kad`]: the state of one peer, and who handles what.
//!
//! ```text
//!              ┌───────────────────────────── Kad ─────────────────────────────┐
//!   command ──▶│ join  search  values  providers        (start an operation)    │──▶ event
//!              │           │                                                    │
//!   request ──▶│ server    ▼                                                    │──▶ answer
//!   answer  ──▶│ search ◀─ Requests ──▶ upkeep (admit, check, evict) ──▶ Table  │──▶ request
//!   timer   ──▶│ alarm · refresh · expire · republish                           │──▶ wake
//!              └────────────────────────────────────────────────────────────────┘
//! ```
//!
//! This file only holds the state and passes inputs on; each room of the crate adds its part as an `impl Kad` of its own.

use std::collections::VecDeque;

use peerglass_core::{Ahead, Cx, Operation, Peer, Protocol, Time};
use smallvec::SmallVec;

use crate::config::{Config, Mode};
use crate::event::{Command, Event, Outcome, Timer};
use crate::message::{Message, Response};
use crate::operation::{Queued, Running, UPKEEP};
use crate::providers::Providers;
use crate::republish::Published;
use crate::requests::{Purpose, Requests};
use crate::table::Table;
use crate::upkeep::Visitors;
use crate::values::Values;

/// One peer's Kademlia.
///
/// It is small when idle: what is rarely used is behind a pointer that is null until needed.
#[derive(Clone, Debug, Default)]
pub struct Kad {
    pub(crate) mode: Mode,
    pub(crate) table: Table,
    pub(crate) requests: Requests,
    /// With their numbers, so that finding one does not read the others. An operation is taken out and put back at every answer: a pointer moves, not 300
    /// bytes.
    pub(crate) running: SmallVec<[(u32, Box<Running>); 1]>,
    pub(crate) queued: VecDeque<Queued>,
    /// How many operations there have been.
    pub(crate) operations: u32,
    pub(crate) alarms: Alarms,
    /// The current generation of the refresh timer.
    pub(crate) refresh: u32,
    /// Whether a lookup waits for room among the outstanding requests.
    pub(crate) stalled: bool,
    /// Whether the expiry timer is under way.
    pub(crate) expiring: bool,
    /// Estimated number of peers in the network; 0 when unknown.
    pub(crate) size: f32,
    pub(crate) visitors: Option<Box<Visitors>>,
    pub(crate) values: Option<Box<Values>>,
    pub(crate) providers: Option<Box<Providers>>,
    pub(crate) published: Option<Box<Published>>,
}

/// The timers under way for everything that may be due: requests, patience, operations.
///
/// A new one is only set when none goes off before it, so there are hardly ever more than three; and as timers cannot be taken back, each of them counts when
/// it goes off, instead of being replaced by another.
pub(crate) type Alarms = SmallVec<[Time; 4]>;

impl Kad {
    /// A peer that knows nobody. [`Protocol::start`] must come before anything else.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { mode: config.mode, ..Self::default() }
    }

    /// Whether it serves.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Its contacts.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// How many contacts it has.
    #[must_use]
    pub fn contacts(&self) -> usize {
        self.table.len()
    }

    /// How many peers the network has, as far as the density of peers around past targets tells. The estimate of one lookup is off by 24 % (one
    /// standard deviation, reference theory section 3); this is a moving average. `None` before the first lookup that found k peers.
    #[must_use]
    pub fn network_size(&self) -> Option<u64> {
        (self.size > 0.0).then_some(self.size as u64)
    }

    /// How many operations are under way or waiting.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.running.len() + self.queued.len()
    }

    /// How many requests are unanswered.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.requests.len()
    }

    /// Serves from now on, or stops. What is held for others is kept until it expires.
    pub fn set_mode(&mut self, mode: Mode, cx: &mut Cx<'_, Self>) {
        if self.mode != mode {
            self.mode = mode;
            cx.emit(Event::Mode { mode });
        }
    }

    /// Gives an operation up. There will be no event for it, and late answers to its requests do nothing.
    pub fn cancel(&mut self, operation: Operation, cx: &mut Cx<'_, Self>) {
        self.queued.retain(|queued| queued.number != operation.number || queued.job.is_internal());
        match self.take(operation.number) {
            // The sweep is nobody's to give up: the timer of the next one waits for its end.
            Some(running) if running.job.is_internal() => self.put_back(running),
            _ => self.pump(cx),
        }
    }

    /// Makes sure that the alarm goes off at `at` or earlier.
    pub(crate) fn wake_at(&mut self, at: Time, cx: &mut Cx<'_, Self>) {
        if self.alarms.iter().all(|alarm| at < *alarm) {
            self.alarms.push(at);
            cx.wake_in(at.since(cx.now()), Timer::Alarm { at });
        }
    }

    /// Whether an alarm that went off is one that was set in this life.
    fn is_awaited(&mut self, at: Time) -> bool {
        let awaited = self.alarms.iter().position(|alarm| *alarm == at);
        awaited.map(|i| self.alarms.swap_remove(i)).is_some()
    }

    /// Whatever is due, and when to look again.
    fn on_alarm(&mut self, cx: &mut Cx<'_, Self>) {
        while let Some(request) = self.requests.expire(cx.now()) {
            self.failed(request, "timeout", cx);
            self.demote(request.peer, cx);
        }
        self.advance_all(cx);
        let next = self.running.iter().map(|(_, running)| running.wakes()).chain(self.requests.next_deadline()).min();
        if let Some(at) = next {
            self.wake_at(at, cx);
        }
    }
}

impl Protocol for Kad {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Command = Command;
    type Event = Event;

    fn start(&mut self, cx: &mut Cx<'_, Self>) {
        self.table = Table::new(cx.key(cx.me()));
        self.arm_refresh(cx);
    }

    /// The table and what is held for others are still there; what was under way is not, and nobody is told of it.
    fn restart(&mut self, cx: &mut Cx<'_, Self>) {
        cx.step(UPKEEP, |step| step.named("resume").with("contacts", self.table.len()));
        self.requests.forget();
        self.running.clear();
        self.queued.clear();
        self.alarms.clear();
        (self.stalled, self.expiring) = (false, false);
        self.on_expire(cx);
        self.resume_republishing(cx);
        self.on_refresh(cx);
    }

    fn on_message(&mut self, from: Peer, message: Message, cx: &mut Cx<'_, Self>) {
        if from == cx.me() {
            return;
        }
        match message {
            Message::Request { id, request } => self.serve(from, id, request, cx),
            Message::Response { id, response } => {
                // Late, twice, forged: nothing is outstanding under that number with that peer.
                let Some(request) = self.requests.settle(id, from) else { return };
                self.heard(from, &response, request.purpose, cx);
                self.settled(from, response, request.purpose, cx);
                self.pump(cx);
            }
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Cx<'_, Self>) {
        match timer {
            Timer::Alarm { at } if self.is_awaited(at) => self.on_alarm(cx),
            Timer::Refresh { generation } if generation == self.refresh => self.on_refresh(cx),
            Timer::Expire if self.expiring => self.on_expire(cx),
            Timer::Republish { generation } => self.on_republish(generation, cx),
            _ => {}
        }
        self.pump(cx);
    }

    fn on_command(&mut self, command: Command, cx: &mut Cx<'_, Self>) {
        match command {
            Command::Join { contacts } => _ = self.join(&contacts, cx),
            Command::Contact { peer, server } => self.contact(peer, server, cx),
            Command::FindNode { target } => _ = self.find_node(target, cx),
            Command::FindProviders { key, wanted } => _ = self.find_providers(key, wanted, cx),
            Command::Provide { key } => _ = self.provide(key, cx),
            Command::StopProviding { key } => self.stop_providing(&key),
            Command::PutValue { key, value } => {
                if self.put_value(key, &value, cx).is_err() {
                    let operation = self.next_operation();
                    let report = Self::empty_report(Outcome::Refused, cx.now());
                    cx.emit(Event::Put { operation, replicas: 0, report });
                }
            }
            Command::GetValue { key } => _ = self.get_value(key, cx),
            Command::SetMode { mode } => self.set_mode(mode, cx),
            Command::Cancel { operation } => self.cancel(operation, cx),
        }
    }

    fn on_unreachable(&mut self, peer: Peer, cx: &mut Cx<'_, Self>) {
        for request in self.requests.take(peer) {
            self.failed(request, "unreachable", cx);
        }
        self.demote(peer, cx);
        self.pump(cx);
    }

    fn touch(&self, ahead: Ahead<'_, Self>) -> u64 {
        let Ahead::Message { from, message, acquaintances } = ahead else {
            return match ahead {
                Ahead::Anything => self.table.glance() ^ self.running.len() as u64 ^ self.alarms.len() as u64 ^ u64::from(self.operations),
                _ => self.requests.touch(),
            };
        };
        match message {
            Message::Request { request, .. } => {
                let target = request.target().map_or(0, |target| target.key(acquaintances).high());
                self.table.touch(target) ^ self.table.touch(acquaintances.key_high(from))
            }
            Message::Response { response, .. } => {
                let named = response.closer().first().map_or(0, |peer| peer.0) ^ response.closer().last().map_or(0, |peer| peer.0);
                let searches = self.running.iter().take(4).fold(0, |word, (_, running)| word ^ running.touch());
                searches ^ self.requests.touch() ^ self.table.touch(acquaintances.key_high(from)) ^ u64::from(named)
            }
        }
    }

    fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        self.table.contacts().iter().for_each(|c| visit(c.peer));
        self.table.replacements().for_each(&mut *visit);
        self.requests.peers().for_each(&mut *visit);
        self.running.iter().for_each(|(_, running)| running.peers(visit));
        self.queued.iter().for_each(|queued| queued.job.peers(visit));
        if let Some(visitors) = &self.visitors {
            visitors.peers(visit);
        }
        if let Some(providers) = &self.providers {
            providers.peers(visit);
        }
    }
}

impl Kad {
    /// What came of a request.
    fn settled(&mut self, from: Peer, response: Response, purpose: Purpose, cx: &mut Cx<'_, Self>) {
        match purpose {
            Purpose::Lookup(number) => self.answered(number, from, response, cx),
            Purpose::Store(number) => self.acknowledged(number, from, matches!(response, Response::Stored { .. }), cx),
            Purpose::Knock => self.let_in(response.closer(), cx),
            Purpose::Correct | Purpose::Probe | Purpose::Check => {}
        }
    }
}
