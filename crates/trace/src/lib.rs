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
//! | [`header`] | [`RunHeader`]: what a run was, so that it can be replayed |
//! | [`json`], [`csv`] | the two text formats |
//! | [`read`] | reading JSON Lines back |
//! | [`filter`] | [`Filter`]: which records to keep, in one line of text |
//! | [`totals`] | [`Totals`]: counts that drivers keep even when nobody records |

pub mod csv;
pub mod filter;
pub mod header;
pub mod json;
pub mod read;
pub mod record;
pub mod recorder;
pub mod totals;

pub use csv::Csv;
pub use filter::{Filter, FilterError};
pub use header::{RunHeader, Source};
pub use json::JsonLines;
pub use read::{ReadError, Reader, Row};
pub use record::{Described, DropCause, Record, View, What};
pub use recorder::{Capture, Counting, Off, Recorder, Tee};
pub use totals::{MessageKind, MessageTotal, Totals};
