//! Buckets as chains of chunks out of one store, used again and again.
//!
//! A growing vector for each bucket would either be allocated and freed for each window, or keep the capacity of the fullest window it ever held,
//! times thousands of windows. A chunk holds up to 8 events, grows to that as needed and keeps it; an emptied chunk goes to the next bucket that
//! needs one, last used first, while it still is in the cache.

use super::Stamp;

/// Events in a full chunk, as a power of two.
const BITS: u32 = 3;
const FULL: usize = 1 << BITS;
const NONE: u32 = u32::MAX;

/// A pending event. `item` is taken when the event happens, while its chunk stays until the window is done.
#[derive(Clone, Debug)]
pub(super) struct Entry<T> {
    pub(super) stamp: Stamp,
    pub(super) item: Option<T>,
}

/// A chain of chunks: all but the last one are full, so an event's position tells its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    first: u32,
    last: u32,
}

impl Bucket {
    pub(super) const EMPTY: Bucket = Bucket { first: NONE, last: NONE };
}

#[derive(Clone, Debug)]
struct Chunk<T> {
    entries: Vec<Entry<T>>,
    next: u32,
}

/// The store of all chunks of one queue.
#[derive(Clone, Debug)]
pub(super) struct Chunks<T> {
    all: Vec<Chunk<T>>,
    free: Vec<u32>,
}

impl<T> Chunks<T> {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), free: Vec::new() }
    }

    pub(super) fn memory(&self) -> usize {
        let events: usize = self.all.iter().map(|chunk| chunk.entries.capacity()).sum();
        events * size_of::<Entry<T>>() + self.all.capacity() * size_of::<Chunk<T>>() + self.free.capacity() * size_of::<u32>()
    }

    /// Appends `entry` to `bucket`.
    #[inline]
    pub(super) fn push(&mut self, bucket: &mut Bucket, entry: Entry<T>) {
        if let Some(chunk) = self.all.get_mut(bucket.last as usize).filter(|chunk| chunk.entries.len() < FULL) {
            chunk.entries.push(entry);
            return;
        }
        let fresh = self.fresh();
        self.all[fresh as usize].entries.push(entry);
        match self.all.get_mut(bucket.last as usize) {
            Some(last) => last.next = fresh,
            None => bucket.first = fresh,
        }
        bucket.last = fresh;
    }

    fn fresh(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.all.push(Chunk { entries: Vec::new(), next: NONE });
            (self.all.len() - 1) as u32
        })
    }

    /// The numbers of a bucket's chunks, in order.
    pub(super) fn unchain(&self, bucket: Bucket, into: &mut Vec<u32>) {
        let mut at = bucket.first;
        while let Some(chunk) = self.all.get(at as usize) {
            into.push(at);
            at = chunk.next;
        }
    }

    /// Gives emptied chunks back.
    pub(super) fn release(&mut self, chunks: &mut Vec<u32>) {
        // The first chunk, the one longest unused, goes deepest.
        for at in chunks.drain(..) {
            let chunk = &mut self.all[at as usize];
            chunk.entries.clear();
            chunk.next = NONE;
            self.free.push(at);
        }
    }

    /// Takes all entries out of `bucket`, in order, into `give`, and frees its chunks.
    pub(super) fn drain(&mut self, bucket: Bucket, mut give: impl FnMut(&mut Self, Entry<T>)) {
        let mut at = bucket.first;
        while at != NONE {
            let mut entries = core::mem::take(&mut self.all[at as usize].entries);
            entries.drain(..).for_each(|entry| give(self, entry));
            let chunk = &mut self.all[at as usize];
            chunk.entries = entries;
            let next = core::mem::replace(&mut chunk.next, NONE);
            self.free.push(at);
            at = next;
        }
    }

    #[inline]
    pub(super) fn entry(&self, open: &[u32], position: u32) -> &Entry<T> {
        &self.all[open[(position >> BITS) as usize] as usize].entries[position as usize & (FULL - 1)]
    }

    /// The stamp of the event at `position` of a window.
    #[inline]
    pub(super) fn stamp(&self, open: &[u32], position: u32) -> Stamp {
        self.entry(open, position).stamp
    }

    /// Takes the event at `position` of a window.
    #[inline]
    pub(super) fn take(&mut self, open: &[u32], position: u32) -> Option<T> {
        self.all[open[(position >> BITS) as usize] as usize].entries[position as usize & (FULL - 1)].item.take()
    }

    /// All positions and stamps of a window, in order of position.
    #[inline]
    pub(super) fn for_each_stamp(&self, open: &[u32], mut see: impl FnMut(u32, Stamp)) {
        for (first, at) in (0u32..).step_by(FULL).zip(open) {
            for (position, entry) in (first..).zip(&self.all[*at as usize].entries) {
                see(position, entry.stamp);
            }
        }
    }
}
