//! [`Contact`]: one entry of a k-bucket, in eight bytes.
//!
//! A peer of a million-peer network holds about 330 contacts, and a simulation holds a million such peers, so every byte of a contact is a third of
//! a gigabyte. An entry is a handle and a stamp:
//!
//! ```text
//!   ┌──────────── 32 bits ───────────┬──────────── 30 bits ──────────┬─ 2 bits ─┐
//!   │ peer                           │ last seen, in units of 4 s    │ failures │
//!   └────────────────────────────────┴───────────────────────────────┴──────────┘
//! ```
//!
//! Four seconds are fine enough: the exact least-recently-seen order is the order of the entries in their bucket, and the stamp only tells whether
//! a contact has been silent for minutes. The key of a contact is not stored: it follows from the handle.

use core::time::Duration;

use peerglass_core::{Peer, Time};

const TICK_SECS: u64 = 4;
const FAILURES: u32 = 0b11;

/// A contact: who, when last seen, and how often it has failed to answer since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub peer: Peer,
    stamp: u32,
}

impl Contact {
    /// A contact that is seen now.
    #[must_use]
    pub fn new(peer: Peer, now: Time) -> Self {
        Self { peer, stamp: Self::stamp(now) }
    }

    /// Good until the year 2106 of the Unix epoch.
    fn stamp(now: Time) -> u32 {
        let ticks = (now.as_secs() / TICK_SECS).min(u64::from(u32::MAX >> 2));
        (ticks as u32) << 2
    }

    /// It gave a sign of life.
    pub fn see(&mut self, now: Time) {
        self.stamp = Self::stamp(now);
    }

    /// It failed to answer once more. Returns how often in a row, counted up to three.
    pub fn fail(&mut self) -> u32 {
        let failures = (self.failures() + 1).min(FAILURES);
        self.stamp = self.stamp & !FAILURES | failures;
        failures
    }

    /// How often it failed to answer since it was last seen, counted up to three.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.stamp & FAILURES
    }

    /// Whether it answered whatever was asked of it last.
    #[must_use]
    pub const fn is_healthy(&self) -> bool {
        self.failures() == 0
    }

    /// When it was last seen, rounded down to four seconds.
    #[must_use]
    pub const fn seen(&self) -> Time {
        Time::from_secs((self.stamp >> 2) as u64 * TICK_SECS)
    }

    /// Whether it has been silent for `length`, or failed.
    #[must_use]
    pub fn is_questionable(&self, now: Time, length: Duration) -> bool {
        !self.is_healthy() || now.since(self.seen()) >= length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_takes_eight_bytes() {
        assert_eq!(size_of::<Contact>(), 8);
    }

    #[test]
    fn a_sign_of_life_forgives_failures() {
        let mut contact = Contact::new(Peer(1), Time::from_secs(10));
        assert_eq!((contact.fail(), contact.fail(), contact.fail(), contact.fail()), (1, 2, 3, 3));
        assert_eq!(contact.seen(), Time::from_secs(8));
        contact.see(Time::from_secs(21));
        assert!(contact.is_healthy());
        assert_eq!(contact.seen(), Time::from_secs(20));
    }

    #[test]
    fn silence_makes_a_contact_questionable() {
        let contact = Contact::new(Peer(1), Time::from_secs(100));
        assert!(!contact.is_questionable(Time::from_secs(399), Duration::from_secs(300)));
        assert!(contact.is_questionable(Time::from_secs(400), Duration::from_secs(300)));
    }

    #[test]
    fn stamps_last_beyond_the_century_and_then_stop() {
        assert_eq!(Contact::new(Peer(1), Time::from_secs(4_000_000_000)).seen(), Time::from_secs(4_000_000_000));
        assert!(Contact::new(Peer(1), Time::MAX).seen() > Time::from_secs(4_000_000_000));
    }
}
