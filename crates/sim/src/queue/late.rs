//! The small heap of events that fall into the open window, or before it.
//!
//! The heap moves stamps only; the events stay where they are in a slab.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Stamp;

#[derive(Clone, Debug)]
pub(super) struct Late<T> {
    heap: BinaryHeap<Reverse<(Stamp, u32)>>,
    items: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Late<T> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), items: Vec::new(), free: Vec::new() }
    }

    pub(super) fn memory(&self) -> usize {
        self.heap.capacity() * size_of::<(Stamp, u32)>() + self.items.capacity() * size_of::<Option<T>>() + self.free.capacity() * size_of::<u32>()
    }

    pub(super) fn push(&mut self, stamp: Stamp, item: T) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.items.push(None);
            (self.items.len() - 1) as u32
        });
        self.items[at as usize] = Some(item);
        self.heap.push(Reverse((stamp, at)));
    }

    #[inline]
    pub(super) fn first(&self) -> Option<Stamp> {
        self.heap.peek().map(|Reverse((stamp, _))| *stamp)
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let Reverse((_, at)) = self.heap.pop()?;
        self.free.push(at);
        self.items[at as usize].take()
    }
}
