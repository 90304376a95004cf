//! The bytes of a frame, and memory for large ones that is used again.
//!
//! A block of a large file comes in a frame of a MiB. Memory of that size goes back to the system as soon as it is free, and the next frame finds fresh pages in its place,
//! each with a fault and zeroes to be written before the bytes. So large bodies are kept when they are done with, up to [`KEPT`] bytes of them, and lent out again.
//!
//! A large body *ends* where a page ends. A block is the last thing in its frame, as our senders write it, and whole pages long, so it then also begins where a page
//! begins: that is what a disk needs to take it from where it is, without a copy (`peerglass_store`, downloads).
//!
//! ```text
//!   memory   ├─page─┼─page─┼─ … ─┼─page─┤
//!   body        ├──┬────── … ───────────┤
//!            start │ block               end
//!            length, prefix
//! ```

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a large body ends at a multiple of.
const PAGE: usize = 4096;
/// From this size on, memory is used again: allocators keep smaller pieces themselves.
const LARGE: usize = 128 << 10;
/// Bytes of memory that are kept for large bodies to come.
const KEPT: usize = 8 << 20;

/// Memory that waits for the next large body.
#[derive(Clone, Default)]
pub(super) struct Spares(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spares {
    /// A body of `length` bytes that starts with `first`; what else is in it means nothing.
    pub(super) fn body(&self, first: &[u8], length: usize) -> Body {
        if length < LARGE {
            let mut memory = Vec::with_capacity(length);
            memory.extend_from_slice(first);
            memory.resize(length, 0);
            return Body { memory, start: 0, length, home: None };
        }
        let memory = self.take(length + PAGE);
        let start = memory.as_ptr().addr().wrapping_add(length).wrapping_neg() % PAGE;
        let mut body = Body { memory, start, length, home: Some(self.clone()) };
        body[..first.len()].copy_from_slice(first);
        body
    }

    /// At least `wanted` bytes, and not many more: the budget counts what was asked for.
    fn take(&self, wanted: usize) -> Vec<u8> {
        let spare = {
            let mut spares = self.lock();
            let fitting = spares.iter().position(|spare| (wanted..=wanted + wanted / 4).contains(&spare.len()));
            fitting.map(|at| spares.swap_remove(at))
        };
        spare.unwrap_or_else(|| vec![0; wanted])
    }

    fn give(&self, memory: Vec<u8>) {
        let mut spares = self.lock();
        if spares.iter().map(Vec::len).sum::<usize>() + memory.len() <= KEPT {
            spares.push(memory);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Spares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spares").field(&self.lock().len()).finish()
    }
}

/// The bytes of a frame, as a slice.
pub struct Body {
    memory: Vec<u8>,
    start: usize,
    length: usize,
    /// Where large memory goes when it is done with.
    home: Option<Spares>,
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }
}

impl DerefMut for Body {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.length]
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.give(std::mem::take(&mut self.memory));
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_block_at_the_end_of_a_large_frame_begins_where_a_page_begins() {
        let spares = Spares::default();
        for before in [9, 20, 4095, 5000] {
            let body = Bytes::from_owner(spares.body(&[7; 9], before + (1 << 20)));
            assert_eq!(body[..9], [7; 9]);
            assert_eq!(body.slice(before..).as_ptr().addr() % PAGE, 0);
        }
    }

    #[test]
    fn memory_comes_back_when_the_last_slice_is_gone_and_is_lent_to_frames_of_that_size_only() {
        let spares = Spares::default();
        let body = Bytes::from_owner(spares.body(&[], 1 << 20));
        let (at, slice) = (body.as_ptr(), body.slice(100..));
        drop(body);
        assert_eq!(spares.lock().len(), 0);
        drop(slice);
        assert_eq!(spares.lock().len(), 1);
        drop(spares.body(&[], LARGE));
        assert_eq!(spares.lock().len(), 2);
        assert_eq!(spares.body(&[], 1 << 20).as_ptr(), at);
    }

    #[test]
    fn what_is_kept_is_bounded_and_small_frames_keep_nothing() {
        let spares = Spares::default();
        drop(spares.body(&[1], 1000));
        assert_eq!(spares.lock().len(), 0);
        let bodies: Vec<_> = (0..20).map(|_| spares.body(&[], 1 << 20)).collect();
        drop(bodies);
        assert_eq!(spares.lock().len(), KEPT / ((1 << 20) + PAGE));
    }
}
