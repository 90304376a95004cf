//! `peerglass merge`: runs of several real nodes as one.

use std::fs::File;
use std::io::{BufWriter, Write};

use peerglass_trace::export::{self, Format, Options};
use peerglass_trace::merge::Survey;
use peerglass_trace::{Row, RunHeader};
use serde::Serialize;

use crate::args::MergeArgs;
use crate::failure::{Failure, While};
use crate::output::{Output, count};
use crate::recording::Recorded;

#[derive(Serialize)]
struct Shown {
    records: u64,
    peers: Vec<String>,
    /// Receipts whose sending is known.
    matched: usize,
    /// Receipts that came before their sending by the corrected clocks, and were moved to it.
    clamped: u64,
    clocks: Vec<ShownClock>,
}

#[derive(Serialize)]
struct ShownClock {
    run: String,
    /// How far ahead of the first run's clock, in nanoseconds.
    ahead_ns: i64,
    /// How far off that can be.
    bound_ns: Option<u64>,
}

/// Runs the command.
pub(crate) fn run(args: &MergeArgs, output: Output) -> Result<(), Failure> {
    let runs = args.runs.iter().map(|path| Recorded::open(path)).collect::<Result<Vec<_>, _>>()?;
    let mut survey = Survey::new(runs.len());
    for (number, run) in runs.iter().enumerate() {
        for row in run.rows(None)? {
            survey.add(number, &row?);
        }
    }
    let plan = survey.finish().blaming_input(|| "merge the runs".to_owned())?;
    let doing = || format!("write {}", args.out.display());
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&args.out).while_doing(doing)?);
    let rows = runs.iter().map(|run| run.rows(None)).collect::<Result<Vec<_>, _>>()?;
    let mut woven = plan.weave(rows.into_iter().map(|rows| rows.map(|row| row.map_err(|failure| failure.to_string()))));
    let header = RunHeader::node("merged", 0);
    let by_ref = woven.by_ref().map(|row: Result<Row, String>| row);
    let records = export::write(Format::JsonLines, &Options::default(), &header, None, by_ref, &mut out).while_doing(doing)?;
    out.flush().while_doing(doing)?;
    let clocks = args.runs.iter().zip(plan.clocks()).map(|(path, clock)| ShownClock {
        run: path.display().to_string(),
        ahead_ns: i64::try_from(clock.ahead_ns()).unwrap_or(i64::MAX),
        bound_ns: clock.bound().map(|bound| u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX)),
    });
    let shown = Shown { records, peers: woven.peers().to_vec(), matched: plan.matches(), clamped: woven.clamped(), clocks: clocks.collect() };
    let peers: String = shown.peers.iter().enumerate().map(|(number, id)| format!("\n  p{number}  {id}")).collect();
    output.result(&shown, format_args!("{plan}\n{} in {}, of{peers}", count(records, "record"), args.out.display()));
    Ok(())
}
