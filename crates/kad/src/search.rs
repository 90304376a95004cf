//! Driving lookups: from the pure iterator ([`crate::lookup`]) to messages, and from answers back to it.
//!
//! An operation is taken out of the list of running ones, worked on, and put back unless it is over; so it and the rest of the state can be used
//! side by side. Operations beyond [`Config::operations`](crate::Config::operations) wait in a queue; [`Kad::pump`] begins them when others end, in
//! a loop and not by recursion, because thousands may end at once when there are no peers.

use peerglass_core::describe::Step;
use peerglass_core::value::{Joined, Peers};
use peerglass_core::{Acquaintances, Cx, Operation, Peer, Time};

use crate::Target;
use crate::event::{Event, Outcome, Report};
use crate::kad::Kad;
use crate::lookup::Next;
use crate::message::{Message, Request, Response};
use crate::operation::{Job, Queued, Running, operation};
use crate::paths::Paths;
use crate::requests::{Outstanding, Purpose};

/// How much of the shortlist is shown at each step.
const SHOWN: usize = 20;

impl Kad {
    /// Finds the k peers closest to `target`. Ends with [`Event::Found`].
    pub fn find_node(&mut self, target: Target, cx: &mut Cx<'_, Self>) -> Operation {
        self.begin(Job::Find, target, cx.config().k, cx)
    }

    /// Begins an operation, or lets it wait, or ends it at once when too many wait already.
    pub(crate) fn begin(&mut self, job: Job, target: Target, k: usize, cx: &mut Cx<'_, Self>) -> Operation {
        let id = self.next_operation();
        let queued = Queued { number: id.number, job, target, k, asked: cx.now() };
        if self.queued.len() >= cx.config().waiting && self.running.len() >= cx.config().operations {
            let running = Box::new(self.prepare(queued, cx));
            self.conclude_as(running, Outcome::Busy, cx);
        } else {
            self.queued.push_back(queued);
            self.pump(cx);
        }
        id
    }

    pub(crate) fn next_operation(&mut self) -> Operation {
        self.operations = self.operations.wrapping_add(1).max(1);
        operation(self.operations)
    }

    /// Begins what waits, as far as there is room.
    pub(crate) fn pump(&mut self, cx: &mut Cx<'_, Self>) {
        if self.stalled && self.requests.len() < cx.config().outstanding {
            self.stalled = false;
            self.advance_all(cx);
        }
        while self.running.len() < cx.config().operations.max(1)
            && let Some(queued) = self.queued.pop_front()
        {
            let mut running = Box::new(self.prepare(queued, cx));
            self.seed(&mut running, cx);
            self.advance(running, cx);
        }
    }

    fn prepare(&self, queued: Queued, cx: &Cx<'_, Self>) -> Running {
        let Queued { number, job, target, k, asked } = queued;
        let key = target.key(cx.acquaintances());
        let search = Paths::none(cx.config().shape(k));
        let deadline = cx.now() + cx.config().operation_timeout;
        Running { number, job, target, key, search, started: asked, deadline, requests: 0, answers: 0, failures: 0 }
    }

    /// Gives the lookup of `running` its first candidates: the closest contacts, and whoever is named to join through.
    pub(crate) fn seed(&mut self, running: &mut Running, cx: &mut Cx<'_, Self>) {
        let (config, acquaintances, me) = (cx.config(), cx.acquaintances(), cx.me());
        let shape = running.search.shape();
        let mut seeds = Vec::with_capacity(shape.k);
        self.table.closest(running.key, shape.k, me, acquaintances, &mut seeds);
        if seeds.is_empty() {
            // Better a contact that failed lately than none.
            seeds.extend(self.table.contacts().iter().map(|c| c.peer).take(shape.k));
        }
        match &running.job {
            Job::Join { contacts, .. } => seeds.extend(contacts),
            Job::Sweep(sweep) => seeds.extend(&sweep.near),
            _ => {}
        }
        let seeds = seeds.into_iter().map(|peer| (peer, acquaintances.key_high(peer) ^ running.key.high())).collect();
        running.search = Paths::new(shape, config.paths, me, seeds);
        self.table.mark_refreshed(running.key, cx.now());
        cx.step(running.operation(), |step| {
            let step = step.named("begin").with("job", running.job.name()).with("target", &running.target).with("key", running.key);
            with_shortlist(step, running)
        });
    }

    /// Takes a running operation out of the list.
    pub(crate) fn take(&mut self, number: u32) -> Option<Box<Running>> {
        let at = self.running.iter().position(|(running, _)| *running == number)?;
        Some(self.running.swap_remove(at).1)
    }

    /// Puts an operation back among the running ones.
    pub(crate) fn put_back(&mut self, running: Box<Running>) {
        self.running.push((running.number, running));
    }

    /// Asks whoever is next, and ends the operation when nobody is.
    pub(crate) fn advance(&mut self, mut running: Box<Running>, cx: &mut Cx<'_, Self>) {
        if cx.now() >= running.deadline {
            return self.conclude(running, Outcome::Deadline, cx);
        }
        while !running.is_storing() {
            if self.requests.len() >= cx.config().outstanding {
                self.stalled = true;
                break;
            }
            match running.search.next(cx.now()) {
                Next::Query(peer) => self.query(&mut running, peer, cx),
                Next::Waiting => break,
                Next::Finished => return self.conclude(running, Outcome::Done, cx),
            }
        }
        self.wake_at(running.deadline, cx);
        self.put_back(running);
    }

    pub(crate) fn advance_all(&mut self, cx: &mut Cx<'_, Self>) {
        let numbers: Vec<u32> = self.running.iter().map(|(number, _)| *number).collect();
        for number in numbers {
            if let Some(running) = self.take(number) {
                self.advance(running, cx);
            }
        }
    }

    fn query(&mut self, running: &mut Running, peer: Peer, cx: &mut Cx<'_, Self>) {
        running.requests += 1;
        let acquaintances = cx.acquaintances();
        cx.step(running.operation(), |step| step.named("query").with("peer", peer).with("distance", &distance(running, peer, acquaintances)[..]));
        // The nearer alarm first: the farther one then needs no timer of its own.
        self.wake_at(cx.now() + cx.config().patience, cx);
        self.ask(peer, running.request(), Purpose::Lookup(running.number), cx);
    }

    /// Sends a request that is answered.
    pub(crate) fn ask(&mut self, peer: Peer, request: Request, purpose: Purpose, cx: &mut Cx<'_, Self>) {
        let deadline = cx.now() + cx.config().request_timeout;
        let id = self.requests.push(peer, deadline, purpose);
        cx.send(peer, Message::Request { id, request });
        self.wake_at(deadline, cx);
    }

    /// `from` answered a step of a lookup.
    pub(crate) fn answered(&mut self, number: u32, from: Peer, response: Response, cx: &mut Cx<'_, Self>) {
        let Some(mut running) = self.take(number) else { return };
        running.answers += 1;
        if matches!(response, Response::Rejected) {
            running.search.on_failure(from);
        } else {
            let (acquaintances, key) = (cx.acquaintances(), running.key.high());
            running.search.on_answer(from, response.closer(), |peer| acquaintances.key_high(peer) ^ key);
            self.collect(&mut running, from, &response, cx);
        }
        cx.step(running.operation(), |step| {
            let step = step.named(if matches!(response, Response::Rejected) { "refused" } else { "answer" }).with("peer", from);
            with_shortlist(step.with("closer", response.closer().len()), &running)
        });
        self.advance(running, cx);
    }

    /// A request came to nothing.
    pub(crate) fn failed(&mut self, request: Outstanding, why: &'static str, cx: &mut Cx<'_, Self>) {
        match request.purpose {
            Purpose::Lookup(number) => {
                let Some(mut running) = self.take(number) else { return };
                running.failures += 1;
                running.search.on_failure(request.peer);
                cx.step(running.operation(), |step| with_shortlist(step.named(why).with("peer", request.peer), &running));
                self.advance(running, cx);
            }
            Purpose::Store(number) => self.acknowledged(number, request.peer, false, cx),
            Purpose::Correct | Purpose::Probe | Purpose::Check | Purpose::Knock => {}
        }
    }

    /// The lookup of `running` is over: whatever comes after it.
    fn conclude(&mut self, running: Box<Running>, outcome: Outcome, cx: &mut Cx<'_, Self>) {
        let outcome = if outcome == Outcome::Done && running.answers == 0 { Outcome::NoPeers } else { outcome };
        self.learn_size(&running);
        cx.step(running.operation(), |step| {
            let step = step.named("done").with("job", running.job.name()).with("hops", running.search.hops());
            with_shortlist(step.with("requests", running.requests).with("failures", running.failures), &running)
        });
        self.conclude_as(running, outcome, cx);
    }

    fn conclude_as(&mut self, running: Box<Running>, outcome: Outcome, cx: &mut Cx<'_, Self>) {
        let (operation, report) = (running.operation(), running.report(outcome));
        match &running.job {
            Job::Find => {
                let closest = running.search.closest().iter().map(|c| c.peer).collect();
                cx.emit(Event::Found { operation, closest, hops: report.hops, report });
            }
            Job::Refresh => {}
            Job::Join { .. } => self.joined(running, outcome, cx),
            Job::Providers { found, .. } => cx.emit(Event::ProvidersEnded { operation, total: found.len(), report }),
            Job::Provide { key } => {
                let key = key.clone();
                self.announce(&running, &key, outcome, cx);
            }
            Job::Put { .. } => self.store(running, outcome, cx),
            Job::Get(_) => self.got(running, outcome, cx),
            Job::Sweep(_) => self.swept(running, outcome, cx),
        }
    }

    /// The report of an operation that never began.
    pub(crate) const fn empty_report(outcome: Outcome, now: Time) -> Report {
        Report { outcome, hops: 0, requests: 0, answers: 0, failures: 0, started: now }
    }

    /// Estimates the size of the network from how close the k-th closest peer is: N = (k - 1) / d - 1.
    fn learn_size(&mut self, running: &Running) {
        let k = running.search.shape().k;
        if let Some(last) = running.search.closest().get(k.wrapping_sub(1))
            && k > 1
            && last.distance > 0
        {
            let fraction = last.distance as f64 / 2f64.powi(64);
            let size = ((k - 1) as f64 / fraction - 1.0) as f32;
            self.size = if self.size > 0.0 { 0.8 * self.size + 0.2 * size } else { size };
        }
    }
}

/// How far `peer` is from the target: the first 64 bits of the distance.
fn distance(running: &Running, peer: Peer, acquaintances: Acquaintances<'_>) -> [u8; 8] {
    (acquaintances.key_high(peer) ^ running.key.high()).to_be_bytes()
}

/// The step with the closest candidates and, letter by letter, where they stand: `[p17 p4]`, `aw`: one has answered, one is waited for.
fn with_shortlist(step: Step, running: &Running) -> Step {
    let closest = || running.search.shortlist(SHOWN);
    step.with("shortlist", Peers(closest().map(|c| c.peer))).with("states", Joined(closest().map(|c| c.state.letter())))
}
