//! The order of a DAG: [`Walk`], a pure iterator over the names of its blocks.
//!
//! Depth first and in order is the order of a file's bytes, so a player can start before the end is here. But a name is known only once the block
//! that links to it has arrived, and waiting for each in turn would leave the pipe empty. So the walk hands out what it knows and leaves a *hole*
//! where the links of a block under way belong:
//!
//! ```text
//!   known            handed out so far                      when A's links come
//!   [root]           root                 →  ( )            [A B C D]
//!   [A B C D]        root A B             →  (A) (B) [C D]   [a1 a2 a3] (B) [C D]      next: a1, then a2, …
//! ```
//!
//! `( )` is a hole. The next name is always the first one known in order: filling a hole puts its children before everything that follows.
//!
//! Bounds: a DAG of 1 TiB has a million names. The walk holds only links not yet followed, in levels; once those, together with what the holes are
//! expected to bring, pass `links_ahead`, it hands out no more blocks that may link to others (unless there is no hole at all). A sub-DAG met a
//! second time is skipped, so a hostile DAG in which every level links twice to the next costs its distinct blocks and not 2^depth.

use std::collections::{BTreeSet, VecDeque};

use peerglass_store::Cid;

use crate::RAW;

/// How many blocks with links are remembered as walked. A file of 1 TiB in 1 MiB blocks has 1,025.
const REMEMBERED: usize = 16_384;

/// The walk over one DAG.
#[derive(Clone, Debug)]
pub struct Walk {
    segments: VecDeque<Segment>,
    holes: usize,
    ahead: usize,
    /// How many links a block of each depth is expected to have: the mean of those seen, or what its parent had.
    expected: Vec<usize>,
    walked: BTreeSet<Cid>,
    walked_order: VecDeque<Cid>,
    met: u64,
}

#[derive(Clone, Debug)]
enum Segment {
    Links { links: std::vec::IntoIter<Cid>, depth: u32 },
    Hole { cid: Cid, depth: u32 },
}

/// The links of a block go deeper than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooDeep;

impl Walk {
    /// The walk from `root`, which is the first name.
    #[must_use]
    pub fn new(root: Cid) -> Self {
        Self {
            segments: VecDeque::from([Segment::Links { links: vec![root].into_iter(), depth: 0 }]),
            holes: 0,
            ahead: 1,
            expected: Vec::new(),
            walked: BTreeSet::new(),
            walked_order: VecDeque::new(),
            met: 0,
        }
    }

    /// The next name, if one is known and may be followed yet. `links_ahead` bounds the links held.
    pub fn next(&mut self, links_ahead: usize) -> Option<Cid> {
        loop {
            let index = self.segments.iter().position(|segment| matches!(segment, Segment::Links { .. }))?;
            let Segment::Links { links, depth } = &mut self.segments[index] else { return None };
            let depth = *depth;
            let Some(&cid) = links.as_slice().first() else {
                self.segments.remove(index);
                continue;
            };
            let leaf = cid.codec() == RAW;
            let again = !leaf && (self.walked.contains(&cid) || self.has_hole(&cid));
            if !leaf && !again && !self.may_open(depth, links_ahead) {
                return None;
            }
            self.take_first(index);
            if again {
                continue;
            }
            if !leaf {
                self.holes += 1;
                self.segments.insert(index, Segment::Hole { cid, depth });
            }
            self.met += 1;
            return Some(cid);
        }
    }

    /// A block is here, with these links: its hole is filled. Links below `deepest` are refused.
    pub fn resolve(&mut self, cid: &Cid, links: Vec<Cid>, deepest: u32) -> Result<(), TooDeep> {
        let Some(index) = self.hole(cid) else { return Ok(()) };
        let Segment::Hole { depth, .. } = self.segments[index] else { return Ok(()) };
        self.learn(depth, links.len());
        self.holes -= 1;
        if links.is_empty() {
            self.segments.remove(index);
            return Ok(());
        }
        if depth >= deepest {
            return Err(TooDeep);
        }
        self.remember(*cid);
        self.ahead += links.len();
        self.segments[index] = Segment::Links { links: links.into_iter(), depth: depth + 1 };
        Ok(())
    }

    /// Whether every name was handed out and every hole filled.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.holes == 0 && self.ahead == 0
    }

    /// Whether every name known was handed out.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.ahead == 0
    }

    /// How many names were handed out.
    #[must_use]
    pub fn met(&self) -> u64 {
        self.met
    }

    /// How many links are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.ahead
    }

    fn take_first(&mut self, index: usize) {
        if let Segment::Links { links, .. } = &mut self.segments[index] {
            links.next();
            self.ahead -= 1;
            if links.as_slice().is_empty() {
                self.segments.remove(index);
            }
        }
    }

    fn hole(&self, cid: &Cid) -> Option<usize> {
        self.segments.iter().position(|segment| matches!(segment, Segment::Hole { cid: hole, .. } if hole == cid))
    }

    fn has_hole(&self, cid: &Cid) -> bool {
        self.holes > 0 && self.hole(cid).is_some()
    }

    /// Whether one more block that may have links can be handed out.
    fn may_open(&self, depth: u32, links_ahead: usize) -> bool {
        self.holes == 0 || self.ahead + self.promised() + self.expect(depth) <= links_ahead
    }

    /// How many links the holes are expected to bring. Holes are few kinds of depth, so the count is by the deepest mean.
    fn promised(&self) -> usize {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Hole { depth, .. } => self.expect(*depth),
                Segment::Links { .. } => 0,
            })
            .sum()
    }

    fn expect(&self, depth: u32) -> usize {
        self.expected.get(depth as usize).or(self.expected.last()).copied().unwrap_or(1)
    }

    fn learn(&mut self, depth: u32, links: usize) {
        let depth = depth as usize;
        match self.expected.get_mut(depth) {
            Some(mean) => *mean = (*mean + links) / 2,
            None => self.expected.resize(depth + 1, links),
        }
    }

    fn remember(&mut self, cid: Cid) {
        if self.walked_order.len() >= REMEMBERED
            && let Some(oldest) = self.walked_order.pop_front()
        {
            self.walked.remove(&oldest);
        }
        if self.walked.insert(cid) {
            self.walked_order.push_back(cid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Dag, leaf, node};
    use proptest::prelude::*;

    const AHEAD: usize = 1000;

    fn take(walk: &mut Walk, n: usize) -> Vec<Cid> {
        (0..n).filter_map(|_| walk.next(AHEAD)).collect()
    }

    #[test]
    fn names_come_depth_first_once_links_are_known() {
        let mut walk = Walk::new(node(0));
        assert_eq!(take(&mut walk, 9), [node(0)]);
        walk.resolve(&node(0), vec![node(1), node(2), leaf(9)], 9).unwrap();
        assert_eq!(take(&mut walk, 2), [node(1), node(2)]);
        walk.resolve(&node(1), vec![leaf(1), leaf(2)], 9).unwrap();
        assert_eq!(take(&mut walk, 9), [leaf(1), leaf(2), leaf(9)], "the first child's leaves come before the last sibling");
        assert!(!walk.is_done());
        walk.resolve(&node(2), vec![], 9).unwrap();
        assert!(walk.is_done());
    }

    #[test]
    fn a_dag_that_doubles_at_every_level_costs_its_distinct_blocks() {
        let mut walk = Walk::new(node(0));
        for level in 0..60 {
            assert_eq!(take(&mut walk, 9), [node(level)]);
            walk.resolve(&node(level), vec![node(level + 1), node(level + 1)], 99).unwrap();
        }
        assert_eq!(walk.met(), 60);
    }

    #[test]
    fn a_dag_deeper_than_allowed_is_refused() {
        let mut walk = Walk::new(node(0));
        take(&mut walk, 1);
        walk.resolve(&node(0), vec![node(1)], 1).unwrap();
        take(&mut walk, 1);
        assert_eq!(walk.resolve(&node(1), vec![node(2)], 1), Err(TooDeep));
    }

    #[test]
    fn a_terabyte_file_never_holds_more_links_than_allowed() {
        let mut walk = Walk::new(node(0));
        let mut open: VecDeque<Cid> = take(&mut walk, 1).into();
        let mut inner = 0;
        let mut leaves = 0;
        while let Some(cid) = open.pop_front() {
            let links = match cid == node(0) {
                true => (1..=64).map(node).collect(),
                false => (0..1024).map(|i| leaf(inner * 1024 + i)).collect(),
            };
            inner += 1;
            walk.resolve(&cid, links, 9).unwrap();
            while let Some(cid) = walk.next(4096) {
                if cid.codec() == RAW {
                    leaves += 1
                } else {
                    open.push_back(cid)
                }
                assert!(walk.held() <= 4096 + 1024, "{}", walk.held());
                if open.len() >= 40 {
                    break;
                }
            }
        }
        while walk.next(4096).is_some() {
            leaves += 1;
        }
        assert_eq!((inner, leaves), (65, 64 * 1024));
    }

    proptest! {
        /// Whatever the order in which blocks arrive, every distinct inner block and every leaf is handed out, and the walk ends.
        #[test]
        fn every_walk_meets_all_blocks_and_ends(dag in Dag::any(), picks in proptest::collection::vec(any::<u16>(), 1..50)) {
            let mut walk = Walk::new(dag.root);
            let mut open = Vec::new();
            let mut met = BTreeSet::new();
            for turn in 0.. {
                prop_assert!(turn < 100_000);
                while let Some(cid) = walk.next(20) {
                    met.insert(cid);
                    if cid.codec() != RAW { open.push(cid) }
                }
                if open.is_empty() { break }
                let cid = open.swap_remove(usize::from(picks[turn % picks.len()]) % open.len());
                walk.resolve(&cid, dag.links(&cid), 64).unwrap();
            }
            prop_assert!(walk.is_done());
            prop_assert_eq!(met, dag.blocks.keys().copied().collect());
        }
    }
}
