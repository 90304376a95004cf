//! Runs on disk: the records of a run as Parquet, written while it happens, and read back.
//!
//! A run is a directory, whoever made it, the simulator or a real node:
//!
//! ```text
//!   run/
//!     run.json                  what the run was, on what machine, and whether it ended
//!     records/000000.parquet    a million records a file, in the order of their numbers
//!     records/000001.parquet
//!     operations/000000.parquet which operations have steps in the record file of that number, and where
//! ```
//!
//! DuckDB, Polars and pandas read `records/*.parquet` as they are. An unclosed Parquet file is unreadable, so a file gets its name when it is whole: of a run that is
//! killed, everything up to the last whole file can be read.
//!
//! ```text
//!   driver ──Record──▶ Chunk ──channel of two──▶ thread: JSON, columns ──▶ 000007.parquet.part ──whole──▶ 000007.parquet
//!            copied, column by column                                            └─▶ its operations
//! ```
//!
//! The driver only copies; a thread does the rest. When that cannot keep up, the driver waits: a record is never lost silently, and memory stays within a few
//! chunks (64 Ki records or 16 MiB of contents each).
//!
//! # Table of contents
//!
//! | module | holds |
//! |---|---|
//! | [`recording`] | [`Recording`], the recorder that writes a run |
//! | [`live`] | [`Live`], a recording that can be read while it goes on |
//! | [`manifest`] | [`Manifest`], `run.json` |
//! | [`run`] | [`Run`], a run that is read |
//! | [`batch`] | [`Batch`], some of its records, column by column |

pub mod batch;
mod chunk;
mod encode;
mod error;
mod files;
mod groups;
pub mod live;
pub mod manifest;
mod operations;
pub mod recording;
pub mod run;
mod scan;
mod schema;

pub use batch::{Batch, RowRef};
pub use error::{OpenError, ReadError};
pub use live::Live;
pub use manifest::{Machine, Manifest, State};
pub use operations::OperationAt;
pub use recording::Recording;
pub use run::Run;
