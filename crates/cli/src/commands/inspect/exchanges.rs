//! Questions and answers, and what is odd.

use std::time::Duration;

use peerglass_trace::Quantiles;
use peerglass_trace::anomalies::{Anomalies, Report};
use peerglass_trace::pairs::{HORIZON, Pairs, Summary, TypeSummary};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::recording::{Recorded, filter};

/// Messages and what sets them off: all that pairs are made of.
const MESSAGES: &str = "kind in {sent, received, dropped, command, event}";

/// Shows round trips by type of question.
pub(super) fn round_trips(recorded: &Recorded, output: Output) -> Result<(), Failure> {
    let (mut pairs, mut over, mut summary) = (Pairs::new(HORIZON), Vec::new(), Summary::default());
    for row in recorded.rows(filter(MESSAGES).as_ref())? {
        pairs.add(&row?, &mut over);
        over.drain(..).for_each(|exchange| summary.add(&exchange));
    }
    pairs.finish().iter().for_each(|exchange| summary.add(exchange));
    let shown = Shown { types: summary.types().map(|(name, of)| ShownType::new(name, of)).collect() };
    output.result(&shown, summary);
    Ok(())
}

#[derive(Serialize)]
struct Shown {
    types: Vec<ShownType>,
}

#[derive(Serialize)]
struct ShownType {
    name: String,
    count: u64,
    answered: u64,
    lost: u64,
    unanswered: u64,
    repeats: u64,
    /// In nanoseconds: median, 95 %, most.
    round_trip_ns: [Option<u64>; 3],
}

impl ShownType {
    fn new(name: &str, of: &TypeSummary) -> Self {
        let TypeSummary { count, answered, lost, unanswered, repeats, .. } = *of;
        Self { name: name.to_owned(), count, answered, lost, unanswered, repeats, round_trip_ns: spread(&of.round_trips) }
    }
}

fn spread(times: &Quantiles) -> [Option<u64>; 3] {
    [500, 950, 1000].map(|per_mille| times.quantile(per_mille).map(|time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
}

/// Shows what is odd in a run.
pub(super) fn oddities(recorded: &Recorded, output: Output) -> Result<(), Failure> {
    let mut anomalies = Anomalies::new(recorded.header().source, HORIZON);
    for row in recorded.rows(None)? {
        anomalies.add(&row?);
    }
    let report = anomalies.finish();
    output.result(&ShownReport::new(&report), &report);
    Ok(())
}

#[derive(Serialize)]
struct ShownReport {
    damaged: bool,
    kinds: Vec<ShownKind>,
}

#[derive(Serialize)]
struct ShownKind {
    kind: &'static str,
    count: u64,
    examples: Vec<ShownAnomaly>,
}

#[derive(Serialize)]
struct ShownAnomaly {
    records: Vec<u64>,
    says: String,
}

impl ShownReport {
    fn new(report: &Report) -> Self {
        let kinds = report.kinds().map(|(kind, count, examples)| ShownKind {
            kind: kind.name(),
            count,
            examples: examples.iter().map(|anomaly| ShownAnomaly { records: anomaly.records.clone(), says: anomaly.says.clone() }).collect(),
        });
        Self { damaged: report.is_damaged(), kinds: kinds.collect() }
    }
}
