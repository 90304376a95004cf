//! The record stream: what happened, to whom, when and because of what.
//!
//! One record stream is the primary artefact of every run, simulated or real. A driver (the simulator, the real node) makes a [`Record`] of every
//! input that a peer gets and of every effect it has, and hands it to a [`Recorder`]. Everything else (sequence charts, topologies, metrics) is a
//! view computed from records.
//!
//! ```text
//!   driver ──Record──▶ Recorder ─┬─ Off          nobody looks: the driver builds no records at all
//!                                ├─ Vec<Record>  tests and live inspection
//!                                ├─ JsonLines    one line a record, any io::Write, bounded memory ──▶ read::Reader
//!                                ├─ Csv          the same columns as a table
//!                                ├─ Counting     how many records of which kind
//!                                └─ Tee          two at once
//! ```
//!
//! Every record names its cause, the record that led to it, so "why did this happen" walks back across peers to a command or a fault:
//!
//! ```text
//!   #7 command at p1 ◀── #8 sent p1→p2 ◀── #12 received at p2 ◀── #13 sent p2→p1 ◀── #20 received at p1 ◀── #21 event at p1
//! ```
//!
//! # Table of contents
//!
//! | module | holds |
//! |---|---|
//! | [`record`] | [`Record`], [`What`] happened, [`DropCause`], and the flat [`View`] that all tables share |
//! | [`recorder`] | [`Recorder`], [`Capture`] and the recorders that keep records in memory |
//! | [`pen`] | [`Pen`], with which drivers write |
//! | [`header`] | [`RunHeader`]: what a run was, so that it can be replayed |
//! | [`json`], [`csv`] | the two text formats |
//! | [`read`] | reading JSON Lines back |
//! | [`filter`] | [`Filter`]: which records to keep, in one line of text |
//! | [`export`] | records in the formats of other programs: charts, packets, timelines, plots |
//! | [`tally`] | [`Tallies`]: counts by kind, type, peer, pair or interval, from records alone |
//! | [`walk`] | [`Walk`]: one operation step by step, with the messages it cost |
//! | [`topology`] | who is there and who knows whom, at any time; graph measures; graph formats |
//! | [`pairs`] | [`Pairs`]: questions and their answers, found by cause: round trips, losses, repetitions |
//! | [`anomalies`] | [`Anomalies`]: what is odd, from unanswered questions to damaged records |
//! | [`diff`] | [`Diff`]: where two runs part, and what changed |
//! | [`follow`] | [`Follow`]: what a record led to; [`why`](follow::why): what led to it |
//! | [`merge`] | the runs of several real nodes as one, by their causes, with their clocks set right |
//! | [`quantiles`] | [`Quantiles`]: how long things took, in bounded memory |
//! | [`totals`] | [`Totals`]: counts that drivers keep even when nobody records |

pub mod anomalies;
mod columns;
pub mod csv;
pub mod diff;
pub mod export;
pub mod filter;
mod fingerprint;
pub mod follow;
pub mod header;
pub mod json;
mod line;
pub mod merge;
pub mod pairs;
pub mod pen;
pub mod quantiles;
pub mod read;
pub mod record;
pub mod recorder;
pub mod tally;
#[cfg(test)]
mod told;
pub mod topology;
pub mod totals;
pub mod walk;

pub use anomalies::{Anomalies, Anomaly};
pub use csv::Csv;
pub use diff::Diff;
pub use filter::{Filter, FilterError};
pub use follow::Follow;
pub use header::{RunHeader, Source};
pub use json::JsonLines;
pub use pairs::{Exchange, Pairs};
pub use pen::{Cause, Pen, Words};
pub use quantiles::Quantiles;
pub use read::{ReadError, Reader, Row};
pub use record::{Described, DropCause, Record, View, What};
pub use recorder::{Capture, Counting, Off, Recorder, Tee};
pub use tally::{By, Tallies, Tally};
pub use totals::{MessageKind, MessageTotal, Totals};
pub use walk::Walk;
