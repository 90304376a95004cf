//! [`Run`]: a run that is read.
//!
//! Opening reads the manifest and the foot of every file, which says what stands in which row group. A question then goes the way that is shortest:
//!
//! ```text
//!   filter ──bounds──▶ row groups that may hold an answer ──columns that the filter needs──▶ rows that pass ──all columns──▶ batches
//!   operation ──index──▶ files and numbers of records ──▶ the same
//! ```

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use peerglass_core::Peer;
use peerglass_trace::{Filter, Row, RunHeader};

use crate::batch::Batch;
use crate::error::{OpenError, ReadError};
use crate::files::{OPERATIONS, RECORDS, list, whole};
use crate::groups::{self, Group};
use crate::manifest::Manifest;
use crate::operations::{self, OperationAt};
use crate::scan::{Reads, Scan};

/// A run that is read.
#[derive(Clone, Debug)]
pub struct Run {
    dir: PathBuf,
    manifest: Manifest,
    files: Arc<Vec<RecordFile>>,
    rows: u64,
}

/// A record file, and what its foot says.
#[derive(Debug)]
pub(crate) struct RecordFile {
    pub(crate) path: PathBuf,
    pub(crate) metadata: ArrowReaderMetadata,
    pub(crate) groups: Vec<Group>,
}

impl Run {
    /// Opens the run in `dir`.
    ///
    /// # Errors
    ///
    /// When there is none, it is of another schema, or a file of it is damaged.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let blame = |source| OpenError::Io { path: dir.to_owned(), source };
        let manifest = Manifest::read(dir).map_err(blame)?.ok_or_else(|| OpenError::NotARun(dir.to_owned()))?;
        if manifest.header.schema != RunHeader::SCHEMA {
            return Err(OpenError::Schema { path: dir.to_owned(), found: manifest.header.schema });
        }
        let folder = dir.join(RECORDS);
        let paths = list(&folder).map_err(|source| OpenError::Io { path: folder, source })?;
        let files = paths.into_iter().map(RecordFile::open).collect::<Result<Vec<_>, _>>()?;
        let rows = files.iter().flat_map(|file| &file.groups).map(|group| group.rows).sum();
        Ok(Self { dir: dir.to_owned(), manifest, files: Arc::new(files), rows })
    }

    /// What the run was.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How many records can be read.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The records that pass `filter`, or all, in the order of their numbers, some at a time.
    pub fn scan(&self, filter: Option<&Filter>) -> impl Iterator<Item = Result<Batch, ReadError>> + use<> {
        Scan::new(Arc::clone(&self.files), filter.cloned(), Reads::All)
    }

    /// The same without their contents, which are most of what there is to read.
    pub fn scan_columns(&self, filter: Option<&Filter>) -> impl Iterator<Item = Result<Batch, ReadError>> + use<> {
        Scan::new(Arc::clone(&self.files), filter.cloned(), Reads::Columns)
    }

    /// The same, one record at a time.
    pub fn rows(&self, filter: Option<&Filter>) -> impl Iterator<Item = Result<Row, ReadError>> + use<> {
        self.scan(filter).flat_map(|batch| match batch {
            Ok(batch) => batch.rows().map(|row| Ok(row.to_row())).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// How many records pass `filter`, without reading anything else of them.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn count(&self, filter: &Filter) -> Result<u64, ReadError> {
        let mut count = 0;
        for batch in Scan::new(Arc::clone(&self.files), Some(filter.clone()), Reads::Number) {
            count += batch?.len() as u64;
        }
        Ok(count)
    }

    /// Where the steps of operations are: of one operation if `number` is given, of one peer, of one protocol. Sorted; an operation that goes over several files
    /// is one entry.
    ///
    /// # Errors
    ///
    /// When an index cannot be read.
    pub fn operations(&self, protocol: Option<&str>, peer: Option<Peer>, number: Option<u32>) -> Result<Vec<OperationAt>, ReadError> {
        let wanted = operations::Wanted { protocol, peer, number };
        let mut all = Vec::new();
        for number in 0..self.files.len() {
            operations::read(&whole(&self.dir, OPERATIONS, number as u32), &wanted, &mut all)?;
        }
        Ok(OperationAt::merged(all))
    }
}

impl RecordFile {
    fn open(path: PathBuf) -> Result<Self, OpenError> {
        let damaged = |why: String| OpenError::Damaged { path: path.clone(), why };
        let file = File::open(&path).map_err(|source| OpenError::Io { path: path.clone(), source })?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|error| damaged(error.to_string()))?;
        let groups = groups::of(&metadata).ok_or_else(|| damaged("it has not the columns of records".to_owned()))?;
        Ok(Self { path, metadata, groups })
    }

    /// A reader of the file, without reading its foot again.
    pub(crate) fn reader(&self) -> Result<ParquetRecordBatchReaderBuilder<File>, ReadError> {
        let file = File::open(&self.path).map_err(|error| self.blame(&error))?;
        Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone()))
    }

    pub(crate) fn blame(&self, why: &dyn std::error::Error) -> ReadError {
        ReadError { path: self.path.clone(), why: why.to_string() }
    }
}
