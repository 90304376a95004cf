//! [`View`]: a simulation as laws see it. They may look at everything, and change nothing.

use peerglass_core::{Key, Peer, Protocol, Time};
use peerglass_trace::Totals;

use crate::shard::{self, Shard};
use crate::slot::{Slot, State};
use crate::world::World;

/// A simulation that stands still.
pub struct View<'a, P: Protocol, H> {
    pub(crate) world: &'a World<P>,
    pub(crate) shards: &'a [Shard<P, H>],
    pub(crate) now: Time,
    pub(crate) peers: u32,
    pub(crate) asked: u64,
    pub(crate) rules: u32,
    pub(crate) end: bool,
}

impl<P: Protocol, H> View<'_, P, H> {
    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Whether the run is over.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.end
    }

    /// The seed of the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.world.seed
    }

    /// The protocol's parameters.
    #[must_use]
    pub fn config(&self) -> &P::Config {
        &self.world.config
    }

    /// Where `peer` sits in the key space.
    #[must_use]
    pub fn key(&self, peer: Peer) -> Key {
        self.world.acquaintances().key(peer)
    }

    /// All peers that were added, in order, with their states.
    pub fn peers(&self) -> impl Iterator<Item = (Peer, &P)> {
        (0..self.peers).filter_map(|peer| Some((Peer(peer), &self.slot(Peer(peer))?.protocol)))
    }

    /// The state of `peer`: also before it joins and after it went down.
    #[must_use]
    pub fn peer(&self, peer: Peer) -> Option<&P> {
        self.slot(peer).map(|slot| &slot.protocol)
    }

    /// The local application of `peer`.
    #[must_use]
    pub fn host(&self, peer: Peer) -> Option<&H> {
        self.slot(peer).map(|slot| &slot.host)
    }

    /// Whether `peer` is up.
    #[must_use]
    pub fn alive(&self, peer: Peer) -> bool {
        self.slot(peer).is_some_and(|slot| slot.state == State::Up)
    }

    /// Whether `peer` is up or was.
    #[must_use]
    pub fn has_joined(&self, peer: Peer) -> bool {
        self.slot(peer).is_some_and(|slot| slot.state != State::Waiting)
    }

    /// Whether nothing is the matter with `peer` that a calm day would not mend: it is up and honest, behind no NAT, and its clock has never been set wrong.
    #[must_use]
    pub fn is_sound(&self, peer: Peer) -> bool {
        let ails = |slot: &Slot<P, H>| slot.condition.as_ref().is_some_and(|c| c.bend.is_some() || c.nat.is_some() || c.clock.is_some());
        self.slot(peer).is_some_and(|slot| slot.state == State::Up && !ails(slot))
    }

    /// Counts of messages, losses and events.
    #[must_use]
    pub fn totals(&self) -> Totals {
        shard::totals(self.shards)
    }

    /// Messages that are sent and neither delivered nor dropped.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        u64::try_from(shard::counts(self.shards).in_flight).unwrap_or_default()
    }

    /// Messages that the network has doubled.
    #[must_use]
    pub fn duplicated(&self) -> u64 {
        shard::counts(self.shards).duplicated
    }

    fn slot(&self, peer: Peer) -> Option<&Slot<P, H>> {
        shard::slot(self.shards, peer).filter(|_| peer.0 < self.peers)
    }
}
