//! [`Host`]: the local application of one simulated peer.
//!
//! In the real node the application is a person, a file store, a control API. In the simulator it is a value that lives next to the protocol,
//! hears its events in order, at the instant they happen, and asks for things through commands:
//!
//! ```text
//!   Protocol ──event──▶ Host::on_event ──command──▶ the same peer's on_command, at the same instant, as an event of its own in the queue
//! ```
//!
//! `()` is the host that listens to nothing.

use core::time::Duration;

use peerglass_core::{Acquaintances, Key, Peer, Protocol, Rng, Time};

use crate::Disk;

/// The local application of one simulated peer.
pub trait Host<P: Protocol> {
    /// The peer has come up, and its protocol has started.
    fn on_start(&mut self, _world: &mut HostCx<'_, P>) {}

    /// The peer has come up again with the state it had when it went down, and its protocol has restarted.
    fn on_restart(&mut self, world: &mut HostCx<'_, P>) {
        self.on_start(world);
    }

    /// The peer begins anew with `fresh` in place of this application: whatever is to outlive it (what was measured, say) goes over.
    fn hand_over(&mut self, _fresh: &mut Self)
    where
        Self: Sized,
    {
    }

    /// The peer's disk is like this from now on.
    fn on_disk(&mut self, _disk: Disk, _world: &mut HostCx<'_, P>) {}

    /// The protocol told something.
    fn on_event(&mut self, event: P::Event, world: &mut HostCx<'_, P>);
}

impl<P: Protocol> Host<P> for () {
    fn on_event(&mut self, _: P::Event, _: &mut HostCx<'_, P>) {}
}

/// What a host may see and do.
pub struct HostCx<'a, P: Protocol> {
    pub(crate) now: Time,
    pub(crate) me: Peer,
    pub(crate) acquaintances: Acquaintances<'a>,
    pub(crate) rng: Rng,
    pub(crate) config: &'a P::Config,
    pub(crate) commands: &'a mut Vec<(Duration, P::Command)>,
}

impl<P: Protocol> HostCx<'_, P> {
    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The peer's handle.
    #[must_use]
    pub fn me(&self) -> Peer {
        self.me
    }

    /// The protocol's shared parameters.
    #[must_use]
    pub fn config(&self) -> &P::Config {
        self.config
    }

    /// Where `peer` sits in the key space.
    #[must_use]
    pub fn key(&self, peer: Peer) -> Key {
        self.acquaintances.key(peer)
    }

    /// The dice of this call, apart from the protocol's.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Asks the protocol for something, at this instant.
    pub fn command(&mut self, command: P::Command) {
        self.command_in(Duration::ZERO, command);
    }

    /// Asks the protocol for something after `delay`. It is forgotten when the peer goes down before.
    pub fn command_in(&mut self, delay: Duration, command: P::Command) {
        self.commands.push((delay, command));
    }
}
