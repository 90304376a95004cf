//! The hunt: many runs of a scenario, each with other dice and other troubles, until a law is broken; then the smallest case of it that can be had.
//!
//! ```text
//!   seeds ──▶ draw: a plan of faults for each ──▶ run, under laws ──▶ all hold
//!             (a function of the seed)                │ one is broken
//!                                                     ▼
//!                                              shrink: fewer faults, peers, operations; shorter, simpler ──▶ a scenario file
//! ```
//!
//! What is found is a plain scenario: the drawn faults are `[[fault]]`s like any other, and `peerglass sim FILE --check` breaks the law again.
//!
//! Seeds run side by side on several threads, each in a simulation of its own. The result does not depend on how many: the violation that is reported is that of the
//! smallest seed that has one, and shrinking is a function of that seed alone.

mod case;
mod draw;
mod shrink;
mod simpler;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use peerglass_sim::{Violation, said};
use peerglass_trace::Off;
use serde::Serialize;
use thiserror::Error;

use crate::content::ContentError;
use crate::host::Catalogue;
use crate::laws::{Laws, WatchedRun};
use crate::run::RunError;
use crate::scenario::Scenario;

pub use case::Case;
pub use draw::Drawing;
pub use shrink::Shrunk;

/// Why a hunt cannot go on.
#[derive(Debug, Error)]
pub enum HuntError {
    /// The scenario cannot be run.
    #[error("with seed {seed} the scenario cannot be run: {source}")]
    Run {
        /// Of the run.
        seed: u64,
        /// Why.
        source: RunError,
    },
    /// The simulator or a law failed: a mistake in this program, and none of the simulated world.
    #[error(
        "the simulator itself failed in the run with seed {seed}: {message}. This is a mistake in Peerglass and no finding about the scenario; please report it"
    )]
    Engine {
        /// Of the run.
        seed: u64,
        /// What the panic said.
        message: String,
    },
}

/// What is hunted for, and where.
#[derive(Debug)]
pub struct Hunt {
    scenario: Scenario,
    laws: Laws,
    drawing: Drawing,
    catalogue: Arc<Catalogue>,
}

/// Says whether to go on, and hears of progress.
pub trait Watcher: Sync {
    /// So many runs have ended.
    fn ran(&self, _runs: u64) {}

    /// Whether to stop as soon as possible.
    fn is_over(&self) -> bool {
        false
    }
}

/// Watches nothing.
impl Watcher for () {}

/// How much was run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Runs.
    pub seeds: u64,
    /// Faults in their plans, the scenario's own included.
    pub faults: u64,
    /// Messages sent.
    pub messages: u64,
    /// Events that happened.
    pub events: u64,
}

/// A run in which a law was broken.
#[derive(Clone, Debug)]
pub struct Found {
    /// The scenario as it was run, with the drawn faults and the seed in it.
    pub scenario: Scenario,
    /// The law, and how.
    pub violation: Violation,
}

/// What came of a hunt.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How much was run: up to the smallest seed that broke a law, if the hunt was for the first.
    pub tally: Tally,
    /// What was found, by seed, in ascending order; at most one unless the hunt kept going.
    pub found: Vec<Found>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// One run.
pub(crate) struct Trial {
    pub(crate) violation: Option<Violation>,
    pub(crate) tally: Tally,
    /// Whether it was stopped before its end: then nothing is known of its laws.
    pub(crate) stopped: bool,
}

impl Hunt {
    /// A hunt through `scenario` for a run that breaks one of `laws`. Reads the content.
    pub fn new(scenario: Scenario, laws: Laws, drawing: Drawing) -> Result<Self, ContentError> {
        let catalogue = Catalogue::of(&scenario)?;
        Ok(Self { scenario, laws, drawing, catalogue })
    }

    /// The scenario of a seed: with the faults that the seed draws.
    #[must_use]
    pub fn scenario(&self, seed: u64) -> Scenario {
        self.drawing.draw(&self.scenario, seed)
    }

    /// Runs the seeds on so many threads. Ends with the first that breaks a law, or, to keep going, with the last of all.
    ///
    /// # Errors
    /// When a run cannot be made, or fails by a fault of the simulator, before a law is broken.
    pub fn run(&self, seeds: Range<u64>, threads: usize, keep_going: bool, watcher: &dyn Watcher) -> Result<Outcome, HuntError> {
        let chase = Chase { hunt: self, seeds: seeds.clone(), keep_going, watcher, next: AtomicU64::new(0), limit: AtomicU64::new(seeds.end) };
        let ended: Mutex<BTreeMap<u64, Result<Trial, HuntError>>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| chase.work(&ended));
            }
        });
        let limit = chase.limit.load(Ordering::Relaxed);
        let mut outcome = Outcome { interrupted: watcher.is_over(), ..Outcome::default() };
        // Seeds beyond the first that ended the hunt were run by luck: they do not count.
        for (seed, trial) in ended.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().filter(|(seed, _)| *seed <= limit) {
            let trial = trial?;
            if trial.stopped {
                continue;
            }
            outcome.tally.add(trial.tally);
            outcome.found.extend(trial.violation.map(|violation| Found { scenario: self.scenario(seed), violation }));
        }
        Ok(outcome)
    }

    /// Makes a finding as small as `budget` runs can: see [`Shrunk`].
    pub fn shrink(&self, found: &Found, budget: usize, watcher: &dyn Watcher) -> Result<Shrunk, HuntError> {
        shrink::shrink(found, budget, &self.catalogue, watcher)
    }
}

/// What the threads of a hunt share.
struct Chase<'a> {
    hunt: &'a Hunt,
    seeds: Range<u64>,
    keep_going: bool,
    watcher: &'a dyn Watcher,
    /// How many seeds have been begun.
    next: AtomicU64,
    /// Seeds beyond this one are of no interest.
    limit: AtomicU64,
}

impl Chase<'_> {
    fn work(&self, ended: &Mutex<BTreeMap<u64, Result<Trial, HuntError>>>) {
        loop {
            let Some(seed) = self.seeds.start.checked_add(self.next.fetch_add(1, Ordering::Relaxed)) else { return };
            if seed >= self.seeds.end || self.is_beyond(seed) {
                return;
            }
            let scenario = self.hunt.scenario(seed);
            let trial = trial(&scenario, &self.hunt.laws, &self.hunt.catalogue, &|| !self.is_beyond(seed));
            let ends = trial.as_ref().map_or(true, |trial| trial.violation.is_some() && !self.keep_going);
            if ends {
                self.limit.fetch_min(seed, Ordering::Relaxed);
            }
            let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.insert(seed, trial);
            self.watcher.ran(ended.len() as u64);
        }
    }

    fn is_beyond(&self, seed: u64) -> bool {
        seed > self.limit.load(Ordering::Relaxed) || self.watcher.is_over()
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.faults += other.faults;
        self.messages += other.messages;
        self.events += other.events;
    }
}

/// Runs `scenario` with its seed under `laws`, as long as `go_on` says so.
pub(crate) fn trial(scenario: &Scenario, laws: &Laws, catalogue: &Arc<Catalogue>, go_on: &dyn Fn() -> bool) -> Result<Trial, HuntError> {
    let seed = scenario.seed;
    guarded(seed, || {
        let mut run: WatchedRun<Off> = WatchedRun::watched_with(scenario.clone(), seed, Off, laws, Arc::clone(catalogue))?;
        let mut stopped = false;
        let violation = run.run_watched(|_| {
            stopped = !go_on();
            !stopped
        });
        let faults = scenario.faults().count() as u64;
        let tally = Tally { seeds: 1, faults, messages: run.totals().all().sent, events: run.stats().events };
        Ok(Trial { violation, tally, stopped })
    })
}

/// Whether a scenario that was made up can be run, and written as a file that is read again.
fn makes_sense(scenario: &Scenario) -> bool {
    let file = &scenario.origin.file;
    scenario.to_toml().is_ok_and(|text| Scenario::parse_elsewhere(&text, file).is_ok())
}

/// A run whose panics are told apart from what it finds. A handler's panic never gets here: it is its peer's crash. What does is ours.
fn guarded(seed: u64, run: impl FnOnce() -> Result<Trial, RunError>) -> Result<Trial, HuntError> {
    // Nothing that the run has touched outlives it.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(ended) => ended.map_err(|source| HuntError::Run { seed, source }),
        Err(panic) => Err(HuntError::Engine { seed, message: said(&*panic).unwrap_or("a panic without a message").to_owned() }),
    }
}
