//! Writing past the page cache.
//!
//! A block of a large file is written once and rarely read again soon, yet the usual way copies it into fresh pages of the system's cache, which have to be found,
//! zeroed on some systems, written back by another thread, and pushed out again with everything else that was worth keeping. Taken together that was more than half of what a
//! fetcher did (docs/benchmarks.md, Transfer). With `O_DIRECT` the disk takes the bytes from where they are.
//!
//! ```text
//!   block, 1 MiB ──aligned?──yes──────────────────────▶ disk
//!                     └──no──▶ copy into a spare buffer ──▶ disk
//!   the short last block, small blocks, small files ──▶ page cache, as ever
//! ```
//!
//! Nothing depends on it: where the system or the disk does not offer it, the cache takes the bytes. Nor does it promise anything: what was written is durable after the flush at the end,
//! and not before, either way.
//!
//! The system keeps both ways consistent, except where pages of the cache are being made dirty during a direct write next to them. So the two exclude each other in one file.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use crate::platform::{open_past_cache, write_all_at};

/// Files below this size are worth keeping in the cache: whoever wanted them reads them next.
const LARGE: u64 = 32 << 20;
/// Writes below this size are worth gathering: each direct write waits for the disk.
const PIECE: usize = 128 << 10;
/// What position, length and memory must be multiples of. No disk in use asks for more.
const ALIGN: usize = 4096;
/// Spare buffers that are kept. More writers at once make their own.
const SPARES: usize = 4;

/// A file that can be written to past the cache.
#[derive(Debug)]
pub(super) struct Direct {
    file: File,
    /// The disk has refused once: it is not asked again.
    refused: AtomicBool,
    /// Held for reading by direct writes and for writing by others.
    turn: RwLock<()>,
    spares: Mutex<Vec<Vec<u8>>>,
}

impl Direct {
    /// Opens the file of `size` bytes at `path` a second time, if it is large and the system can.
    pub(super) fn open(path: &Path, size: u64) -> Option<Self> {
        let file = if size < LARGE { None } else { open_past_cache(path).ok() }?;
        Some(Self { file, refused: AtomicBool::new(false), turn: RwLock::default(), spares: Mutex::default() })
    }

    /// Writes past the cache, if position, length and disk allow. Otherwise nothing may have been written, or a part, and the answer is false.
    pub(super) fn write(&self, data: &[u8], offset: u64) -> io::Result<bool> {
        let fits = data.len() >= PIECE && data.len().is_multiple_of(ALIGN) && offset.is_multiple_of(ALIGN as u64);
        if !fits || self.refused.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let _turn = self.turn.read().unwrap_or_else(PoisonError::into_inner);
        let written = if gap(data) == 0 { write_all_at(&self.file, data, offset) } else { self.write_copy(data, offset) };
        match written {
            Ok(()) => Ok(true),
            // The disk wants another alignment, or cannot do this after all.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
                self.refused.store(true, Ordering::Relaxed);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Lets `write` write through the cache while no direct write is under way.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        let _turn = self.turn.write().unwrap_or_else(PoisonError::into_inner);
        write()
    }

    fn write_copy(&self, data: &[u8], offset: u64) -> io::Result<()> {
        let mut spare = self.spares().pop().unwrap_or_default();
        if spare.len() < data.len() + ALIGN {
            spare = vec![0; data.len() + ALIGN];
        }
        let start = gap(&spare);
        let aligned = &mut spare[start..start + data.len()];
        aligned.copy_from_slice(data);
        let written = write_all_at(&self.file, aligned, offset);
        let mut spares = self.spares();
        if spares.len() < SPARES {
            spares.push(spare);
        }
        written
    }

    fn spares(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes of `data` come before the first that is aligned.
fn gap(data: &[u8]) -> usize {
    data.as_ptr().addr().wrapping_neg() % ALIGN
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::platform::open_for_writing;

    /// Through an ordinary file, so that the tests say the same on every disk.
    #[allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]
    fn direct() -> (tempfile::NamedTempFile, Direct) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = open_for_writing(file.path()).unwrap();
        (file, Direct { file: open, refused: AtomicBool::new(false), turn: RwLock::default(), spares: Mutex::default() })
    }

    #[test]
    fn bytes_arrive_wherever_they_lie_in_memory() {
        let (file, direct) = direct();
        let bytes: Vec<u8> = (0..(PIECE + 2 * ALIGN) as u32).map(|n| (n % 251) as u8).collect();
        let mut expected = vec![0; PIECE];
        for start in [gap(&bytes), gap(&bytes) + 1] {
            assert!(direct.write(&bytes[start..start + PIECE], expected.len() as u64).unwrap());
            expected.extend_from_slice(&bytes[start..start + PIECE]);
        }
        assert_eq!(std::fs::read(file.path()).unwrap(), expected);
        assert_eq!(direct.spares().len(), 1, "only what did not lie well was copied");
    }

    #[test]
    fn what_is_small_or_crooked_is_left_to_the_cache() {
        let (file, direct) = direct();
        for (length, offset) in [(PIECE - ALIGN, 0), (PIECE + 1, 0), (PIECE, 1), (PIECE, 512)] {
            assert!(!direct.write(&vec![1; length], offset).unwrap());
        }
        assert_eq!(file.as_file().metadata().unwrap().len(), 0);
    }

    #[test]
    fn a_disk_that_refuses_is_not_asked_again_and_a_disk_that_fails_is_an_error() {
        let (file, mut direct) = direct();
        // No file reaches so far: the system says "invalid", as it does to a wrong alignment.
        assert!(!direct.write(&vec![1; PIECE], 1 << 63).unwrap());
        assert!(!direct.write(&vec![1; PIECE], 0).unwrap());
        direct.refused = AtomicBool::new(false);
        direct.file = crate::platform::open_for_reading(file.path()).unwrap();
        assert!(direct.write(&vec![1; PIECE], 0).is_err());
    }

    #[test]
    fn spare_buffers_are_bounded() {
        let (_file, direct) = direct();
        let bytes = vec![1; PIECE + ALIGN];
        let crooked = &bytes[gap(&bytes) + 1..][..PIECE];
        std::thread::scope(|scope| {
            (0..20).for_each(|n| {
                drop(scope.spawn({
                    let direct = &direct;
                    move || direct.write(crooked, n * PIECE as u64)
                }))
            })
        });
        assert!((1..=SPARES).contains(&direct.spares().len()));
    }
}
