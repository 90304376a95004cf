//! What a record led to, and what led to it.

use peerglass_trace::Row;
use peerglass_trace::follow::{self, End, Follow, Until};

use crate::failure::{Code, Failure};
use crate::output::{Output, count};
use crate::recording::{Recorded, filter};

/// Records that are shown when nobody asked for more.
const SHOWN: usize = 1000;

/// Shows a record and all that it led to.
pub(super) fn after(recorded: &Recorded, seq: u64, limit: Option<usize>, output: Output) -> Result<(), Failure> {
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
