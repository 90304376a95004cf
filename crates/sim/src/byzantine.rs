//! Byzantine behaviours that need to know no protocol ([`Bend`]).
//!
//! | behaviour | what becomes of a message that the honest peer sends |
//! |---|---|
//! | [`Silent`] | nothing: it hears everything and says nothing |
//! | [`Drop`] | nothing, with a probability, or if it is of a kind |
//! | [`Delay`] | it is sent much later |
//! | [`Replay`] | it is sent, and so is one that was sent before, to somebody it was not for |
//! | [`Equivocate`] | what is sent is altered, differently for each receiver, but always in the same way for the same one |
//! | [`Lie`] | what is sent is altered |
//!
//! A lie that a receiver cannot see through by its form has to be told in the protocol's own words; so the last two are given the alteration by whoever knows
//! the protocol. All leave timers, events and steps alone: a Byzantine peer is no less alive than an honest one.

use core::time::Duration;

use peerglass_core::{Describe, Effect, Peer, Protocol, Rng};

use crate::{Bend, Bent};

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

/// Keeps messages back.
#[derive(Clone, Debug)]
pub struct Drop {
    /// With this probability.
    pub share: f64,
    /// Only messages of these names; all, if there are none.
    pub only: Vec<&'static str>,
}

/// Sends everything late.
#[derive(Clone, Copy, Debug)]
pub struct Delay {
    /// How late.
    pub by: Duration,
}

/// Says again, to anybody, what it has said before.
#[derive(Clone, Debug)]
pub struct Replay<M> {
    /// How much of it is kept.
    memory: usize,
    said: Vec<(Peer, M)>,
}

impl<M> Replay<M> {
    /// One that remembers the last `memory` messages.
    #[must_use]
    pub fn new(memory: usize) -> Self {
        Self { memory: memory.max(1), said: Vec::new() }
    }
}

/// Alters a message with the dice it is given.
pub type Alter<P> = fn(&mut <P as Protocol>::Message, &mut Rng);

/// Tells each receiver something else, consistently.
pub struct Equivocate<P: Protocol> {
    /// The alteration: its dice are the same whenever the receiver is.
    pub alter: Alter<P>,
    /// Apart from that of other equivocators.
    pub seed: u64,
}

/// Tells everybody something else.
pub struct Lie<P: Protocol> {
    /// What kind of lie, for the records.
    pub name: &'static str,
    /// The alteration.
    pub alter: Alter<P>,
}

impl<P: Protocol> Bend<P> for Silent {
    fn bend(&mut self, effect: Effect<P>, _: &mut Rng, out: &mut Bent<P>) {
        if !matches!(effect, Effect::Send { .. }) {
            out.push(effect);
        }
    }

    fn name(&self) -> &'static str {
        "silent"
    }

    fn fork(&self) -> Box<dyn Bend<P>> {
        Box::new(*self)
    }
}

impl<P: Protocol> Bend<P> for Drop {
    fn bend(&mut self, effect: Effect<P>, rng: &mut Rng, out: &mut Bent<P>) {
        let meant = |message: &P::Message| self.only.is_empty() || self.only.contains(&message.name());
        match &effect {
            Effect::Send { message, .. } if meant(message) && rng.chance(self.share) => {}
            _ => out.push(effect),
        }
    }

    fn name(&self) -> &'static str {
        "drop"
    }

    fn fork(&self) -> Box<dyn Bend<P>> {
        Box::new(self.clone())
    }
}

impl<P: Protocol> Bend<P> for Delay {
    fn bend(&mut self, effect: Effect<P>, _: &mut Rng, out: &mut Bent<P>) {
        match effect {
            Effect::Send { to, message } => out.send_later(self.by, to, message),
            other => out.push(other),
        }
    }

    fn name(&self) -> &'static str {
        "delay"
    }

    fn fork(&self) -> Box<dyn Bend<P>> {
        Box::new(*self)
    }
}

impl<P: Protocol<Message: Send + 'static>> Bend<P> for Replay<P::Message> {
    fn bend(&mut self, effect: Effect<P>, rng: &mut Rng, out: &mut Bent<P>) {
        let Effect::Send { to, message } = effect else { return out.push(effect) };
        if let (Some((_, old)), Some((other, _))) = (rng.pick(&self.said), rng.pick(&self.said)) {
            out.push(Effect::Send { to: *other, message: old.clone() });
        }
        if self.said.len() < self.memory {
            self.said.push((to, message.clone()));
        } else {
            let at = rng.index(self.said.len());
            self.said[at] = (to, message.clone());
        }
        out.push(Effect::Send { to, message });
    }

    fn name(&self) -> &'static str {
        "replay"
    }

    fn fork(&self) -> Box<dyn Bend<P>> {
        Box::new(Self { memory: self.memory, said: self.said.clone() })
    }
}

impl<P: Protocol + 'static> Bend<P> for Equivocate<P> {
    fn bend(&mut self, mut effect: Effect<P>, _: &mut Rng, out: &mut Bent<P>) {
        if let Effect::Send { to, message } = &mut effect {
            (self.alter)(message, &mut Rng::for_step(self.seed, *to, 0));
        }
        out.push(effect);
    }

    fn name(&self) -> &'static str {
        "equivocate"
    }

    fn fork(&self) -> Box<dyn Bend<P>> {
        Box::new(Self { alter: self.alter, seed: self.seed })
    }
}

impl<P: Protocol + 'static> Bend<P> for Lie<P> {
    fn bend(&mut self, mut effect: Effect<P>, rng: &mut Rng, out: &mut Bent<P>) {
        if let Effect::Send { message, .. } = &mut effect {
            (self.alter)(message, rng);
        }
        out.push(effect);
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn fork(&self) -> Box<dyn Bend<P>> {
        Box::new(Self { name: self.name, alter: self.alter })
    }
}
