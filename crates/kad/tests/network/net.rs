//! A network in one hundred lines: real `Kad` objects, one event queue, one latency for all. (The real simulator is a crate of its own.)

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use peerglass_core::{Acquaintances, Cx, Describe, Distance, Effect, Key, Operation, Peer, Protocol, Rng, Time};
use peerglass_kad::{Config, Event, Kad, Message, Name, Request, Response, Target, Timer};

pub(crate) const LATENCY: Duration = Duration::from_millis(50);
pub(crate) const SEED: u64 = 11;

enum What {
    Message(Peer, Message),
    Timer(Timer),
}

/// What a hostile peer answers instead of the truth.
pub(crate) type Lie = fn(Peer, &Request, &mut Rng) -> Option<Response>;

pub(crate) struct Net {
    pub(crate) config: Config,
    pub(crate) now: Time,
    pub(crate) peers: Vec<Option<Kad>>,
    pub(crate) events: Vec<(Peer, Event)>,
    /// Messages sent so far, by name.
    pub(crate) sent: BTreeMap<&'static str, u64>,
    pub(crate) liars: BTreeMap<Peer, Lie>,
    /// Highest number of unanswered requests and of running operations that any peer ever had.
    pub(crate) peak: (usize, usize),
    timers: BTreeMap<Peer, u64>,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    waiting: BTreeMap<u64, (Peer, What)>,
    steps: u64,
}

impl Net {
    pub(crate) fn new(config: Config) -> Net {
        let (peers, events, sent, liars) = (Vec::new(), Vec::new(), BTreeMap::new(), BTreeMap::new());
        let (queue, waiting) = (BinaryHeap::new(), BTreeMap::new());
        Net { config, now: Time::from_secs(1_000), peers, events, sent, liars, peak: (0, 0), timers: BTreeMap::new(), queue, waiting, steps: 0 }
    }

    /// A network that `n` peers have joined, each through a random one of those before it, and that has come to rest.
    pub(crate) fn joined(n: u32, config: Config) -> Net {
        let mut net = Net::new(config);
        for i in 0..n {
            let contact = Peer(Rng::new(u64::from(i)).below(u64::from(i.max(1))) as u32);
            net.join(&[contact]);
            net.run(Duration::from_millis(20));
        }
        net.run(Duration::from_secs(30));
        net
    }

    /// As [`Net::joined`], after the first refreshes of all tables.
    pub(crate) fn settled(n: u32, config: Config) -> Net {
        let mut net = Net::joined(n, config);
        net.run(Duration::from_secs(700));
        net
    }

    /// Adds a peer that joins through `contacts`.
    pub(crate) fn join(&mut self, contacts: &[Peer]) -> Peer {
        let peer = Peer(self.peers.len() as u32);
        self.peers.push(Some(Kad::new(&self.config)));
        self.with(peer, |kad, cx| kad.start(cx));
        self.with(peer, |kad, cx| kad.join(contacts, cx));
        peer
    }

    /// Lets `peer` do something, now.
    pub(crate) fn with<R>(&mut self, peer: Peer, act: impl FnOnce(&mut Kad, &mut Cx<'_, Kad>) -> R) -> R {
        self.steps += 1;
        let (mut effects, mut rng) = (Vec::new(), Rng::for_step(SEED, peer, self.steps));
        let mut cx = Cx::new(self.now, peer, &self.config, Acquaintances::derived(SEED), &mut rng, &mut effects);
        let kad = self.peers[peer.index()].as_mut().expect("the peer is up");
        let result = act(kad, &mut cx);
        self.peak = (self.peak.0.max(kad.outstanding()), self.peak.1.max(kad.operations()));
        for effect in effects {
            match effect {
                Effect::Send { to, message } => {
                    *self.sent.entry(message.name()).or_default() += 1;
                    self.push(LATENCY, to, What::Message(peer, message));
                }
                Effect::Wake { delay, timer } => {
                    *self.timers.entry(peer).or_default() += 1;
                    self.push(delay, peer, What::Timer(timer));
                }
                Effect::Event(event) => self.events.push((peer, *event)),
                Effect::Step(_) => {}
            }
        }
        result
    }

    fn push(&mut self, delay: Duration, to: Peer, what: What) {
        self.steps += 1;
        self.queue.push(Reverse((self.now + delay, self.steps)));
        self.waiting.insert(self.steps, (to, what));
    }

    pub(crate) fn run(&mut self, length: Duration) {
        let end = self.now + length;
        while let Some(Reverse((at, number))) = self.queue.peek().copied().filter(|Reverse((at, _))| *at <= end) {
            self.queue.pop();
            self.now = at;
            if let Some((to, what)) = self.waiting.remove(&number) {
                self.deliver(to, what);
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, to: Peer, what: What) {
        if self.peers[to.index()].is_none() {
            return;
        }
        match what {
            What::Timer(timer) => self.with(to, |kad, cx| kad.on_timer(timer, cx)),
            What::Message(from, message) => {
                if let (Some(lie), Message::Request { id, request }) = (self.liars.get(&to).copied(), &message) {
                    let response = lie(to, request, &mut Rng::for_step(SEED, to, self.steps));
                    if let Some(response) = response {
                        self.push(LATENCY, from, What::Message(to, Message::Response { id: *id, response }));
                    }
                    return;
                }
                self.with(to, |kad, cx| kad.on_message(from, message, cx));
            }
        }
    }

    pub(crate) fn kill(&mut self, peer: Peer) {
        self.peers[peer.index()] = None;
    }

    pub(crate) fn alive(&self) -> Vec<Peer> {
        (0..self.peers.len() as u32).map(Peer).filter(|p| self.peers[p.index()].is_some()).collect()
    }

    pub(crate) fn kad(&self, peer: Peer) -> &Kad {
        self.peers[peer.index()].as_ref().expect("the peer is up")
    }

    pub(crate) fn key(&self, peer: Peer) -> Key {
        Acquaintances::derived(SEED).key(peer)
    }

    /// The truth: the `n` peers alive that are closest to `key`, closest first.
    pub(crate) fn closest(&self, key: Key, n: usize, without: Peer) -> Vec<Peer> {
        let mut all: Vec<(Distance, Peer)> = self.alive().into_iter().filter(|p| *p != without).map(|p| (self.key(p) ^ key, p)).collect();
        all.sort_unstable();
        all.into_iter().take(n).map(|(_, peer)| peer).collect()
    }

    /// Runs one operation to its end and returns its last event.
    pub(crate) fn finish(&mut self, peer: Peer, begin: impl FnOnce(&mut Kad, &mut Cx<'_, Kad>) -> Operation) -> Event {
        let operation = self.with(peer, begin);
        for _ in 0..2_000 {
            let over = |(p, e): &(Peer, Event)| *p == peer && e.operation() == Some(operation) && e.report().is_some();
            if let Some(at) = self.events.iter().position(over) {
                return self.events[at].1.clone();
            }
            self.run(LATENCY);
        }
        panic!("{operation} of {peer} does not end");
    }

    pub(crate) fn find(&mut self, peer: Peer, target: Target) -> (Vec<Peer>, u32) {
        match self.finish(peer, |kad, cx| kad.find_node(target, cx)) {
            Event::Found { closest, hops, .. } => (closest, hops),
            other => panic!("{other:?}"),
        }
    }

    /// How many timers `peer` has set.
    pub(crate) fn timers(&self, peer: Peer) -> u64 {
        self.timers.get(&peer).copied().unwrap_or(0)
    }

    /// Whether `holder` tells that `provider` provides `key`.
    pub(crate) fn provides(&mut self, holder: Peer, key: &Name, provider: Peer) -> bool {
        let request = Request::GetProviders { key: key.clone() };
        self.with(holder, |kad, cx| kad.on_message(Peer(0), Message::Request { id: u64::MAX, request }, cx));
        let answers = std::iter::from_fn(|| self.waiting.pop_last()).find_map(|(_, (_, what))| match what {
            What::Message(_, Message::Response { id: u64::MAX, response: Response::Providers { providers, .. } }) => Some(providers),
            _ => None,
        });
        answers.is_some_and(|providers| providers.contains(&provider))
    }

    pub(crate) fn total(&self) -> u64 {
        self.sent.values().sum()
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.sent.get(name).copied().unwrap_or(0)
    }
}
