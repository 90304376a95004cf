//! A settled network for next to nothing: tables as theory assumes them, drawn when they are first needed.
//!
//! The theory of lookups assumes full buckets of random members. A network of 100,000 peers that join and refresh takes 100 million messages to come
//! near that, and its tables bear the marks of the order of joining. Here every table is *drawn*: for each bucket up to k members of that part of
//! the key space, chosen uniformly. And since nothing changes in a static network, a table that nobody asks for need not exist:
//!
//! ```text
//!   lookup ──▶ peer ──first message──▶ draw the table ──▶ the stack's own answer
//!                    ──next message──────────────────────▶ the stack's own answer
//! ```
//!
//! Draws of different peers are independent, so no lookup can tell whether a table was drawn before the run or on its arrival. The peer itself is the
//! real [`Stack`], filled through its own messages: it is told of each contact, as by identify on a real network, asks it for a sign of life, and
//! is given the answer.

use std::time::Duration;

use peerglass_core::{Compose, Cx, Effect, Key, Peer, Protocol, Rng, Time};
use peerglass_kad as kad;
use peerglass_sim::{Latency, Network, Setup, Simulation};
use peerglass_stack::{Command, Config, Event, Message, Stack, Timer, wire_len};
use peerglass_trace::Off;

use crate::lookups::Found;

/// A stack whose table is drawn when something first happens to it.
pub(crate) struct Settled {
    stack: Stack,
    drawn: bool,
}

/// The stack's parameters, and everybody in the network, sorted by key.
pub(crate) struct World {
    stack: Config,
    everybody: Vec<(Key, Peer)>,
}

/// A static network of real stacks with buckets of `k`, which ask one peer at a time (alpha = 1), as the theory of lookups has it.
pub(crate) fn settled(seed: u64, peers: u32, k: usize) -> Simulation<Settled, Found, Off> {
    let mut stack = Config::default();
    (stack.kad.k, stack.kad.beta, stack.kad.alpha) = (k, k, 1);
    // Buckets hold random members, not spread ones, and nobody is added by asking: the network is static.
    (stack.kad.per_sixteenth, stack.kad.admit_requesters) = (0, false);
    let mut everybody: Vec<_> = (0..peers).map(Peer).map(|peer| (Key::derived(seed, peer), peer)).collect();
    everybody.sort_unstable();
    let network = Network { latency: Latency::Constant(Duration::from_millis(20)), ..Network::default() };
    let setup = Setup { seed, config: World { stack, everybody }, network, wire_len, recorder: Off };
    let mut sim: Simulation<Settled, Found, Off> = Simulation::new(setup).expect("the parameters are valid");
    sim.reserve(peers as usize);
    for _ in 0..peers {
        let stack = Stack::new(&sim.config().stack);
        sim.join_at(Time::ZERO, Settled { stack, drawn: false }, Found::default());
    }
    sim.run_until(Time::from_secs(1));
    sim
}

impl World {
    /// Everybody, sorted by key.
    pub(crate) fn everybody(&self) -> &[(Key, Peer)] {
        &self.everybody
    }

    /// A table as theory assumes it: of each bucket, up to k members chosen uniformly.
    fn draw(&self, own: Key, rng: &mut Rng) -> Vec<Peer> {
        let (mut near, mut contacts) = (&self.everybody[..], Vec::new());
        for bit in 0..Key::BITS {
            let (zeros, ones) = near.split_at(near.partition_point(|(key, _)| !key.bit(bit)));
            let (own_side, bucket) = if own.bit(bit) { (ones, zeros) } else { (zeros, ones) };
            contacts.extend(sample(bucket, self.stack.kad.k, rng));
            near = own_side;
            if near.len() <= 1 {
                break;
            }
        }
        contacts
    }
}

/// Up to `count` different ones of `members`, chosen uniformly (Floyd's algorithm).
fn sample(members: &[(Key, Peer)], count: usize, rng: &mut Rng) -> Vec<Peer> {
    let mut chosen: Vec<usize> = Vec::with_capacity(count);
    for last in members.len().saturating_sub(count)..members.len() {
        let index = rng.index(last + 1);
        chosen.push(if chosen.contains(&index) { last } else { index });
    }
    chosen.into_iter().map(|index| members[index].1).collect()
}

impl Settled {
    /// Draws the table unless it is there, and hands each contact to the stack.
    fn draw(&mut self, cx: &mut Cx<'_, Self>) {
        if std::mem::replace(&mut self.drawn, true) {
            return;
        }
        let (world, own) = (cx.config(), cx.key(cx.me()));
        let contacts = world.draw(own, cx.rng());
        contacts.iter().for_each(|contact| self.introduce(*contact, cx));
        assert_eq!(self.stack.kad().contacts(), contacts.len(), "every contact finds its place");
    }

    /// Has the stack ask `contact` for a sign of life, and gives it the answer. Nothing of this leaves the peer but timers.
    fn introduce(&mut self, contact: Peer, cx: &mut Cx<'_, Self>) {
        let mut asked = self.aside(cx, |stack, cx| stack.on_command(Command::Contact { peer: contact, server: true }, cx));
        let id = asked.drain(..).find_map(|effect| match effect {
            Effect::Send { message: Message::Kad(kad::Message::Request { id, .. }), .. } => Some(id),
            Effect::Wake { delay, timer } => {
                cx.wake_in(delay, timer);
                None
            }
            _ => None,
        });
        let response = kad::Response::Nodes { closer: vec![contact] };
        let answer = Message::Kad(kad::Message::Response { id: id.expect("a contact is asked first"), response });
        self.aside(cx, |stack, cx| stack.on_message(contact, answer, cx));
    }

    /// Runs the stack and keeps its effects.
    fn aside(&mut self, cx: &mut Cx<'_, Self>, run: impl FnOnce(&mut Stack, &mut Cx<'_, Stack>)) -> Vec<Effect<Stack>> {
        let mut effects = Vec::new();
        let (now, me, config, acquaintances) = (cx.now(), cx.me(), cx.config(), cx.acquaintances());
        run(&mut self.stack, &mut Cx::new(now, me, &config.stack, acquaintances, cx.rng(), &mut effects));
        effects
    }

    /// Runs the stack as part of this peer.
    fn forward(&mut self, cx: &mut Cx<'_, Self>, run: impl FnOnce(&mut Stack, &mut Cx<'_, Stack>)) {
        let mut events = Vec::new();
        cx.child(&mut events, |cx| run(&mut self.stack, cx));
        events.into_iter().for_each(|event| cx.emit(event));
    }
}

impl Protocol for Settled {
    type Config = World;
    type Message = Message;
    type Timer = Timer;
    type Command = Command;
    type Event = Event;

    fn start(&mut self, cx: &mut Cx<'_, Self>) {
        self.forward(cx, |stack, cx| stack.start(cx));
    }
    fn on_message(&mut self, from: Peer, message: Message, cx: &mut Cx<'_, Self>) {
        self.draw(cx);
        self.forward(cx, |stack, cx| stack.on_message(from, message, cx));
    }
    fn on_timer(&mut self, timer: Timer, cx: &mut Cx<'_, Self>) {
        self.forward(cx, |stack, cx| stack.on_timer(timer, cx));
    }
    fn on_command(&mut self, command: Command, cx: &mut Cx<'_, Self>) {
        self.draw(cx);
        self.forward(cx, |stack, cx| stack.on_command(command, cx));
    }
    fn on_unreachable(&mut self, peer: Peer, cx: &mut Cx<'_, Self>) {
        self.forward(cx, |stack, cx| stack.on_unreachable(peer, cx));
    }
    fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        self.stack.peers(visit);
    }
}

impl Compose<Stack> for Settled {
    fn config(world: &World) -> &Config {
        &world.stack
    }
    fn message(message: Message) -> Message {
        message
    }
    fn timer(timer: Timer) -> Timer {
        timer
    }
}
