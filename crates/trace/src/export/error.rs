//! Why records could not be exported, and what to do about it.

use std::io;

use thiserror::Error;

/// Why there is no export, or none that is whole.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The export could not be written.
    #[error("the export cannot be written: see that its target can be written to and has room, and export again")]
    Write(#[source] io::Error),
    /// The records could not be read.
    #[error("the records cannot be read to their end, so what was written before is not whole")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The records are not in order.
    #[error("record {seq} comes after record {after}: sort the records by `seq` before they are exported")]
    Order {
        /// The number of the record that comes too late.
        seq: u64,
        /// The number of the one before it.
        after: u64,
    },
    /// A sequence chart that Mermaid would not draw.
    #[error(
        "the sequence chart would have {messages} messages and {notes} notes in {characters} characters, and Mermaid draws none of more than {limit} (about {fitting} messages): \
         keep fewer with a filter such as `operation == \"kad#7\"`, `peer == p3` or `time in 2s..3s`, with a limit, or export several charts with `mermaid:parts`"
    )]
    LongChart {
        /// How many messages it would have.
        messages: u64,
        /// How many notes it would have.
        notes: u64,
        /// How long it would be.
        characters: u64,
        /// How long it may be.
        limit: u64,
        /// How many messages would fit, judged by these.
        fitting: u64,
    },
    /// More charts than anybody looks at.
    #[error(
        "{messages} messages and {notes} notes would be {parts} sequence charts, and {limit} are the most: \
         keep fewer with a filter such as `operation == \"kad#7\"`, `peer == p3` or `time in 2s..3s`, or with a limit"
    )]
    ManyCharts {
        /// How many messages they would have.
        messages: u64,
        /// How many notes they would have.
        notes: u64,
        /// About how many charts there would be.
        parts: u64,
        /// How many there may be.
        limit: u64,
    },
    /// Vector clocks that nobody can read or draw.
    #[error(
        "by record {seq} the vector clocks have {limit} entries ({events} events so far on {hosts} peers), and ShiViz cannot draw more: each event has an entry for every peer that it knows of. \
         Keep fewer events with a filter such as `peer in 0..8 && kind in {{sent, received}}` or `time in 2s..3s`, or with a limit"
    )]
    LargeClocks {
        /// The record at which it was too much.
        seq: u64,
        /// How many events there were up to it.
        events: u64,
        /// On how many peers.
        hosts: u64,
        /// How many entries there may be.
        limit: u64,
    },
}
