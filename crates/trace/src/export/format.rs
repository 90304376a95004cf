//! [`Format`]: what records can be exported as.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// A format of exports. Made from its name by [`str::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A line of JSON a record, as they are recorded.
    JsonLines,
    /// One JSON document.
    Json,
    /// A table.
    Csv,
    /// A sequence chart.
    Mermaid,
    /// A page of sequence charts.
    MermaidParts,
    /// A capture of packets.
    Pcapng,
    /// A log with vector clocks.
    Shiviz,
    /// A timeline.
    Chrome,
    /// Traces of OpenTelemetry.
    Otlp,
    /// A plot as Vega-Lite.
    Vega(Plot),
}

/// What a plot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plot {
    /// Messages by type over time.
    Messages,
    /// How many hops lookups took.
    Hops,
    /// How long messages were under way.
    Latency,
    /// How many peers were up over time.
    Alive,
}

/// Name, extension, and what it is in one line.
struct Card(&'static str, &'static str, &'static str);

impl Format {
    /// All formats, in the order in which they are listed for people.
    pub const ALL: [Format; 13] = [
        Format::JsonLines,
        Format::Json,
        Format::Csv,
        Format::Mermaid,
        Format::MermaidParts,
        Format::Pcapng,
        Format::Shiviz,
        Format::Chrome,
        Format::Otlp,
        Format::Vega(Plot::Messages),
        Format::Vega(Plot::Hops),
        Format::Vega(Plot::Latency),
        Format::Vega(Plot::Alive),
    ];

    const fn card(self) -> Card {
        match self {
            Format::JsonLines => Card("jsonl", "jsonl", "the records as they are recorded, a line of JSON each; for DuckDB, pandas, Polars, jq"),
            Format::Json => Card("json", "json", "one JSON document with the header and all records"),
            Format::Csv => Card("csv", "csv", "one table after RFC 4180; for spreadsheets and R"),
            Format::Mermaid => Card("mermaid", "mmd", "a sequence chart of the messages; for GitHub, GitLab, Obsidian, mermaid.live"),
            Format::MermaidParts => Card("mermaid:parts", "md", "a Markdown page of as many sequence charts as it takes"),
            Format::Pcapng => Card("pcapng", "pcapng", "the messages as packets; for Wireshark and tshark, with our dissector in Lua"),
            Format::Shiviz => Card("shiviz", "log", "a log with vector clocks; for ShiViz, which draws who knew of what"),
            Format::Chrome => Card("chrome", "json", "a timeline of operations and messages; for ui.perfetto.dev and chrome://tracing"),
            Format::Otlp => Card("otlp", "json", "traces of OpenTelemetry, one for each root cause; for Jaeger, Tempo, Zipkin"),
            Format::Vega(Plot::Messages) => {
                Card("vega:messages", "vl.json", "a plot of messages by type over time; Vega-Lite, for notebooks and vega.github.io/editor")
            }
            Format::Vega(Plot::Hops) => Card("vega:hops", "vl.json", "a plot of how many hops lookups took; Vega-Lite"),
            Format::Vega(Plot::Latency) => Card("vega:latency", "vl.json", "a plot of how long messages were under way; Vega-Lite"),
            Format::Vega(Plot::Alive) => Card("vega:alive", "vl.json", "a plot of how many peers were up over time; Vega-Lite"),
        }
    }

    /// Its name: `mermaid`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.card().0
    }

    /// The extension of its files, without the point: `mmd`.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        self.card().1
    }

    /// What it is and which program opens it, in one line.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        self.card().2
    }

    /// Whether an export of some records becomes better by seeing the others: give it all rows of the run.
    #[must_use]
    pub const fn looks_around(self) -> bool {
        !matches!(self, Format::JsonLines | Format::Json | Format::Csv)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no format has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no format `{}`: the formats are {}", .0.escape_debug(), Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Format::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| UnknownFormat(text.chars().take(60).collect()))
    }
}
