//! Records in the formats of other programs: [`write()`] turns the rows of a run into sequence charts, packets, timelines, plots and tables.
//!
//! ```
//! use peerglass_trace::export::{self, Format, Options};
//! use peerglass_trace::{ReadError, RunHeader};
//!
//! let format: Format = "mermaid".parse()?;
//! let (header, rows) = (RunHeader::sim("nothing happens", 7), Vec::new());
//! let mut chart = Vec::new();
//! let kept = export::write(format, &Options::default(), &header, None, rows.into_iter().map(Ok::<_, ReadError>), &mut chart)?;
//! assert!(kept == 0 && chart.starts_with(b"%% peerglass"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```text
//!   rows of the run ──▶ Chosen ──▶ row, and whether it passes ─┬─ tables     a line a row: jsonl, json, csv
//!      in order         filter                                 ├─ pcapng     a packet at the sender, one at the receiver
//!                       limit                                  ├─ chrome     slices and arrows
//!                                                              ├─ mermaid    held until it is known to be short enough
//!                                                              └─ …
//! ```
//!
//! # Which rows to give
//!
//! An exporter applies the filter itself and wants *all* rows of the run where it can have them, because what passes depends on what does not: the fate of a
//! message stands in another record, and what happened before what goes through records that are not shown ([`Format::looks_around`]). Rows that were
//! filtered before (an archive that skips groups of records) are fine too; then the fates and links that would come from the missing ones are missing.
//!
//! A message is shown whole: it is shown when its `sent` record passes or its `received` or `dropped` one. In tables every record stands for itself.
//!
//! # What all exports have in common
//!
//! - They say where they come from: engine, seed, scenario and its hash, filter, limit ([`about`]); a CSV table, which has no place for it, needs that line beside it.
//! - The same rows give the same bytes.
//! - They are written while they are read, in memory that does not grow with the run. What a format can only hold whole is bounded, and refused beyond
//!   ([`ExportError`]): nothing is cut silently.
//! - Texts may come from hostile peers: nothing in them leaves its place.

mod about;
mod bins;
mod chrome;
mod error;
mod format;
mod mermaid;
mod messages;
mod operations;
mod otlp;
mod pcapng;
mod select;
mod shiviz;
mod span;
mod stream;
mod tables;
mod vega;

use std::io::Write;

use crate::{Filter, Row, RunHeader};

pub use error::ExportError;
pub use format::{Format, Plot, UnknownFormat};
pub use pcapng::DISSECTOR;
pub use stream::OtlpStream;

use about::About;
use select::Chosen;

/// What an export may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// At most so many records, the first that pass.
    pub limit: Option<u64>,
    /// Mermaid: notes for everything that is no message: steps, events, commands, timers.
    pub steps: bool,
}

/// Exports those of `rows` that pass `filter` to `out`; how many there were.
///
/// `rows` are in order of their numbers. Nothing is written to `out` when the export is refused for its size; after any other error it is not whole.
pub fn write<E>(
    format: Format,
    options: &Options,
    header: &RunHeader,
    filter: Option<&Filter>,
    rows: impl Iterator<Item = Result<Row, E>>,
    out: &mut dyn Write,
) -> Result<u64, ExportError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut rows = rows.map(|row| row.map_err(|why| ExportError::Read(why.into())));
    let about = About { header, filter, limit: options.limit };
    let mut rows = Chosen::new(&mut rows, filter, options.limit, format.looks_around());
    match format {
        Format::JsonLines => tables::json_lines(&about, &mut rows, out),
        Format::Json => tables::json(&about, &mut rows, out),
        Format::Csv => tables::csv(&mut rows, out),
        Format::Mermaid => mermaid::write(&about, options.steps, false, &mut rows, out),
        Format::MermaidParts => mermaid::write(&about, options.steps, true, &mut rows, out),
        Format::Pcapng => pcapng::write(&about, &mut rows, out),
        Format::Chrome => chrome::write(&about, &mut rows, out),
        Format::Otlp => otlp::write(&about, &mut rows, out),
        Format::Vega(plot) => vega::write(plot, &about, &mut rows, out),
        Format::Shiviz => shiviz::write(&about, &mut rows, out),
    }?;
    out.flush().map_err(ExportError::Write)?;
    Ok(rows.kept())
}

/// Where an export comes from, as one line of JSON: the [header](RunHeader::to_json) of the run, the filter and the limit.
#[must_use]
pub fn about(header: &RunHeader, filter: Option<&Filter>, options: &Options) -> String {
    About { header, filter, limit: options.limit }.to_json()
}
