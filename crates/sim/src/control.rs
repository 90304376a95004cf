//! What callers ask of a simulation: add peers and events, run, stop, look.

use peerglass_core::{Peer, Protocol, Time};
use peerglass_trace::{Recorder, Totals};

use crate::engine::Input;
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
        self.slots.reserve_exact(peers);
    }

    /// Adds a peer that comes up at `time`, or now if that is past. Handles are given in order, from `p0`.
    pub fn join_at(&mut self, time: Time, protocol: P, host: H) -> Peer {
        let peer = Peer(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        assert!(peer.0 != u32::MAX, "a run has at most 2^32 - 1 peers: memory ends long before");
        self.slots.push(Slot::new(protocol, host));
        self.ask(time, peer, Input::Join);
        peer
    }

    /// Takes `peer` down at `time`, or now if that is past. Nothing happens to a peer that is not up then.
    pub fn crash_at(&mut self, time: Time, peer: Peer) -> Result<(), ControlError> {
        self.known(peer)?;
        self.ask(time, peer, Input::Crash);
        Ok(())
    }

    /// Has the local application of `peer` ask for something at `time`, or now if that is past. Nothing happens to a peer that is not up then.
    pub fn command_at(&mut self, time: Time, peer: Peer, command: P::Command) -> Result<(), ControlError> {
        self.known(peer)?;
        self.ask(time, peer, Input::Command { command: Box::new(command), life: None });
        Ok(())
    }

    /// Gives `peer` access links of its own, from now on.
    pub fn set_access(&mut self, peer: Peer, access: Access) -> Result<(), ControlError> {
        access.check()?;
        self.known(peer)?;
        // Peers mostly come in a few classes, found at the front; links drawn one by one are not compared with all others.
        let kind = self.accesses.iter().take(64).position(|known| *known == access).unwrap_or_else(|| {
            self.accesses.push(access);
            self.accesses.len() - 1
        });
        self.slots[peer.index()].access = u32::try_from(kind).unwrap_or_default();
        Ok(())
    }

    /// Runs until nothing is left or a limit is reached. Time then stands at `limits.until`, if that is the limit that was reached.
    pub fn run(&mut self, limits: Limits) -> Stop {
        self.run_while(limits, |_| true)
    }

    /// Runs up to and including `time`. Time then stands there, even if nothing is left to happen.
    pub fn run_until(&mut self, time: Time) -> Stop {
        let stop = self.run(Limits::until(time));
        self.now = self.now.max(time);
        stop
    }

    /// Runs until nothing is left, or `events` events have happened.
    pub fn run_until_idle(&mut self, events: u64) -> Stop {
        self.run(Limits::events(events))
    }

    /// Runs as long as `holds`, which is asked before every event, and within `limits`.
    pub fn run_while(&mut self, limits: Limits, mut holds: impl FnMut(&Self) -> bool) -> Stop {
        for event in 0..limits.events {
            if event % Self::BATCH as u64 == 0 {
                self.warm_up();
            }
            if !holds(self) {
                return Stop::Condition;
            }
            if !self.step_until(limits.until) {
                if self.queue.is_empty() {
                    return Stop::Idle;
                }
                self.now = self.now.max(limits.until);
                return Stop::Time;
            }
        }
        Stop::Events
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The seed of the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The protocol's parameters.
    #[must_use]
    pub fn config(&self) -> &P::Config {
        &self.config
    }

    /// The state of `peer`: also before it joins and after it went down.
    #[must_use]
    pub fn peer(&self, peer: Peer) -> Option<&P> {
        self.slots.get(peer.index()).map(|slot| &slot.protocol)
    }

    /// The local application of `peer`.
    #[must_use]
    pub fn host(&self, peer: Peer) -> Option<&H> {
        self.slots.get(peer.index()).map(|slot| &slot.host)
    }

    /// The local application of `peer`, to change it between events.
    pub fn host_mut(&mut self, peer: Peer) -> Option<&mut H> {
        self.slots.get_mut(peer.index()).map(|slot| &mut slot.host)
    }

    /// Whether `peer` is up.
    #[must_use]
    pub fn alive(&self, peer: Peer) -> bool {
        self.is_up(peer)
    }

    /// All peers that were added, in order, with their states.
    pub fn peers(&self) -> impl ExactSizeIterator<Item = (Peer, &P)> {
        self.slots.iter().enumerate().map(|(i, slot)| (Peer(i as u32), &slot.protocol))
    }

    /// The peers that are up, in order, with their states.
    pub fn living(&self) -> impl Iterator<Item = (Peer, &P)> {
        self.peers().zip(&self.slots).filter(|(_, slot)| slot.state == State::Up).map(|(peer, _)| peer)
    }

    /// Counts of messages, losses and events.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How the simulation stands.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            events: self.events,
            pending: self.queue.len(),
            in_flight: self.in_flight,
            ignored: self.ignored,
            records: self.log.records(),
            peers: self.slots.len(),
            up: self.up,
            memory: self.queue.memory() + self.slots.capacity() * size_of::<Slot<P, H>>(),
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
        let peers = self.slots.len();
        if peer.index() < peers { Ok(()) } else { Err(ControlError::NoSuchPeer { peer, peers }) }
    }
}
