//! Forking a simulation: two futures of one past.
//!
//! A fork is a whole copy: peers, what is pending, dice, clocks, records counted so far. Left alone, both go on identically; whatever is done to one of them is
//! the only reason for any difference: "what if". A fork that is kept and not run is a snapshot, and forking it again is restoring it.

use peerglass_core::Protocol;
use peerglass_trace::Recorder;

use crate::Simulation;
use crate::fault::PeerFault;
use crate::shard::{Effects, Input, Parcel, Pending, Shard};
use crate::slot::Slot;

impl<P, H, R> Clone for Simulation<P, H, R>
where
    P: Protocol<Command: Clone> + Clone,
    H: Clone,
    R: Recorder + Clone,
{
    fn clone(&self) -> Self {
        self.fork(self.log.recorder.clone())
    }
}

impl<P, H, R> Simulation<P, H, R>
where
    P: Protocol<Command: Clone> + Clone,
    H: Clone,
    R: Recorder,
{
    /// A copy that goes on on its own, recording into `recorder`, whose first record has the number that the next one here would have.
    #[must_use]
    pub fn fork(&self, recorder: R) -> Self {
        let (mut shards, log) = (self.shards.clone(), self.log.with(recorder));
        shards.iter_mut().for_each(|shard| shard.effects.watch(log.watches_steps()));
        Self {
            world: self.world.clone(),
            shards,
            log,
            agenda: self.agenda.clone(),
            horizon: self.horizon,
            now: self.now,
            peers: self.peers,
            asked: self.asked,
            rules: self.rules,
        }
    }
}

impl<P: Protocol<Command: Clone> + Clone, H: Clone> Clone for Shard<P, H> {
    fn clone(&self) -> Self {
        Self {
            number: self.number,
            bits: self.bits,
            now: self.now,
            slots: self.slots.clone(),
            queue: self.queue.clone(),
            bulk: self.bulk.clone(),
            outbox: self.outbox.clone(),
            totals: self.totals.clone(),
            counts: self.counts,
            panics: self.panics.clone(),
            effects: Effects::new(self.effects.is_watched()),
            commands: Vec::new(),
        }
    }
}

impl<P: Protocol<Command: Clone> + Clone, H: Clone> Clone for Slot<P, H> {
    fn clone(&self) -> Self {
        Self { protocol: self.protocol.clone(), host: self.host.clone(), condition: self.condition.clone(), ..*self }
    }
}

impl<P: Protocol<Command: Clone> + Clone, H: Clone> Clone for Pending<P, H> {
    fn clone(&self) -> Self {
        Self { cause: self.cause, input: self.input.clone() }
    }
}

impl<P: Protocol<Command: Clone> + Clone, H: Clone> Clone for Input<P, H> {
    fn clone(&self) -> Self {
        match self {
            Input::Join => Input::Join,
            Input::Fault(fault) => Input::Fault(Box::new(PeerFault::clone(fault))),
            Input::Packet(parcel) => Input::Packet(parcel.clone()),
            Input::Timer { timer, life } => Input::Timer { timer: *timer, life: *life },
            Input::Command { command, life } => Input::Command { command: command.clone(), life: *life },
            Input::Unreachable { peer } => Input::Unreachable { peer: *peer },
            Input::Held { parcel, life } => Input::Held { parcel: parcel.clone(), life: *life },
            Input::Injected(parcel) => Input::Injected(parcel.clone()),
            Input::Resume => Input::Resume,
        }
    }
}

impl<P: Protocol> Clone for Parcel<P> {
    fn clone(&self) -> Self {
        Self { message: self.message.clone(), bytes: self.bytes, source: self.source, queued: self.queued }
    }
}
