//! Shrinking: from a run in which much went wrong to the little that it takes.
//!
//! A case is tried smaller, and where the same law is still broken the smaller one takes its place. First come the parts that can be left out, faults before all others, by
//! *delta debugging*: halves are tried, then quarters, and so on, each alone and each left out, down to single parts, so that in the end none can be spared (`ddmin`; Zeller and
//! Hildebrandt, *Simplifying and Isolating Failure-Inducing Input*, IEEE TSE 28(2), 2002). Then everything that can be smaller is made so ([`super::simpler`]): peers, operations, the
//! duration, the network, the faults themselves. And again from the beginning, until nothing helps or the budget of runs is spent.
//!
//! ```text
//!   faults   ● ● ● ● ● ● ● ●        does it break with half of them? with the other half? without a quarter? …
//!            ● ● ● ●                                            yes
//!                ● ●                                            yes
//!                  ●                                            yes: this one alone
//! ```
//!
//! Everything is tried in a fixed order with the seed of the finding, one run after the other: the same finding shrinks to the same case.

use std::sync::Arc;

use peerglass_sim::Violation;

use super::simpler::{self, Part};
use super::{Found, HuntError, Watcher, makes_sense, trial};
use crate::host::Catalogue;
use crate::laws::Laws;
use crate::scenario::Scenario;

/// The smallest case that was found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The scenario, with the seed in it.
    pub scenario: Scenario,
    /// What it breaks, and how.
    pub violation: Violation,
    /// How many runs it took.
    pub runs: usize,
    /// Whether nothing was left to try; else the budget was spent, or somebody stopped it.
    pub done: bool,
}

/// Shrinks a finding.
pub(super) fn shrink(found: &Found, budget: usize, catalogue: &Arc<Catalogue>, watcher: &dyn Watcher) -> Result<Shrunk, HuntError> {
    let laws = found.violation.law.parse().unwrap_or_else(|_| Laws::all());
    let mut scenario = found.scenario.clone();
    scenario.lesson.clear();
    let mut shrinker =
        Shrinker { laws, best: scenario, violation: found.violation.clone(), catalogue: Arc::clone(catalogue), budget, runs: 0, watcher };
    loop {
        let before = shrinker.best.clone();
        shrinker.leave_out(&simpler::faults(&shrinker.best))?;
        shrinker.leave_out(&simpler::others(&shrinker.best))?;
        for candidates in simpler::PASSES {
            shrinker.simplify(candidates)?;
        }
        if shrinker.best == before || shrinker.is_spent() {
            break;
        }
    }
    let done = !shrinker.is_spent();
    Ok(Shrunk { scenario: shrinker.best, violation: shrinker.violation, runs: shrinker.runs, done })
}

struct Shrinker<'a> {
    /// The law that must remain broken.
    laws: Laws,
    best: Scenario,
    violation: Violation,
    /// Of the best.
    catalogue: Arc<Catalogue>,
    budget: usize,
    runs: usize,
    watcher: &'a dyn Watcher,
}

impl Shrinker<'_> {
    fn is_spent(&self) -> bool {
        self.runs >= self.budget || self.watcher.is_over()
    }

    /// Whether `candidate` breaks the law too; then it is the best from now on.
    fn accept(&mut self, candidate: Scenario) -> Result<bool, HuntError> {
        if self.is_spent() || candidate == self.best || !makes_sense(&candidate) {
            return Ok(false);
        }
        let same = candidate.content == self.best.content && candidate.libraries() == self.best.libraries();
        let catalogue = match Catalogue::of(&candidate) {
            _ if same => Arc::clone(&self.catalogue),
            Ok(catalogue) => catalogue,
            Err(_) => return Ok(false),
        };
        self.runs += 1;
        self.watcher.ran(self.runs as u64);
        let trial = match trial(&candidate, &self.laws, &catalogue, &|| !self.watcher.is_over()) {
            Ok(trial) => trial,
            // It was made by taking something away; that it cannot be planned only says that this was too much.
            Err(HuntError::Run { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let Some(violation) = trial.violation else { return Ok(false) };
        (self.best, self.violation, self.catalogue) = (candidate, violation, catalogue);
        Ok(true)
    }

    /// Leaves out as many of these parts as can be spared: ddmin.
    fn leave_out(&mut self, parts: &[Part]) -> Result<(), HuntError> {
        let whole = self.best.clone();
        let mut needed = parts.to_vec();
        let keep = |kept: &[Part]| {
            let left_out: Vec<Part> = parts.iter().copied().filter(|part| !kept.contains(part)).collect();
            simpler::without(&whole, &left_out)
        };
        if needed.is_empty() || self.accept(keep(&[]))? {
            return Ok(());
        }
        let mut granularity = 2;
        while needed.len() > 1 && !self.is_spent() {
            let chunks: Vec<Vec<Part>> = chunks(&needed, granularity);
            let rests = (0..chunks.len()).map(|i| chunks.iter().enumerate().filter(|(j, _)| *j != i).flat_map(|(_, chunk)| chunk.clone()).collect());
            let rests: Vec<Vec<Part>> = rests.collect();
            if let Some(chunk) = self.first_accepted(&chunks, &keep)? {
                (needed, granularity) = (chunk, 2);
            } else if let Some(rest) = self.first_accepted(&rests, &keep)? {
                (needed, granularity) = (rest, (granularity - 1).max(2));
            } else if granularity < needed.len() {
                granularity = (granularity * 2).min(needed.len());
            } else {
                break;
            }
        }
        Ok(())
    }

    fn first_accepted(&mut self, candidates: &[Vec<Part>], keep: &impl Fn(&[Part]) -> Scenario) -> Result<Option<Vec<Part>>, HuntError> {
        for candidate in candidates {
            if self.accept(keep(candidate))? {
                return Ok(Some(candidate.clone()));
            }
        }
        Ok(None)
    }

    /// Takes simpler ones as long as there are any.
    fn simplify(&mut self, candidates: fn(&Scenario) -> Vec<Scenario>) -> Result<(), HuntError> {
        let mut again = true;
        while again && !self.is_spent() {
            again = false;
            for candidate in candidates(&self.best) {
                if self.accept(candidate)? {
                    again = true;
                    break;
                }
            }
        }
        Ok(())
    }
}

/// `parts` in so many pieces of nearly the same length.
fn chunks(parts: &[Part], count: usize) -> Vec<Vec<Part>> {
    let count = count.min(parts.len());
    (0..count).map(|i| parts[i * parts.len() / count..(i + 1) * parts.len() / count].to_vec()).collect()
}
