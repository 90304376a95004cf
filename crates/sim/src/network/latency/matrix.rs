//! [`Matrix`]: measured latencies, from a table of `n` by `n`.
//!
//! ```text
//!   # milliseconds, one way          to 0   to 1   to 2
//!   0,    12.5, 80                   from 0
//!   12.5, 0,    71.25                from 1
//!   82,   70,   0                    from 2
//! ```
//!
//! The text is CSV without a header: a row for each sender, numbers of milliseconds. Empty lines and lines that start with `#` are skipped.
//! Published measurements of the Internet come in this shape (King, Meridian, PlanetLab, WonderNetwork), often as round trips: halve those.
//!
//! There are mostly more peers than rows. Peer `i` belongs to row `i` modulo `n`, or to a row by dice. Two peers of one row are as far apart as
//! the diagonal says; where it says zero, as published tables do because nobody measures the way to oneself, they are as far apart as the row's
//! nearest other row: a zero would claim that they sit in one machine, and would take from the engine the time in which peers cannot affect one
//! another.

use std::sync::Arc;

use core::time::Duration;

use peerglass_core::{Peer, Rng};
use thiserror::Error;

use super::nanos;

/// A table of latencies. Clones share it.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Row by row, in nanoseconds.
    cells: Arc<[u64]>,
    rows: usize,
    min: u64,
    rule: Rows,
}

/// Which row of a [`Matrix`] a peer belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rows {
    /// Peer `i` to row `i` modulo `n`.
    #[default]
    InTurn,
    /// Each to one by dice from (seed, peer).
    ByDice,
}

/// Why a text is no matrix of latencies. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum MatrixError {
    /// Something that is no number.
    #[error("line {line}, column {column}: `{found}` is no number: give milliseconds from 0 to {MOST_MS}, such as 12.5, separated by commas")]
    NoNumber {
        /// The line of the text.
        line: usize,
        /// The number in the line.
        column: usize,
        /// What stands there, at most 20 characters of it.
        found: String,
    },
    /// A number that is no latency.
    #[error("line {line}, column {column}: {value} ms is no latency: give milliseconds from 0 to {MOST_MS}")]
    NoLatency {
        /// The line of the text.
        line: usize,
        /// The number in the line.
        column: usize,
        /// What stands there.
        value: f64,
    },
    /// A row of another length than the first.
    #[error("line {line} has {found} columns, the first row has {expected}: give every row as many numbers as there are rows")]
    Ragged {
        /// The line of the text.
        line: usize,
        /// How many numbers it has.
        found: usize,
        /// How many the first row has.
        expected: usize,
    },
    /// Not as many rows as columns.
    #[error("there are {rows} rows of {columns} columns: give as many rows as columns")]
    NotSquare {
        /// How many rows there are.
        rows: usize,
        /// How many columns the first has.
        columns: usize,
    },
    /// More than fits.
    #[error("line {line}, column {MOST_ROWS}: more columns follow: give at most {MOST_ROWS}")]
    TooLarge {
        /// The line of the text.
        line: usize,
    },
    /// No row at all.
    #[error("there is no row: give at least one line of milliseconds, separated by commas")]
    Empty,
}

/// The longest latency that a matrix may hold: an hour.
pub const MOST_MS: f64 = 3_600_000.0;

/// The most rows that a matrix may have: half a gigabyte.
pub const MOST_ROWS: usize = 8_192;

/// Sets the dice of rows apart.
const ROWS: u64 = 0x726f_7773_2121_2121;

impl Matrix {
    /// Reads a table, with peers in turn.
    ///
    /// # Errors
    ///
    /// [`MatrixError`] says where the text is wrong, and what may stand there.
    pub fn parse(text: &str) -> Result<Self, MatrixError> {
        let (mut cells, mut rows, mut columns) = (Vec::new(), 0, 0);
        for (line, text) in (1..).zip(text.lines()) {
            if text.trim().is_empty() || text.trim_start().starts_with('#') {
                continue;
            }
            let before = cells.len();
            read_row(line, text, &mut cells)?;
            let found = cells.len() - before;
            if rows == 0 {
                columns = found;
            } else if found != columns {
                return Err(MatrixError::Ragged { line, found, expected: columns });
            }
            rows += 1;
        }
        if rows == 0 {
            return Err(MatrixError::Empty);
        }
        if rows != columns {
            return Err(MatrixError::NotSquare { rows, columns });
        }
        fill_diagonal(&mut cells, rows);
        let min = cells.iter().copied().min().unwrap_or(0);
        Ok(Self { cells: cells.into(), rows, min, rule: Rows::InTurn })
    }

    /// The same table with peers assigned by this rule.
    #[must_use]
    pub fn with_rows(self, rule: Rows) -> Self {
        Self { rule, ..self }
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The row of `peer` in the run of `seed`.
    #[must_use]
    pub fn row(&self, seed: u64, peer: Peer) -> usize {
        match self.rule {
            Rows::InTurn => peer.index() % self.rows,
            Rows::ByDice => Rng::for_step(seed ^ ROWS, peer, 0).index(self.rows),
        }
    }

    /// How long packets from `from` to `to` take. The way back may take another time.
    #[must_use]
    pub fn between(&self, seed: u64, from: Peer, to: Peer) -> Duration {
        Duration::from_nanos(self.cells[self.row(seed, from) * self.rows + self.row(seed, to)])
    }

    /// The smallest of all cells.
    pub(super) fn min(&self) -> Duration {
        Duration::from_nanos(self.min)
    }
}

/// Appends the cells of one line.
fn read_row(line: usize, text: &str, cells: &mut Vec<u64>) -> Result<(), MatrixError> {
    for (column, cell) in (1..).zip(text.split(',')) {
        if column > MOST_ROWS {
            return Err(MatrixError::TooLarge { line });
        }
        let cell = cell.trim();
        let Ok(value) = cell.parse::<f64>() else {
            return Err(MatrixError::NoNumber { line, column, found: cell.chars().take(20).collect() });
        };
        if !(0.0..=MOST_MS).contains(&value) {
            return Err(MatrixError::NoLatency { line, column, value });
        }
        cells.push(nanos(value * 1e6).as_nanos() as u64);
    }
    Ok(())
}

/// Peers of one row are as far apart as the nearest other row, if nothing else is said.
fn fill_diagonal(cells: &mut [u64], rows: usize) {
    for (i, row) in cells.chunks_mut(rows).enumerate() {
        if row[i] == 0 {
            row[i] = row.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, cell)| *cell).min().unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# from a file\n0, 12.5, 80\n\n12.5,0,71.25\r\n 82 ,70, 3 \n";

    fn ms(ms: f64) -> Duration {
        Duration::from_secs_f64(ms / 1e3)
    }

    #[test]
    fn cells_are_read_by_sender_and_receiver() {
        let matrix = Matrix::parse(TABLE).unwrap();
        assert_eq!(matrix.rows(), 3);
        assert_eq!(matrix.between(0, Peer(0), Peer(2)), ms(80.0));
        assert_eq!(matrix.between(0, Peer(2), Peer(0)), ms(82.0));
        assert_eq!(matrix.between(0, Peer(4), Peer(5)), ms(71.25));
        // Peers of one row: the nearest other row where the diagonal is zero, and the diagonal where it is not.
        assert_eq!(matrix.between(0, Peer(0), Peer(3)), ms(12.5));
        assert_eq!(matrix.between(0, Peer(2), Peer(5)), ms(3.0));
        assert_eq!(matrix.min(), ms(3.0));
    }

    #[test]
    fn peers_by_dice_spread_over_all_rows_and_stay_there() {
        let matrix = Matrix::parse(TABLE).unwrap().with_rows(Rows::ByDice);
        let mut counts = [0u32; 3];
        (0..30_000).for_each(|peer| counts[matrix.row(9, Peer(peer))] += 1);
        // Four standard errors.
        assert!(counts.iter().all(|n| (f64::from(*n) - 10_000.0).abs() < 4.0 * (30_000.0 * 2.0 / 9.0f64).sqrt()), "{counts:?}");
        assert!((0..100).all(|peer| matrix.row(9, Peer(peer)) == matrix.row(9, Peer(peer))));
    }

    #[test]
    fn errors_name_the_place_and_what_is_allowed() {
        let refused = |text: &str| Matrix::parse(text).unwrap_err().to_string();
        assert_eq!(refused("0,1\n1,x"), "line 2, column 2: `x` is no number: give milliseconds from 0 to 3600000, such as 12.5, separated by commas");
        assert!(refused("0,,1").starts_with("line 1, column 2: `` is no number"));
        assert_eq!(refused("# c\n0,-1"), "line 2, column 2: -1 ms is no latency: give milliseconds from 0 to 3600000");
        assert!(refused("nan").contains("NaN ms is no latency"));
        assert!(refused("inf").contains("inf ms is no latency"));
        assert_eq!(refused("0,1\n1,0,2"), "line 2 has 3 columns, the first row has 2: give every row as many numbers as there are rows");
        assert_eq!(refused("0,1\n1,0\n2,3"), "there are 3 rows of 2 columns: give as many rows as columns");
        assert!(refused("\n# nothing\n").contains("there is no row"));
        assert!(refused(&"1,".repeat(MOST_ROWS)).contains("give at most 8192"));
        assert_eq!(Matrix::parse(&"9".repeat(40)).unwrap_err(), MatrixError::NoLatency { line: 1, column: 1, value: 1e40 });
    }
}
