//! Handlers and their effects: one call of a protocol's handler, then its effects in the order pushed.

use core::mem::take;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use peerglass_core::{Acquaintances, Cx, Describe, Effect, Peer, Protocol, Rng};
use peerglass_trace::{Recorder, What};

use crate::engine::{Input, Pending, source};
use crate::lifecycle::panic_message;
use crate::log::{Cause, describe};
use crate::queue::Stamp;
use crate::slot::State;
use crate::{Host, HostCx, Simulation};

/// Sets the dice of hosts apart from those of protocols.
const HOSTS: u64 = 0x686f_7374_7321_2121;

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, R> {
    /// Whether `peer` is up.
    #[inline]
    pub(crate) fn is_up(&self, peer: Peer) -> bool {
        self.slots.get(peer.index()).is_some_and(|slot| slot.state == State::Up)
    }

    /// Calls a handler of `peer`, which is up, and lets its effects take hold. `cause` is the record of the input.
    ///
    /// The contract says that effects take hold after the handler returns: those of a handler that panics never do.
    #[inline]
    pub(crate) fn handle(&mut self, peer: Peer, cause: Cause, run: impl FnOnce(&mut P, &mut Cx<'_, P>)) {
        let slot = &mut self.slots[peer.index()];
        let mut rng = Rng::for_step(self.seed, peer, slot.tick());
        let mut cx = Cx::new(self.now, peer, &self.config, Acquaintances::Derived(self.seed), &mut rng, &mut self.effects);
        // After a panic the state is only looked at, never run again: that it may be half changed does no harm.
        match catch_unwind(AssertUnwindSafe(|| run(&mut slot.protocol, &mut cx))) {
            Ok(()) => {
                if !self.bends.is_empty() {
                    self.bend_effects(peer);
                }
                self.apply(peer, cause);
            }
            Err(panic) => {
                self.effects.list.clear();
                self.crash(peer, cause, panic_message(&*panic));
            }
        }
    }

    fn apply(&mut self, peer: Peer, cause: Cause) {
        if self.effects.list.is_empty() {
            return;
        }
        let mut effects = take(&mut self.effects.list);
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { to, message } => self.send(peer, to, message, cause),
                Effect::Wake { delay, timer } => self.wake(peer, delay, timer, cause),
                Effect::Event(event) => self.emit(peer, event, cause),
                Effect::Step { operation, step } => {
                    self.log.note(self.now, peer, cause, |_| What::Step { operation, step });
                }
            }
            if !self.is_up(peer) {
                break; // The host panicked: the rest dies with the peer.
            }
        }
        self.effects.list = effects;
    }

    fn wake(&mut self, peer: Peer, delay: Duration, timer: P::Timer, cause: Cause) {
        let slot = &mut self.slots[peer.index()];
        let stamp = Stamp { time: self.now + delay, dest: peer.0, source: source(peer), order: slot.tick() };
        self.queue.push(stamp, Pending { cause, input: Input::Timer { timer, life: slot.life } });
    }

    /// A timer comes back, unless the life that set it is over.
    pub(crate) fn fire(&mut self, peer: Peer, timer: P::Timer, life: u32, cause: Cause) {
        if !self.is_up(peer) || self.slots[peer.index()].life != life {
            self.ignored += 1;
            return;
        }
        let cause = self.log.note(self.now, peer, cause, |full| What::Timer(describe(&timer, full)));
        self.handle(peer, cause, |protocol, cx| protocol.on_timer(timer, cx));
    }

    /// The local application asks.
    pub(crate) fn command(&mut self, peer: Peer, command: P::Command, life: Option<u32>, cause: Cause) {
        if !self.is_up(peer) || life.is_some_and(|life| self.slots[peer.index()].life != life) {
            self.ignored += 1;
            return;
        }
        let cause = self.log.note(self.now, peer, cause, |full| What::Command(describe(&command, full)));
        self.handle(peer, cause, |protocol, cx| protocol.on_command(command, cx));
    }

    fn emit(&mut self, peer: Peer, event: P::Event, cause: Cause) {
        self.totals.event(event.name());
        let cause = self.log.note(self.now, peer, cause, |full| What::Event(describe(&event, full)));
        self.tell(peer, cause, |host, world| host.on_event(event, world));
    }

    /// Calls the peer's host and takes its commands. A host that panics takes its peer down.
    pub(crate) fn tell(&mut self, peer: Peer, cause: Cause, run: impl FnOnce(&mut H, &mut HostCx<'_, P>)) {
        let mut commands = take(&mut self.commands);
        let slot = &mut self.slots[peer.index()];
        let rng = Rng::for_step(self.seed ^ HOSTS, peer, slot.tick());
        let mut world = HostCx { now: self.now, me: peer, seed: self.seed, rng, config: &self.config, commands: &mut commands };
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut slot.host, &mut world)));
        if let Err(panic) = outcome {
            commands.clear();
            self.crash(peer, cause, panic_message(&*panic));
        }
        for (delay, command) in commands.drain(..) {
            let slot = &mut self.slots[peer.index()];
            let stamp = Stamp { time: self.now + delay, dest: peer.0, source: source(peer), order: slot.tick() };
            let input = Input::Command { command: Box::new(command), life: Some(slot.life) };
            self.queue.push(stamp, Pending { cause, input });
        }
        self.commands = commands;
    }
}
