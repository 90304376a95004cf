//! The local application of a simulated peer: which blocks it has, what it asked for and what came of it.
//!
//! Blocks exist as sizes only: a peer's store is one bit a block, and thousands of peers share one description of each DAG. So a simulated peer that holds a
//! terabyte costs 128 KiB.

use std::collections::HashMap;
use std::sync::Arc;

use peerglass_core::{Peer, Time};
use peerglass_sim::{Disk, Host, HostCx};
use peerglass_stack::{Command, Event, Stack, Tag};
use peerglass_store::{Cid, Dag, Local};
use peerglass_transfer::{FetchError, FetchSummary};

use crate::content::ContentError;
use crate::scenario::Scenario;

/// Everything that is shared in a run. The peers of the run share it too.
#[derive(Debug, Default)]
pub struct Catalogue {
    contents: Vec<Dag>,
    /// Of which content a block is, where there are more than a few.
    of: HashMap<Cid, u32>,
}

/// So many contents are asked one after the other whether a block is theirs.
const FEW: usize = 4;

impl Catalogue {
    /// The catalogue of these DAGs.
    #[must_use]
    pub fn new(contents: Vec<Dag>) -> Arc<Self> {
        let mut of = HashMap::new();
        if contents.len() > FEW {
            for (number, dag) in contents.iter().enumerate() {
                (0..dag.len() as u32).for_each(|block| {
                    of.entry(*dag.cid(block)).or_insert(number as u32);
                });
            }
        }
        Arc::new(Self { contents, of })
    }

    /// The catalogue of everything that a scenario shares.
    pub(crate) fn of(scenario: &Scenario) -> Result<Arc<Self>, ContentError> {
        crate::content::load_all(scenario).map(Self::new)
    }

    /// The roots of all DAGs.
    pub(crate) fn roots(&self) -> Vec<Cid> {
        self.contents.iter().map(|dag| *dag.root()).collect()
    }

    /// The DAG with this number.
    #[must_use]
    pub fn content(&self, number: usize) -> Option<&Dag> {
        self.contents.get(number)
    }

    fn find(&self, cid: &Cid) -> Option<(usize, u32)> {
        let here = |number: usize| self.contents.get(number)?.index_of(cid).map(|block| (number, block));
        if self.contents.len() <= FEW { (0..self.contents.len()).find_map(here) } else { self.of.get(cid).and_then(|number| here(*number as usize)) }
    }
}

/// What a peer asked for and what came of it.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Of the command.
    pub tag: Tag,
    /// When the answer came.
    pub at: Time,
    /// The answer.
    pub answer: Answer,
}

/// The end of something a peer asked for.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It joined.
    Joined {
        /// How many contacts it had then.
        contacts: usize,
    },
    /// It announced what it shares.
    Shared {
        /// To so many peers.
        replicas: usize,
    },
    /// It has the whole DAG.
    Fetched(FetchSummary),
    /// It could not get the DAG.
    Failed(FetchError),
    /// It found the closest peers to a key.
    Nodes {
        /// Closest first.
        closest: Vec<Peer>,
        /// The length of the path that led to the closest.
        hops: u32,
        /// Requests it took.
        requests: u32,
    },
    /// It found providers; all of them, once the search had ended.
    Providers(Vec<Peer>),
    /// It stored a value.
    Stored {
        /// At so many peers.
        replicas: usize,
    },
    /// It looked for a value.
    Value(Option<Arc<[u8]>>),
    /// It asked for something that cannot be.
    Rejected(String),
}

/// The local application of a simulated peer.
#[derive(Clone, Debug)]
pub struct LabHost {
    catalogue: Arc<Catalogue>,
    /// One bit a block, for each content this peer has anything of.
    have: Vec<(usize, Box<[u64]>)>,
    answers: Vec<Answered>,
    /// Providers found so far by searches under way.
    providers: Vec<(Tag, Vec<Peer>)>,
    /// Blocks that arrived.
    pub arrived: u64,
    /// Blocks that its protocol took for wanted ones and that are of no content of the run, or of another size. The first such, and how many there were: see
    /// [`crate::laws::Blocks`].
    pub wrong: Option<(Cid, u64)>,
    /// Once fetched, a DAG is shared too.
    pub reshare: bool,
    disk: Disk,
}

impl LabHost {
    /// A peer that has nothing yet.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self { catalogue, have: Vec::new(), answers: Vec::new(), providers: Vec::new(), arrived: 0, wrong: None, reshare: false, disk: Disk::Sound }
    }

    /// What came of what this peer asked for, in the order the answers came.
    #[must_use]
    pub fn answers(&self) -> &[Answered] {
        &self.answers
    }

    /// Gives this peer all blocks of a content, as if it had made them.
    pub fn fill(&mut self, number: usize) {
        let Some(dag) = self.catalogue.content(number) else { return };
        let blocks = dag.len();
        let bits = self.bits(number);
        for block in 0..blocks {
            bits[block / 64] |= 1 << (block % 64);
        }
    }

    /// Takes all blocks of a content away but its root, as if the file it is shared from had been changed.
    pub fn lose_leaves(&mut self, number: usize) {
        let Some(root) = self.catalogue.content(number).and_then(|dag| dag.index_of(dag.root())) else { return };
        let bits = self.bits(number);
        bits.fill(0);
        bits[root as usize / 64] |= 1 << (root % 64);
    }

    /// Whether this peer has every block of a content.
    #[must_use]
    pub fn has_whole(&self, number: usize) -> bool {
        let Some(dag) = self.catalogue.content(number) else { return false };
        (0..dag.len() as u32).all(|block| self.has(number, block))
    }

    fn has(&self, number: usize, block: u32) -> bool {
        let bits = self.have.iter().find(|(n, _)| *n == number).map(|(_, bits)| bits);
        bits.is_some_and(|bits| bits[block as usize / 64] >> (block % 64) & 1 == 1)
    }

    fn bits(&mut self, number: usize) -> &mut [u64] {
        let at = self.have.iter().position(|(n, _)| *n == number).unwrap_or_else(|| {
            let words = self.catalogue.content(number).map_or(0, Dag::len).div_ceil(64);
            self.have.push((number, vec![0; words].into_boxed_slice()));
            self.have.len() - 1
        });
        &mut self.have[at].1
    }

    /// A block that cannot be read, or whose bytes turn out to be wrong when they are checked, is not served.
    fn local(&self, cid: &Cid) -> Option<Local> {
        if matches!(self.disk, Disk::Broken | Disk::Corrupt) {
            return None;
        }
        let (number, block) = self.catalogue.find(cid)?;
        let dag = self.catalogue.content(number).filter(|_| self.has(number, block))?;
        Some(dag.local(block))
    }

    fn store(&mut self, cid: &Cid, size: u32) {
        let size_of = |(number, block): (usize, u32)| self.catalogue.content(number).map(|dag| dag.size(block));
        match self.catalogue.find(cid) {
            Some(found) if size_of(found) == Some(size) => {
                let (number, block) = found;
                self.bits(number)[block as usize / 64] |= 1 << (block % 64);
                self.arrived += 1;
            }
            _ => self.wrong.get_or_insert((*cid, 0)).1 += 1,
        }
    }

    fn found(&mut self, tag: Tag, peers: Vec<Peer>) {
        match self.providers.iter_mut().find(|(t, _)| *t == tag) {
            Some((_, found)) => found.extend(peers),
            None => self.providers.push((tag, peers)),
        }
    }

    fn take_found(&mut self, tag: Tag) -> Vec<Peer> {
        let at = self.providers.iter().position(|(t, _)| *t == tag);
        let mut found = at.map_or_else(Vec::new, |at| self.providers.swap_remove(at).1);
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Host<Stack> for LabHost {
    fn hand_over(&mut self, fresh: &mut Self) {
        fresh.answers = std::mem::take(&mut self.answers);
        fresh.reshare = self.reshare;
        fresh.wrong = self.wrong;
        fresh.disk = self.disk;
    }

    fn on_disk(&mut self, disk: Disk, _: &mut HostCx<'_, Stack>) {
        self.disk = disk;
    }

    fn on_event(&mut self, event: Event, world: &mut HostCx<'_, Stack>) {
        let (tag, answer) = match event {
            Event::Lookup { cid } => return world.command(Command::Local { cid, found: self.local(&cid) }),
            Event::Arrived { tag, .. } if matches!(self.disk, Disk::Full | Disk::Broken) => {
                world.command(Command::Cancel { tag });
                (tag, Answer::Rejected(format!("the disk is {}", self.disk.name())))
            }
            Event::Arrived { cid, size, .. } => return self.store(&cid, size),
            Event::Mode { .. } | Event::Republished { .. } | Event::Misbehaved { .. } => return,
            Event::Joined { contacts } => (0, Answer::Joined { contacts }),
            Event::Shared { tag, replicas } => (tag, Answer::Shared { replicas }),
            Event::Fetched { tag, summary } => (tag, Answer::Fetched(summary)),
            Event::FetchFailed { tag, reason } => (tag, Answer::Failed(reason)),
            Event::Nodes { tag, closest, hops, requests } => (tag, Answer::Nodes { closest, hops, requests }),
            Event::Providers { tag, providers, done, .. } => {
                self.found(tag, providers);
                if !done {
                    return;
                }
                (tag, Answer::Providers(self.take_found(tag)))
            }
            Event::Stored { tag, replicas } => (tag, Answer::Stored { replicas }),
            Event::Value { tag, value } => (tag, Answer::Value(value)),
            Event::Rejected { tag, why } => (tag, Answer::Rejected(why.to_string())),
        };
        self.answers.push(Answered { tag, at: world.now(), answer });
    }
}
