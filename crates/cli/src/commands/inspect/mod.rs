//! `peerglass inspect`: what was recorded, whole, in part, or counted.

mod causes;
mod exchanges;
mod packet;
mod standing;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use peerglass_archive::State;
use peerglass_lab::units::Span;
use peerglass_trace::export::{self, ExportError, Format, Options};
use peerglass_trace::{By, Filter, Tallies, Tally};
use serde::Serialize;

use crate::args::InspectArgs;

use crate::failure::{Failure, While};
use crate::live::LiveNode;
use crate::output::{Output, count};
use crate::recording::Recorded;
pub(crate) use causes::Followed;

/// Lines of a table that nobody asked to be longer.
const LINES: usize = 100;

/// Runs the command.
pub(crate) fn run(args: &InspectArgs, output: Output) -> Result<(), Failure> {
    // The command line asks for one of the two.
    let path = args.run.as_deref().unwrap_or(Path::new("."));
    let recorded = match &args.live {
        Some(address) => Recorded::Live(LiveNode::open(address)?),
        None => Recorded::open(path)?,
    };
    let until = args.at.map(|at| before(args.filter.as_ref(), at)).transpose()?;
    let filter = until.as_ref().or(args.filter.as_ref());
    if let Some(seq) = args.why {
        return causes::before(&recorded, seq, output);
    }
    if let Some(followed) = &args.follow {
        return causes::after(&recorded, followed, args.limit, output);
    }
    if let Some(seq) = args.packet {
        return packet::show(&recorded, seq, output);
    }
    if args.round_trips {
        return exchanges::round_trips(&recorded, output);
    }
    if args.odd {
        return exchanges::oddities(&recorded, output);
    }
    if let Some(by) = args.by {
        let tallies = tally(&recorded, filter, by)?;
        output.result(&Counted::new(&tallies), tallies);
        return Ok(());
    }
    match args.format {
        Some(format) => export(&recorded, format, filter, args, output),
        None if args.filter.is_none() && args.limit.is_none() => match &recorded {
            Recorded::Live(live) => standing::show(live, output),
            _ => overview(&recorded, path, filter, output),
        },
        None if output.json => export(&recorded, Format::JsonLines, filter, args, output),
        None => list(&recorded, filter, args.limit, output),
    }
}

/// What passes, and had happened by this time.
fn before(filter: Option<&Filter>, at: Span) -> Result<Filter, Failure> {
    let passes = filter.map_or_else(String::new, |filter| format!("({filter}) && "));
    format!("{passes}time <= {}ns", at.0.as_nanos()).parse().blaming_input(|| "use the filter and the time together".to_owned())
}

/// Records in the format of another program.
fn export(recorded: &Recorded, format: Format, filter: Option<&Filter>, args: &InspectArgs, output: Output) -> Result<(), Failure> {
    let options = Options { limit: args.limit.map(|limit| limit as u64), steps: args.steps };
    // Where a record is shown in the light of others, all have to be seen.
    let rows = recorded.rows(filter.filter(|_| !format.looks_around()))?.map(|row| row.map_err(|failure| failure.to_string()));
    let doing = || args.out.as_ref().map_or_else(|| format!("export as {format}"), |path| format!("export as {format} into {}", path.display()));
    let Some(path) = &args.out else {
        let mut out = BufWriter::new(io::stdout().lock());
        return match export::write(format, &options, recorded.header(), filter, rows, &mut out) {
            // A reader that has gone away (`| head`) is no reason to fail.
            Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map(|_| ()).while_doing(doing),
        };
    };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).while_doing(doing)?);
    let kept = export::write(format, &options, recorded.header(), filter, rows, &mut out).while_doing(doing)?;
    let beside = |name: String, text: &str| fs::write(path.with_file_name(name), text).while_doing(doing);
    match format {
        // A table has no place for where it comes from.
        Format::Csv => beside(format!("{}.about.json", file_name(path)), &export::about(recorded.header(), filter, &options))?,
        Format::Pcapng => beside("peerglass.lua".to_owned(), export::DISSECTOR)?,
        _ => {}
    }
    output.say(format_args!("{} in {}", count(kept, "record"), path.display()));
    if format == Format::Pcapng {
        output.say(format_args!("open it with: wireshark -X lua_script:{} {}", path.with_file_name("peerglass.lua").display(), path.display()));
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Records as lines, and how many more there are.
fn list(recorded: &Recorded, filter: Option<&Filter>, limit: Option<usize>, output: Output) -> Result<(), Failure> {
    // Of a node that runs there is always more to come.
    let limit = if matches!(recorded, Recorded::Live(_)) { Some(limit.unwrap_or(usize::MAX)) } else { limit };
    let mut rows = recorded.rows(filter)?;
    for row in rows.by_ref().take(limit.unwrap_or(LINES)) {
        if !output.line(row?) {
            return Ok(());
        }
    }
    if limit.is_none() {
        let more = rows.try_fold(0, |more, row| row.map(|_| more + 1))?;
        if more > 0 {
            output.say(format_args!("… and {} more: --limit says how many are shown", count(more, "record")));
        }
    }
    Ok(())
}

fn tally(recorded: &Recorded, filter: Option<&Filter>, by: By) -> Result<Tallies, Failure> {
    let mut tallies = Tallies::new(by);
    recorded.each(filter, |row| tallies.add(row).blaming_input(|| "count the records".to_owned()))?;
    Ok(tallies)
}

/// Counts for scripts.
#[derive(Serialize)]
struct Counted {
    groups: BTreeMap<String, Counts>,
}

#[derive(Serialize)]
struct Counts {
    records: u64,
    sent: u64,
    received: u64,
    dropped: u64,
    bytes: u64,
}

impl Counted {
    fn new(tallies: &Tallies) -> Self {
        let counts = |&Tally { records, sent, received, dropped, bytes }: &Tally| Counts { records, sent, received, dropped, bytes };
        Self { groups: tallies.groups().map(|(group, tally)| (group.to_string(), counts(tally))).collect() }
    }
}

/// What a run was.
#[derive(Serialize)]
struct Overview {
    source: &'static str,
    scenario: String,
    seed: Option<u64>,
    engine: String,
    finished: Option<bool>,
    records: u64,
    first_ns: u64,
    last_ns: u64,
    types: Counted,
}

fn overview(recorded: &Recorded, path: &Path, filter: Option<&Filter>, output: Output) -> Result<(), Failure> {
    let (mut types, mut records, mut first, mut last) = (Tallies::new(By::Type), 0, None, 0);
    recorded.each(filter, |row| {
        records += 1;
        last = row.time().as_nanos();
        first = first.or(Some(last));
        types.add(row).while_doing(|| "count the records".to_owned())
    })?;
    let header = recorded.header();
    let finished = match recorded {
        Recorded::Run(run) => Some(run.manifest().rest.state == State::Finished),
        Recorded::Lines(..) | Recorded::Live(_) => None,
    };
    let shown = Overview {
        source: header.source.name(),
        scenario: header.scenario.clone(),
        seed: header.seed,
        engine: header.engine.clone(),
        finished,
        records,
        first_ns: first.unwrap_or_default(),
        last_ns: last,
        types: Counted::new(&types),
    };
    let seed = shown.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    let unfinished = if finished == Some(false) { "\nIt goes on, or was cut off: what follows is what can be read of it." } else { "" };
    let seconds = (shown.last_ns - shown.first_ns.min(shown.last_ns)) as f64 / 1e9;
    output.result(
        &shown,
        format_args!(
            "{}: {} ({}{seed}, version {})\n{} over {seconds:.3} s{unfinished}\n\n{types}",
            path.display(),
            shown.scenario,
            shown.source,
            shown.engine,
            count(records, "record")
        ),
    );
    Ok(())
}
