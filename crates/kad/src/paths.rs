//! [`Paths`]: one lookup, or several over disjoint paths.
//!
//! A lookup believes what it is told: one liar on its way can lead it astray. S/Kademlia (Baumgart and Mies, 2007, section 4.4) therefore walks `d`
//! paths at once and uses each peer on one path only, so that a liar can spoil one path but not the others:
//!
//! ```text
//!                ┌─▶ s1 ─▶ a ─▶ b ─┐
//!   me (seeds) ──┼─▶ s2 ─▶ liar ✗  ├─▶ merged: the k closest that answered on any path
//!                └─▶ s3 ─▶ c ─▶ d ─┘
//! ```
//!
//! When two paths come upon the same peer, it is asked once, for the path that came first; the other path learns only whether it answered, not
//! whom it named. Alpha is shared out among the paths, each getting one query at least.
//!
//! With one path this is a plain [`Lookup`], and nothing is kept on the side.

use peerglass_core::{Peer, Time};
use smallvec::SmallVec;

use crate::lookup::{Candidate, Lookup, Next, Shape};

/// A lookup over one or more disjoint paths.
#[derive(Clone, Debug)]
pub struct Paths {
    shape: Shape,
    paths: SmallVec<[Lookup; 1]>,
    /// Whom some path has asked, and for which; unused with one path.
    asked: Vec<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    peer: Peer,
    path: u8,
    answered: Option<bool>,
}

impl Paths {
    /// A lookup by `me` over at most `d` paths, dealing `seeds` out among them, the closest first.
    #[must_use]
    pub fn new(shape: Shape, d: usize, me: Peer, mut seeds: Vec<(Peer, u64)>) -> Self {
        seeds.sort_unstable_by_key(|(peer, distance)| (*distance, *peer));
        seeds.dedup();
        let d = d.clamp(1, 64).min(seeds.len().max(1));
        let paths = (0..d)
            .map(|i| {
                let alpha = (shape.alpha / d + usize::from(i < shape.alpha % d)).max(1);
                Lookup::new(Shape { alpha, ..shape }, me, seeds.iter().skip(i).step_by(d).copied())
            })
            .collect();
        Self { shape, paths, asked: Vec::new() }
    }

    /// A lookup that has not begun: it finds nobody.
    pub(crate) fn none(shape: Shape) -> Self {
        Self { shape, paths: SmallVec::new(), asked: Vec::new() }
    }

    /// What to do next. Ask again after every answer or failure, until it is not [`Next::Query`].
    #[allow(clippy::should_implement_trait, reason = "it needs the time")]
    pub fn next(&mut self, now: Time) -> Next {
        if let [only] = &mut self.paths[..] {
            return only.next(now);
        }
        let mut waiting = false;
        for i in 0..self.paths.len() {
            match self.next_on(i, now) {
                Next::Query(peer) => return Next::Query(peer),
                Next::Waiting => waiting = true,
                Next::Finished => {}
            }
        }
        if waiting { Next::Waiting } else { Next::Finished }
    }

    /// The next of path `i`, answering for peers that another path has asked.
    fn next_on(&mut self, i: usize, now: Time) -> Next {
        loop {
            let Next::Query(peer) = self.paths[i].next(now) else {
                return if self.paths[i].is_finished() { Next::Finished } else { Next::Waiting };
            };
            match self.asked.iter().find(|asked| asked.peer == peer) {
                None => {
                    self.asked.push(Asked { peer, path: i as u8, answered: None });
                    return Next::Query(peer);
                }
                // Still asked by the other path: its outcome will come to both.
                Some(Asked { answered: None, .. }) => {}
                Some(Asked { answered: Some(true), .. }) => _ = self.paths[i].on_answer(peer, &[], |_| u64::MAX),
                Some(Asked { answered: Some(false), .. }) => _ = self.paths[i].on_failure(peer),
            }
        }
    }

    /// `peer` answered and named `closer`: to the path that asked it ([`Lookup::on_answer`]). Says whether the answer counted.
    pub fn on_answer(&mut self, peer: Peer, closer: &[Peer], distance: impl Fn(Peer) -> u64) -> bool {
        if let [only] = &mut self.paths[..] {
            return only.on_answer(peer, closer, distance);
        }
        let Some(owner) = self.settle(peer, true) else { return false };
        for path in self.others(owner) {
            self.paths[path].on_answer(peer, &[], &distance);
        }
        self.paths[owner].on_answer(peer, closer, distance)
    }

    /// `peer` will not answer. Says whether it had been asked.
    pub fn on_failure(&mut self, peer: Peer) -> bool {
        if let [only] = &mut self.paths[..] {
            return only.on_failure(peer);
        }
        let Some(owner) = self.settle(peer, false) else { return false };
        for path in self.others(owner) {
            self.paths[path].on_failure(peer);
        }
        self.paths[owner].on_failure(peer)
    }

    fn settle(&mut self, peer: Peer, answered: bool) -> Option<usize> {
        let asked = self.asked.iter_mut().find(|asked| asked.peer == peer && asked.answered.is_none())?;
        asked.answered = Some(answered);
        Some(usize::from(asked.path))
    }

    fn others(&self, owner: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.paths.len()).filter(move |path| *path != owner)
    }

    /// Ends the search where it stands.
    pub fn finish(&mut self) {
        self.paths.iter_mut().for_each(Lookup::finish);
    }

    /// The closest peers that answered on any path, closest first, at most k.
    #[must_use]
    pub fn closest(&self) -> Vec<Candidate> {
        let mut all: Vec<Candidate> = self.paths.iter().flat_map(Lookup::closest).collect();
        if self.paths.len() > 1 {
            // Of the same peer on two paths, the shorter way counts.
            all.sort_by_key(|c| (c.distance, c.peer, c.depth));
            all.dedup_by_key(|c| c.peer);
            all.truncate(self.shape.k);
        }
        all
    }

    /// The `n` closest candidates of every path, whatever their state: what a watcher wants to see.
    pub fn shortlist(&self, n: usize) -> impl Iterator<Item = Candidate> {
        self.paths.iter().flat_map(move |path| path.candidates().take(n))
    }

    /// Everybody that was asked on any path, and the closest of the others.
    pub fn candidates(&self) -> impl Iterator<Item = Candidate> {
        self.shortlist(usize::MAX)
    }

    /// Everybody the search knows of.
    pub fn peers(&self) -> impl Iterator<Item = Peer> {
        self.paths.iter().flat_map(Lookup::peers)
    }

    /// How deep the path to the closest peer found is; 0 when nobody answered.
    #[must_use]
    pub fn hops(&self) -> u32 {
        let closest = self.paths.iter().filter_map(|path| path.closest().next());
        closest.min_by_key(|c| (c.distance, c.depth)).map_or(0, |c| u32::from(c.depth))
    }

    /// When [`Paths::next`] should be asked again although nothing came.
    #[must_use]
    pub fn patience_ends(&self) -> Option<Time> {
        self.paths.iter().filter_map(Lookup::patience_ends).min()
    }

    /// What the lookup was asked to do.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Reads a word of the shortlist, to have it in the cache.
    pub(crate) fn touch(&self) -> u64 {
        self.paths.first().map_or(0, Lookup::touch)
    }

    /// How many paths there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.paths.len()
    }
}
