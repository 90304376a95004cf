//! [`Live`]: a recording that can be read while it goes on, and loses little when its process is killed. For nodes, which are slow and never end.
//!
//! A file of records is begun and ended in steady intervals, and each is readable from then on. A node that runs for months must not leave millions of files, so the
//! interval grows with the run: it is a hundredth of the time so far, and at least [`FIRST`]. After a day there are some 600 files, and a node that is killed then
//! loses the last quarter of an hour at most.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use peerglass_trace::{Capture, Record, Recorder, RunHeader};

use crate::error::OpenError;
use crate::recording::Recording;

/// How long after a run began its first records can be read.
pub const FIRST: Duration = Duration::from_secs(5);

/// A recording that is readable while it goes on.
#[derive(Debug)]
pub struct Live {
    recording: Arc<Mutex<Recording>>,
    /// The recording's own, to be lent without its lock.
    error: Arc<OnceLock<io::Error>>,
    /// The thread that keeps the time, and how it is told to end. None once it is over.
    clock: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Live {
    /// Begins a run in `dir`, as [`Recording::create`] does.
    ///
    /// # Errors
    ///
    /// When `dir` cannot be written, or holds record files that are not of a run.
    pub fn create(dir: &Path, header: RunHeader, capture: Capture) -> Result<Self, OpenError> {
        Self::flushed_after(dir, header, capture, FIRST)
    }

    /// The same with another least interval.
    pub(crate) fn flushed_after(dir: &Path, header: RunHeader, capture: Capture, first: Duration) -> Result<Self, OpenError> {
        let recording = Recording::create(dir, header, capture)?;
        let error = recording.fault();
        let recording = Arc::new(Mutex::new(recording));
        let (end, ended) = mpsc::channel();
        let flushed = Arc::clone(&recording);
        let clock = std::thread::spawn(move || {
            let (mut passed, mut interval) = (Duration::ZERO, first);
            while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                lock(&flushed).flush();
                passed += interval;
                interval = first.max(passed / 100);
            }
        });
        Ok(Self { recording, error, clock: Some((end, clock)) })
    }

    fn stop_the_clock(&mut self) {
        if let Some((end, clock)) = self.clock.take() {
            drop(end);
            // It only waits and flushes.
            let _ = clock.join();
        }
    }
}

/// A recording that panicked half way is still a recording.
fn lock(recording: &Mutex<Recording>) -> MutexGuard<'_, Recording> {
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder for Live {
    fn wants(&self) -> Capture {
        lock(&self.recording).wants()
    }

    fn record(&mut self, record: &Record) {
        lock(&self.recording).record(record);
    }

    fn error(&self) -> Option<&io::Error> {
        self.error.get()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.stop_the_clock();
        lock(&self.recording).finish()
    }
}

impl Drop for Live {
    /// The recording, which the clock no longer holds, then saves what it can itself.
    fn drop(&mut self) {
        self.stop_the_clock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Run;
    use peerglass_core::{Peer, Time};
    use peerglass_trace::What;

    #[test]
    fn records_can_be_read_while_the_run_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let header = RunHeader::node("n", 0);
        let mut live = Live::flushed_after(dir.path(), header, Capture::Full, Duration::from_millis(5)).unwrap();
        live.record(&Record { seq: 0, time: Time::ZERO, peer: Peer(0), cause: None, what: What::Up });
        while Run::open(dir.path()).unwrap().is_empty() {
            std::thread::yield_now();
        }
        live.record(&Record { seq: 1, time: Time::ZERO, peer: Peer(0), cause: None, what: What::Up });
        live.finish().unwrap();
        assert_eq!(Run::open(dir.path()).unwrap().len(), 2);
    }
}
