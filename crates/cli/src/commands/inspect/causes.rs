//! What a record led to, and what led to it.

use std::str::FromStr;

use peerglass_trace::Row;
use peerglass_trace::follow::{self, End, Follow, Until};

use crate::commands::trace::{OperationName, operations};
use crate::failure::{Code, Failure};
use crate::output::{Output, count};
use crate::recording::{Recorded, filter};

/// Records that are shown when nobody asked for more.
const SHOWN: usize = 1000;

/// What is followed: a record, or what began an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The record of this number.
    Record(u64),
    /// The operation of this name.
    Operation(OperationName),
}

impl FromStr for Followed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(seq) => Ok(Followed::Record(seq)),
            Err(_) => text.parse().map(Followed::Operation).map_err(|why: String| format!("{why}; or the number of a record")),
        }
    }
}

impl Followed {
    /// The record to begin with: of an operation that from which its first step came, a command, a message or a timer.
    fn first(&self, recorded: &Recorded) -> Result<u64, Failure> {
        let name = match self {
            Followed::Record(seq) => return Ok(*seq),
            Followed::Operation(name) => name,
        };
        let found = operations(recorded, name)?;
        let [only] = &found[..] else {
            let why = if found.is_empty() { "no step of it was recorded" } else { "these are several: name one, as in p12:kad#7" };
            return Err(Failure::new(Code::NotFound, "follow the operation", format!("{why}; `peerglass trace RUN` lists what there is")));
        };
        let begin = row(recorded, only.first)?.ok_or_else(|| missing(only.first))?;
        Ok(begin.cause.unwrap_or(begin.seq))
    }
}

/// Shows a record and all that it led to.
pub(super) fn after(recorded: &Recorded, followed: &Followed, limit: Option<usize>, output: Output) -> Result<(), Failure> {
    let seq = followed.first(recorded)?;
    let mut follow = Follow::everything_after(seq).at_most(limit.unwrap_or(SHOWN));
    for row in recorded.rows(filter(&format!("seq >= {seq}")).as_ref())? {
        let row = row?;
        if let Some(away) = follow.add(&row)
            && !output.line(format_args!("{:indent$}{row}", "", indent = 2 * away.min(20) as usize))
        {
            return Ok(());
        }
        if follow.is_cut() {
            output.say(format_args!("… and more than {}: --limit says how many are shown", count(follow.members() as u64, "record")));
            return Ok(());
        }
    }
    if follow.members() == 0 { Err(missing(seq)) } else { Ok(()) }
}

/// Shows what led to a record, from a command, timer or fault on.
pub(super) fn before(recorded: &Recorded, seq: u64, output: Output) -> Result<(), Failure> {
    let chain = follow::why(seq, Until::Origin, |seq| row(recorded, seq))?;
    if chain.rows.is_empty() {
        return Err(missing(seq));
    }
    for row in &chain.rows {
        output.line(row);
    }
    match chain.end {
        End::Outside | End::Trigger => {}
        End::Missing(seq) => output.warn(format_args!("record {seq}, which led to this, is not in the run")),
        End::NotOlder(seq) => output.warn(format_args!("record {seq} is said to have led to an older one: the run is damaged")),
        End::TooLong => output.warn("the chain goes on: it is too long to be followed"),
    }
    Ok(())
}

pub(super) fn row(recorded: &Recorded, seq: u64) -> Result<Option<Row>, Failure> {
    recorded.rows(filter(&format!("seq == {seq}")).as_ref())?.next().transpose()
}

pub(super) fn missing(seq: u64) -> Failure {
    Failure::new(Code::NotFound, format!("show record {seq}"), "there is none of this number: `peerglass inspect RUN` says how many there are")
}
