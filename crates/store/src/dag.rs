//! A DAG without its bytes: which blocks there are, how large, and what links to what.
//!
//! The simulator moves terabytes that exist only as sizes. A [`Dag`] is made once, from a real file or of a given size, and shared by all simulated peers;
//! blocks have dense indices, so that what a peer has is a set of bits:
//!
//! ```text
//!   index    0    1    2    3         a peer that has the first two leaves and the root:  1 1 0 1
//!   block  leaf leaf leaf root        (children stand before parents, a repeated block has one index)
//! ```

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use crate::cid::RAW;
use crate::hash::{HashKind, cid_of};
use crate::import::{ImportOptions, Layout, import_path, import_reader, unwatched};
use crate::{BlockSink, Cid, ImportError, Leaf, Link, Local, NodeBlock, Shape, StorageError};

/// Sizes and links of the blocks below one root. Immutable: share it in an `Arc`.
#[derive(Clone, Debug)]
pub struct Dag {
    root: u32,
    bytes: u64,
    cids: Vec<Cid>,
    sizes: Vec<u32>,
    /// The links of block `i` are `links[starts[i]..starts[i + 1]]`.
    starts: Vec<u32>,
    links: Vec<u32>,
    /// Only for look-ups, never walked through: its order is not reproducible.
    index: HashMap<Cid, u32>,
}

impl Dag {
    /// The DAG of a file or directory tree.
    pub fn of_path(path: &Path, options: &ImportOptions) -> Result<Self, ImportError> {
        let mut builder = Builder::default();
        let made = import_path(path, options, &mut builder, &mut unwatched)?;
        Ok(builder.finish(&made.root, made.bytes))
    }

    /// The DAG of what `input` gives.
    pub fn of_reader(input: &mut dyn Read, options: &ImportOptions) -> Result<Self, ImportError> {
        let mut builder = Builder::default();
        let made = import_reader(input, options, &mut builder, &mut unwatched)?;
        Ok(builder.finish(&made.root, made.bytes))
    }

    /// The DAG of a file of `bytes` bytes that does not exist. The leaves' CIDs are made up from `seed`, no two are the same; the nodes are real.
    #[must_use]
    pub fn synthetic(seed: u64, bytes: u64, shape: Shape) -> Self {
        let (mut builder, mut layout) = (Builder::default(), Layout::new(shape, HashKind::Blake3));
        let chunk = shape.bounded().chunk as u64;
        for index in 0..bytes.div_ceil(chunk).max(1) {
            let size = chunk.min(bytes - index * chunk);
            let cid = cid_of(RAW, HashKind::Blake3, &[seed.to_le_bytes(), index.to_le_bytes()].concat());
            builder.add(cid, size as u32, &[]);
            layout.chunk(Link { cid, size }, &mut builder).expect("a builder refuses nothing");
        }
        let root = layout.finish(&mut builder).expect("a builder refuses nothing");
        builder.finish(&root.cid, bytes)
    }

    /// The block that all others are reached from.
    #[must_use]
    pub fn root(&self) -> &Cid {
        self.cid(self.root)
    }

    /// Bytes of the files in it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many different blocks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cids.len()
    }

    /// Never: there is always a root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cids.is_empty()
    }

    /// The index of a block.
    #[must_use]
    pub fn index_of(&self, cid: &Cid) -> Option<u32> {
        self.index.get(cid).copied()
    }

    /// The CID of a block. Panics if there is no such index, as slices do.
    #[must_use]
    pub fn cid(&self, index: u32) -> &Cid {
        &self.cids[index as usize]
    }

    /// Bytes of a block. Panics if there is no such index.
    #[must_use]
    pub fn size(&self, index: u32) -> u32 {
        self.sizes[index as usize]
    }

    /// What a block links to, in order, repetitions included. Panics if there is no such index.
    #[must_use]
    pub fn links(&self, index: u32) -> &[u32] {
        let index = index as usize;
        &self.links[self.starts[index] as usize..self.starts[index + 1] as usize]
    }

    /// What a store that has this block answers.
    #[must_use]
    pub fn local(&self, index: u32) -> Local {
        Local { size: self.size(index), links: self.links(index).iter().map(|link| *self.cid(*link)).collect() }
    }
}

/// Collects a DAG from an import.
#[derive(Debug)]
struct Builder {
    cids: Vec<Cid>,
    sizes: Vec<u32>,
    starts: Vec<u32>,
    links: Vec<u32>,
    index: HashMap<Cid, u32>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { cids: Vec::new(), sizes: Vec::new(), starts: vec![0], links: Vec::new(), index: HashMap::new() }
    }
}

impl Builder {
    fn add(&mut self, cid: Cid, size: u32, links: &[Cid]) {
        if self.index.contains_key(&cid) {
            return;
        }
        self.index.insert(cid, self.cids.len() as u32);
        self.cids.push(cid);
        self.sizes.push(size);
        // Children come before their parents, so all of them have an index.
        self.links.extend(links.iter().filter_map(|link| self.index.get(link)));
        self.starts.push(self.links.len() as u32);
    }

    fn finish(self, root: &Cid, bytes: u64) -> Dag {
        let root = self.index.get(root).copied().unwrap_or_default();
        Dag { root, bytes, cids: self.cids, sizes: self.sizes, starts: self.starts, links: self.links, index: self.index }
    }
}

impl BlockSink for Builder {
    fn wants_bytes(&self) -> bool {
        false
    }

    fn leaf(&mut self, leaf: Leaf<'_>) -> Result<(), StorageError> {
        self.add(leaf.cid, leaf.size, &[]);
        Ok(())
    }

    fn node(&mut self, node: NodeBlock<'_>) -> Result<(), StorageError> {
        let links: Vec<Cid> = node.links.iter().map(|link| link.cid).collect();
        self.add(node.cid, node.bytes.len() as u32, &links);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockSource, MemoryStore};

    #[test]
    fn a_dag_knows_what_a_store_of_the_same_file_knows() {
        let file: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let options = ImportOptions { shape: Shape { chunk: 1000, width: 7 }, ..ImportOptions::default() };
        let store = MemoryStore::new();
        import_reader(&mut &file[..], &options, &mut &store, &mut unwatched).unwrap();
        let dag = Dag::of_reader(&mut &file[..], &options).unwrap();
        assert_eq!((dag.len(), dag.bytes()), (store.len(), 400_000));
        for index in 0..dag.len() as u32 {
            let cid = dag.cid(index);
            assert_eq!(dag.index_of(cid), Some(index));
            assert_eq!(store.local(cid), Some(dag.local(index)));
        }
    }

    #[test]
    fn repeated_blocks_have_one_index_and_all_their_links() {
        let options = ImportOptions { shape: Shape { chunk: 10, width: 4 }, ..ImportOptions::default() };
        let dag = Dag::of_reader(&mut &[0; 40][..], &options).unwrap();
        assert_eq!(dag.len(), 2);
        assert_eq!(dag.links(dag.index_of(dag.root()).unwrap()), [0, 0, 0, 0]);
    }

    #[test]
    fn a_synthetic_dag_has_the_shape_of_a_real_one() {
        let dag = Dag::synthetic(1, (2 << 30) + 1, Shape::default());
        assert_eq!(dag.len(), 2049 + 3 + 1);
        assert_eq!(dag.links(dag.len() as u32 - 1).len(), 3);
        assert_ne!(dag.root(), Dag::synthetic(2, (2 << 30) + 1, Shape::default()).root());
    }
}
