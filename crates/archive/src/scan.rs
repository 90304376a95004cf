//! [`Scan`]: reads what passes a filter, group by group.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowFilter};
use peerglass_trace::Filter;
use peerglass_trace::filter::{Column, Expr, Place};

use crate::batch::Batch;
use crate::error::ReadError;
use crate::run::RecordFile;
use crate::schema::at;

/// Rows that are decoded at a time.
const ROWS: usize = 8192;

/// Gives batches of records that pass a filter.
pub(crate) struct Scan {
    files: Arc<Vec<RecordFile>>,
    filter: Option<Filter>,
    reads: Reads,
    /// The next file.
    next: usize,
    reader: Option<ParquetRecordBatchReader>,
    over: bool,
}

/// What is read of a record that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// All columns.
    All,
    /// All but contents and the bytes of the wire, which are most of a file.
    Columns,
    /// Its number.
    Number,
}

impl Scan {
    pub(crate) fn new(files: Arc<Vec<RecordFile>>, filter: Option<Filter>, reads: Reads) -> Self {
        Self { files, filter, reads, next: 0, reader: None, over: false }
    }

    fn step(&mut self) -> Result<Option<Batch>, ReadError> {
        loop {
            let at = self.next.saturating_sub(1);
            if let Some(batch) = self.reader.as_mut().and_then(Iterator::next) {
                let batch = batch.map_err(|error| self.files[at].blame(&error))?;
                return Ok(Some(Batch::new(&batch)));
            }
            let files = Arc::clone(&self.files);
            let Some(file) = files.get(self.next) else { return Ok(None) };
            self.next += 1;
            self.reader = self.open(file)?;
        }
    }

    /// A reader of what `file` holds for the filter, if anything.
    fn open(&self, file: &RecordFile) -> Result<Option<ParquetRecordBatchReader>, ReadError> {
        let groups: Vec<usize> = match &self.filter {
            Some(filter) => {
                let bounds = filter.bounds();
                (0..file.groups.len()).filter(|group| file.groups[*group].may_pass(&bounds)).collect()
            }
            None => (0..file.groups.len()).collect(),
        };
        if groups.is_empty() {
            return Ok(None);
        }
        let mut builder = file.reader()?.with_row_groups(groups).with_batch_size(ROWS);
        let columns = match self.reads {
            Reads::All => 0..=at::WIRE,
            Reads::Columns => 0..=at::FIELDS - 1,
            Reads::Number => at::SEQ..=at::SEQ,
        };
        let mask = ProjectionMask::leaves(builder.parquet_schema(), columns);
        builder = builder.with_projection(mask);
        if let Some(filter) = &self.filter {
            let row_filter = predicate(&builder, filter.clone());
            builder = builder.with_row_filter(row_filter);
        }
        builder.build().map(Some).map_err(|error| file.blame(&error))
    }
}

impl Iterator for Scan {
    type Item = Result<Batch, ReadError>;

    /// The next batch that is not empty. Nothing follows an error.
    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            match self.step().transpose() {
                Some(Ok(batch)) if batch.is_empty() => {}
                Some(Ok(batch)) => return Some(Ok(batch)),
                last => {
                    self.over = true;
                    return last;
                }
            }
        }
        None
    }
}

/// Looks at the columns that the filter needs; the others are read only of records that pass.
fn predicate(builder: &ParquetRecordBatchReaderBuilder<File>, filter: Filter) -> RowFilter {
    let mut columns = Vec::new();
    needed(filter.expr(), &mut columns);
    let mask = ProjectionMask::leaves(builder.parquet_schema(), columns);
    let passes = move |batch: RecordBatch| -> Result<BooleanArray, ArrowError> {
        let batch = Batch::new(&batch);
        Ok(BooleanArray::from(batch.rows().map(|row| filter.matches(&row)).collect::<Vec<_>>()))
    };
    RowFilter::new(vec![Box::new(ArrowPredicateFn::new(mask, passes))])
}

/// The columns that a filter looks at.
fn needed(expr: &Expr, columns: &mut Vec<usize>) {
    match expr {
        Expr::And(all) | Expr::Or(all) => all.iter().for_each(|expr| needed(expr, columns)),
        Expr::Not(expr) => needed(expr, columns),
        Expr::Has(place) | Expr::Test(place, _) => columns.extend_from_slice(of_place(place)),
        Expr::Search(_) => columns.extend(0..=at::FIELDS),
    }
}

fn of_place(place: &Place) -> &'static [usize] {
    match place {
        Place::Column(Column::Seq) => &[at::SEQ],
        Place::Column(Column::Time) => &[at::TIME],
        Place::Column(Column::Peer) => &[at::PEER],
        Place::Column(Column::Other) => &[at::OTHER],
        Place::Column(Column::From | Column::To) => &[at::PEER, at::OTHER, at::KIND],
        Place::Column(Column::Cause) => &[at::CAUSE],
        Place::Column(Column::Kind) => &[at::KIND],
        Place::Column(Column::Type) => &[at::NAME],
        Place::Column(Column::Proto) => &[at::PROTOCOL],
        Place::Column(Column::Size) => &[at::BYTES],
        Place::Column(Column::Why) => &[at::WHY],
        Place::Column(Column::Operation) => &[at::PROTOCOL, at::OPERATION],
        Place::Field(_) => &[at::FIELDS],
    }
}
