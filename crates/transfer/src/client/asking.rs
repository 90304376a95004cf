//! Whom to ask: want-blocks to one source at a time, want-haves to those of whom it is not known what they have, and at the end wants moved from
//! slow sources to fast ones that are idle.

use core::time::Duration;

use peerglass_core::Peer;
use peerglass_store::Cid;
use smallvec::SmallVec;

use super::{Client, Env};
use crate::WantKind;
use crate::link::Usual;
use crate::schedule::{Candidate, Choice, pick, worth_moving};
use crate::session::operation;
use crate::want::{Peers, Want};

/// How many waiting wants are considered in one call. More only matters when the first hundred can be asked of nobody who has room.
const CONSIDERED: usize = 128;
/// How many waiting wants are asked about ahead of time.
const PROBED: usize = 64;

impl Client {
    /// Gives ready wants to sources with room, in DAG order. A source gets as many in a row as its answer has room for: one message each way then
    /// carries them, where dealing them out one by one would take a message for each.
    pub(super) fn assign(&mut self, env: &mut Env<'_, '_>) {
        let backlog = self.backlog();
        let usual = Usual::of(&self.links, env.cx.now(), env.config());
        let mut room = self.links.values().filter(|link| link.is_free()).count();
        let mut cursor = 0;
        let mut passed = 0;
        while passed < CONSIDERED {
            let Some((order, cid)) = self.wants.ready_from(cursor) else { return };
            cursor = order + 1;
            let Some(want) = self.wants.get(&cid) else { continue };
            let candidates = self.candidates(want, backlog, &usual);
            let begun = candidates.iter().find(|candidate| candidate.free && self.is_begun(candidate.peer, env));
            match begun.map_or_else(|| pick(&candidates), |same| Choice::Ask(same.peer)) {
                Choice::Ask(peer) => {
                    self.ask(cid, peer, "first to deliver", &usual, env);
                    room -= usize::from(self.links.get(&peer).is_some_and(|link| !link.is_free()));
                }
                Choice::Wait if room == 0 => return,
                Choice::Wait => passed += 1,
                Choice::Nobody => self.wants.make_stuck(order),
            }
        }
    }

    /// Whether a message to `peer` with wants waits to be sent, and their answer has room for one more.
    fn is_begun(&self, peer: Peer, env: &Env<'_, '_>) -> bool {
        let wants = env.out.wants(peer);
        wants > 0 && self.links.get(&peer).is_some_and(|link| wants < link.per_message(env.config()) as usize)
    }

    /// How many blocks are left to ask for, once that is known.
    fn backlog(&self) -> Option<usize> {
        let known = self.sessions.values().all(|session| session.looking == 0 && session.walk.is_done());
        known.then(|| self.wants.ready())
    }

    /// The sources that may have a block: all that are trusted to, and all that said HAVE, but not those that failed. Those that were late with it
    /// count when there are no others.
    fn candidates(&self, want: &Want, backlog: Option<usize>, usual: &Usual<'_>) -> SmallVec<[Candidate; 8]> {
        let mut candidates: SmallVec<[Candidate; 8]> = SmallVec::new();
        for session in want.fetches.iter().filter_map(|fetch| self.sessions.get(fetch)) {
            for source in session.active().filter(|source| source.trusted || want.haves.contains(&source.peer)) {
                let peer = source.peer;
                if want.tried.contains(&peer) || candidates.iter().any(|candidate| candidate.peer == peer) {
                    continue;
                }
                if let Some(link) = self.links.get(&peer) {
                    candidates.push(Candidate {
                        peer,
                        free: link.is_free(),
                        eta: link.eta(usual),
                        finish: backlog.map_or(Duration::MAX, |backlog| link.finish(backlog)),
                    });
                }
            }
        }
        let is_late = |candidate: &Candidate| want.late.contains(&candidate.peer);
        if !candidates.iter().all(|candidate| is_late(candidate) || want.asked == Some(candidate.peer)) {
            candidates.retain(|candidate| !is_late(candidate));
        }
        candidates
    }

    fn ask(&mut self, cid: Cid, peer: Peer, why: &'static str, usual: &Usual<'_>, env: &mut Env<'_, '_>) {
        let (now, config) = (env.cx.now(), env.config());
        let Some(link) = self.links.get_mut(&peer) else { return };
        let fresh = !core::mem::replace(&mut link.greeted, true);
        let eta = link.eta(usual);
        link.ask(cid, now, config);
        self.wants.make_asked(&cid, peer);
        let Some(want) = self.wants.get(&cid) else { return };
        env.out.want(peer, cid, WantKind::Block, want.priority(), fresh);
        let first = want.fetches[0];
        env.cx.step(operation(first), |step| {
            step.named("ask").with("cid", cid.to_string()).with("peer", peer).with("why", why).with("expected_in", eta)
        });
    }

    fn ask_have(&mut self, cid: Cid, peer: Peer, env: &mut Env<'_, '_>) {
        let now = env.cx.now();
        let (Some(want), Some(link)) = (self.wants.get_mut(&cid), self.links.get_mut(&peer)) else { return };
        if want.told.contains(&peer) || want.tried.contains(&peer) {
            return;
        }
        want.tell(peer);
        link.probe(cid, now);
        let fresh = !core::mem::replace(&mut link.greeted, true);
        env.out.want(peer, cid, WantKind::Have, want.priority(), fresh);
        env.cx.step(operation(want.fetches[0]), |step| step.named("probe").with("cid", cid.to_string()).with("peer", peer));
    }

    /// The root of a fetch, before which nothing else can be asked for, is also asked of a few other sources, as want-have. Should the one asked for the
    /// block be dead, others are known to be alive, or a small root has come from them.
    fn probe_root(&mut self, number: u32, env: &mut Env<'_, '_>) {
        let Some(session) = self.sessions.get(&number) else { return };
        let root = session.root;
        let Some(want) = self.wants.get(&root).filter(|want| want.asked.is_some()) else { return };
        let room = (env.config().root_probes + 1).saturating_sub(want.told.len());
        let others: Peers = session.active().map(|source| source.peer).filter(|peer| !want.told.contains(peer)).take(room).collect();
        for peer in others {
            self.ask_have(root, peer, env);
        }
    }

    /// Asks partial sources what they have of the wants that wait, and a few of any kind about roots.
    pub(super) fn probe(&mut self, env: &mut Env<'_, '_>) {
        let (now, config) = (env.cx.now(), env.config());
        let mut probes: Vec<(Cid, Peer)> = Vec::new();
        for session in self.sessions.values() {
            for source in session.active().filter(|source| !source.trusted) {
                let Some(link) = self.links.get_mut(&source.peer) else { continue };
                let room = link.free_probes(now, config);
                let untold = |cid: &&Cid| {
                    self.wants.get(cid).is_some_and(|want| {
                        want.fetches.contains(&session.number) && !want.told.contains(&source.peer) && !want.tried.contains(&source.peer)
                    })
                };
                probes.extend(self.wants.waiting().take(PROBED).filter(untold).take(room).map(|cid| (*cid, source.peer)));
            }
        }
        for (cid, peer) in probes {
            self.ask_have(cid, peer, env);
        }
        let numbers: SmallVec<[u32; 8]> = self.sessions.keys().copied().collect();
        for number in numbers {
            self.probe_root(number, env);
        }
    }

    /// At the end, when nothing is left to ask for, moves wants from sources that are slow, or seem to have lost them, to others that are idle.
    pub(super) fn relocate(&mut self, env: &mut Env<'_, '_>) {
        while self.wants.ready() == 0 && self.sessions.values().all(|session| session.looking == 0) {
            let usual = Usual::of(&self.links, env.cx.now(), env.config());
            let Some(Move { cid, from, to, overdue }) = self.best_move(&usual, env) else { return };
            env.out.cancel(from, cid);
            if let Some(link) = self.links.get_mut(&from) {
                link.withdraw(&cid, env.config());
                if overdue {
                    link.doubted();
                }
            }
            if let Some(want) = self.wants.get_mut(&cid) {
                want.moves += 1;
                want.told.retain(|peer| *peer != from);
            }
            self.ask(cid, to, if overdue { "overdue from the one asked before" } else { "sooner than from the one asked before" }, &usual, env);
        }
    }

    /// The want that would be waited for longest, if an idle source is worth moving it to.
    fn best_move(&self, usual: &Usual<'_>, env: &Env<'_, '_>) -> Option<Move> {
        let (now, config) = (env.cx.now(), env.config());
        let sound: SmallVec<[(Peer, Duration); 8]> =
            self.links.iter().filter(|(_, link)| link.is_sound(usual)).map(|(peer, link)| (*peer, link.eta(usual))).collect();
        let soonest = sound.iter().map(|(_, eta)| *eta).min()?;
        let mut longest = Duration::ZERO;
        let mut best = None;
        for (from, link) in &self.links {
            for (index, ask) in link.asks().enumerate() {
                let left = link.left(index, usual);
                if ask.at == now || left <= longest || !worth_moving(left, soonest, config.move_gain) {
                    continue;
                }
                let Some(want) = self.wants.get(&ask.cid).filter(|want| want.moves < config.moves) else { continue };
                let mut others = self.candidates(want, None, usual);
                others.retain(|other| other.peer != *from && sound.iter().any(|(peer, _)| *peer == other.peer));
                if let Choice::Ask(to) = pick(&others)
                    && others.iter().any(|other| other.peer == to && worth_moving(left, other.eta, config.move_gain))
                {
                    longest = left;
                    best = Some(Move { cid: ask.cid, from: *from, to, overdue: link.is_overdue(index, usual) });
                }
            }
        }
        best
    }
}

/// A want to be moved to another source.
struct Move {
    cid: Cid,
    from: Peer,
    to: Peer,
    overdue: bool,
}
