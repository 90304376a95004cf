//! Traces: measured lengths of time from a CSV file.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::distribution::Trace;

/// Why a trace cannot be used.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read the trace {}: {source}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line says no length.
    #[error("{}:{line}: `{text}` is not a length: each line must begin with a number of seconds above zero", file.display())]
    Line {
        /// Which file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// There are no lengths.
    #[error("the trace {} is empty: give one length in seconds a line", file.display())]
    Empty {
        /// Which file.
        file: PathBuf,
    },
}

/// Reads a trace: of each line the first column, in seconds. The first line may be a title; empty lines and those that begin with `#` do not count.
pub(super) fn read(file: &Path) -> Result<Trace, TraceError> {
    let text = std::fs::read_to_string(file).map_err(|source| TraceError::Read { file: file.to_owned(), source })?;
    let mut lengths = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let column = line.split([',', ';', '\t']).next().unwrap_or_default().trim();
        if column.is_empty() || column.starts_with('#') {
            continue;
        }
        match column.parse::<f64>() {
            Ok(seconds) if seconds > 0.0 && seconds.is_finite() => lengths.push(seconds),
            Err(_) if i == 0 => {}
            _ => return Err(TraceError::Line { file: file.to_owned(), line: i + 1, text: column.to_owned() }),
        }
    }
    Trace::new(lengths).ok_or_else(|| TraceError::Empty { file: file.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;

    fn read_text(text: &str) -> Result<Trace, TraceError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sessions.csv");
        std::fs::write(&file, text).unwrap();
        read(&file)
    }

    #[test]
    fn a_trace_is_its_first_column() {
        let trace = read_text("seconds,peer\n10,a\n# a remark\n\n20.5,b\n").unwrap();
        assert!((Distribution::Trace(trace).mean() - 15.25).abs() < 1e-12);
    }

    #[test]
    fn a_line_that_is_no_length_is_named() {
        for (text, expected) in
            [("10\n-3\n", "sessions.csv:2: `-3`"), ("10\nx\n", ":2: `x`"), ("0\n", ":1: `0`"), ("seconds\n", "is empty"), ("", "is empty")]
        {
            let error = read_text(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(read("no/such.csv".as_ref()).unwrap_err().to_string().contains("cannot read the trace no/such.csv"));
    }
}
