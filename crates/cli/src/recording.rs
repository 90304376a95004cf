//! Recorded runs: where a node's records go, and how records are read, whatever they were written as.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use peerglass_archive::{Live, Run};
use peerglass_node::options::BoxedRecorder;
use peerglass_trace::filter::Look;
use peerglass_trace::{Capture, Filter, JsonLines, Reader, Row, RunHeader};

use crate::failure::{Failure, While};
use crate::live::LiveNode;

/// Whether a name means JSON Lines, and not a directory.
fn is_lines(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

/// Where the records of a node on the network called `network` go.
pub(crate) fn of_node(path: &Path, network: &str, capture: Capture) -> Result<BoxedRecorder, Failure> {
    let doing = || format!("record into {} (choose another with --record)", path.display());
    // Times in the records of a node count from the Unix epoch.
    let header = RunHeader::node(network, 0);
    if is_lines(path) {
        let file = File::create(path).while_doing(doing)?;
        return Ok(Box::new(JsonLines::new(file, &header).capturing(capture)));
    }
    std::fs::create_dir_all(path).while_doing(doing)?;
    Ok(Box::new(Live::create(path, header, capture).blaming_input(doing)?))
}

/// Records that can be read.
pub(crate) enum Recorded {
    /// A run.
    Run(Run),
    /// A file of JSON Lines.
    Lines(PathBuf, RunHeader),
    /// A node that runs: its records from now on.
    Live(LiveNode),
}

/// Records one after the other.
pub(crate) type Rows = Box<dyn Iterator<Item = Result<Row, Failure>>>;

impl Recorded {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let doing = || format!("open the run {}", path.display());
        if path.is_file() {
            let reader = lines(path).blaming_input(doing)?;
            return Ok(Recorded::Lines(path.to_owned(), reader.header().clone()));
        }
        Ok(Recorded::Run(Run::open(path).blaming_input(doing)?))
    }

    pub(crate) fn header(&self) -> &RunHeader {
        match self {
            Recorded::Run(run) => &run.manifest().header,
            Recorded::Lines(_, header) => header,
            Recorded::Live(live) => &live.header,
        }
    }

    /// Shows each record that passes `filter`, without its contents and without its being copied for that.
    pub(crate) fn each(&self, filter: Option<&Filter>, mut see: impl FnMut(&dyn Look) -> Result<(), Failure>) -> Result<(), Failure> {
        match self {
            Recorded::Run(run) => {
                for batch in run.scan_columns(filter) {
                    batch.while_doing(|| "read the records".to_owned())?.rows().try_for_each(|row| see(&row))?;
                }
                Ok(())
            }
            Recorded::Lines(..) | Recorded::Live(_) => self.rows(filter)?.try_for_each(|row| see(&row?)),
        }
    }

    /// The records that pass `filter`, or all, in the order of their numbers.
    pub(crate) fn rows(&self, filter: Option<&Filter>) -> Result<Rows, Failure> {
        match self {
            Recorded::Run(run) => Ok(Box::new(run.rows(filter).map(|row| row.while_doing(|| "read the records".to_owned())))),
            Recorded::Live(live) => Ok(live.rows(filter)),
            Recorded::Lines(path, _) => {
                let rows = lines(path).while_doing(|| format!("open {}", path.display()))?;
                let rows = rows.map(|row| row.while_doing(|| "read the records".to_owned()));
                Ok(match filter.cloned() {
                    Some(filter) => Box::new(rows.filter(move |row| row.as_ref().map_or(true, |row| filter.matches(row)))),
                    None => Box::new(rows),
                })
            }
        }
    }
}

/// A filter that a command makes itself: it is one.
pub(crate) fn filter(text: &str) -> Option<Filter> {
    let filter = text.parse();
    debug_assert!(filter.is_ok(), "{text}");
    filter.ok()
}

fn lines(path: &Path) -> Result<Reader<BufReader<File>>, peerglass_trace::ReadError> {
    Reader::new(BufReader::with_capacity(1 << 20, File::open(path)?))
}
