//! [`Chosen`]: the rows of a run, each with whether it is to be exported.

use super::ExportError;
use crate::{Filter, Row};

/// A row, and whether it passes.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) row: Row,
    pub(crate) kept: bool,
}

/// Rows as they are read.
pub(crate) type Rows<'a> = &'a mut dyn Iterator<Item = Result<Shown, ExportError>>;

/// Marks the rows that pass a filter, up to a limit, and sees to it that they are in order.
pub(crate) struct Chosen<'a> {
    rows: &'a mut dyn Iterator<Item = Result<Row, ExportError>>,
    filter: Option<&'a Filter>,
    limit: u64,
    kept: u64,
    last: Option<u64>,
    /// Whether rows are of use that do not pass.
    all: bool,
    over: bool,
}

impl<'a> Chosen<'a> {
    pub(crate) fn new(
        rows: &'a mut dyn Iterator<Item = Result<Row, ExportError>>,
        filter: Option<&'a Filter>,
        limit: Option<u64>,
        all: bool,
    ) -> Self {
        Self { rows, filter, limit: limit.unwrap_or(u64::MAX), kept: 0, last: None, all, over: false }
    }

    /// How many have passed.
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    fn mark(&mut self, row: Row) -> Result<Shown, ExportError> {
        if let Some(after) = self.last.filter(|last| *last >= row.seq) {
            return Err(ExportError::Order { seq: row.seq, after });
        }
        self.last = Some(row.seq);
        let kept = self.kept < self.limit && self.filter.is_none_or(|filter| filter.matches(&row));
        self.kept += u64::from(kept);
        Ok(Shown { row, kept })
    }
}

impl Iterator for Chosen<'_> {
    type Item = Result<Shown, ExportError>;

    /// The next row. Nothing follows an error.
    fn next(&mut self) -> Option<Self::Item> {
        while !self.over && (self.all || self.kept < self.limit) {
            let shown = self.rows.next()?.and_then(|row| self.mark(row));
            self.over = shown.is_err();
            if self.all || shown.as_ref().map_or(true, |shown| shown.kept) {
                return Some(shown);
            }
        }
        None
    }
}
