//! Peers that come and go, and the faults that befall them: joins, crashes, restarts, and panics, which are crashes.
//!
//! ```text
//!   Waiting ──join──▶ Up ──crash, panic──▶ Down ──restart──▶ Up …
//! ```
//!
//! A crash takes nothing with it but the peer's future: its protocol and host stay to be looked at, its messages that are under way still arrive,
//! and its timers, being of a life that is over, fire no more.

use core::any::Any;
use std::borrow::Cow;

use peerglass_core::{Peer, Protocol, Time};
use peerglass_trace::{Cause, Recorder, What};

use crate::clock::Clock;
use crate::fault::PeerFault;
use crate::shard::Stage;
use crate::slot::State;
use crate::{Host, Simulation};

impl<P: Protocol, H: Host<P>, R: Recorder> Stage<'_, P, H, R> {
    /// A peer that waits comes up: its protocol starts, then its host.
    pub(crate) fn join(&mut self, peer: Peer) {
        let Some(slot) = self.shard.slot_mut(peer).filter(|slot| slot.state == State::Waiting) else {
            self.shard.counts.ignored += 1;
            return;
        };
        slot.state = State::Up;
        self.shard.counts.up += 1;
        let cause = self.log.note(self.shard.now, peer, Cause::NONE, |_| What::Up);
        self.handle(peer, cause, |protocol, cx| protocol.start(cx));
        if self.is_up(peer) {
            self.tell(peer, cause, |host, world| host.on_start(world));
        }
    }

    /// A peer that is up goes down. What happens to a peer that is not up happens to nobody.
    pub(crate) fn crash(&mut self, peer: Peer, cause: Cause, why: Cow<'static, str>) {
        let Some(slot) = self.shard.slot_mut(peer).filter(|slot| slot.state == State::Up) else {
            self.shard.counts.ignored += 1;
            return;
        };
        slot.state = State::Down;
        slot.life += 1;
        self.shard.counts.up -= 1;
        self.shard.counts.crashes += 1;
        self.log.note(self.shard.now, peer, cause, |_| What::Down { why });
        self.abandon(peer);
        self.break_flows(peer);
    }

    /// A peer that is down comes up again, with what it had or with what it is given.
    fn restart(&mut self, peer: Peer, fresh: Option<Box<(P, H)>>) {
        let Some(slot) = self.shard.slot_mut(peer).filter(|slot| slot.state == State::Down) else {
            self.shard.counts.ignored += 1;
            return;
        };
        slot.state = State::Up;
        let anew = fresh.is_some();
        if let Some(mut fresh) = fresh {
            slot.host.hand_over(&mut fresh.1);
            (slot.protocol, slot.host) = *fresh;
        }
        self.shard.counts.up += 1;
        let cause = self.log.note(self.shard.now, peer, Cause::NONE, |_| What::Up);
        self.handle(peer, cause, |protocol, cx| if anew { protocol.start(cx) } else { protocol.restart(cx) });
        if self.is_up(peer) {
            self.tell(peer, cause, |host, world| if anew { host.on_start(world) } else { host.on_restart(world) });
        }
    }

    /// A fault takes effect.
    pub(crate) fn strike(&mut self, peer: Peer, fault: PeerFault<P, H>) {
        if self.shard.slot(peer).is_none() {
            self.shard.counts.ignored += 1;
            return;
        }
        let (now, name, detail) = (self.shard.now, fault.name(), fault.detail());
        match fault {
            // A crash and a restart are told by the records that the peer is down and up.
            PeerFault::Crash => return self.crash(peer, Cause::NONE, "crash".into()),
            PeerFault::Restart { fresh } => return self.restart(peer, fresh),
            PeerFault::Freeze { lasting } => self.freeze(peer, lasting),
            PeerFault::Slow { each } => self.slow(peer, each),
            PeerFault::Clock { skew, drift } => self.condition(peer).clock.get_or_insert(Clock::right(now)).change(now, skew, drift),
            PeerFault::Access(access) => {
                self.condition(peer).access = access;
                let access = self.access_of(peer);
                if let Some(bulk) = &mut self.shard.bulk {
                    bulk.set_access(now, peer, access);
                }
            }
            PeerFault::Bend(bend) => self.condition(peer).bend = bend,
            PeerFault::Disk(disk) => {
                let cause = self.log.note(now, peer, Cause::NONE, |_| What::Fault { name, detail });
                if self.is_up(peer) {
                    self.tell(peer, cause, |host, world| host.on_disk(disk, world));
                }
                return;
            }
        }
        self.log.note(now, peer, Cause::NONE, |_| What::Fault { name, detail });
    }
}

/// What a panic said, if it did so in words.
#[must_use]
pub fn said(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

/// How the reason of a crash begins that was a panic.
pub(crate) const PANIC: &str = "panic: ";

/// So many panics are remembered: those that follow the first few say nothing new.
const MOST_PANICS: usize = 16;

/// A handler that panicked: its peer's crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// When, in virtual time.
    pub time: Time,
    /// Whose handler.
    pub peer: Peer,
    /// The number of the record of the crash, if the run is recorded.
    pub record: Option<u64>,
    /// What it said.
    pub message: String,
}

impl<P: Protocol, H: Host<P>, R: Recorder> Stage<'_, P, H, R> {
    /// A handler of `peer` panicked over the input that is recorded as `cause`.
    pub(crate) fn panicked(&mut self, peer: Peer, cause: Cause, panic: &(dyn Any + Send)) {
        let message = said(panic).unwrap_or("no message").to_owned();
        let why = format!("{PANIC}{message}").into();
        if self.shard.panics.len() < MOST_PANICS {
            let record = (!self.log.is_off()).then(|| self.log.records());
            self.shard.panics.push(Panic { time: self.shard.now, peer, record, message });
        }
        self.crash(peer, cause, why);
    }
}

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, R> {
    /// Handlers that panicked, the first sixteen: each is its peer's crash, and a mistake in a protocol or local application.
    #[must_use]
    pub fn panics(&self) -> Vec<Panic> {
        let mut panics: Vec<Panic> = self.shards.iter().flat_map(|shard| shard.panics.iter().cloned()).collect();
        panics.sort_by_key(|panic| (panic.time, panic.peer));
        panics.truncate(MOST_PANICS);
        panics
    }
}
