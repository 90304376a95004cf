//! A store in memory: for tests, and for simulations that move real bytes.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;

use crate::cid::inline_data;
use crate::hash::Block;
use crate::{BlockSink, BlockSource, Cid, Leaf, Local, NodeBlock, ReadError, StorageError};

/// Blocks by their CIDs. Shared by reference; several threads may use it at once.
#[derive(Debug, Default)]
pub struct MemoryStore {
    blocks: RwLock<BTreeMap<Cid, Bytes>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a block.
    pub fn put(&self, block: Block) {
        self.keep(*block.cid(), block.data().clone());
    }

    /// Removes a block and tells whether it was there.
    pub fn remove(&self, cid: &Cid) -> bool {
        self.blocks.write().unwrap_or_else(PoisonError::into_inner).remove(cid).is_some()
    }

    /// How many blocks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The CIDs, sorted.
    #[must_use]
    pub fn cids(&self) -> Vec<Cid> {
        self.blocks.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    fn keep(&self, cid: Cid, data: Bytes) {
        // A panic elsewhere cannot leave a map half changed, so a poisoned lock is as good as a whole one.
        self.blocks.write().unwrap_or_else(PoisonError::into_inner).insert(cid, data);
    }

    fn get(&self, cid: &Cid) -> Option<Bytes> {
        if let Some(data) = inline_data(cid) {
            return Some(Bytes::copy_from_slice(data));
        }
        self.blocks.read().unwrap_or_else(PoisonError::into_inner).get(cid).cloned()
    }
}

impl BlockSource for MemoryStore {
    fn local(&self, cid: &Cid) -> Option<Local> {
        self.get(cid).map(|data| Local::of(cid, &data))
    }

    fn read(&self, cid: &Cid) -> Result<Bytes, ReadError> {
        self.get(cid).ok_or(ReadError::NotFound(*cid))
    }
}

/// An import into memory copies the bytes.
impl BlockSink for &MemoryStore {
    fn wants_bytes(&self) -> bool {
        true
    }

    fn leaf(&mut self, leaf: Leaf<'_>) -> Result<(), StorageError> {
        self.keep(leaf.cid, Bytes::copy_from_slice(leaf.bytes));
        Ok(())
    }

    fn node(&mut self, node: NodeBlock<'_>) -> Result<(), StorageError> {
        self.keep(node.cid, node.bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cid::RAW;
    use crate::hash::HashKind;

    #[test]
    fn what_was_put_is_read_until_it_is_removed() {
        let store = MemoryStore::new();
        let block = Block::new(RAW, HashKind::Blake3, Bytes::from_static(b"data"));
        assert!(matches!(store.read(block.cid()), Err(ReadError::NotFound(_))));
        store.put(block.clone());
        assert_eq!(store.read(block.cid()).unwrap(), block.data());
        assert_eq!(store.local(block.cid()), Some(Local { size: 4, links: vec![] }));
        assert!(store.remove(block.cid()) && store.is_empty());
    }

    #[test]
    fn an_identity_cid_is_its_own_block() {
        let cid = crate::parse_cid("bafkqaaa").unwrap();
        assert_eq!(MemoryStore::new().read(&cid).unwrap(), Bytes::new());
    }
}
