//! Effects: what a handler wants done, and the [`Sink`] it pushes them into.

use core::fmt;
use core::time::Duration;

use crate::describe::Step;
use crate::{Operation, Peer, Protocol};

/// Something a handler wants done. Effects take hold in the order pushed, after the handler returns.
pub enum Effect<P: Protocol> {
    /// Send a message.
    Send {
        /// To whom.
        to: Peer,
        /// What.
        message: P::Message,
    },
    /// Give `timer` back after `delay`.
    Wake {
        /// How long to wait, by this peer's clock.
        delay: Duration,
        /// What comes back.
        timer: P::Timer,
    },
    /// Tell the local application. Boxed, as there are few of them and they are large: effects are moved a few times each.
    Event(Box<P::Event>),
    /// Record a step of an algorithm.
    Step(Box<Told>),
}

/// A step of an algorithm, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Of which operation.
    pub operation: Operation,
    /// What it did.
    pub step: Step,
}

impl Default for Told {
    /// Of nothing, for the sake of its memory.
    fn default() -> Self {
        Self { operation: Operation { protocol: "", number: 0 }, step: Step::new("") }
    }
}

// By hand, because a derived one would ask the protocol itself to be `Debug`, of which an effect holds nothing.
impl<P: Protocol> fmt::Debug for Effect<P>
where
    P::Message: fmt::Debug,
    P::Timer: fmt::Debug,
    P::Event: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::Send { to, message } => f.debug_struct("Send").field("to", to).field("message", message).finish(),
            Effect::Wake { delay, timer } => f.debug_struct("Wake").field("delay", delay).field("timer", timer).finish(),
            Effect::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Effect::Step(told) => f.debug_tuple("Step").field(told).finish(),
        }
    }
}

/// Where effects go. A `Vec` is a sink, which watches, so that tests see steps too.
pub trait Sink<P: Protocol> {
    /// Takes one effect.
    fn push(&mut self, effect: Effect<P>);

    /// Whether steps are wanted. When not, they are never built.
    fn watched(&self) -> bool {
        false
    }

    /// Memory for a step: of an earlier one, where steps are many. What it holds means nothing, but that it has no fields.
    fn spare(&mut self) -> Box<Told> {
        Box::default()
    }
}

impl<P: Protocol> Sink<P> for Vec<Effect<P>> {
    fn push(&mut self, effect: Effect<P>) {
        Vec::push(self, effect);
    }

    fn watched(&self) -> bool {
        true
    }
}
