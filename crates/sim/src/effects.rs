//! What a step does: calls a handler, and lets the effects that it pushed take hold.

use core::mem::take;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use peerglass_core::{Cx, Describe, Effect, Peer, Protocol, Rng};
use peerglass_trace::{Cause, Recorder, What};

use crate::queue::Stamp;
use crate::shard::{Input, Pending, Shard, Stage, source};
use crate::slot::State;
use crate::{Host, HostCx};

/// Sets the dice of hosts apart from those of protocols.
const HOSTS: u64 = 0x686f_7374_7321_2121;

impl<P: Protocol, H: Host<P>, R: Recorder> Stage<'_, P, H, R> {
    /// Whether `peer` is up.
    #[inline]
    pub(crate) fn is_up(&self, peer: Peer) -> bool {
        self.shard.slot(peer).is_some_and(|slot| slot.state == State::Up)
    }

    /// Whether `peer` is up and still in this life.
    fn lives(&self, peer: Peer, life: u32) -> bool {
        self.shard.slot(peer).is_some_and(|slot| slot.state == State::Up && slot.life == life)
    }

    /// Calls a handler of `peer`, which is up, and lets its effects take hold. `cause` is the record of the input.
    ///
    /// The contract says that effects take hold after the handler returns: those of a handler that panics never do.
    #[inline]
    pub(crate) fn handle(&mut self, peer: Peer, cause: Cause, run: impl FnOnce(&mut P, &mut Cx<'_, P>)) {
        let Shard { bits, now, slots, effects, .. } = &mut *self.shard;
        let slot = &mut slots[peer.index() >> *bits];
        let mut rng = Rng::for_step(self.world.seed, peer, slot.tick());
        let now = slot.clock(*now);
        let mut cx = Cx::new(now, peer, &*self.world.config, self.world.acquaintances(), &mut rng, effects);
        // After a panic the state is only looked at, never run again: that it may be half changed does no harm.
        match catch_unwind(AssertUnwindSafe(|| run(&mut slot.protocol, &mut cx))) {
            Ok(()) => {
                if slot.condition.is_some() {
                    self.bend_effects(peer, cause);
                }
                self.apply(peer, cause);
            }
            Err(panic) => {
                self.shard.effects.list.clear();
                self.panicked(peer, cause, &*panic);
            }
        }
    }

    #[inline]
    fn apply(&mut self, peer: Peer, cause: Cause) {
        if self.shard.effects.list.is_empty() {
            return;
        }
        let mut effects = take(&mut self.shard.effects.list);
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { to, message } => self.send(peer, to, message, cause),
                Effect::Wake { delay, timer } => self.wake(peer, delay, timer, cause),
                Effect::Event(event) => self.emit(peer, *event, cause),
                Effect::Step(mut told) => {
                    self.log.note_step(self.shard.now, peer, cause, &mut told);
                    self.shard.effects.keep(told);
                }
            }
            if !self.is_up(peer) {
                break; // The host panicked: the rest dies with the peer.
            }
        }
        self.shard.effects.list = effects;
    }

    /// The stamp of something that `peer` does to itself after `delay` on its own clock.
    fn own_stamp(&mut self, peer: Peer, delay: Duration) -> Stamp {
        let now = self.shard.now;
        let slot = self.shard.own(peer);
        let clock = slot.condition.as_deref().and_then(|condition| condition.clock.as_ref());
        let delay = clock.map_or(delay, |clock| clock.true_length(delay));
        Stamp { time: now + delay, dest: peer.0, source: source(peer), order: slot.tick() }
    }

    fn wake(&mut self, peer: Peer, delay: Duration, timer: P::Timer, cause: Cause) {
        let stamp = self.own_stamp(peer, delay);
        let life = self.shard.own(peer).life;
        self.shard.push(stamp, Pending { cause, input: Input::Timer { timer, life } });
    }

    /// A timer comes back, unless the life that set it is over.
    pub(crate) fn fire(&mut self, peer: Peer, timer: P::Timer, life: u32, cause: Cause) {
        if !self.lives(peer, life) {
            self.shard.counts.ignored += 1;
            return;
        }
        let cause = self.log.note_traffic(self.shard.now, peer, cause, |words| What::Timer(words.describe(&timer)));
        self.handle(peer, cause, |protocol, cx| protocol.on_timer(timer, cx));
    }

    /// The local application asks.
    pub(crate) fn command(&mut self, peer: Peer, command: P::Command, life: Option<u32>, cause: Cause) {
        if !life.map_or_else(|| self.is_up(peer), |life| self.lives(peer, life)) {
            self.shard.counts.ignored += 1;
            return;
        }
        let cause = self.log.note(self.shard.now, peer, cause, |words| What::Command(words.describe(&command)));
        self.handle(peer, cause, |protocol, cx| protocol.on_command(command, cx));
    }

    /// A message that was held back is sent, unless the life that held it is over.
    pub(crate) fn let_go(&mut self, peer: Peer, (to, message): (Peer, P::Message), life: u32, cause: Cause) {
        if self.lives(peer, life) {
            self.send(peer, to, message, cause);
        } else {
            self.shard.counts.ignored += 1;
        }
    }

    /// `peer` holds a message back for `delay`.
    pub(crate) fn hold(&mut self, peer: Peer, delay: Duration, to: Peer, message: P::Message, cause: Cause) {
        let now = self.shard.now;
        let slot = self.shard.own(peer);
        let stamp = Stamp { time: now + delay, dest: peer.0, source: source(peer), order: slot.tick() };
        let input = Input::Held { parcel: Box::new((to, message)), life: slot.life };
        self.shard.push(stamp, Pending { cause, input });
    }

    fn emit(&mut self, peer: Peer, event: P::Event, cause: Cause) {
        self.shard.totals.event(event.name());
        let cause = self.log.note(self.shard.now, peer, cause, |words| What::Event(words.describe(&event)));
        self.tell(peer, cause, |host, world| host.on_event(event, world));
    }

    /// Calls the peer's host and takes its commands. A host that panics takes its peer down.
    pub(crate) fn tell(&mut self, peer: Peer, cause: Cause, run: impl FnOnce(&mut H, &mut HostCx<'_, P>)) {
        let mut commands = take(&mut self.shard.commands);
        let (now, seed) = (self.shard.now, self.world.seed);
        let slot = self.shard.own(peer);
        let rng = Rng::for_step(seed ^ HOSTS, peer, slot.tick());
        let acquaintances = self.world.acquaintances();
        let mut world = HostCx { now, me: peer, acquaintances, rng, config: &*self.world.config, commands: &mut commands };
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut slot.host, &mut world)));
        if let Err(panic) = outcome {
            commands.clear();
            self.panicked(peer, cause, &*panic);
        }
        for (delay, command) in commands.drain(..) {
            let stamp = self.own_stamp(peer, delay);
            let input = Input::Command { command: Box::new(command), life: Some(self.shard.own(peer).life) };
            self.shard.push(stamp, Pending { cause, input });
        }
        self.shard.commands = commands;
    }
}
