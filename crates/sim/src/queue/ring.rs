//! The windows that are not open yet: a ring of buckets for two epochs, and one bucket for each epoch beyond.
//!
//! A bitmap of occupied buckets makes the way to the next event short, however far it is.

use std::collections::BTreeMap;

use super::chunks::{Bucket, Chunks, Entry};

/// Windows in an epoch, as a power of two.
const EPOCH_BITS: u32 = 12;
/// The ring holds this epoch and the next one.
const RING: usize = 2 << EPOCH_BITS;
const WORDS: usize = RING / 64;

#[derive(Clone, Debug)]
pub(super) struct Ring {
    /// The first window that has not been opened.
    next: u64,
    buckets: Vec<Bucket>,
    occupied: [u64; WORDS],
    far: BTreeMap<u64, Bucket>,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self { next: 0, buckets: vec![Bucket::EMPTY; RING], occupied: [0; WORDS], far: BTreeMap::new() }
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn memory(&self) -> usize {
        RING * size_of::<Bucket>() + self.far.len() * size_of::<(u64, Bucket)>()
    }

    /// Adds an event of a window that has not been opened.
    #[inline]
    pub(super) fn push<T>(&mut self, window: u64, entry: Entry<T>, chunks: &mut Chunks<T>) {
        let epoch = window >> EPOCH_BITS;
        if epoch > (self.next >> EPOCH_BITS) + 1 {
            chunks.push(self.far.entry(epoch).or_insert(Bucket::EMPTY), entry);
            return;
        }
        let at = window as usize & (RING - 1);
        self.occupied[at / 64] |= 1 << (at % 64);
        chunks.push(&mut self.buckets[at], entry);
    }

    /// The bucket of the next window that holds anything; all windows up to it then count as opened.
    pub(super) fn open_next<T>(&mut self, chunks: &mut Chunks<T>, shift: u32) -> Option<Bucket> {
        let at = match self.first_occupied() {
            Some(at) => at,
            None => {
                self.next = self.far.first_key_value()?.0 << EPOCH_BITS;
                self.deal(chunks, shift);
                self.first_occupied()?
            }
        };
        let ahead = (at as u64).wrapping_sub(self.next) & (RING as u64 - 1);
        self.occupied[at / 64] &= !(1 << (at % 64));
        let bucket = core::mem::replace(&mut self.buckets[at], Bucket::EMPTY);
        self.next += ahead + 1;
        self.deal(chunks, shift);
        Some(bucket)
    }

    /// Where the first occupied bucket from `next` on is, once around the ring.
    fn first_occupied(&self) -> Option<usize> {
        let start = self.next as usize & (RING - 1);
        let (word, bit) = (start / 64, start % 64);
        let from_start = self.occupied[word] & (u64::MAX << bit);
        if from_start != 0 {
            return Some(word * 64 + from_start.trailing_zeros() as usize);
        }
        // The last step comes back to the word it started in, for the bits before the start.
        (1..=WORDS).map(|i| (word + i) % WORDS).find(|w| self.occupied[*w] != 0).map(|w| w * 64 + self.occupied[w].trailing_zeros() as usize)
    }

    /// Deals the epochs that have come near out to the ring.
    fn deal<T>(&mut self, chunks: &mut Chunks<T>, shift: u32) {
        let near = (self.next >> EPOCH_BITS) + 1;
        while let Some(epoch) = self.far.first_entry().filter(|epoch| *epoch.key() <= near) {
            let bucket = epoch.remove();
            chunks.drain(bucket, |chunks, entry| self.push(entry.stamp.time.as_nanos() >> shift, entry, chunks));
        }
    }
}
