//! [`Slot`]: what the engine keeps of one peer besides its protocol and host: 48 bytes.

use peerglass_core::{Protocol, Time};

use crate::Access;
use crate::condition::Condition;

/// One peer's place in the engine. Aligned, so that no part of it lies in more cache lines than it must.
#[repr(align(64))]
pub(crate) struct Slot<P: Protocol, H> {
    pub(crate) protocol: P,
    pub(crate) host: H,
    /// Counts the peer's steps and the events it causes: dice and stamps derive from it.
    pub(crate) count: u64,
    /// When the uplink will be idle.
    pub(crate) up_busy: Time,
    /// When the downlink will be idle.
    pub(crate) down_busy: Time,
    /// What is the matter with it, if anything.
    pub(crate) condition: Option<Box<Condition<P, H>>>,
    /// Counts the peer's lives. Timers of a former life are dead.
    pub(crate) life: u32,
    /// Which of the engine's kinds of access links it has.
    pub(crate) access: u32,
    pub(crate) state: State,
    /// Whether its access link loses in bursts at the moment (Gilbert and Elliott's bad state).
    pub(crate) bad: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has not joined yet.
    Waiting,
    Up,
    Down,
}

impl<P: Protocol, H> Slot<P, H> {
    pub(crate) fn new(protocol: P, host: H) -> Self {
        Self {
            protocol,
            host,
            count: 0,
            up_busy: Time::ZERO,
            down_busy: Time::ZERO,
            condition: None,
            life: 0,
            access: 0,
            state: State::Waiting,
            bad: false,
        }
    }

    /// The next number of the peer's own counter.
    #[inline]
    pub(crate) fn tick(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// The access links that the peer has at the moment, of these kinds.
    #[inline]
    pub(crate) fn access(&self, kinds: &[Access]) -> Access {
        let restrained = self.condition.as_deref().and_then(|condition| condition.access);
        restrained.unwrap_or(kinds[self.access as usize])
    }

    /// What the peer's own clock shows.
    #[inline]
    pub(crate) fn clock(&mut self, now: Time) -> Time {
        match self.condition.as_deref_mut().and_then(|condition| condition.clock.as_mut()) {
            Some(clock) => clock.read(now),
            None => now,
        }
    }
}
