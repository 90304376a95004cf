//! [`Cx`]: everything a handler may see and do, lent by the driver for the length of one call.
//!
//! Why a lent sink and not poll-style or returned lists: in one toy at a million peers, the sink and a returned small vector tie, poll-style
//! with per-peer queues is 1.8 times slower and costs about 320 bytes a peer. The sink also reads as prose.
//!
//! # Composition
//!
//! A parent protocol holds its children as plain fields and lends them a translated context:
//!
//! ```text
//!   parent.on_message(m)
//!      └─ cx.child(&mut events, |cx| self.child.on_message(from, inner, cx))
//!             child's Send  ──wrapped──▶ parent's sink
//!             child's Wake  ──wrapped──▶ parent's sink
//!             child's Event ───────────▶ `events`, for the parent to act on
//! ```
//!
//! Nothing is stored: the translation lives on the stack of the call.

use core::time::Duration;

use crate::describe::Step;
use crate::effect::Told;
use crate::{Effect, Key, KeySeed, Operation, Peer, Protocol, Rng, Sink, Time};

/// What a handler may see and do.
pub struct Cx<'a, P: Protocol> {
    now: Time,
    me: Peer,
    config: &'a P::Config,
    acquaintances: Acquaintances<'a>,
    rng: &'a mut Rng,
    sink: &'a mut (dyn Sink<P> + 'a),
}

impl<'a, P: Protocol> Cx<'a, P> {
    /// Made by drivers and tests, once for each call of a handler.
    pub fn new(
        now: Time,
        me: Peer,
        config: &'a P::Config,
        acquaintances: Acquaintances<'a>,
        rng: &'a mut Rng,
        sink: &'a mut (dyn Sink<P> + 'a),
    ) -> Self {
        Self { now, me, config, acquaintances, rng, sink }
    }

    /// This peer's clock. It never goes back, and may drift from others'.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// This peer's own handle.
    #[must_use]
    pub fn me(&self) -> Peer {
        self.me
    }

    /// The shared parameters. They outlive the call, so they can be held while effects are pushed.
    #[must_use]
    pub fn config(&self) -> &'a P::Config {
        self.config
    }

    /// Where `peer` sits in the key space.
    #[must_use]
    pub fn key(&self, peer: Peer) -> Key {
        self.acquaintances.key(peer)
    }

    /// Which group (by IP prefix or network) `peer` counts towards, for caps on how many of one group a table holds.
    #[must_use]
    pub fn group(&self, peer: Peer) -> Group {
        self.acquaintances.group(peer)
    }

    /// What is known of peers, apart from the context, for algorithms that are not protocols (a table, a lookup).
    #[must_use]
    pub fn acquaintances(&self) -> Acquaintances<'a> {
        self.acquaintances
    }

    /// The dice of this call.
    pub fn rng(&mut self) -> &mut Rng {
        self.rng
    }

    /// Sends `message` to `to`. It may be lost; a driver that knows it could not be sent says so through [`Protocol::on_unreachable`].
    pub fn send(&mut self, to: Peer, message: P::Message) {
        self.sink.push(Effect::Send { to, message });
    }

    /// Asks for `timer` to come back after `delay`.
    pub fn wake_in(&mut self, delay: Duration, timer: P::Timer) {
        self.sink.push(Effect::Wake { delay, timer });
    }

    /// Tells the local application.
    pub fn emit(&mut self, event: P::Event) {
        self.sink.push(Effect::Event(Box::new(event)));
    }

    /// Whether anybody watches the steps of algorithms.
    #[must_use]
    pub fn watched(&self) -> bool {
        self.sink.watched()
    }

    /// Says what an algorithm just did: `tell` names the step that it is given and adds to it. It is not even called when nobody watches.
    pub fn step(&mut self, operation: Operation, tell: impl FnOnce(Step) -> Step) {
        if self.sink.watched() {
            let mut told = self.sink.spare();
            told.operation = operation;
            told.step = tell(core::mem::replace(&mut told.step, Step::new("")));
            self.sink.push(Effect::Step(told));
        }
    }

    /// Lends a composed protocol a context that translates its effects into this one's.
    ///
    /// The child's events do not leave: they are added to `events`, for the parent to act on once the child is done.
    pub fn child<C: Protocol, R>(&mut self, events: &mut Vec<C::Event>, run: impl FnOnce(&mut Cx<'_, C>) -> R) -> R
    where
        P: Compose<C>,
    {
        let mut lift = Lift { parent: &mut *self.sink, events };
        let mut cx =
            Cx { now: self.now, me: self.me, config: P::config(self.config), acquaintances: self.acquaintances, rng: self.rng, sink: &mut lift };
        run(&mut cx)
    }
}

/// How a parent protocol wraps what its child `C` says.
pub trait Compose<C: Protocol>: Protocol {
    /// The child's parameters within the parent's.
    fn config(config: &Self::Config) -> &C::Config;
    /// The child's message as one of the parent's.
    fn message(message: C::Message) -> Self::Message;
    /// The child's timer as one of the parent's.
    fn timer(timer: C::Timer) -> Self::Timer;
}

struct Lift<'s, P: Protocol, C: Protocol> {
    parent: &'s mut (dyn Sink<P> + 's),
    events: &'s mut Vec<C::Event>,
}

impl<C: Protocol, P: Compose<C>> Sink<C> for Lift<'_, P, C> {
    fn push(&mut self, effect: Effect<C>) {
        match effect {
            Effect::Send { to, message } => self.parent.push(Effect::Send { to, message: P::message(message) }),
            Effect::Wake { delay, timer } => self.parent.push(Effect::Wake { delay, timer: P::timer(timer) }),
            Effect::Event(event) => self.events.push(*event),
            Effect::Step(told) => self.parent.push(Effect::Step(told)),
        }
    }

    fn watched(&self) -> bool {
        self.parent.watched()
    }

    fn spare(&mut self) -> Box<Told> {
        self.parent.spare()
    }
}

/// What is known of other peers, by handle.
#[derive(Clone, Copy)]
pub enum Acquaintances<'a> {
    /// Keys follow from the handle by a mixing function. In the simulator this beats a table that misses the cache.
    Derived(KeySeed),
    /// The driver's address book.
    Known(&'a dyn Known),
}

impl Acquaintances<'_> {
    /// Peers whose keys follow from this seed and their handles, as in a simulation.
    #[must_use]
    pub const fn derived(seed: u64) -> Self {
        Acquaintances::Derived(KeySeed::new(seed))
    }

    /// Where `peer` sits in the key space.
    #[must_use]
    pub fn key(&self, peer: Peer) -> Key {
        match self {
            Acquaintances::Derived(seed) => seed.key(peer),
            Acquaintances::Known(known) => known.key(peer),
        }
    }

    /// The first 64 bits of where `peer` sits: a quarter of the work, and enough to order all but astronomically few keys.
    #[must_use]
    #[inline]
    pub fn key_high(&self, peer: Peer) -> u64 {
        match self {
            Acquaintances::Derived(seed) => seed.high(peer),
            Acquaintances::Known(known) => known.key(peer).high(),
        }
    }

    /// Which group `peer` counts towards.
    #[must_use]
    pub fn group(&self, peer: Peer) -> Group {
        match self {
            Acquaintances::Derived(_) => Group::NONE,
            Acquaintances::Known(known) => known.group(peer),
        }
    }
}

/// A table of peers that a driver keeps.
pub trait Known {
    /// Where `peer` sits in the key space.
    fn key(&self, peer: Peer) -> Key;
    /// Which group `peer` counts towards. [`Group::NONE`] is never capped.
    fn group(&self, _peer: Peer) -> Group {
        Group::NONE
    }
}

/// Peers that may be one person's, as far as addresses tell: an IPv4 /16, an IPv6 /32, an autonomous system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub u64);

impl Group {
    /// No group: never capped.
    pub const NONE: Group = Group(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Describe;

    /// Counts what it hears and says so every second time.
    #[derive(Default)]
    struct Counter {
        heard: u32,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Word(u32);
    impl Describe for Word {
        fn name(&self) -> &'static str {
            "WORD"
        }
    }

    impl Protocol for Counter {
        type Config = u32;
        type Message = Word;
        type Timer = Word;
        type Command = Word;
        type Event = Word;
        fn start(&mut self, cx: &mut Cx<'_, Self>) {
            cx.wake_in(Duration::from_secs(1), Word(*cx.config()));
        }
        fn on_message(&mut self, from: Peer, message: Word, cx: &mut Cx<'_, Self>) {
            self.heard += message.0;
            cx.step(Operation { protocol: "counter", number: 1 }, |step| step.named("heard").with("from", from));
            cx.send(from, Word(self.heard));
            cx.emit(Word(self.heard));
        }
        fn on_timer(&mut self, _: Word, _: &mut Cx<'_, Self>) {}
        fn on_command(&mut self, _: Word, _: &mut Cx<'_, Self>) {}
        fn on_unreachable(&mut self, _: Peer, _: &mut Cx<'_, Self>) {}
        fn peers(&self, _: &mut dyn FnMut(Peer)) {}
    }

    /// Holds two counters of the same kind of message space and adds up their events.
    #[derive(Default)]
    struct Parent {
        child: Counter,
        told: u32,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum ParentWord {
        Child(Word),
    }
    impl Describe for ParentWord {
        fn name(&self) -> &'static str {
            "CHILD"
        }
    }

    impl Compose<Counter> for Parent {
        fn config(config: &(u32, u32)) -> &u32 {
            &config.1
        }
        fn message(message: Word) -> ParentWord {
            ParentWord::Child(message)
        }
        fn timer(timer: Word) -> ParentWord {
            ParentWord::Child(timer)
        }
    }

    impl Protocol for Parent {
        type Config = (u32, u32);
        type Message = ParentWord;
        type Timer = ParentWord;
        type Command = Word;
        type Event = Word;
        fn start(&mut self, cx: &mut Cx<'_, Self>) {
            cx.child(&mut Vec::new(), |cx| self.child.start(cx));
        }
        fn on_message(&mut self, from: Peer, ParentWord::Child(word): ParentWord, cx: &mut Cx<'_, Self>) {
            let mut events = Vec::new();
            cx.child(&mut events, |cx| self.child.on_message(from, word, cx));
            for Word(n) in events {
                self.told += n;
                cx.emit(Word(self.told));
            }
        }
        fn on_timer(&mut self, _: ParentWord, _: &mut Cx<'_, Self>) {}
        fn on_command(&mut self, _: Word, _: &mut Cx<'_, Self>) {}
        fn on_unreachable(&mut self, _: Peer, _: &mut Cx<'_, Self>) {}
        fn peers(&self, _: &mut dyn FnMut(Peer)) {}
    }

    fn run(parent: &mut Parent, input: impl FnOnce(&mut Parent, &mut Cx<'_, Parent>)) -> Vec<Effect<Parent>> {
        let mut effects = Vec::new();
        let mut rng = Rng::new(1);
        let mut cx = Cx::new(Time::ZERO, Peer(0), &(3, 5), Acquaintances::derived(1), &mut rng, &mut effects);
        input(parent, &mut cx);
        effects
    }

    #[test]
    fn a_child_sees_its_own_config_and_its_timer_is_wrapped() {
        let effects = run(&mut Parent::default(), |p, cx| p.start(cx));
        assert!(matches!(effects[..], [Effect::Wake { delay, timer: ParentWord::Child(Word(5)) }] if delay == Duration::from_secs(1)));
    }

    #[test]
    fn a_childs_messages_and_steps_pass_and_its_events_stay_with_the_parent() {
        let mut parent = Parent::default();
        let effects = run(&mut parent, |p, cx| p.on_message(Peer(9), ParentWord::Child(Word(2)), cx));
        let [Effect::Step(told), Effect::Send { to: Peer(9), message: ParentWord::Child(Word(2)) }, Effect::Event(event)] = &effects[..] else {
            panic!("step, send and the parent's own event, in the order pushed");
        };
        assert_eq!((told.step.name, **event), ("heard", Word(2)));
        assert_eq!(parent.told, 2);
    }
}
