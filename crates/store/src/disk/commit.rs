//! Group commit: many changes, one flush.
//!
//! A transaction costs a flush of the disk, some milliseconds; a thousand changes in one transaction cost hardly more than one. Whoever wants changes made
//! durable adds them to the open batch and waits for it. If nobody is committing, the waiter becomes the leader: it closes the batch, commits it, and wakes
//! all who waited for it. What arrives meanwhile gathers in the next batch. There is no thread of its own and no delay: alone, a change is committed at once.
//!
//! ```text
//!   put a ──► batch 1 ── a leads: commit ──► a done
//!   put b, c, d ──► batch 2 (gathers) ────────── b leads: commit ──► b, c, d done
//! ```
//!
//! The batch is bounded: who would make it too large waits first.
//!
//! Notes that can be made again need no flush ([`Committer::note`]): other threads see them at once, and the next durable batch carries them to the disk.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use redb::Durability;

use super::index::{Index, Op};
use crate::StorageError;

/// Bytes of changes that may wait.
const MAX_WEIGHT: usize = 16 << 20;

/// A batch's outcome, for those who wait for it.
type Outcome = Arc<OnceLock<Result<(), StorageError>>>;

#[derive(Debug, Default)]
pub(super) struct Committer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ops: Vec<Op>,
    weight: usize,
    /// Whether anybody in the batch needs the flush.
    durable: bool,
    outcome: Outcome,
    committing: bool,
}

impl Committer {
    /// Makes `ops` durable, together with whatever else is waiting.
    pub(super) fn commit(&self, ops: Vec<Op>, index: &Index) -> Result<(), StorageError> {
        self.join(ops, true, index)
    }

    /// Makes `ops` visible. A crash may lose them, but only together.
    pub(super) fn note(&self, ops: Vec<Op>, index: &Index) -> Result<(), StorageError> {
        self.join(ops, false, index)
    }

    fn join(&self, ops: Vec<Op>, durable: bool, index: &Index) -> Result<(), StorageError> {
        let mut state = self.lock();
        while state.weight > MAX_WEIGHT {
            state = self.drive(state, index);
        }
        state.weight += ops.iter().map(Op::weight).sum::<usize>();
        state.ops.extend(ops);
        state.durable |= durable;
        let outcome = Arc::clone(&state.outcome);
        loop {
            if let Some(result) = outcome.get() {
                return result.clone();
            }
            state = self.drive(state, index);
        }
    }

    /// Commits the open batch, or waits for whoever is committing another.
    fn drive<'a>(&'a self, mut state: MutexGuard<'a, State>, index: &Index) -> MutexGuard<'a, State> {
        if state.committing {
            return self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.committing = true;
        let ops = std::mem::take(&mut state.ops);
        let outcome = std::mem::take(&mut state.outcome);
        state.weight = 0;
        let durability = if std::mem::take(&mut state.durable) { Durability::Immediate } else { Durability::None };
        drop(state);
        let result = index.apply(ops, durability);
        let mut state = self.lock();
        state.committing = false;
        outcome.get_or_init(|| result);
        self.changed.notify_all();
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
