//! `peerglass diff`: where two runs part, and what changed.

use peerglass_trace::Diff;
use serde::Serialize;

use crate::args::DiffArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::recording::Recorded;

#[derive(Serialize)]
struct Shown {
    same: bool,
    /// Records that are equal before the first that differs.
    common: u64,
    /// The columns in which that differs.
    columns: Vec<&'static str>,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    what: String,
    first: u64,
    second: u64,
}

/// Runs the command.
pub(crate) fn run(args: &DiffArgs, output: Output) -> Result<(), Failure> {
    let (first, second) = (Recorded::open(&args.first)?, Recorded::open(&args.second)?);
    let diff = Diff::of(first.rows(None)?, second.rows(None)?)?;
    let shown = Shown {
        same: diff.is_same(),
        common: diff.common,
        columns: diff.parted.iter().flat_map(|parted| parted.columns.iter().copied()).collect(),
        changes: diff.changes().map(|(counter, change)| Change { what: counter.to_string(), first: change.a, second: change.b }).collect(),
    };
    output.result(&shown, diff);
    Ok(())
}
