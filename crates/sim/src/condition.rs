//! [`Condition`]: what is the matter with a peer. Healthy peers have none, so it costs them a null pointer.
//!
//! A peer that stands still or is slow has a queue of what waits for it:
//!
//! ```text
//!   packet, timer, command ──▶ busy?  ──no──▶ happens; busy for `each` from then on
//!                                │yes
//!                                ▼
//!                             waiting ──Resume, when no longer busy──▶ happens, in the order it came
//! ```
//!
//! Joins and faults wait for nobody.

use core::mem::take;
use core::time::Duration;
use std::collections::VecDeque;

use peerglass_core::{Peer, Protocol, Time};
use peerglass_trace::{DropCause, Recorder};

use crate::clock::Clock;
use crate::network::Nat;
use crate::queue::Stamp;
use crate::shard::{Input, Pending, Stage, source};
use crate::slot::State;
use crate::{Access, Bend, Host};

/// How much may wait for a peer: what comes on top is lost, as in any socket buffer.
const MOST_WAITING: usize = 1 << 16;

/// What is the matter with a peer.
pub(crate) struct Condition<P: Protocol, H> {
    /// It does nothing before.
    busy_until: Time,
    /// How long it is busy with each event.
    each: Duration,
    waiting: VecDeque<(Stamp, Pending<P, H>)>,
    /// When it will go on, if that is planned.
    resumes: Option<Time>,
    pub(crate) clock: Option<Clock>,
    pub(crate) access: Option<Access>,
    pub(crate) nat: Option<Nat>,
    pub(crate) bend: Option<Box<dyn Bend<P>>>,
}

impl<P: Protocol, H> Default for Condition<P, H> {
    fn default() -> Self {
        Self {
            busy_until: Time::ZERO,
            each: Duration::ZERO,
            waiting: VecDeque::new(),
            resumes: None,
            clock: None,
            access: None,
            nat: None,
            bend: None,
        }
    }
}

impl<P: Protocol, H> Condition<P, H> {
    /// It stands still no longer.
    pub(crate) fn thaw(&mut self, now: Time) {
        self.busy_until = self.busy_until.min(now);
    }

    fn is_busy(&self, now: Time) -> bool {
        now < self.busy_until || !self.waiting.is_empty()
    }
}

/// Implemented here and not derived, because what waits need not be of cloneable parts other than those a fork asks for.
impl<P: Protocol, H> Clone for Condition<P, H>
where
    Pending<P, H>: Clone,
{
    fn clone(&self) -> Self {
        Self {
            busy_until: self.busy_until,
            each: self.each,
            waiting: self.waiting.clone(),
            resumes: self.resumes,
            clock: self.clock,
            access: self.access,
            nat: self.nat.clone(),
            bend: self.bend.as_ref().map(|bend| bend.fork()),
        }
    }
}

impl<P: Protocol, H: Host<P>, R: Recorder> Stage<'_, P, H, R> {
    /// Lets an event happen to a peer with which something is the matter, or keeps it for later if the peer is busy. Apart, so that the events of all others need
    /// not be moved once more.
    #[cold]
    pub(crate) fn happen_unless_busy(&mut self, stamp: Stamp, pending: Pending<P, H>) {
        if let Some(pending) = self.wait(stamp, pending) {
            self.happen(stamp, pending);
        }
    }

    /// Keeps an event for later if its peer is busy; gives it back if it can happen now.
    fn wait(&mut self, stamp: Stamp, pending: Pending<P, H>) -> Option<Pending<P, H>> {
        let (peer, now) = (Peer(stamp.dest), self.shard.now);
        let slot = self.shard.own(peer);
        let condition = slot.condition.as_deref_mut()?;
        if slot.state != State::Up || matches!(pending.input, Input::Join | Input::Fault(_) | Input::Injected(_) | Input::Resume) {
            return Some(pending);
        }
        if !condition.is_busy(now) {
            condition.busy_until = now + condition.each;
            return Some(pending);
        }
        if condition.waiting.len() >= MOST_WAITING {
            self.overflow(stamp, pending);
            return None;
        }
        condition.waiting.push_back((stamp, pending));
        self.plan_resume(peer);
        None
    }

    fn overflow(&mut self, stamp: Stamp, Pending { cause, input }: Pending<P, H>) {
        match input {
            Input::Packet(parcel) => {
                let (from, to) = (Peer(stamp.source.wrapping_sub(1)), Peer(stamp.dest));
                self.lose(from, to, &parcel.message, u64::from(parcel.bytes), DropCause::QueueFull, cause);
            }
            _ => self.shard.counts.ignored += 1,
        }
    }

    fn plan_resume(&mut self, peer: Peer) {
        let slot = self.shard.own(peer);
        let Some(condition) = slot.condition.as_deref_mut() else { return };
        if condition.waiting.is_empty() || condition.resumes.is_some_and(|time| time <= condition.busy_until) {
            return;
        }
        condition.resumes = Some(condition.busy_until);
        let time = condition.busy_until;
        let stamp = Stamp { time, dest: peer.0, source: source(peer), order: slot.tick() };
        self.shard.push(stamp, Pending { cause: peerglass_trace::Cause::NONE, input: Input::Resume });
    }

    /// The peer has time again: what waits happens, as far as it has time for it.
    pub(crate) fn resume(&mut self, peer: Peer) {
        let now = self.shard.now;
        loop {
            let Some(condition) = self.shard.own(peer).condition.as_deref_mut() else { return };
            condition.resumes = condition.resumes.filter(|time| *time > now);
            if now < condition.busy_until {
                break;
            }
            let Some((stamp, pending)) = condition.waiting.pop_front() else { break };
            condition.busy_until = now + condition.each;
            self.happen(stamp, pending);
        }
        self.plan_resume(peer);
    }

    pub(crate) fn condition(&mut self, peer: Peer) -> &mut Condition<P, H> {
        self.shard.own(peer).condition.get_or_insert_default()
    }

    /// It stands still for `lasting` from now on.
    pub(crate) fn freeze(&mut self, peer: Peer, lasting: Duration) {
        let until = self.shard.now + lasting;
        let condition = self.condition(peer);
        condition.busy_until = condition.busy_until.max(until);
        self.plan_resume(peer);
    }

    /// It takes `each` over everything from now on.
    pub(crate) fn slow(&mut self, peer: Peer, each: Duration) {
        self.condition(peer).each = each;
    }

    /// What waits for a peer that went down is lost like what arrives at one.
    pub(crate) fn abandon(&mut self, peer: Peer) {
        let Some(condition) = self.shard.own(peer).condition.as_deref_mut() else { return };
        condition.busy_until = Time::ZERO;
        for (stamp, pending) in take(&mut condition.waiting) {
            self.happen(stamp, pending);
        }
    }
}
