//! What callers ask of a simulation: add peers and events, run, stop, look.

use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

use peerglass_core::{Key, Peer, Protocol, Time};
use peerglass_trace::{Recorder, Totals};

use crate::network::{Nat, NatKind};
use crate::shard::{BATCH, Input};
use crate::slot::{Slot, State};
use crate::{Access, ControlError, Host, Simulation};

/// How far a run may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Up to and including this instant.
    pub until: Time,
    /// At most this many events: a storm that never ends, at one instant or many, ends here.
    pub events: u64,
}

impl Limits {
    /// No limit at all.
    pub const NONE: Limits = Limits { until: Time::MAX, events: u64::MAX };

    /// Up to and including `until`.
    #[must_use]
    pub const fn until(until: Time) -> Self {
        Self { until, ..Self::NONE }
    }

    /// At most `events` events.
    #[must_use]
    pub const fn events(events: u64) -> Self {
        Self { events, ..Self::NONE }
    }
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nothing is left to happen.
    Idle,
    /// The instant was reached, and more is to come.
    Time,
    /// The limit of events was reached.
    Events,
    /// The condition no longer holds.
    Condition,
}

/// How a simulation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events that happened.
    pub events: u64,
    /// Events to come: packets, timers, commands, joins, crashes.
    pub pending: usize,
    /// Messages that are sent and neither delivered nor dropped.
    pub in_flight: u64,
    /// Messages that the network has doubled.
    pub duplicated: u64,
    /// How often a peer went down, whatever took it down.
    pub crashes: u64,
    /// Timers, commands and notices that found their peer down.
    pub ignored: u64,
    /// Records made.
    pub records: u64,
    /// Peers added.
    pub peers: usize,
    /// Peers that are up.
    pub up: usize,
    /// Bytes the engine holds: queue and peers, without what peers' states and messages point to.
    pub memory: usize,
}

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, R> {
    /// Makes room for so many more peers at once: a table that grows step by step holds up to twice the memory it needs.
    pub fn reserve(&mut self, peers: usize) {
        let shards = self.shards.len();
        self.shards.iter_mut().for_each(|shard| shard.slots.reserve_exact(peers.div_ceil(shards)));
    }

    /// Adds a peer that comes up at `time`, or now if that is past. Handles are given in order, from `p0`.
    pub fn join_at(&mut self, time: Time, protocol: P, host: H) -> Peer {
        let peer = Peer(self.peers);
        assert!(peer.0 != u32::MAX, "a run has at most 2^32 - 1 peers: memory ends long before");
        self.peers += 1;
        self.shard_of(peer).slots.push(Slot::new(protocol, host));
        self.ask(time, peer, Input::Join);
        peer
    }

    /// Has the local application of `peer` ask for something at `time`, or now if that is past. Nothing happens to a peer that is not up then.
    pub fn command_at(&mut self, time: Time, peer: Peer, command: P::Command) -> Result<(), ControlError> {
        self.known(peer)?;
        self.ask(time, peer, Input::Command { command: Box::new(command), life: None });
        Ok(())
    }

    /// Puts `peer` at `key` instead of where the dice put it: for attackers who choose. Do it before the peer joins: others that know it already would look for
    /// it elsewhere.
    pub fn place(&mut self, peer: Peer, key: Key) -> Result<(), ControlError> {
        self.known(peer)?;
        Arc::make_mut(&mut self.world.placed).place(peer, key);
        Ok(())
    }

    /// Puts `peer` behind a NAT from now on, whose mappings live for `timeout` after the last packet from inside ([`Nat`]).
    pub fn set_nat(&mut self, peer: Peer, kind: NatKind, timeout: Duration) -> Result<(), ControlError> {
        Nat::check_timeout(timeout)?;
        self.known(peer)?;
        let nat = (kind != NatKind::Open).then(|| Nat::new(kind, timeout));
        self.shard_of(peer).own(peer).condition.get_or_insert_default().nat = nat;
        Ok(())
    }

    /// Gives `peer` access links of its own, from now on.
    pub fn set_access(&mut self, peer: Peer, access: Access) -> Result<(), ControlError> {
        access.check()?;
        self.known(peer)?;
        // Peers mostly come in a few classes, found at the front; links drawn one by one are not compared with all others.
        let accesses = &mut self.world.accesses;
        let kind = accesses.iter().take(64).position(|known| *known == access).unwrap_or_else(|| {
            accesses.push(access);
            accesses.len() - 1
        });
        let now = self.now;
        let shard = self.shard_of(peer);
        shard.own(peer).access = u32::try_from(kind).unwrap_or_default();
        if let Some(bulk) = &mut shard.bulk {
            bulk.set_access(now, peer, access);
        }
        Ok(())
    }

    /// Runs until nothing is left or a limit is reached. Time then stands at `limits.until`, if that is the limit that was reached.
    pub fn run(&mut self, limits: Limits) -> Stop {
        self.run_while(limits, |_| true)
    }

    /// Runs up to and including `time`. Time then stands there, even if nothing is left to happen.
    pub fn run_until(&mut self, time: Time) -> Stop {
        let stop = self.run(Limits::until(time));
        self.set_now(self.now.max(time));
        stop
    }

    /// Runs until nothing is left, or `events` events have happened.
    pub fn run_until_idle(&mut self, events: u64) -> Stop {
        self.run(Limits::events(events))
    }

    /// Runs as long as `holds`, which is asked before every event, and within `limits`.
    pub fn run_while(&mut self, limits: Limits, mut holds: impl FnMut(&Self) -> bool) -> Stop {
        for event in 0..limits.events {
            if event % BATCH == 0 {
                self.shards.iter().for_each(|shard| shard.warm_up(self.world.acquaintances()));
            }
            if !holds(self) {
                return Stop::Condition;
            }
            if !self.step_until(limits.until) {
                return self.stop_at(limits.until);
            }
        }
        Stop::Events
    }

    /// Runs until record number `record` has been made: what led to it has happened, and nothing after the event that it is part of.
    pub fn run_to_record(&mut self, record: u64) -> Stop {
        self.run_while(Limits::NONE, |sim| sim.log.records() <= record)
    }

    /// Nothing is left up to `until`.
    fn stop_at(&mut self, until: Time) -> Stop {
        if self.agenda.is_empty() && self.pending() == 0 {
            return Stop::Idle;
        }
        self.set_now(self.now.max(until));
        Stop::Time
    }

    /// What is still to happen to peers.
    fn pending(&self) -> usize {
        self.shards.iter().map(|shard| shard.queue.len() + shard.bulk.as_ref().map_or(0, crate::bulk::Bulk::len)).sum()
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
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

    /// The access links of every peer that was not given others.
    #[must_use]
    pub fn access(&self) -> Access {
        self.world.network.access
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

    /// The local application of `peer`, to change it between events.
    pub fn host_mut(&mut self, peer: Peer) -> Option<&mut H> {
        self.shard_of(peer).slot_mut(peer).map(|slot| &mut slot.host)
    }

    /// Whether `peer` is up.
    #[must_use]
    pub fn alive(&self, peer: Peer) -> bool {
        self.slot(peer).is_some_and(|slot| slot.state == State::Up)
    }

    /// All peers that were added, in order, with their states.
    pub fn peers(&self) -> impl ExactSizeIterator<Item = (Peer, &P)> {
        self.slots().map(|(peer, slot)| (peer, &slot.protocol))
    }

    /// The peers that are up, in order, with their states.
    pub fn living(&self) -> impl Iterator<Item = (Peer, &P)> {
        self.slots().filter(|(_, slot)| slot.state == State::Up).map(|(peer, slot)| (peer, &slot.protocol))
    }

    fn slots(&self) -> impl ExactSizeIterator<Item = (Peer, &Slot<P, H>)> {
        let (mask, bits) = (self.shards.len() - 1, self.shards.len().ilog2());
        (0..self.peers as usize).map(move |i| (Peer(i as u32), &self.shards[i & mask].slots[i >> bits]))
    }

    /// Counts of messages, losses and events.
    #[must_use]
    pub fn totals(&self) -> Cow<'_, Totals> {
        match &self.shards[..] {
            [shard] => Cow::Borrowed(&shard.totals),
            shards => Cow::Owned(crate::shard::totals(shards)),
        }
    }

    /// How the simulation stands.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counts = self.counts();
        let bytes = |shard: &crate::shard::Shard<P, H>| shard.queue.memory() + shard.slots.capacity() * size_of::<Slot<P, H>>();
        Stats {
            events: counts.events,
            pending: self.pending() + self.agenda.len(),
            in_flight: u64::try_from(counts.in_flight).unwrap_or_default(),
            duplicated: counts.duplicated,
            crashes: counts.crashes,
            ignored: counts.ignored,
            records: self.log.records(),
            peers: self.peers as usize,
            up: usize::try_from(counts.up).unwrap_or_default(),
            memory: self.shards.iter().map(bytes).sum(),
        }
    }

    /// The recorder, to look at what was recorded or at its error.
    #[must_use]
    pub fn recorder(&self) -> &R {
        &self.log.recorder
    }

    /// The recorder, to finish it.
    pub fn recorder_mut(&mut self) -> &mut R {
        &mut self.log.recorder
    }

    /// Ends the run and gives the recorder back, finished.
    pub fn into_recorder(mut self) -> std::io::Result<R> {
        self.log.recorder.finish()?;
        Ok(self.log.recorder)
    }

    pub(crate) fn known(&self, peer: Peer) -> Result<(), ControlError> {
        let peers = self.peers as usize;
        if peer.index() < peers { Ok(()) } else { Err(ControlError::NoSuchPeer { peer, peers }) }
    }
}
