//! [`Simulation`]: the state of a run, and the step that every way of running it repeats.

use std::collections::BTreeMap;
use std::sync::Arc;

use peerglass_core::{Key, Peer, Protocol, Time};
use peerglass_trace::{Cause, Pen, Recorder, What};

use crate::bulk::Bulk;
use crate::fault::LinkRule;
use crate::queue::Stamp;
use crate::shard::{self, Counts, Input, Pending, RUN, Shard, Stage};
use crate::slot::Slot;
use crate::weather::{RuleId, Weather};
use crate::world::{Placed, World};
use crate::{Host, Network, SetupError};

/// What a simulation is made of.
pub struct Setup<P: Protocol, R> {
    /// All dice derive from it.
    pub seed: u64,
    /// The protocol's parameters, shared by all peers.
    pub config: P::Config,
    /// The network between all peers.
    pub network: Network,
    /// How many bytes a message takes on the wire, frame included: what access links and totals are charged.
    pub wire_len: fn(&P::Message) -> u64,
    /// Where records go.
    pub recorder: R,
}

/// A running simulation of peers with protocol `P` and local applications `H`.
pub struct Simulation<P: Protocol, H, R> {
    pub(crate) world: World<P>,
    /// One, unless it has been run on several threads; always a power of two.
    pub(crate) shards: Vec<Shard<P, H>>,
    pub(crate) log: Pen<R>,
    /// What happens to the run as a whole, in order.
    pub(crate) agenda: BTreeMap<(Time, u64), Act<P, H, R>>,
    /// When the first of the agenda is due: kept apart, because every event asks.
    pub(crate) horizon: Time,
    pub(crate) now: Time,
    /// How many peers there are.
    pub(crate) peers: u32,
    /// Counts what callers ask for: the run's own source in stamps.
    pub(crate) asked: u64,
    pub(crate) rules: u32,
}

/// Something to be done to a simulation at its time.
pub type Deed<P, H, R> = Arc<dyn Fn(&mut Simulation<P, H, R>) + Send + Sync>;

/// What is on the agenda.
pub(crate) enum Act<P: Protocol, H, R> {
    Set(RuleId, LinkRule),
    Lift(RuleId),
    Do(Deed<P, H, R>),
}

impl<P: Protocol, H, R> Clone for Act<P, H, R> {
    fn clone(&self) -> Self {
        match self {
            Act::Set(id, rule) => Act::Set(*id, rule.clone()),
            Act::Lift(id) => Act::Lift(*id),
            Act::Do(deed) => Act::Do(Arc::clone(deed)),
        }
    }
}

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, R> {
    /// An empty world at time zero.
    pub fn new(setup: Setup<P, R>) -> Result<Self, SetupError> {
        setup.network.check()?;
        let log = Pen::new(setup.recorder);
        let mut shard = Shard::new(0, 0, setup.network.window(), log.watches_steps());
        shard.bulk = setup.network.bulk.map(Bulk::new);
        let world = World {
            seed: setup.seed,
            config: Arc::new(setup.config),
            wire_len: setup.wire_len,
            garble: None,
            encode: None,
            accesses: vec![setup.network.access],
            network: setup.network,
            weather: Weather::default(),
            taps: Vec::new(),
            placed: Arc::new(Placed::new(setup.seed)),
        };
        Ok(Self { world, shards: vec![shard], log, agenda: BTreeMap::new(), horizon: Time::MAX, now: Time::ZERO, peers: 0, asked: 0, rules: 0 })
    }

    /// Lets the next event happen. False when none is left.
    pub fn step(&mut self) -> bool {
        self.step_until(Time::MAX)
    }

    /// Lets the next event happen unless it is later than `limit`.
    #[inline]
    pub(crate) fn step_until(&mut self, limit: Time) -> bool {
        let at = if self.shards.len() == 1 { 0 } else { self.first_shard() };
        let is_due = self.is_due(limit);
        let shard = &mut self.shards[at];
        let (mut agenda, mut flows, mut before) = (None, None, Some(limit));
        if is_due || shard.bulk.is_some() {
            // What is on the agenda comes before everything else at its instant, and then flows that complete.
            agenda = is_due.then_some(self.horizon);
            flows = shard.bulk.as_mut().and_then(Bulk::next).filter(|time| *time <= limit);
            if let Some(first) = agenda.into_iter().chain(flows).min() {
                before = first.as_nanos().checked_sub(1).map(Time::from_nanos);
            }
        }
        match before.and_then(|before| shard.queue.pop(before)) {
            Some((stamp, pending)) => {
                Stage { world: &self.world, shard, log: &mut self.log }.play(stamp, pending);
                self.now = shard.now;
                if self.shards.len() > 1 {
                    self.exchange();
                }
                debug_assert!(self.is_conserved(), "sent = delivered + dropped + in flight");
                true
            }
            None => match (agenda, flows) {
                (Some(agenda), flows) if flows.is_none_or(|flows| agenda <= flows) => self.act(),
                (_, Some(flows)) => {
                    Stage { world: &self.world, shard, log: &mut self.log }.complete_flows(flows);
                    self.now = shard.now;
                    true
                }
                _ => false,
            },
        }
    }

    /// Whether anything is on the agenda up to `limit`.
    #[inline]
    pub(crate) fn is_due(&self, limit: Time) -> bool {
        self.horizon <= limit && !self.agenda.is_empty()
    }

    /// The shard whose next event is the first of all.
    fn first_shard(&mut self) -> usize {
        let firsts = self.shards.iter_mut().enumerate().filter_map(|(at, shard)| Some((shard.queue.first()?, at)));
        firsts.min().map_or(0, |(_, at)| at)
    }

    /// Gives every shard what others have for it.
    pub(crate) fn exchange(&mut self) {
        for from in 0..self.shards.len() {
            for to in 0..self.shards.len() {
                for (stamp, pending) in core::mem::take(&mut self.shards[from].outbox[to]) {
                    self.shards[to].queue.push(stamp, pending);
                }
            }
        }
    }

    /// Does the first thing of the agenda.
    pub(crate) fn act(&mut self) -> bool {
        let Some(((time, _), act)) = self.agenda.pop_first() else { return false };
        self.set_now(self.now.max(time));
        self.horizon = self.agenda.first_key_value().map_or(Time::MAX, |((time, _), _)| *time);
        match act {
            Act::Set(id, rule) => self.set_rule(id, rule),
            Act::Lift(id) => self.lift_rule(id),
            Act::Do(deed) => deed(self),
        }
        true
    }

    fn set_rule(&mut self, id: RuleId, rule: LinkRule) {
        let (name, detail) = (rule.what.name(), rule.to_string());
        self.log.note(self.now, rule.first(), Cause::NONE, |_| What::Fault { name, detail: detail.into() });
        self.world.weather.set(id, rule);
    }

    fn lift_rule(&mut self, id: RuleId) {
        if let Some(rule) = self.world.weather.lift(id) {
            self.log.note(self.now, rule.first(), Cause::NONE, |_| What::Fault { name: rule.what.name(), detail: format!("{rule} is over").into() });
        }
    }

    /// Whether every message sent was delivered, dropped, or is in flight.
    pub(crate) fn is_conserved(&self) -> bool {
        let (all, counts) = (self.totals().all(), self.counts());
        i128::from(all.sent + counts.duplicated) == i128::from(all.delivered + all.dropped) + i128::from(counts.in_flight)
    }

    pub(crate) fn counts(&self) -> Counts {
        shard::counts(&self.shards)
    }

    /// Time goes on in all shards, also in those where nothing happens.
    pub(crate) fn set_now(&mut self, now: Time) {
        self.now = now;
        self.shards.iter_mut().for_each(|shard| shard.now = shard.now.max(now));
    }

    pub(crate) fn shard_of(&mut self, peer: Peer) -> &mut Shard<P, H> {
        let at = peer.index() & (self.shards.len() - 1);
        &mut self.shards[at]
    }

    pub(crate) fn slot(&self, peer: Peer) -> Option<&Slot<P, H>> {
        shard::slot(&self.shards, peer)
    }

    /// Where `peer` sits in the key space.
    #[must_use]
    pub fn key(&self, peer: Peer) -> Key {
        self.world.acquaintances().key(peer)
    }

    /// The place of the next thing that a caller asks for.
    pub(crate) fn ask(&mut self, time: Time, peer: Peer, input: Input<P, H>) {
        self.asked += 1;
        let stamp = Stamp { time: time.max(self.now), dest: peer.0, source: RUN, order: self.asked };
        self.shard_of(peer).queue.push(stamp, Pending { cause: Cause::NONE, input });
    }

    pub(crate) fn put_on_agenda(&mut self, time: Time, act: Act<P, H, R>) {
        self.asked += 1;
        let time = time.max(self.now);
        self.agenda.insert((time, self.asked), act);
        self.horizon = self.horizon.min(time);
    }
}
