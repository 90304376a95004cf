//! [`Group`]: what is known of a row group before it is read, from the foot of its file.

use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use peerglass_trace::filter::Bounds;

use crate::schema::{self, at};

/// A row group: the first and the last of its values, column by column.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) rows: u64,
    seq: Option<(u64, u64)>,
    time: Option<(u64, u64)>,
    peer: Option<(u64, u64)>,
    name: Option<(Vec<u8>, Vec<u8>)>,
}

/// The row groups of a file; `None` when its columns are not those of records.
pub(crate) fn of(metadata: &ArrowReaderMetadata) -> Option<Vec<Group>> {
    let wanted = schema::records();
    let found = metadata.schema();
    let same = found.fields().len() == wanted.fields().len()
        && found.fields().iter().zip(wanted.fields()).all(|(found, wanted)| found.name() == wanted.name() && found.data_type() == wanted.data_type());
    same.then(|| metadata.metadata().row_groups().iter().map(Group::of).collect())
}

impl Group {
    fn of(group: &RowGroupMetaData) -> Self {
        let of = |column: usize| group.column(column).statistics();
        Self {
            rows: u64::try_from(group.num_rows()).unwrap_or_default(),
            seq: of(at::SEQ).and_then(numbers),
            time: of(at::TIME).and_then(numbers),
            peer: of(at::PEER).and_then(numbers),
            name: of(at::NAME).and_then(|known| Some((known.min_bytes_opt()?.to_vec(), known.max_bytes_opt()?.to_vec()))),
        }
    }

    /// Whether a record of the group may pass.
    pub(crate) fn may_pass(&self, bounds: &Bounds) -> bool {
        let overlaps =
            |known: Option<(u64, u64)>, wanted: &peerglass_trace::filter::Ranges| known.is_none_or(|(first, last)| wanted.overlaps(first, last));
        let names = match (&bounds.names, &self.name) {
            (Some(wanted), Some((first, last))) => wanted.iter().any(|name| (&first[..]..=&last[..]).contains(&name.as_bytes())),
            _ => true,
        };
        overlaps(self.seq, &bounds.seq) && overlaps(self.time, &bounds.time) && overlaps(self.peer, &bounds.peers) && names
    }
}

/// The least and the greatest. Parquet keeps unsigned numbers in signed columns of the same bits.
fn numbers(known: &Statistics) -> Option<(u64, u64)> {
    match known {
        Statistics::Int64(known) => Some((*known.min_opt()? as u64, *known.max_opt()? as u64)),
        Statistics::Int32(known) => Some((u64::from(*known.min_opt()? as u32), u64::from(*known.max_opt()? as u32))),
        _ => None,
    }
}
