//! [`Operations`]: which operations have steps in a record file, and between which records, so that one of a million can be shown at once.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{BooleanArray, RecordBatch, StringArray, UInt32Array, UInt64Array};
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use peerglass_core::Peer;
use peerglass_trace::RunHeader;

use crate::chunk::{Chunk, Packed, STEP};
use crate::error::ReadError;
use crate::files::in_io;
use crate::schema;

/// Where the steps of an operation are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationAt {
    /// Whose protocol.
    pub protocol: String,
    /// At which peer.
    pub peer: Peer,
    /// Its number at that peer.
    pub number: u32,
    /// The number of the record of its first step.
    pub first: u64,
    /// The number of the record of its last step so far.
    pub last: u64,
    /// How many steps.
    pub steps: u32,
}

/// Which operations are asked for; what is `None` does not matter.
pub(crate) struct Wanted<'a> {
    pub(crate) protocol: Option<&'a str>,
    pub(crate) peer: Option<Peer>,
    pub(crate) number: Option<u32>,
}

/// Adds what the index at `path` says of them to `all`. A run from before there were steps has none.
pub(crate) fn read(path: &Path, wanted: &Wanted<'_>, all: &mut Vec<OperationAt>) -> Result<(), ReadError> {
    let blame = |why: String| ReadError { path: path.to_owned(), why };
    let file = File::open(path).map_err(|error| blame(error.to_string()))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| of_peer(builder, wanted.peer).build());
    let reader = reader.map_err(|error| blame(error.to_string()))?;
    for batch in reader {
        let batch = batch.map_err(|error| blame(error.to_string()))?;
        let columns = || {
            let numbers = |at: usize| batch.columns().get(at)?.as_primitive_opt::<UInt32Type>();
            let records = |at: usize| batch.columns().get(at)?.as_primitive_opt::<UInt64Type>();
            Some((batch.columns().first()?.as_string_opt::<i32>()?, numbers(1)?, numbers(2)?, records(3)?, records(4)?, numbers(5)?))
        };
        let (protocols, peers, numbers, firsts, lasts, steps) = columns().ok_or_else(|| blame("it has not the columns of an index".to_owned()))?;
        let rows = (0..batch.num_rows()).filter(|row| wanted.peer.is_none_or(|peer| peers.value(*row) == peer.0));
        let rows = rows.filter(|row| wanted.number.is_none_or(|number| numbers.value(*row) == number));
        let rows = rows.filter(|row| wanted.protocol.is_none_or(|protocol| protocols.value(*row) == protocol));
        all.extend(rows.map(|row| OperationAt {
            protocol: protocols.value(row).to_owned(),
            peer: Peer(peers.value(row)),
            number: numbers.value(row),
            first: firsts.value(row),
            last: lasts.value(row),
            steps: steps.value(row),
        }));
    }
    Ok(())
}

/// Reads the other columns only where the peer is the one that is wanted: of an index of a hundred thousand rows mostly a few.
fn of_peer(builder: ParquetRecordBatchReaderBuilder<File>, peer: Option<Peer>) -> ParquetRecordBatchReaderBuilder<File> {
    let Some(Peer(wanted)) = peer else { return builder };
    let mask = ProjectionMask::leaves(builder.parquet_schema(), [1]);
    let is_it = move |batch: RecordBatch| {
        let peers = batch.columns().first().and_then(|column| column.as_primitive_opt::<UInt32Type>());
        // Where the column is another, everything is read, and found to be no index.
        Ok(BooleanArray::from((0..batch.num_rows()).map(|row| peers.is_none_or(|peers| peers.value(row) == wanted)).collect::<Vec<_>>()))
    };
    builder.with_row_filter(RowFilter::new(vec![Box::new(ArrowPredicateFn::new(mask, is_it))]))
}

impl OperationAt {
    /// One entry for each operation, sorted, of entries that are parts.
    #[must_use]
    pub fn merged(mut all: Vec<Self>) -> Vec<Self> {
        all.sort();
        all.dedup_by(|next, kept| {
            let same = (&next.protocol, next.peer, next.number) == (&kept.protocol, kept.peer, kept.number);
            if same {
                kept.last = next.last;
                kept.steps += next.steps;
            }
            same
        });
        all
    }
}

/// The operations of a file, by protocol, peer and number.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    /// Of each peer, those that have begun, in that order: who takes a step mostly began lately, so they are searched from the end.
    by_peer: Vec<Vec<Entry>>,
    names: Arc<Vec<&'static str>>,
}

#[derive(Debug)]
struct Entry {
    protocol: i16,
    number: u32,
    first: u64,
    last: u64,
    steps: u32,
}

impl Operations {
    pub(crate) fn note(&mut self, chunk: &Chunk) {
        self.names = Arc::clone(&chunk.names);
        for &Packed { seq, peer, protocol, operation: number, .. } in chunk.rows.iter().filter(|row| row.kind == STEP) {
            let peer = peer as usize;
            if peer >= self.by_peer.len() {
                self.by_peer.resize_with(peer + 1, Vec::new);
            }
            let begun = &mut self.by_peer[peer];
            let is_it = |entry: &&mut Entry| (entry.number, entry.protocol) == (number, protocol);
            // Number 0 is upkeep, which begins first and goes on for ever.
            match if number == 0 { begun.iter_mut().find(is_it) } else { begun.iter_mut().rev().find(is_it) } {
                Some(entry) => (entry.last, entry.steps) = (seq, entry.steps + 1),
                None => begun.push(Entry { protocol, number, first: seq, last: seq, steps: 1 }),
            }
        }
    }

    pub(crate) fn write(&self, path: &Path, header: &RunHeader) -> io::Result<()> {
        let name = |number: i16| usize::try_from(number).ok().and_then(|number| self.names.get(number)).copied().unwrap_or_default();
        let mut all: Vec<(&str, u32, &Entry)> =
            (0..).zip(&self.by_peer).flat_map(|(peer, begun)| begun.iter().map(move |entry| (name(entry.protocol), peer, entry))).collect();
        all.sort_unstable_by_key(|(protocol, peer, entry)| (*protocol, *peer, entry.number));
        let records = |of: fn(&Entry) -> u64| UInt64Array::from_iter_values(all.iter().map(|(_, _, entry)| of(entry)));
        let numbers = |of: fn(&Entry) -> u32| UInt32Array::from_iter_values(all.iter().map(|(_, _, entry)| of(entry)));
        let schema = schema::operations();
        let columns = RecordBatch::try_new(
            Arc::clone(&schema),
            vec![
                Arc::new(StringArray::from_iter_values(all.iter().map(|(protocol, _, _)| protocol))),
                Arc::new(UInt32Array::from_iter_values(all.iter().map(|(_, peer, _)| *peer))),
                Arc::new(numbers(|entry| entry.number)),
                Arc::new(records(|entry| entry.first)),
                Arc::new(records(|entry| entry.last)),
                Arc::new(numbers(|entry| entry.steps)),
            ],
        );
        let batch = columns.map_err(io::Error::other)?;
        let mut writer = ArrowWriter::try_new(File::create(path)?, schema, Some(schema::common(header).build())).map_err(in_io)?;
        writer.write(&batch).map_err(in_io)?;
        writer.close().map_err(in_io)?;
        Ok(())
    }
}
