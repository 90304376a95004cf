//! A network for tests: real [`Transfer`]s, links with latency and bandwidth, and peers with faults.
//!
//! It also watches every peer: no block may be asked (want-block) of two peers at a time.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use peerglass_core::{Acquaintances, Cx, Effect, Operation, Peer, Protocol, Rng, Time};
use peerglass_store::Cid;

use crate::tests::{Dag, leaf};
use crate::{Command, Config, Event, FetchError, FetchSummary, Local, Message, Timer, Transfer, WantKind, wire};

/// What is wrong with a peer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    /// It is not there: who sends to it is told.
    Down,
    /// It never says anything.
    Mute,
    /// Its blocks are corrupt.
    Corrupt,
    /// It loses this share of its messages.
    Lossy(f64),
}

pub(super) struct Host {
    pub(super) transfer: Transfer,
    pub(super) store: BTreeMap<Cid, Local>,
    pub(super) fault: Fault,
    /// Bytes a second, up and down.
    pub(super) rate: u64,
    pub(super) latency: Duration,
    up_free: Time,
    down_free: Time,
    rng: Rng,
    asked: BTreeMap<Cid, BTreeSet<Peer>>,
    pub(super) arrived: Vec<(Cid, Peer)>,
    pub(super) done: Vec<(Operation, FetchSummary, Time)>,
    pub(super) failed: Vec<(Operation, FetchError, Time)>,
    pub(super) searches: u32,
    pub(super) misbehaved: Vec<Peer>,
    pub(super) blocks_sent: u32,
    pub(super) messages: u32,
}

enum What {
    /// It reaches the receiver's access link.
    Reached(Peer, Message),
    Message(Peer, Message),
    Timer(Timer),
    Command(Command),
    Unreachable(Peer),
    Fault(Fault),
}

pub(super) struct Net {
    pub(super) now: Time,
    pub(super) hosts: Vec<Host>,
    pub(super) config: Config,
    dag: BTreeMap<Cid, Local>,
    queue: BTreeMap<(Time, u64), (Peer, What)>,
    seq: u64,
    /// What a search for sources finds.
    pub(super) providers: Vec<Peer>,
}

impl Net {
    pub(super) fn new(dag: &Dag) -> Net {
        Net {
            now: Time::from_secs(1),
            hosts: Vec::new(),
            config: Config::default(),
            dag: dag.blocks.clone(),
            queue: BTreeMap::new(),
            seq: 0,
            providers: Vec::new(),
        }
    }

    /// A peer without blocks.
    pub(super) fn add(&mut self, rate: u64) -> Peer {
        self.hosts.push(Host {
            transfer: Transfer::new(&self.config),
            store: BTreeMap::new(),
            fault: Fault::None,
            rate,
            latency: Duration::from_millis(5),
            up_free: Time::ZERO,
            down_free: Time::ZERO,
            rng: Rng::new(self.hosts.len() as u64),
            asked: BTreeMap::new(),
            arrived: Vec::new(),
            done: Vec::new(),
            failed: Vec::new(),
            searches: 0,
            misbehaved: Vec::new(),
            blocks_sent: 0,
            messages: 0,
        });
        Peer(self.hosts.len() as u32 - 1)
    }

    /// A peer with all blocks.
    pub(super) fn seeder(&mut self, rate: u64) -> Peer {
        let peer = self.add(rate);
        self.hosts[peer.index()].store = self.dag.clone();
        peer
    }

    pub(super) fn host(&mut self, peer: Peer) -> &mut Host {
        &mut self.hosts[peer.index()]
    }

    pub(super) fn fetch(&mut self, peer: Peer, root: Cid, sources: &[Peer]) {
        self.push(self.now, peer, What::Command(Command::Fetch { root, sources: sources.to_vec() }));
    }

    pub(super) fn fault_at(&mut self, time: Time, peer: Peer, fault: Fault) {
        self.push(time, peer, What::Fault(fault));
    }

    /// Runs until nothing is left to happen, or until `limit`.
    pub(super) fn run(&mut self, limit: Duration) {
        let end = self.now + limit;
        while let Some(((time, _), (peer, what))) = self.queue.pop_first() {
            if time > end {
                break;
            }
            self.now = time;
            self.happen(peer, what);
        }
    }

    fn push(&mut self, time: Time, peer: Peer, what: What) {
        self.seq += 1;
        self.queue.insert((time, self.seq), (peer, what));
    }

    fn happen(&mut self, peer: Peer, what: What) {
        let host = &mut self.hosts[peer.index()];
        let what = match what {
            What::Fault(fault) => {
                host.fault = fault;
                return;
            }
            What::Reached(from, message) => return self.queue_down(from, peer, message),
            what => what,
        };
        if host.fault == Fault::Down {
            return;
        }
        host.note_input(&what);
        let mut effects: Vec<Effect<Transfer>> = Vec::new();
        let mut cx = Cx::new(self.now, peer, &self.config, Acquaintances::derived(1), &mut host.rng, &mut effects);
        match what {
            What::Message(from, message) => host.transfer.on_message(from, message, &mut cx),
            What::Timer(timer) => host.transfer.on_timer(timer, &mut cx),
            What::Command(command) => host.transfer.on_command(command, &mut cx),
            What::Unreachable(other) => host.transfer.on_unreachable(other, &mut cx),
            What::Fault(_) | What::Reached(..) => unreachable!(),
        }
        host.watch(peer, &effects);
        for effect in effects {
            self.carry_out(peer, effect);
        }
    }

    fn carry_out(&mut self, peer: Peer, effect: Effect<Transfer>) {
        match effect {
            Effect::Send { to, message } => self.send(peer, to, message),
            Effect::Wake { delay, timer } => self.push(self.now + delay, peer, What::Timer(timer)),
            Effect::Event(event) => self.on_event(peer, *event),
            Effect::Step(_) => {}
        }
    }

    fn send(&mut self, from: Peer, to: Peer, mut message: Message) {
        let bytes = message.block_bytes();
        let size = wire::wire_len(&message) as u64;
        let now = self.now;
        let sender = &mut self.hosts[from.index()];
        sender.messages += 1;
        sender.blocks_sent += message.blocks.len() as u32;
        let lost = match sender.fault {
            Fault::Mute => true,
            Fault::Lossy(share) => sender.rng.chance(share),
            Fault::Corrupt => {
                message.blocks.iter_mut().for_each(|block| block.cid = leaf(1_000_000 + block.size));
                false
            }
            _ => false,
        };
        sender.up_free = sender.up_free.max(now) + Duration::from_nanos(size * 1_000_000_000 / sender.rate);
        let (sent, latency) = (sender.up_free, sender.latency);
        if bytes > 0 && self.config.outstanding_bytes.is_some() {
            self.push(sent, from, What::Command(Command::Written { peer: to, bytes }));
        }
        let receiver = &mut self.hosts[to.index()];
        if receiver.fault == Fault::Down {
            return self.push(now + latency, from, What::Unreachable(to));
        }
        if lost {
            return;
        }
        self.push(sent + latency, to, What::Reached(from, message));
    }

    fn queue_down(&mut self, from: Peer, to: Peer, message: Message) {
        let size = wire::wire_len(&message) as u64;
        let receiver = &mut self.hosts[to.index()];
        receiver.down_free = receiver.down_free.max(self.now) + Duration::from_nanos(size * 1_000_000_000 / receiver.rate);
        let at = receiver.down_free;
        self.push(at, to, What::Message(from, message));
    }

    fn on_event(&mut self, peer: Peer, event: Event) {
        let now = self.now;
        let local = |cid: &Cid| self.dag.get(cid).cloned();
        match event {
            Event::Lookup { cid } => {
                let found = self.hosts[peer.index()].store.get(&cid).cloned();
                self.push(now + Duration::from_micros(50), peer, What::Command(Command::Local { cid, found }));
            }
            Event::WantSources { operation, .. } => {
                self.hosts[peer.index()].searches += 1;
                let peers = self.providers.clone();
                self.push(now + Duration::from_millis(100), peer, What::Command(Command::Sources { operation, peers, done: true }));
            }
            Event::Arrived { cid, from, .. } => {
                let local = local(&cid).expect("only blocks of the DAG arrive");
                let host = self.host(peer);
                host.store.insert(cid, local);
                host.arrived.push((cid, from));
            }
            Event::Done { operation, summary } => self.host(peer).done.push((operation, summary, now)),
            Event::Failed { operation, reason } => self.host(peer).failed.push((operation, reason, now)),
            Event::Misbehaved { peer: bad, .. } => self.host(peer).misbehaved.push(bad),
        }
    }
}

impl Host {
    fn note_input(&mut self, what: &What) {
        match what {
            What::Message(from, message) => {
                let answered = message.blocks.iter().map(|block| block.cid);
                let refused = message.presences.iter().filter(|presence| !presence.have).map(|presence| presence.cid);
                for cid in answered.chain(refused) {
                    self.asked.entry(cid).or_default().remove(from);
                }
            }
            What::Unreachable(peer) => self.asked.values_mut().for_each(|peers| {
                peers.remove(peer);
            }),
            _ => {}
        }
    }

    /// A block is asked of one peer at a time, over everything that one handler sends.
    fn watch(&mut self, me: Peer, effects: &[Effect<Transfer>]) {
        let wants = || {
            effects
                .iter()
                .filter_map(|effect| if let Effect::Send { to, message } = effect { Some((*to, message)) } else { None })
                .flat_map(|(to, message)| message.wants.iter().map(move |want| (to, want)))
        };
        for (to, want) in wants().filter(|(_, want)| want.cancel) {
            self.asked.entry(want.cid).or_default().remove(&to);
        }
        for (to, want) in wants().filter(|(_, want)| !want.cancel && want.kind == WantKind::Block) {
            let peers = self.asked.entry(want.cid).or_default();
            peers.insert(to);
            assert!(peers.len() == 1, "{me} asks {peers:?} for {} at once", want.cid);
        }
    }

    /// The one fetch that ended well.
    pub(super) fn summary(&self) -> &FetchSummary {
        match &self.done[..] {
            [(_, summary, _)] => summary,
            _ => panic!("one fetch should be done: {:?}, failed: {:?}, in flight {}", self.done, self.failed, self.transfer.in_flight()),
        }
    }

    pub(super) fn from(&self, peer: Peer) -> usize {
        self.arrived.iter().filter(|(_, from)| *from == peer).count()
    }
}
