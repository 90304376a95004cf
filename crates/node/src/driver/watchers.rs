//! [`Recorders`]: the recorder that a node was started with, and whoever watches it for a while.
//!
//! ```text
//!   Log ──Record──▶ Recorders ─┬─ the recorder: gets every record, and may hold the node up (a full disk queue)
//!                              ├─ watcher: a bounded queue, never waited for; what it has no room for is counted
//!                              └─ watcher
//! ```
//!
//! Each gets as much as it wants and no more, whatever the others want. Nothing is built of which nobody wants anything.

use std::io;

use peerglass_trace::{Capture, Record, Recorder};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::options::BoxedRecorder;

/// Records that may wait for a watcher.
pub(crate) const QUEUE: usize = 4096;
/// Watchers at once at most.
const MOST: usize = 16;

/// What a watcher is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Watched {
    /// This happened.
    Record(Box<Record>),
    /// It was too slow for so many records, the last of which had this number.
    Lost {
        /// How many.
        records: u64,
        /// The number of the last.
        until: u64,
    },
}

/// All who want records.
pub(crate) struct Recorders {
    recorder: BoxedRecorder,
    wants: Capture,
    watchers: Vec<Watcher>,
    /// Records that watchers had no room for.
    lost: u64,
}

struct Watcher {
    wants: Capture,
    queue: mpsc::Sender<Watched>,
    missed: u64,
}

impl Recorders {
    pub(crate) fn new(recorder: BoxedRecorder) -> Self {
        let wants = recorder.wants();
        Self { recorder, wants, watchers: Vec::new(), lost: 0 }
    }

    /// Lets somebody watch who wants this much, until it drops what is returned. `None` when there are too many already.
    pub(crate) fn watch(&mut self, wants: Capture) -> Option<mpsc::Receiver<Watched>> {
        if self.watchers.len() >= MOST {
            return None;
        }
        let (queue, records) = mpsc::channel(QUEUE);
        self.watchers.push(Watcher { wants, queue, missed: 0 });
        Some(records)
    }

    /// Forgets those who have gone; whether there were any.
    pub(crate) fn forget_gone(&mut self) -> bool {
        let before = self.watchers.len();
        self.watchers.retain(|watcher| !watcher.queue.is_closed());
        self.watchers.len() < before
    }

    pub(crate) fn watchers(&self) -> usize {
        self.watchers.len()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

impl Watcher {
    fn tell(&mut self, record: Record) -> bool {
        if self.missed > 0 {
            let until = record.seq.saturating_sub(1);
            match self.queue.try_send(Watched::Lost { records: self.missed, until }) {
                Ok(()) => self.missed = 0,
                Err(_) => return self.miss(),
            }
        }
        match self.queue.try_send(Watched::Record(Box::new(record))) {
            Err(TrySendError::Full(_)) => self.miss(),
            // Who has gone misses nothing.
            Ok(()) | Err(TrySendError::Closed(_)) => true,
        }
    }

    fn miss(&mut self) -> bool {
        self.missed += 1;
        false
    }
}

impl Recorder for Recorders {
    fn wants(&self) -> Capture {
        self.watchers.iter().fold(self.wants, |most, watcher| most.with(watcher.wants))
    }

    fn record(&mut self, record: &Record) {
        if self.watchers.is_empty() {
            return self.recorder.record(record);
        }
        if let Some(record) = self.wants.of(record) {
            self.recorder.record(&record);
        }
        for watcher in &mut self.watchers {
            let told = watcher.wants.of(record).is_none_or(|record| watcher.tell(record));
            self.lost += u64::from(!told);
        }
    }

    fn error(&self) -> Option<&io::Error> {
        self.recorder.error()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.watchers.clear();
        self.recorder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerglass_core::{Peer, Time};
    use peerglass_trace::{Off, What};

    fn up(seq: u64) -> Record {
        Record { seq, time: Time::ZERO, peer: Peer(0), cause: None, what: What::Up }
    }

    #[test]
    fn a_watcher_that_is_too_slow_is_told_how_many_it_missed_and_where() {
        let mut recorders = Recorders::new(Box::new(Off));
        assert_eq!(recorders.wants(), Capture::Off);
        let mut records = recorders.watch(Capture::Full).unwrap();
        assert_eq!(recorders.wants(), Capture::Full);
        (0..QUEUE as u64 + 5).for_each(|seq| recorders.record(&up(seq)));
        (0..QUEUE).for_each(|_| assert!(matches!(records.try_recv(), Ok(Watched::Record(_)))));
        recorders.record(&up(10_000));
        assert_eq!(records.try_recv(), Ok(Watched::Lost { records: 5, until: 9_999 }));
        assert!(matches!(records.try_recv(), Ok(Watched::Record(record)) if record.seq == 10_000));
        assert_eq!(recorders.lost(), 5);
        drop(records);
        recorders.record(&up(10_001));
        assert!(recorders.forget_gone() && recorders.wants() == Capture::Off && recorders.lost() == 5);
    }

    #[test]
    fn there_are_only_so_many_watchers() {
        let mut recorders = Recorders::new(Box::new(Off));
        let watchers: Vec<_> = (0..MOST).map(|_| recorders.watch(Capture::Summary).unwrap()).collect();
        assert!(recorders.watch(Capture::Summary).is_none());
        drop(watchers);
        assert!(recorders.forget_gone() && recorders.watch(Capture::Summary).is_some());
    }
}
