//! Why a run cannot be written or read.

use std::io;
use std::path::PathBuf;

use peerglass_trace::RunHeader;
use thiserror::Error;

/// Why a directory cannot take a run, or is none.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot be read or written.
    #[error("{path} cannot be read or written: check that it is there, its rights and the disk")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{0} holds files that are not of a run: choose a directory that is empty or holds a run to be replaced")]
    Occupied(PathBuf),
    /// It is no run.
    #[error("{0} is not a run: give a directory that a run was recorded into, with its run.json")]
    NotARun(PathBuf),
    /// It is of another schema.
    #[error("the run in {path} is of schema {found}, this version reads schema {}: read it with the version that wrote it", RunHeader::SCHEMA)]
    Schema {
        /// Which.
        path: PathBuf,
        /// The schema of the run.
        found: u32,
    },
    /// A record file is damaged.
    #[error("{path} is damaged ({why}): copy the run again, or move this file away to read the others")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Why records cannot be read.
#[derive(Debug, Error)]
#[error("{path} cannot be read ({why}): check the disk, copy the run again, or move this file away to read the others")]
pub struct ReadError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}
