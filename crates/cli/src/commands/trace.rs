//! `peerglass trace`: one operation, step by step.

use std::convert::Infallible;
use std::io;
use std::str::FromStr;

use peerglass_archive::OperationAt;
use peerglass_core::Peer;
use peerglass_trace::{Walk, export};
use serde::Serialize;

use crate::args::TraceArgs;
use crate::failure::{Code, Failure, While};
use crate::output::{Output, count};
use crate::recording::{Recorded, filter};

/// Operations that are listed when nobody asked for more.
const LISTED: usize = 50;

/// An operation as people name it: `p12:kad#7`, or a part of that: `p12`, `kad#7`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OperationName {
    peer: Option<Peer>,
    protocol: Option<String>,
    number: Option<u32>,
}

impl FromStr for OperationName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no operation: write p12:kad#7 for one, p12 for all of a peer, kad#7 for those of that number at all peers");
        let (peer, operation) = match text.split_once(':') {
            Some((peer, operation)) => (Some(peer), Some(operation)),
            None if text.contains('#') => (None, Some(text)),
            None => (Some(text), None),
        };
        let peer = peer.map(|peer| peer.strip_prefix('p').unwrap_or(peer).parse().map(Peer).map_err(|_| wrong())).transpose()?;
        let (protocol, number) = match operation.map(|operation| operation.split_once('#').ok_or_else(wrong)).transpose()? {
            Some((protocol, number)) => (Some(protocol.to_owned()).filter(|name| !name.is_empty()), Some(number.parse().map_err(|_| wrong())?)),
            None => (None, None),
        };
        Ok(Self { peer, protocol, number })
    }
}

#[derive(Serialize)]
struct Listed {
    operations: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    peer: u32,
    operation: String,
    first_record: u64,
    last_record: u64,
    steps: u32,
}

/// Runs the command.
pub(crate) fn run(args: &TraceArgs, output: Output) -> Result<(), Failure> {
    let recorded = Recorded::open(&args.run)?;
    let wanted = args.operation.clone().unwrap_or_default();
    let found = operations(&recorded, &wanted)?;
    match &found[..] {
        [] => {
            let why = "no step of it was recorded: `peerglass trace RUN` lists those there are; runs recorded with --capture summary have none";
            return Err(Failure::new(Code::NotFound, format!("trace the operation in {}", args.run.display()), why));
        }
        [one] => walk(&recorded, one, output)?,
        // Number 0 is a peer's upkeep, which never ends.
        _ if wanted.peer.is_some() && wanted.number.is_some() => {
            for one in &found {
                walk(&recorded, one, output)?;
            }
        }
        many => list(many, output),
    }
    Ok(())
}

fn list(found: &[OperationAt], output: Output) {
    let entry = |at: &OperationAt| Entry {
        peer: at.peer.0,
        operation: format!("{}#{}", at.protocol, at.number),
        first_record: at.first,
        last_record: at.last,
        steps: at.steps,
    };
    let lines: String = found
        .iter()
        .take(LISTED)
        .map(|at| {
            format!("{:<24} {:>6} steps, records {} to {}\n", format!("{}:{}#{}", at.peer, at.protocol, at.number), at.steps, at.first, at.last)
        })
        .collect();
    let more = found.len().saturating_sub(LISTED);
    let more = if more > 0 {
        format!("… and {} more: name a peer (p12) or a number (kad#7) to list fewer", count(more as u64, "operation"))
    } else {
        String::new()
    };
    output.result(&Listed { operations: found.iter().map(entry).collect() }, format_args!("{lines}{more}"));
}

/// The operations that are meant, from the index of a run or from the records themselves.
pub(crate) fn operations(recorded: &Recorded, wanted: &OperationName) -> Result<Vec<OperationAt>, Failure> {
    match recorded {
        Recorded::Run(run) => {
            run.operations(wanted.protocol.as_deref(), wanted.peer, wanted.number).while_doing(|| "read the index of operations".to_owned())
        }
        Recorded::Lines(..) | Recorded::Live(_) => {
            let steps = recorded.rows(filter("kind == step").as_ref())?;
            let mut found: Vec<OperationAt> = Vec::new();
            for row in steps {
                let row = row?;
                let Some((protocol, number)) = row.operation.as_deref().and_then(|operation| operation.split_once('#')) else { continue };
                let Ok(number) = number.parse() else { continue };
                let fits = wanted.peer.is_none_or(|peer| peer == row.peer)
                    && wanted.number.is_none_or(|wanted| wanted == number)
                    && wanted.protocol.as_deref().is_none_or(|wanted| wanted == protocol);
                if fits {
                    found.push(OperationAt { protocol: protocol.to_owned(), peer: row.peer, number, first: row.seq, last: row.seq, steps: 1 });
                }
            }
            Ok(OperationAt::merged(found))
        }
    }
}

fn walk(recorded: &Recorded, at: &OperationAt, output: Output) -> Result<(), Failure> {
    let mut walk = Walk::new(at.peer, &format!("{}#{}", at.protocol, at.number));
    let mut part = Vec::new();
    for row in recorded.rows(filter(&format!("seq in {}..={} && kind in {{step, sent, received, dropped}}", at.first, at.last)).as_ref())? {
        let row = row?;
        if walk.add(&row) && output.json {
            part.push(Ok::<_, Infallible>(row));
        }
    }
    if output.json {
        let out = &mut io::stdout().lock();
        let written = export::write(export::Format::JsonLines, &export::Options::default(), recorded.header(), None, part.into_iter(), out);
        return written.map(|_| ()).while_doing(|| "print the operation".to_owned());
    }
    output.line(format_args!("{walk}\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_whole_or_in_part() {
        let name =
            |peer: Option<u32>, protocol: Option<&str>, number| OperationName { peer: peer.map(Peer), protocol: protocol.map(str::to_owned), number };
        for (text, wanted) in [
            ("p12:kad#7", name(Some(12), Some("kad"), Some(7))),
            ("12:kad#7", name(Some(12), Some("kad"), Some(7))),
            ("p12", name(Some(12), None, None)),
            ("kad#7", name(None, Some("kad"), Some(7))),
            ("p12:#7", name(Some(12), None, Some(7))),
        ] {
            assert_eq!(text.parse(), Ok(wanted), "{text}");
        }
        for text in ["", "kad", "p12:kad", "px:kad#7", "kad#x", "p12:kad#-1"] {
            assert!(text.parse::<OperationName>().is_err(), "{text}");
        }
    }
}
