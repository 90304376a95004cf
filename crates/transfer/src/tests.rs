//! Tests of the whole protocol, and what all tests of this crate share: made-up names and DAGs, and a small network.

mod fetching;
mod net;
mod networks;
mod serving;
mod small;

use std::collections::BTreeMap;

use peerglass_store::Cid;
use proptest::prelude::*;

use crate::{Local, RAW};

fn made_up(codec: u8, number: u32) -> Cid {
    let mut bytes = vec![1, codec, 0x12, 0x20];
    bytes.extend_from_slice(&[number as u8; 28]);
    bytes.extend_from_slice(&number.to_be_bytes());
    Cid::try_from(&bytes[..]).unwrap()
}

/// The name of a leaf.
pub(crate) fn leaf(number: u32) -> Cid {
    made_up(RAW as u8, number)
}

/// The name of a block with links.
pub(crate) fn node(number: u32) -> Cid {
    made_up(0x70, number)
}

/// Any name.
pub(crate) fn name(number: u32) -> Cid {
    leaf(number)
}

/// Blocks that link to each other.
#[derive(Clone, Debug)]
pub(crate) struct Dag {
    pub(crate) root: Cid,
    pub(crate) blocks: BTreeMap<Cid, Local>,
}

impl Dag {
    /// A file of `leaves` blocks of `size` bytes, `width` links to a block.
    pub(crate) fn file(leaves: u32, size: u32, width: usize) -> Dag {
        let mut blocks = BTreeMap::new();
        let mut level: Vec<Cid> = (0..leaves).map(leaf).collect();
        blocks.extend(level.iter().map(|cid| (*cid, Local { size, links: Vec::new() })));
        let mut next = 0;
        while level.len() > 1 {
            let mut above = Vec::new();
            for links in level.chunks(width) {
                above.push(node(next));
                blocks.insert(node(next), Local { size: 50 * links.len() as u32, links: links.to_vec() });
                next += 1;
            }
            level = above;
        }
        Dag { root: level[0], blocks }
    }

    /// Any small DAG, with blocks met several times.
    pub(crate) fn any() -> impl Strategy<Value = Dag> {
        let links = proptest::collection::vec((any::<bool>(), any::<u8>()), 0..6);
        proptest::collection::vec(links, 1..14).prop_map(|lists| {
            let inner = lists.len() as u32;
            let mut all = BTreeMap::new();
            for (i, list) in (0..).zip(&lists) {
                let link = |(deeper, n): &(bool, u8)| {
                    let deeper = *deeper && i + 1 < inner;
                    if deeper { node(i + 1 + u32::from(*n) % (inner - i - 1)) } else { leaf(u32::from(*n) % 20) }
                };
                all.insert(node(i), Local { size: 100, links: list.iter().map(link).collect() });
            }
            Dag::reachable(node(0), &all)
        })
    }

    fn reachable(root: Cid, all: &BTreeMap<Cid, Local>) -> Dag {
        let mut blocks = BTreeMap::new();
        let mut open = vec![root];
        while let Some(cid) = open.pop() {
            let local = all.get(&cid).cloned().unwrap_or(Local { size: 3000, links: Vec::new() });
            open.extend(local.links.iter().filter(|link| **link != cid && !blocks.contains_key(*link)));
            blocks.insert(cid, local);
        }
        Dag { root, blocks }
    }

    pub(crate) fn links(&self, cid: &Cid) -> Vec<Cid> {
        self.blocks[cid].links.clone()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.values().map(|local| u64::from(local.size)).sum()
    }
}
