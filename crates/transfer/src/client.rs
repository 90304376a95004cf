//! The fetching side: [`Client`]. Here is the life of a fetch; whom to ask is in `asking`, what answers do is in `answers`.
//!
//! All fetches share one table of wants and one link per source, so a block that two of them want is asked for once, and a source's window is
//! one, however many fetches it serves.

mod answers;
mod asking;

use std::collections::{BTreeMap, VecDeque};

use peerglass_core::{Cx, Operation, Peer};
use peerglass_store::Cid;

use crate::ledger::Ledger;
use crate::link::{Link, Links, Usual};
use crate::lookups::Lookups;
use crate::outbox::Outbox;
use crate::session::{Gone, Session, Verdict, operation};
use crate::want::{Phase, Want, Wants};
use crate::{Config, Event, FetchError, Local, RAW, Timer, Transfer};

/// How often the driver is asked for the links of a block that arrived before it counts as lost.
const LEARN: u8 = 3;
/// The least that a fetch looks ahead.
const AHEAD: usize = 16;

#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    sessions: BTreeMap<u32, Session>,
    wants: Wants,
    links: Links,
    banned: VecDeque<Peer>,
    last: u32,
}

/// What the rest of the peer lends to the client for one call.
pub(crate) struct Env<'e, 'c> {
    pub(crate) cx: &'e mut Cx<'c, Transfer>,
    pub(crate) out: &'e mut Outbox,
    pub(crate) lookups: &'e mut Lookups,
    pub(crate) ledger: &'e mut Ledger,
}

impl<'c> Env<'_, 'c> {
    pub(crate) fn config(&self) -> &'c Config {
        self.cx.config()
    }
}

impl Client {
    pub(crate) fn fetch(&mut self, root: Cid, sources: &[Peer], env: &mut Env<'_, '_>) -> Operation {
        self.last += 1;
        let number = self.last;
        let config = env.config();
        env.cx.step(operation(number), |step| step.named("fetch").with("root", root.to_string()).with("sources", sources));
        if self.sessions.len() >= config.fetches {
            env.cx.emit(Event::Failed { operation: operation(number), reason: FetchError::Busy { limit: config.fetches } });
            return operation(number);
        }
        self.sessions.insert(number, Session::new(number, root, env.cx.now(), config));
        self.add_sources(number, sources, env);
        if self.sessions[&number].active().next().is_none() {
            self.search(number, env);
        }
        operation(number)
    }

    pub(crate) fn sources(&mut self, number: u32, peers: &[Peer], done: bool, env: &mut Env<'_, '_>) {
        if self.sessions.contains_key(&number) {
            env.cx.step(operation(number), |step| step.named("sources").with("found", peers).with("done", done));
            self.add_sources(number, peers, env);
        }
    }

    fn add_sources(&mut self, number: u32, peers: &[Peer], env: &mut Env<'_, '_>) {
        let (me, now, config) = (env.cx.me(), env.cx.now(), env.config());
        let Some(session) = self.sessions.get_mut(&number) else { return };
        let mut added = false;
        for peer in peers.iter().filter(|peer| **peer != me && !self.banned.contains(peer)) {
            if session.add(*peer, config) {
                self.links.entry(*peer).or_insert_with(|| Link::new(now, config));
                added = true;
            }
        }
        if added {
            self.unstick(number);
        }
    }

    /// The driver says whether a block is here.
    pub(crate) fn local(&mut self, cid: Cid, found: Option<Local>, env: &mut Env<'_, '_>) {
        let Some(want) = self.wants.get_mut(&cid) else { return };
        match (want.phase, found) {
            (Phase::Looking, None) => {
                want.phase = Phase::Wanted;
                for fetch in want.fetches.clone() {
                    if let Some(session) = self.sessions.get_mut(&fetch) {
                        session.looking -= 1;
                    }
                }
                self.wants.make_ready(&cid);
            }
            (Phase::Learning(tries), None) if tries < LEARN => {
                want.phase = Phase::Learning(tries + 1);
                env.lookups.ask(cid, env.cx);
            }
            (Phase::Learning(_), None) => {
                for fetch in want.fetches.clone() {
                    self.fail(fetch, FetchError::NotKept { cid }, env);
                }
            }
            (Phase::Wanted, None) => {}
            (phase, Some(local)) => {
                let arrived = matches!(phase, Phase::Learning(_));
                self.resolve(cid, local.links, (!arrived).then_some(local.size), env);
            }
        }
    }

    /// The block is here and its links are known: it is wanted no more, and the walks go on. `found` is its size if it was here before.
    fn resolve(&mut self, cid: Cid, links: Vec<Cid>, found: Option<u32>, env: &mut Env<'_, '_>) {
        let Some(want) = self.wants.remove(&cid) else { return };
        self.withdraw(&cid, &want, None, env);
        let mut links = Some(links);
        let last = want.fetches.len() - 1;
        for (i, fetch) in want.fetches.iter().enumerate() {
            // The last fetch takes the list, the others copy it.
            let links = if i == last { links.take() } else { links.clone() }.unwrap_or_default();
            self.advance(*fetch, &cid, links, want.phase, found, env);
        }
    }

    fn advance(&mut self, fetch: u32, cid: &Cid, links: Vec<Cid>, phase: Phase, found: Option<u32>, env: &mut Env<'_, '_>) {
        let (now, config) = (env.cx.now(), env.config());
        let Some(session) = self.sessions.get_mut(&fetch) else { return };
        session.open -= 1;
        session.looking -= usize::from(phase == Phase::Looking);
        session.progressed(now);
        if let Some(size) = found {
            session.summary.found_blocks += 1;
            session.summary.found_bytes += u64::from(size);
        }
        if cid.codec() == RAW {
            return;
        }
        env.cx.step(session.operation(), |step| step.named("links").with("cid", cid.to_string()).with("links", links.len()));
        if links.len() > config.links {
            self.fail(fetch, FetchError::TooManyLinks { cid: *cid, limit: config.links }, env);
        } else if session.walk.resolve(cid, links, config.depth).is_err() {
            self.fail(fetch, FetchError::TooDeep { limit: config.depth }, env);
        }
    }

    /// Does what became possible: walks on, asks, and arms the timers. Called at the end of every handler.
    pub(crate) fn settle(&mut self, env: &mut Env<'_, '_>) {
        if self.sessions.is_empty() {
            return;
        }
        let mut next = 0;
        while let Some((&number, _)) = self.sessions.range(next..).next() {
            self.walk(number, env);
            next = number + 1;
        }
        self.assign(env);
        self.probe(env);
        self.relocate(env);
        self.arm(env);
    }

    /// Lets a fetch look ahead as far as its sources' windows and its bounds allow. It is done when nothing is left.
    fn walk(&mut self, number: u32, env: &mut Env<'_, '_>) {
        let config = env.config();
        let Some(session) = self.sessions.get_mut(&number) else { return };
        let windows: usize = session.active().filter_map(|source| self.links.get(&source.peer)).map(|link| link.window() as usize).sum();
        let ahead = (2 * windows).max(AHEAD).min(config.wants);
        while session.open < ahead && session.looking < config.lookups {
            if session.walk.met() >= config.blocks {
                return self.fail(number, FetchError::TooManyBlocks { limit: config.blocks }, env);
            }
            let Some(cid) = session.walk.next(config.links_ahead) else { break };
            if let Some(want) = self.wants.get_mut(&cid) {
                if !want.fetches.contains(&number) {
                    want.fetches.push(number);
                    session.open += 1;
                    session.looking += usize::from(want.phase == Phase::Looking);
                    self.wants.rouse(&cid);
                }
                continue;
            }
            self.wants.insert(cid, number);
            session.open += 1;
            session.looking += 1;
            env.lookups.ask(cid, env.cx);
        }
        if session.open == 0 && session.walk.is_done() {
            self.done(number, env);
        }
    }

    fn done(&mut self, number: u32, env: &mut Env<'_, '_>) {
        let Some(session) = self.remove(number, env) else { return };
        let operation = session.operation();
        let summary = session.into_summary(env.cx.now());
        env.cx.step(operation, |step| step.named("done").with("blocks", summary.blocks).with("bytes", summary.bytes));
        env.cx.emit(Event::Done { operation, summary });
    }

    fn fail(&mut self, number: u32, reason: FetchError, env: &mut Env<'_, '_>) {
        if self.remove(number, env).is_some() {
            env.cx.step(operation(number), |step| step.named("failed").with("why", reason.to_string()));
            env.cx.emit(Event::Failed { operation: operation(number), reason });
        }
    }

    pub(crate) fn cancel(&mut self, number: u32, env: &mut Env<'_, '_>) {
        if self.remove(number, env).is_some() {
            env.cx.step(operation(number), |step| step.named("cancelled"));
        }
    }

    /// Takes a fetch out: its wants that no other fetch shares are taken back everywhere.
    fn remove(&mut self, number: u32, env: &mut Env<'_, '_>) -> Option<Session> {
        let session = self.sessions.remove(&number)?;
        if session.open > 0 {
            for cid in self.wants.of(number) {
                let Some(want) = self.wants.get_mut(&cid) else { continue };
                want.fetches.retain(|fetch| *fetch != number);
                if want.fetches.is_empty()
                    && let Some(want) = self.wants.remove(&cid)
                {
                    self.withdraw(&cid, &want, None, env);
                }
            }
        }
        let sessions = &self.sessions;
        self.links.retain(|peer, _| sessions.values().any(|session| session.knows(*peer)));
        Some(session)
    }

    /// Takes a want back from everyone who has it on a list, except the one who just answered it.
    fn withdraw(&mut self, cid: &Cid, want: &Want, except: Option<Peer>, env: &mut Env<'_, '_>) {
        for peer in want.told.iter().filter(|peer| Some(**peer) != except) {
            env.out.cancel(*peer, *cid);
            if let Some(link) = self.links.get_mut(peer) {
                link.withdraw(cid, env.config());
            }
        }
    }

    /// A fetch is looked at now and then: does it get on?
    pub(crate) fn check(&mut self, number: u32, env: &mut Env<'_, '_>) {
        let (now, config) = (env.cx.now(), env.config());
        let Some(session) = self.sessions.get_mut(&number) else { return };
        if session.armed.is_none_or(|at| at > now) {
            return;
        }
        session.armed = None;
        let stuck = !self.wants.stuck_of(number).is_empty();
        match session.check(now, stuck, config) {
            Verdict::GoOn => {}
            Verdict::TryAgain => {
                session.revive();
                for source in session.active() {
                    self.links.entry(source.peer).or_insert_with(|| Link::new(now, config));
                }
                self.unstick(number);
                self.search(number, env);
            }
            Verdict::GiveUp(reason) => self.fail(number, reason, env),
        }
    }

    fn search(&mut self, number: u32, env: &mut Env<'_, '_>) {
        let Some(session) = self.sessions.get(&number) else { return };
        env.cx.step(session.operation(), |step| step.named("search").with("sources", session.active().count()));
        env.cx.emit(Event::WantSources { operation: session.operation(), root: session.root });
    }

    /// Starts a new round for the wants that nobody could be asked for: those who failed are asked again.
    fn unstick(&mut self, number: u32) {
        for cid in self.wants.stuck_of(number) {
            if let Some(want) = self.wants.get_mut(&cid) {
                let tried = core::mem::take(&mut want.tried);
                let late = core::mem::take(&mut want.late);
                want.told.retain(|peer| !tried.contains(peer) && !late.contains(peer));
            }
            self.wants.make_ready(&cid);
        }
    }

    /// One timer for each link that owes an answer, and one for each fetch, for the first of its deadlines.
    fn arm(&mut self, env: &mut Env<'_, '_>) {
        let (now, config) = (env.cx.now(), env.config());
        for session in self.sessions.values() {
            let alone = session.active().nth(1).is_none();
            for source in session.active() {
                if let Some(link) = self.links.get_mut(&source.peer) {
                    link.alone = alone;
                }
            }
        }
        // At the end, what is overdue is looked at before it is late.
        let usual = (self.wants.ready() == 0).then(|| Usual::of(&self.links, now, config));
        for (peer, link) in &mut self.links {
            let Some(deadline) = link.deadline(config) else { continue };
            let overdue = usual.as_ref().filter(|_| !link.alone).and_then(|usual| link.next_overdue(usual));
            let at = overdue.map_or(deadline, |at| at.min(deadline));
            if link.armed.is_none_or(|armed| at < armed) {
                link.armed = Some(at);
                env.cx.wake_in(at.since(now), Timer::Answer(*peer));
            }
        }
        for session in self.sessions.values_mut() {
            let at = session.due(config);
            if session.armed.is_none_or(|armed| at < armed) {
                session.armed = Some(at);
                env.cx.wake_in(at.since(now), Timer::Fetch(session.number));
            }
        }
    }

    /// A source is dropped from a fetch.
    fn lose(&mut self, number: u32, peer: Peer, why: Gone, env: &mut Env<'_, '_>) {
        let now = env.cx.now();
        let Some(session) = self.sessions.get_mut(&number) else { return };
        if session.lose(peer, why, now) {
            env.cx.step(session.operation(), |step| step.named("drop_source").with("peer", peer).with("why", why.as_str()));
        }
    }

    pub(crate) fn is_wanted(&self, cid: &Cid) -> bool {
        self.wants.get(cid).is_some_and(|want| want.phase == Phase::Wanted)
    }

    pub(crate) fn asked(&self, cid: &Cid) -> Option<Peer> {
        self.wants.get(cid)?.asked
    }

    pub(crate) fn fetches(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.wants.len()
    }

    pub(crate) fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        self.links.keys().copied().for_each(&mut *visit);
        self.banned.iter().copied().for_each(&mut *visit);
        self.sessions.values().flat_map(|session| &session.sources).map(|source| source.peer).for_each(&mut *visit);
        self.wants.iter().flat_map(|(_, want)| &want.told).copied().for_each(visit);
    }
}
