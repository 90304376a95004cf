//! What answers do, and what happens when they do not come.

use peerglass_core::Peer;
use peerglass_store::Cid;

use super::{Client, Env};
use crate::session::{Gone, Source, operation};
use crate::want::{self, Phase};
use crate::{Block, Event, Presence, RAW};

impl Client {
    /// A block arrived, verified and stored by the driver. Says whether it was wanted and asked for.
    pub(crate) fn on_block(&mut self, from: Peer, block: Block, env: &mut Env<'_, '_>) -> bool {
        let (now, config) = (env.cx.now(), env.config());
        env.ledger.received(from, block.size, now, config.ledger);
        let asked = self.wants.get(&block.cid).is_some_and(|want| want.phase == Phase::Wanted && want.told.contains(&from));
        let late = self.links.get(&from).is_some_and(|link| link.is_late_answer(&block.cid));
        let wanted = asked || (late && self.is_wanted(&block.cid));
        let duplicate = late || self.wants.get(&block.cid).is_some_and(|want| want.told.contains(&from));
        if let Some(link) = self.links.get_mut(&from).filter(|_| wanted || duplicate) {
            link.delivered(&block.cid, block.size, now, config);
        }
        match (wanted, duplicate) {
            (true, _) => self.arrived(from, block, env),
            (false, true) => self.duplicate(from, block, env),
            (false, false) => self.unasked(from, block, env),
        }
        wanted
    }

    fn arrived(&mut self, from: Peer, block: Block, env: &mut Env<'_, '_>) {
        let Block { cid, size } = block;
        let now = env.cx.now();
        let Some(want) = self.wants.get_mut(&cid) else { return };
        let told = core::mem::take(&mut want.told);
        want.asked = None;
        let fetches = want.fetches.clone();
        for peer in told.into_iter().filter(|peer| *peer != from) {
            env.out.cancel(peer, cid);
            if let Some(link) = self.links.get_mut(&peer) {
                link.withdraw(&cid, env.config());
            }
        }
        self.wants.make_learning(&cid);
        for fetch in &fetches {
            let Some(session) = self.sessions.get_mut(fetch) else { continue };
            session.summary.blocks += 1;
            session.summary.bytes += u64::from(size);
            session.progressed(now);
            session.answered();
            if let Some(source) = session.source(from) {
                source.hit(true);
            }
            env.cx.step(session.operation(), |step| step.named("block").with("cid", cid.to_string()).with("peer", from).with("bytes", size));
            env.cx.emit(Event::Arrived { operation: session.operation(), cid, size, from });
        }
        if cid.codec() == RAW {
            self.resolve(cid, Vec::new(), None, env);
        } else {
            env.lookups.ask(cid, env.cx);
        }
    }

    /// The block is here already: a want was taken back too late.
    fn duplicate(&mut self, from: Peer, block: Block, env: &mut Env<'_, '_>) {
        let Some(session) = self.sessions.values_mut().find(|session| session.knows(from)) else { return };
        session.summary.duplicates += 1;
        env.cx.step(session.operation(), |step| step.named("duplicate").with("cid", block.cid.to_string()).with("peer", from));
    }

    /// A block that was not asked of its sender: rubbish, or corrupt, so that its bytes hash to another name. What was asked of the sender goes to
    /// the next source, and after a few of these the sender is dropped.
    fn unasked(&mut self, from: Peer, block: Block, env: &mut Env<'_, '_>) {
        let (now, config) = (env.cx.now(), env.config());
        let count = env.ledger.unasked(from, now, config.ledger);
        if self.banned.contains(&from) {
            return;
        }
        let Some(link) = self.links.get_mut(&from) else {
            if count == config.unasked {
                env.cx.emit(Event::Misbehaved { peer: from, why: "keeps sending blocks that were not asked of it" });
            }
            return;
        };
        link.strikes += 1;
        link.punish();
        let banned = link.strikes >= config.strikes;
        let asks = link.withdraw_all(config);
        for cid in asks {
            if let Some(want) = self.wants.get_mut(&cid) {
                want::add(&mut want.tried, from);
            }
            self.next_source(cid, from, "it sent a block that was not asked of it", env);
        }
        if let Some(session) = self.sessions.values_mut().find(|session| session.knows(from)) {
            env.cx.step(session.operation(), |step| step.named("unasked").with("cid", block.cid.to_string()).with("peer", from));
        }
        if banned {
            self.ban(from, env);
        }
    }

    fn ban(&mut self, peer: Peer, env: &mut Env<'_, '_>) {
        if self.banned.len() >= env.config().banned {
            self.banned.pop_front();
        }
        self.banned.push_back(peer);
        self.part(peer, Gone::Misbehaved, true, env);
        env.cx.emit(Event::Misbehaved { peer, why: "sends blocks that were not asked of it, or corrupt" });
    }

    /// Takes an outstanding want from its source, to be asked of the next.
    fn next_source(&mut self, cid: Cid, peer: Peer, why: &'static str, env: &mut Env<'_, '_>) {
        let Some(want) = self.wants.get_mut(&cid).filter(|want| want.asked == Some(peer)) else { return };
        want.haves.retain(|have| *have != peer);
        let fetch = want.fetches[0];
        env.out.cancel(peer, cid);
        env.cx.step(operation(fetch), |step| step.named("fallback").with("cid", cid.to_string()).with("from", peer).with("why", why));
        self.wants.make_ready(&cid);
    }

    pub(crate) fn on_presences(&mut self, from: Peer, presences: &[Presence], env: &mut Env<'_, '_>) {
        for presence in presences {
            let asked = self.wants.get(&presence.cid).is_some_and(|want| want.phase == Phase::Wanted && want.told.contains(&from));
            let now = env.cx.now();
            if let Some(link) = self.links.get_mut(&from) {
                link.told(&presence.cid, now);
            }
            match (asked, presence.have) {
                (false, _) => {}
                (true, true) => self.on_have(from, presence.cid, env),
                (true, false) => self.on_dont_have(from, presence.cid, env),
            }
        }
    }

    fn on_have(&mut self, from: Peer, cid: Cid, env: &mut Env<'_, '_>) {
        let Some(want) = self.wants.get_mut(&cid) else { return };
        want::add(&mut want.haves, from);
        want.tried.retain(|tried| *tried != from);
        let waits = want.asked.is_none();
        for fetch in want.fetches.clone() {
            let Some(session) = self.sessions.get_mut(&fetch) else { continue };
            session.answered();
            if let Some(source) = session.source(from) {
                source.hit(false);
            }
            env.cx.step(session.operation(), |step| step.named("have").with("cid", cid.to_string()).with("peer", from));
        }
        if waits {
            self.wants.make_ready(&cid);
        }
    }

    fn on_dont_have(&mut self, from: Peer, cid: Cid, env: &mut Env<'_, '_>) {
        let Some(want) = self.wants.get_mut(&cid) else { return };
        want::add(&mut want.tried, from);
        want.haves.retain(|have| *have != from);
        let was_asked = want.asked == Some(from);
        let fetches = want.fetches.clone();
        if was_asked {
            if let Some(link) = self.links.get_mut(&from) {
                link.withdraw(&cid, env.config());
            }
            self.wants.make_ready(&cid);
        }
        for fetch in fetches {
            let Some(session) = self.sessions.get_mut(&fetch) else { continue };
            session.answered();
            let misses = session.source(from).map_or(0, Source::miss);
            env.cx.step(session.operation(), |step| {
                step.named("dont_have").with("cid", cid.to_string()).with("peer", from).with("asked_for_block", was_asked)
            });
            if misses >= env.config().misses {
                self.lose(fetch, from, Gone::Without, env);
                self.take_back(from, env);
            }
        }
    }

    /// Wants that are outstanding at a source that no fetch of theirs counts as one any more go to the next.
    fn take_back(&mut self, peer: Peer, env: &mut Env<'_, '_>) {
        let mut orphans = Vec::new();
        for (cid, want) in self.wants.iter().filter(|(_, want)| want.told.contains(&peer)) {
            let active = |fetch: &u32| self.sessions.get(fetch).is_some_and(|session| session.active().any(|source| source.peer == peer));
            if !want.fetches.iter().any(active) {
                orphans.push(*cid);
            }
        }
        for cid in orphans {
            let Some(want) = self.wants.get_mut(&cid) else { continue };
            want.told.retain(|told| *told != peer);
            want.haves.retain(|have| *have != peer);
            let outstanding = want.asked == Some(peer);
            env.out.cancel(peer, cid);
            if let Some(link) = self.links.get_mut(&peer) {
                link.withdraw(&cid, env.config());
            }
            if outstanding {
                self.wants.make_ready(&cid);
            }
        }
    }

    /// The timer of a link fired: what is late is asked of the next source.
    pub(crate) fn on_late(&mut self, peer: Peer, env: &mut Env<'_, '_>) {
        let (now, config) = (env.cx.now(), env.config());
        let Some(link) = self.links.get_mut(&peer).filter(|link| link.armed.is_some_and(|at| at <= now)) else { return };
        link.armed = None;
        let (late, silent) = link.late(now, config);
        if late.is_empty() {
            return;
        }
        link.punish();
        late.iter().for_each(|cid| link.withdraw(cid, config));
        link.silences += u32::from(silent);
        let gone = link.silences >= config.silences;
        for cid in late {
            if let Some(want) = self.wants.get_mut(&cid) {
                want::add(&mut want.late, peer);
            }
            self.next_source(cid, peer, if silent { "silent" } else { "late for its measured rate" }, env);
        }
        if gone {
            self.part(peer, Gone::Silent, true, env);
        }
    }

    pub(crate) fn on_unreachable(&mut self, peer: Peer, env: &mut Env<'_, '_>) {
        if self.links.contains_key(&peer) {
            self.part(peer, Gone::Unreachable, false, env);
        }
    }

    /// A source is lost to all fetches: everything asked of it goes to the next. `reachable` says whether it is worth telling it so.
    fn part(&mut self, peer: Peer, why: Gone, reachable: bool, env: &mut Env<'_, '_>) {
        let numbers: Vec<u32> = self.sessions.keys().copied().collect();
        for number in numbers {
            self.lose(number, peer, why, env);
        }
        self.take_back(peer, env);
        if !reachable {
            env.out.forget(peer);
        }
        for want in self.wants.iter_mut() {
            want.haves.retain(|have| *have != peer);
        }
        // What it owes may still come when it was only slow; after a lost connection nothing can.
        match self.links.get_mut(&peer) {
            Some(link) if reachable => link.silences = 0,
            _ => drop(self.links.remove(&peer)),
        }
    }
}
