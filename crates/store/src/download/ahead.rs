//! Flushing ahead: a long download begins to write to the disk while it still goes on.
//!
//! The last step of a download makes everything durable. Left to itself, the system gathers written pages in memory until then, and the whole file has to go to
//! the disk while somebody waits. So each time [`STEP`] bytes more have been written, a thread flushes the file behind the writers' backs, one at a time.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How much is gathered before it is flushed.
const STEP: u64 = 64 << 20;

/// The flushing of one download.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    written: AtomicU64,
    running: AtomicBool,
    /// The system tells an error of a flush only once, so it is kept until somebody asks.
    failed: Mutex<Option<io::Error>>,
}

impl Ahead {
    /// Notes that so many bytes were written to `file`, and flushes it when it is time.
    pub(super) fn wrote(self: &Arc<Self>, file: &File, bytes: usize) {
        let before = self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        if before / STEP == (before + bytes as u64) / STEP || self.running.swap(true, Ordering::AcqRel) {
            return;
        }
        let (ahead, file) = (Arc::clone(self), file.try_clone());
        let flush = move || {
            if let Err(error) = file.and_then(|file| file.sync_data()) {
                *ahead.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            ahead.running.store(false, Ordering::Release);
        };
        // Without a thread nothing is lost: the last step flushes everything.
        if std::thread::Builder::new().name("flush".into()).spawn(flush).is_err() {
            self.running.store(false, Ordering::Release);
        }
    }

    /// The error of a flush, if one failed since this was last asked.
    pub(super) fn check(&self) -> io::Result<()> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_failed_flush_is_told_once() {
        let ahead = Arc::new(Ahead::default());
        // A pipe's end cannot be flushed.
        let (_, pipe) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(pipe));
        ahead.wrote(&file, STEP as usize);
        while ahead.running.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        assert!(ahead.check().is_err());
        assert!(ahead.check().is_ok());
    }

    #[test]
    fn nothing_is_flushed_before_a_step_is_full() {
        let ahead = Arc::new(Ahead::default());
        let (_, pipe) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(pipe));
        ahead.wrote(&file, STEP as usize - 1);
        assert!(!ahead.running.load(Ordering::Acquire));
        assert!(ahead.check().is_ok());
    }
}
