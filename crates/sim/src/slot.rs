//! [`Slot`]: what the engine keeps of one peer besides its protocol and host: 40 bytes.

use peerglass_core::Time;

/// One peer's place in the engine.
#[derive(Debug)]
pub(crate) struct Slot<P, H> {
    pub(crate) protocol: P,
    pub(crate) host: H,
    /// Counts the peer's steps and the events it causes: dice and stamps derive from it.
    pub(crate) count: u64,
    /// When the uplink will be idle.
    pub(crate) up_busy: Time,
    /// When the downlink will be idle.
    pub(crate) down_busy: Time,
    /// Counts the peer's lives. Timers of a former life are dead.
    pub(crate) life: u32,
    /// Which of the engine's kinds of access links it has.
    pub(crate) access: u32,
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has not joined yet.
    Waiting,
    Up,
    Down,
}

impl<P, H> Slot<P, H> {
    pub(crate) fn new(protocol: P, host: H) -> Self {
        Self { protocol, host, count: 0, up_busy: Time::ZERO, down_busy: Time::ZERO, life: 0, access: 0, state: State::Waiting }
    }

    /// The next number of the peer's own counter.
    #[inline]
    pub(crate) fn tick(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_adds_40_bytes_to_protocol_and_host() {
        assert_eq!(size_of::<Slot<(), ()>>(), 40);
        assert_eq!(size_of::<Slot<[u64; 10], u64>>(), 88 + 40);
    }
}
