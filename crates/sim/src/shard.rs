//! [`Shard`]: a share of the peers with all that is still to happen to them, and the [`Stage`] on which an event is played.
//!
//! Peers are dealt out to shards by the low bits of their handle. An event touches one peer, and whatever it causes elsewhere is no sooner than the smallest
//! latency; so shards can be computed side by side for as long as that, and only then exchange what they have for each other ([`crate::parallel`]):
//!
//! ```text
//!   shard 0:  p0 p2 p4 …   queue, totals, outbox ─┐
//!   shard 1:  p1 p3 p5 …   queue, totals, outbox ─┴─▶ exchanged between windows
//! ```
//!
//! A simulation that was never run on several threads has one shard, and its outbox stays empty.

use core::time::Duration;

use peerglass_core::{Acquaintances, Ahead, Effect, Peer, Protocol, Sink, Time, Told};
use peerglass_trace::{Cause, Pen, Recorder, Totals};

use crate::Host;
use crate::bulk::Bulk;
use crate::fault::PeerFault;
use crate::lifecycle::Panic;
use crate::network::Source;
use crate::queue::{Queue, Stamp};
use crate::slot::Slot;
use crate::world::World;

/// How many events ahead the engine looks to warm the cache: with 8 instead of 1, a million small peers run 1.8 times faster.
pub(crate) const BATCH: u64 = 8;

/// The run itself as the source of a stamp.
pub(crate) const RUN: u32 = 0;

/// A peer as the source of a stamp.
pub(crate) fn source(peer: Peer) -> u32 {
    peer.0.wrapping_add(1)
}

/// An event that is still to happen.
pub(crate) struct Pending<P: Protocol, H> {
    pub(crate) cause: Cause,
    pub(crate) input: Input<P, H>,
}

/// What can happen to a peer. What is rare or large is boxed: the queue holds millions of these.
pub(crate) enum Input<P: Protocol, H> {
    Join,
    Fault(Box<PeerFault<P, H>>),
    Packet(Parcel<P>),
    Timer {
        timer: P::Timer,
        life: u32,
    },
    /// A host's command is for the life that gave it.
    Command {
        command: Box<P::Command>,
        life: Option<u32>,
    },
    Unreachable {
        peer: Peer,
    },
    /// A message that a Byzantine peer held back sets out.
    Held {
        parcel: Box<(Peer, P::Message)>,
        life: u32,
    },
    /// A message that code sends in the peer's name.
    Injected(Box<(Peer, P::Message)>),
    /// A peer that was busy or stood still goes on.
    Resume,
}

/// A message on its way.
pub(crate) struct Parcel<P: Protocol> {
    pub(crate) message: P::Message,
    pub(crate) bytes: u32,
    /// What the receiver's NAT sees of it.
    pub(crate) source: Source,
    /// Whether it has passed the receiver's NAT and downlink.
    pub(crate) queued: bool,
}

/// The sink that handlers push into.
pub(crate) struct Effects<P: Protocol> {
    pub(crate) list: Vec<Effect<P>>,
    watched: bool,
    /// Memory of earlier steps.
    #[allow(clippy::vec_box, reason = "it is the boxes that are used again")]
    spare: Vec<Box<Told>>,
}

/// Steps of one call whose memory is used again.
const SPARE: usize = 32;

impl<P: Protocol> Effects<P> {
    pub(crate) fn new(watched: bool) -> Self {
        Self { list: Vec::new(), watched, spare: Vec::new() }
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    pub(crate) fn watch(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Takes the memory of a step.
    #[inline]
    pub(crate) fn keep(&mut self, told: Box<Told>) {
        if self.spare.len() < SPARE {
            self.spare.push(told);
        }
    }
}

impl<P: Protocol> Sink<P> for Effects<P> {
    fn push(&mut self, effect: Effect<P>) {
        self.list.push(effect);
    }
    fn watched(&self) -> bool {
        self.watched
    }
    fn spare(&mut self) -> Box<Told> {
        self.spare.pop().unwrap_or_default()
    }
}

/// What is counted besides messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) ignored: u64,
    pub(crate) duplicated: u64,
    pub(crate) crashes: u64,
    /// Sent here less arrived here. Of one shard alone this and the next may be negative: counts stay where they were when peers are dealt out anew.
    pub(crate) in_flight: i64,
    pub(crate) up: i64,
}

impl Counts {
    pub(crate) fn add(self, other: Self) -> Self {
        Self {
            events: self.events + other.events,
            ignored: self.ignored + other.ignored,
            duplicated: self.duplicated + other.duplicated,
            crashes: self.crashes + other.crashes,
            in_flight: self.in_flight + other.in_flight,
            up: self.up + other.up,
        }
    }
}

/// Events on their way from one shard to another.
pub(crate) type Mail<P, H> = Vec<(Stamp, Pending<P, H>)>;

/// A share of the peers.
pub(crate) struct Shard<P: Protocol, H> {
    pub(crate) number: u32,
    /// There are `1 << bits` shards.
    pub(crate) bits: u32,
    pub(crate) now: Time,
    pub(crate) slots: Vec<Slot<P, H>>,
    pub(crate) queue: Queue<Pending<P, H>>,
    /// Large messages, if the network has them as flows: then there is one shard only.
    pub(crate) bulk: Option<Bulk<P>>,
    /// What is for each of the shards.
    pub(crate) outbox: Vec<Mail<P, H>>,
    pub(crate) totals: Totals,
    pub(crate) counts: Counts,
    /// The first handlers that panicked.
    pub(crate) panics: Vec<Panic>,
    /// Lent to handlers, and kept for its capacity.
    pub(crate) effects: Effects<P>,
    /// Lent to hosts, and kept for its capacity.
    pub(crate) commands: Vec<(Duration, P::Command)>,
}

impl<P: Protocol, H> Shard<P, H> {
    pub(crate) fn new(number: u32, bits: u32, window: u64, watched: bool) -> Self {
        Self {
            number,
            bits,
            now: Time::ZERO,
            slots: Vec::new(),
            queue: Queue::new(window),
            bulk: None,
            outbox: (0..1 << bits).map(|_| Vec::new()).collect(),
            totals: Totals::new(),
            counts: Counts::default(),
            panics: Vec::new(),
            effects: Effects::new(watched),
            commands: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn slot(&self, peer: Peer) -> Option<&Slot<P, H>> {
        self.slots.get(peer.index() >> self.bits)
    }

    #[inline]
    pub(crate) fn slot_mut(&mut self, peer: Peer) -> Option<&mut Slot<P, H>> {
        self.slots.get_mut(peer.index() >> self.bits)
    }

    /// The slot of a peer that is known to exist.
    #[inline]
    pub(crate) fn own(&mut self, peer: Peer) -> &mut Slot<P, H> {
        &mut self.slots[peer.index() >> self.bits]
    }

    /// Puts an event into the queue, or into the outbox if it is for a peer of another shard.
    #[inline]
    pub(crate) fn push(&mut self, stamp: Stamp, pending: Pending<P, H>) {
        let shard = stamp.dest & ((1 << self.bits) - 1);
        if shard == self.number {
            self.queue.push(stamp, pending);
        } else {
            self.outbox[shard as usize].push((stamp, pending));
        }
    }

    /// Reads words of each of the next peers, so that the cache misses of a batch overlap instead of following one another: first where their states are, then
    /// what those point to.
    ///
    /// A stand-in for prefetching, which is `unsafe` in Rust.
    #[inline]
    pub(crate) fn warm_up(&self, acquaintances: Acquaintances<'_>) {
        let upcoming = || self.queue.upcoming(BATCH as usize).filter_map(|(stamp, pending)| Some((stamp, pending, self.slot(Peer(stamp.dest))?)));
        core::hint::black_box(upcoming().fold(0, |word, (.., slot)| word ^ slot.count ^ slot.protocol.touch(Ahead::Anything)));
        core::hint::black_box(upcoming().fold(0, |word, (stamp, pending, slot)| {
            word ^ slot.protocol.touch(match &pending.input {
                Input::Packet(parcel) => Ahead::Message { from: Peer(stamp.source.wrapping_sub(1)), message: &parcel.message, acquaintances },
                _ => Ahead::Other,
            })
        }));
    }
}

/// What all shards have counted.
pub(crate) fn counts<P: Protocol, H>(shards: &[Shard<P, H>]) -> Counts {
    shards.iter().fold(Counts::default(), |sum, shard| sum.add(shard.counts))
}

/// The messages, losses and events of all shards.
pub(crate) fn totals<P: Protocol, H>(shards: &[Shard<P, H>]) -> Totals {
    shards.iter().fold(Totals::new(), |mut sum, shard| {
        sum.add(&shard.totals);
        sum
    })
}

/// The slot of `peer`, in whichever of the shards it is.
#[inline]
pub(crate) fn slot<P: Protocol, H>(shards: &[Shard<P, H>], peer: Peer) -> Option<&Slot<P, H>> {
    shards[peer.index() & (shards.len() - 1)].slot(peer)
}

/// Where an event is played: what it may read, what it may change, and where it is written down.
pub(crate) struct Stage<'a, P: Protocol, H, R> {
    pub(crate) world: &'a World<P>,
    pub(crate) shard: &'a mut Shard<P, H>,
    pub(crate) log: &'a mut Pen<R>,
}

impl<P: Protocol, H: Host<P>, R: Recorder> Stage<'_, P, H, R> {
    /// Lets an event happen that has been taken from the queue.
    #[inline]
    pub(crate) fn play(&mut self, stamp: Stamp, pending: Pending<P, H>) {
        // What was asked for too late happens now: time never goes back.
        self.shard.now = self.shard.now.max(stamp.time);
        self.shard.counts.events += 1;
        match self.shard.slot(Peer(stamp.dest)) {
            Some(slot) if slot.condition.is_some() => self.happen_unless_busy(stamp, pending),
            _ => self.happen(stamp, pending),
        }
    }

    pub(crate) fn happen(&mut self, stamp: Stamp, Pending { cause, input }: Pending<P, H>) {
        let peer = Peer(stamp.dest);
        match input {
            Input::Packet(parcel) => self.arrive(stamp, parcel, cause),
            Input::Timer { timer, life } => self.fire(peer, timer, life, cause),
            Input::Command { command, life } => self.command(peer, *command, life, cause),
            Input::Unreachable { peer: other } => self.unreachable(peer, other, cause),
            Input::Held { parcel, life } => self.let_go(peer, *parcel, life, cause),
            Input::Injected(parcel) => self.injected(peer, *parcel),
            Input::Join => self.join(peer),
            Input::Fault(fault) => self.strike(peer, *fault),
            Input::Resume => self.resume(peer),
        }
    }
}
