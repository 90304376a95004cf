//! The network that is measured.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use peerglass_core::{Peer, Rng, Time};
use peerglass_kad::{Name, Target};
use peerglass_sim::{Host, HostCx, Latency, LinkFault, LinkRule, Loss, Network, PeerFault, PeerSet, Setup, Simulation, Spread};
use peerglass_stack::{Command, Config, Event, Stack, wire_len};
use peerglass_trace::{Off, Recorder};

/// Within which all lookups begin.
pub(crate) const LOOKUP_SPAN: Duration = Duration::from_secs(60);

/// A local application that looks random keys up, one after the other, and counts.
#[derive(Clone, Default)]
struct Searcher {
    lookups: u32,
    hops: u32,
    /// How many are still to come, and how long after one ends the next begins at most.
    left: u32,
    pause: Duration,
}

impl Searcher {
    fn next(&mut self, world: &mut HostCx<'_, Stack>) {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            let pause = world.rng().duration(Duration::ZERO, self.pause);
            let command = Command::FindNode { tag: u64::from(left) + 1, target: random_target(world.rng()) };
            world.command_in(pause, command);
        }
    }
}

fn random_target(rng: &mut Rng) -> Target {
    let mut name = [0; 32];
    rng.fill(&mut name);
    Target::Name(Name::new(&name).expect("32 bytes are a name"))
}

impl Host<Stack> for Searcher {
    fn on_event(&mut self, event: Event, world: &mut HostCx<'_, Stack>) {
        if let Event::Nodes { hops, .. } = event {
            self.lookups += 1;
            self.hops += hops;
            self.next(world);
        }
    }
}

pub(crate) struct World<R: Recorder = Off> {
    sim: Simulation<Stack, Searcher, R>,
    pub(crate) peers: u32,
    /// When all had joined.
    pub(crate) began: Time,
}

impl World {
    pub(crate) fn new(peers: u32) -> Self {
        Self::recorded(peers, Off)
    }

    pub(crate) fn fork(&self) -> Self {
        self.fork_into(Off)
    }
}

impl<R: Recorder> World<R> {
    pub(crate) fn recorded(peers: u32, recorder: R) -> Self {
        let latency = Latency::LogNormal { median: Duration::from_millis(50), sigma: 0.5, least: Duration::from_millis(5) };
        let network = Network { latency, spread: Spread::PerPair, loss: Loss::Bernoulli(0.01), ..Network::default() };
        let mut config = Config::default();
        config.kad.admit_requesters = true;
        config.kad.refresh_on_join = false;
        // What is measured is joins and lookups: no refresh falls into that time.
        config.kad.rejoin_interval = Duration::from_secs(7200);
        config.kad.refresh_interval = Duration::from_secs(7200);
        let sim = Simulation::new(Setup { seed: 1, config, network, wire_len, recorder }).expect("the parameters are right");
        Self { sim, peers, began: Time::ZERO }
    }

    /// Joins all peers over a virtual minute or, for large networks, a virtual second for each thousand.
    pub(crate) fn join(&mut self) {
        let span = Duration::from_secs(60.max(u64::from(self.peers) / 1000));
        let mut rng = Rng::new(1);
        self.sim.reserve(self.peers as usize);
        for i in 0..self.peers {
            let at = Time::ZERO + Duration::from_nanos((span.as_nanos() * u128::from(i) / u128::from(self.peers)) as u64);
            let stack = Stack::new(self.sim.config());
            let peer = self.sim.join_at(at, stack, Searcher::default());
            let contacts = (0..3.min(i)).map(|_| Peer(rng.below(u64::from(i)) as u32)).collect();
            self.sim.command_at(at, peer, Command::Join { contacts }).expect("the peer was just added");
        }
        self.began = Time::ZERO + span + Duration::from_secs(30);
        self.sim.run_until(self.began);
        let joined = self.sim.peers().filter(|(_, stack)| stack.kad().contacts() > 0).count();
        assert!(joined * 100 >= self.peers as usize * 99, "only {joined} of {} peers joined", self.peers);
    }

    /// Has every peer look up `each` random keys within the next virtual minute or little more: the first at a random time, each other some time after the
    /// one before.
    pub(crate) fn ask(&mut self, each: u32) {
        let mut rng = Rng::new(2);
        let pause = LOOKUP_SPAN / each;
        for peer in (0..self.peers).map(Peer) {
            if let Some(searcher) = self.sim.host_mut(peer) {
                (searcher.left, searcher.pause) = (each - 1, pause);
            }
            let at = self.began + rng.duration(Duration::ZERO, pause);
            self.sim.command_at(at, peer, Command::FindNode { tag: u64::from(each), target: random_target(&mut rng) }).expect("the peer was added");
        }
    }

    /// `count` faults in the time of the lookups: half of them begin something, the other half end it a second later.
    pub(crate) fn plan_faults(&mut self, count: u32) {
        let mut rng = Rng::new(3);
        for i in 0..count / 2 {
            let at = self.began + Duration::from_nanos(rng.below(LOOKUP_SPAN.as_nanos() as u64));
            let end = at + Duration::from_secs(1);
            let peer = Peer(rng.below(u64::from(self.peers)) as u32);
            if i % 2 == 0 {
                for (at, each) in [(at, Duration::from_millis(1)), (end, Duration::ZERO)] {
                    self.sim.fault_at(at, peer, PeerFault::Slow { each }).expect("the peer was added");
                }
            } else {
                let rule = LinkRule { from: PeerSet::of([peer]), to: PeerSet::All, what: LinkFault::Cut };
                let id = self.sim.rule_at(at, rule).expect("a cut is a rule");
                self.sim.lift_at(end, id);
            }
        }
    }

    pub(crate) fn fork_into(&self, recorder: R) -> Self {
        Self { sim: self.sim.fork(recorder), peers: self.peers, began: self.began }
    }

    /// The records so far, all written. Nothing happens any more.
    #[allow(dead_code, reason = "only a benchmark that records asks")]
    pub(crate) fn into_recorder(self) -> R {
        self.sim.into_recorder().expect("the records can be written")
    }

    pub(crate) fn run_until(&mut self, time: Time) {
        self.sim.run_until(time);
    }

    pub(crate) fn finish(&mut self) {
        self.finish_on(1);
    }

    pub(crate) fn finish_on(&mut self, threads: usize) {
        self.sim.run_until_on(end(self.began), threads);
    }

    pub(crate) fn messages(&self) -> u64 {
        self.sim.totals().all().sent
    }

    pub(crate) fn events(&self) -> u64 {
        self.sim.stats().events
    }

    pub(crate) fn pending(&self) -> usize {
        self.sim.stats().pending
    }

    pub(crate) fn contacts(&self) -> f64 {
        self.sim.peers().map(|(_, stack)| stack.kad().contacts()).sum::<usize>() as f64 / f64::from(self.peers)
    }

    pub(crate) fn hops(&self) -> f64 {
        let tallies = || (0..self.peers).filter_map(|peer| self.sim.host(Peer(peer)));
        let (lookups, hops) = (tallies().map(|t| u64::from(t.lookups)).sum::<u64>(), tallies().map(|t| u64::from(t.hops)).sum::<u64>());
        hops as f64 / lookups.max(1) as f64
    }

    /// Everything that came of it, in a number: messages, losses, and every contact of every peer.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        format!("{:?} {:?}", self.sim.totals().messages(), self.sim.totals().drop_causes().collect::<Vec<_>>()).hash(&mut hasher);
        for (peer, stack) in self.sim.peers() {
            peer.hash(&mut hasher);
            stack.kad().table().contacts().iter().for_each(|contact| contact.peer.hash(&mut hasher));
        }
        hasher.finish()
    }
}

/// The end of the lookups' answers, after the last was asked.
fn end(began: Time) -> Time {
    began + LOOKUP_SPAN + Duration::from_secs(10)
}
