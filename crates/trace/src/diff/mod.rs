//! [`Diff`]: where two runs part, and what changed.
//!
//! A run is a function of engine, scenario and seed, so two runs that should be the same are the same record by record, and the first that differs is where to
//! look: everything before it was equal, everything after it follows from it. Two runs that should differ (another seed, another version, one parameter) differ
//! early, and what is to be compared are their counts:
//!
//! ```text
//!   A  #0 #1 #2 … #941 │ #942 #943 …  ──▶ counts of A ─┐
//!       =  =  =     =  │  ≠                            ├──▶ changes: sent, received, dropped, bytes, events, steps, mean round trips
//!   B  #0 #1 #2 … #941 │ #942 #943 …  ──▶ counts of B ─┘
//!                      └── parted here
//! ```
//!
//! Both runs are read in lock-step until they part, then each to its end. What is kept is one record of each, the counts, and what [`Pairs`] keeps.

#[cfg(test)]
mod tests;

use core::fmt;
use std::collections::BTreeMap;

use crate::line::Shortened;
use crate::pairs::Summary;
use crate::{Exchange, Pairs, Row};

/// Counters that are told apart. What a damaged run has beyond them is counted as one.
const MAX_COUNTERS: usize = 65_536;

/// Two runs compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Diff {
    /// How many records are equal before the first that differs.
    pub common: u64,
    /// The first records that differ; `None` when the runs are the same.
    pub parted: Option<Parted>,
    /// What was counted, by name, whether it changed or not.
    pub counts: BTreeMap<Counter, Change>,
}

/// Where two runs part.
#[derive(Clone, Debug, PartialEq)]
pub struct Parted {
    /// The last record that is the same in both.
    pub last_common: Option<Row>,
    /// The record of the first run; `None` when it has ended.
    pub a: Option<Row>,
    /// The record of the second run; `None` when it has ended.
    pub b: Option<Row>,
    /// The columns that differ, when both have a record.
    pub columns: Vec<&'static str>,
}

/// Something that is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    /// Of what: a type of message, event or step with its protocol, `kad FIND_NODE`; empty for all records.
    pub of: String,
    /// What about it.
    pub what: Counted,
}

/// What is counted of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Records.
    Records,
    /// Messages sent.
    Sent,
    /// Messages received.
    Received,
    /// Messages lost.
    Dropped,
    /// Bytes of messages sent.
    Bytes,
    /// Questions answered.
    Answered,
    /// The mean round trip of a question, in microseconds.
    RoundTripUs,
    /// Commands, events, timers and faults.
    Happened,
    /// Steps of operations.
    Steps,
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.of.is_empty() {
            write!(f, "{} ", Shortened(&self.of))?;
        }
        f.write_str(self.what.name())
    }
}

impl Counted {
    const fn name(self) -> &'static str {
        match self {
            Counted::Records => "records",
            Counted::Sent => "sent",
            Counted::Received => "received",
            Counted::Dropped => "dropped",
            Counted::Bytes => "bytes sent",
            Counted::Answered => "answered",
            Counted::RoundTripUs => "mean round trip, µs",
            Counted::Happened => "times",
            Counted::Steps => "steps",
        }
    }
}

/// A count in both runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// In the first run.
    pub a: u64,
    /// In the second run.
    pub b: u64,
}

impl Change {
    /// The second less the first.
    #[must_use]
    pub fn absolute(self) -> i128 {
        i128::from(self.b) - i128::from(self.a)
    }

    /// The absolute change as a part of the first; `None` when that is zero.
    #[must_use]
    pub fn relative(self) -> Option<f64> {
        (self.a > 0).then(|| self.absolute() as f64 / self.a as f64)
    }
}

impl Diff {
    /// Compares the records of two runs, each in the order of their numbers.
    ///
    /// # Errors
    ///
    /// Those of the readers: the first that is met.
    pub fn of<E>(a: impl IntoIterator<Item = Result<Row, E>>, b: impl IntoIterator<Item = Result<Row, E>>) -> Result<Self, E> {
        let (mut a, mut b) = (a.into_iter(), b.into_iter());
        let (mut counts_a, mut counts_b) = (Counts::default(), Counts::default());
        let (mut common, mut parted, mut last_common) = (0, None, None);
        loop {
            let (one, other) = (a.next().transpose()?, b.next().transpose()?);
            one.iter().for_each(|row| counts_a.add(row));
            other.iter().for_each(|row| counts_b.add(row));
            match (one, other) {
                (None, None) => break,
                _ if parted.is_some() => {}
                (Some(one), Some(other)) if same(&one, &other) => {
                    common += 1;
                    last_common = Some(one);
                }
                (a, b) => {
                    let columns = a.as_ref().zip(b.as_ref()).map(|(a, b)| columns(a, b)).unwrap_or_default();
                    parted = Some(Parted { last_common: last_common.take(), a, b, columns });
                }
            }
        }
        let mut counts = BTreeMap::<Counter, Change>::new();
        counts_a.finish().into_iter().for_each(|(counter, count)| counts.entry(counter).or_default().a = count);
        counts_b.finish().into_iter().for_each(|(counter, count)| counts.entry(counter).or_default().b = count);
        Ok(Self { common, parted, counts })
    }

    /// Whether the runs are the same, record by record.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.parted.is_none()
    }

    /// The counts that changed.
    pub fn changes(&self) -> impl Iterator<Item = (&Counter, Change)> {
        self.counts.iter().filter(|(_, change)| change.a != change.b).map(|(counter, change)| (counter, *change))
    }
}

/// Whether two records are the same in all columns. A number that is none equals itself here.
fn same(a: &Row, b: &Row) -> bool {
    a == b || columns(a, b).is_empty()
}

/// The columns in which two records differ.
fn columns(a: &Row, b: &Row) -> Vec<&'static str> {
    let fields = |row: &Row| format!("{:?}", row.fields);
    let differ = [
        ("seq", a.seq != b.seq),
        ("time", a.time != b.time),
        ("peer", a.peer != b.peer),
        ("cause", a.cause != b.cause),
        ("kind", a.kind != b.kind),
        ("other", a.other != b.other),
        ("proto", a.protocol != b.protocol),
        ("type", a.name != b.name),
        ("size", a.bytes != b.bytes),
        ("why", a.why != b.why),
        ("operation", a.operation != b.operation),
        ("fields", a.fields != b.fields && fields(a) != fields(b)),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// What is counted of a run.
#[derive(Default)]
struct Counts {
    counts: BTreeMap<Counter, u64>,
    pairs: Pairs,
    over: Vec<Exchange>,
    summary: Summary,
}

impl Counts {
    fn add(&mut self, row: &Row) {
        self.count(String::new(), Counted::Records, 1);
        let name = || row.protocol.iter().chain(&row.name).map(String::as_str).collect::<Vec<_>>().join(" ");
        match &*row.kind {
            "sent" => {
                self.count(name(), Counted::Sent, 1);
                self.count(name(), Counted::Bytes, row.bytes.unwrap_or_default());
            }
            "received" => self.count(name(), Counted::Received, 1),
            "dropped" => self.count(name(), Counted::Dropped, 1),
            "step" => self.count(name(), Counted::Steps, 1),
            kind if row.name.is_some() => self.count(format!("{kind} {}", name()), Counted::Happened, 1),
            kind => self.count(kind.to_owned(), Counted::Happened, 1),
        }
        self.pairs.add(row, &mut self.over);
        self.over.drain(..).for_each(|exchange| self.summary.add(&exchange));
    }

    fn count(&mut self, of: String, what: Counted, count: u64) {
        let mut counter = Counter { of, what };
        if self.counts.len() >= MAX_COUNTERS && !self.counts.contains_key(&counter) {
            "…".clone_into(&mut counter.of);
        }
        let sum = self.counts.entry(counter).or_default();
        *sum = sum.saturating_add(count);
    }

    fn finish(mut self) -> BTreeMap<Counter, u64> {
        let pairs = std::mem::take(&mut self.pairs);
        pairs.finish().iter().for_each(|exchange| self.summary.add(exchange));
        let summary = std::mem::take(&mut self.summary);
        for (name, of) in summary.types().filter(|(_, of)| of.answered > 0) {
            self.count(name.to_owned(), Counted::Answered, of.answered);
            if let Some(mean) = of.round_trips.mean() {
                self.count(name.to_owned(), Counted::RoundTripUs, u64::try_from(mean.as_micros()).unwrap_or(u64::MAX));
            }
        }
        self.counts
    }
}

impl fmt::Display for Diff {
    /// A report for people: where the runs part, then what changed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parted) = &self.parted else { return write!(f, "the runs are the same: {} records", self.common) };
        writeln!(f, "{} records are the same, then the runs part", self.common)?;
        let or_end = |row: &Option<Row>| row.as_ref().map_or_else(|| "the run ends".to_owned(), Row::to_string);
        if let Some(last) = &parted.last_common {
            writeln!(f, "  =  {last}")?;
        }
        write!(f, "  A  {}\n  B  {}", or_end(&parted.a), or_end(&parted.b))?;
        if !parted.columns.is_empty() {
            write!(f, "\n     differ in {}", parted.columns.join(", "))?;
        }
        let label = Counter::to_string;
        let width = self.changes().map(|(counter, _)| label(counter).chars().count()).max().unwrap_or(0);
        if width == 0 {
            return f.write_str("\nno count changed");
        }
        write!(f, "\n{:<width$} {:>14} {:>14} {:>14} {:>9}", "", "A", "B", "change", "relative")?;
        for (counter, change) in self.changes() {
            let relative = change.relative().map_or_else(|| "new".to_owned(), |part| format!("{:+.1} %", part * 100.0));
            write!(f, "\n{:<width$} {:>14} {:>14} {:>+14} {relative:>9}", label(counter), change.a, change.b, change.absolute())?;
        }
        Ok(())
    }
}
