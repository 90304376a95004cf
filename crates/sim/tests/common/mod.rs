//! A protocol for tests that does what it is told.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use core::time::Duration;

use peerglass_core::{Cx, Describe, Fields, Operation, Peer, Protocol, Time};
use peerglass_sim::{Disk, Host, HostCx, Network, Setup, Simulation};
use peerglass_trace::Record;

/// Remembers what happened to it, and does what commands and messages say.
#[derive(Clone, Debug, Default)]
pub struct Puppet {
    pub started: Option<Time>,
    pub heard: Vec<(Time, Peer, u64)>,
    pub timers: Vec<(Time, u64)>,
    pub lost: Vec<(Time, Peer)>,
    pub commands: Vec<Time>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// A number, and how many bytes it pretends to have.
    Say { value: u64, bytes: u64 },
    /// Answer with `Say`.
    Ask(u64),
    /// Send on to a random peer, as often as it says, to as many as it says.
    Flood { hops: u32, fanout: u32 },
    /// Panic.
    Poison,
}

#[derive(Clone, Copy, Debug)]
pub struct Alarm(pub u64);

#[derive(Clone, Debug)]
pub enum Order {
    Send {
        to: Peer,
        word: Word,
    },
    SendMany {
        to: Peer,
        count: u64,
        bytes: u64,
    },
    Wake(Duration, u64),
    /// Emit this event, then send to `then`.
    Emit(u64, Option<Peer>),
    Panic,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Told(pub u64);

impl Describe for Word {
    fn name(&self) -> &'static str {
        match self {
            Word::Say { .. } => "SAY",
            Word::Ask(_) => "ASK",
            Word::Flood { .. } => "FLOOD",
            Word::Poison => "POISON",
        }
    }
    fn fields(&self, fields: &mut Fields) {
        if let Word::Say { value, .. } | Word::Ask(value) = self {
            fields.add("value", *value);
        }
    }
}

impl Describe for Alarm {
    fn name(&self) -> &'static str {
        "alarm"
    }
    fn fields(&self, fields: &mut Fields) {
        fields.add("value", self.0);
    }
}

impl Describe for Order {
    fn name(&self) -> &'static str {
        "order"
    }
}

impl Describe for Told {
    fn name(&self) -> &'static str {
        "told"
    }
    fn fields(&self, fields: &mut Fields) {
        fields.add("value", self.0);
    }
}

/// Parameters of [`Puppet`]: how many peers there are.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    pub peers: u32,
}

impl Protocol for Puppet {
    type Config = Stage;
    type Message = Word;
    type Timer = Alarm;
    type Command = Order;
    type Event = Told;

    fn start(&mut self, cx: &mut Cx<'_, Self>) {
        self.started = Some(cx.now());
    }

    fn on_message(&mut self, from: Peer, message: Word, cx: &mut Cx<'_, Self>) {
        match message {
            Word::Say { value, .. } => self.heard.push((cx.now(), from, value)),
            Word::Ask(value) => cx.send(from, Word::Say { value, bytes: 10 }),
            Word::Flood { hops: 0, .. } => cx.emit(Told(0)),
            Word::Flood { hops, fanout } => {
                cx.step(Operation { protocol: "flood", number: hops }, |step| step.named("forward").with("fanout", fanout));
                let peers = u64::from(cx.config().peers);
                for _ in 0..fanout {
                    let to = Peer(cx.rng().below(peers) as u32);
                    cx.send(to, Word::Flood { hops: hops - 1, fanout });
                }
                let delay = Duration::from_nanos(cx.rng().below(1_000_000));
                cx.wake_in(delay, Alarm(u64::from(hops)));
            }
            Word::Poison => {
                cx.send(from, Word::Ask(1));
                panic!("poisoned by {from}");
            }
        }
    }

    fn on_timer(&mut self, Alarm(value): Alarm, cx: &mut Cx<'_, Self>) {
        self.timers.push((cx.now(), value));
    }

    fn on_command(&mut self, command: Order, cx: &mut Cx<'_, Self>) {
        self.commands.push(cx.now());
        match command {
            Order::Send { to, word } => cx.send(to, word),
            Order::SendMany { to, count, bytes } => (0..count).for_each(|value| cx.send(to, Word::Say { value, bytes })),
            Order::Wake(delay, value) => cx.wake_in(delay, Alarm(value)),
            Order::Emit(value, then) => {
                cx.emit(Told(value));
                if let Some(to) = then {
                    cx.send(to, Word::Ask(value));
                }
            }
            Order::Panic => panic!("ordered to"),
        }
    }

    fn on_unreachable(&mut self, peer: Peer, cx: &mut Cx<'_, Self>) {
        self.lost.push((cx.now(), peer));
    }

    fn peers(&self, _: &mut dyn FnMut(Peer)) {}
}

/// Remembers events; answers an even one by a command that emits an odd one, and panics on 666.
#[derive(Clone, Debug, Default)]
pub struct Ear {
    pub started: bool,
    pub events: Vec<(Time, u64)>,
    pub disks: Vec<(Time, Disk)>,
}

impl Host<Puppet> for Ear {
    fn on_start(&mut self, _: &mut HostCx<'_, Puppet>) {
        self.started = true;
    }
    fn on_disk(&mut self, disk: Disk, world: &mut HostCx<'_, Puppet>) {
        self.disks.push((world.now(), disk));
    }
    fn on_event(&mut self, Told(value): Told, world: &mut HostCx<'_, Puppet>) {
        assert!(value != 666, "the host cannot bear it");
        self.events.push((world.now(), value));
        if value > 0 && value.is_multiple_of(2) {
            world.command(Order::Emit(value + 1, None));
            world.command_in(Duration::from_millis(5), Order::Emit(value + 3, None));
        }
    }
}

pub type Sim = Simulation<Puppet, Ear, Vec<Record>>;

pub fn wire_len(word: &Word) -> u64 {
    match word {
        Word::Say { bytes, .. } => *bytes,
        _ => 10,
    }
}

/// A world of `peers` puppets that all join at time zero.
pub fn world(seed: u64, peers: u32, network: Network) -> Sim {
    let config = Stage { peers };
    let mut sim = Simulation::new(Setup { seed, config, network, wire_len, recorder: Vec::new() }).expect("the tests' parameters are right");
    for _ in 0..peers {
        sim.join_at(Time::ZERO, Puppet::default(), Ear::default());
    }
    sim
}

pub fn ms(millis: u64) -> Time {
    Time::from_millis(millis)
}
