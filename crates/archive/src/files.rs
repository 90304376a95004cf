//! [`Files`]: the files of a run that is written. Runs on the writer's thread.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use peerglass_trace::RunHeader;

use crate::chunk::Chunk;
use crate::encode::Encoder;
use crate::error::OpenError;
use crate::manifest::Manifest;
use crate::operations::Operations;
use crate::schema::{self, FILE};

/// Where record files are.
pub(crate) const RECORDS: &str = "records";
/// Where the indices of operations are.
pub(crate) const OPERATIONS: &str = "operations";
const SUFFIX: &str = "parquet";

/// Writes chunks into files.
pub(crate) struct Files {
    dir: PathBuf,
    header: RunHeader,
    properties: WriterProperties,
    encoder: Encoder,
    /// How many files there are before the open one.
    number: u32,
    open: Option<Open>,
}

struct Open {
    writer: ArrowWriter<File>,
    rows: u64,
    operations: Operations,
}

impl Files {
    /// Prepares `dir` for a run, in the place of an earlier run.
    pub(crate) fn create(dir: &Path, header: &RunHeader) -> Result<Self, OpenError> {
        let blame = |source| OpenError::Io { path: dir.to_owned(), source };
        let ours = Manifest::read(dir).map_err(blame)?.is_some();
        for name in [RECORDS, OPERATIONS] {
            let folder = dir.join(name);
            let occupied = folder.try_exists().map_err(blame)?;
            if occupied && !ours {
                return Err(OpenError::Occupied(dir.to_owned()));
            }
            if occupied {
                remove_run_files(&folder).map_err(blame)?;
            }
            fs::create_dir_all(&folder).map_err(blame)?;
        }
        let encoder = Encoder::new(schema::records());
        Ok(Self { dir: dir.to_owned(), header: header.clone(), properties: schema::properties(header), encoder, number: 0, open: None })
    }

    /// The directory of the run.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a chunk as a row group.
    pub(crate) fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::create(&part(&self.dir, RECORDS, self.number), &self.properties)?),
        };
        open.rows += chunk.len() as u64;
        open.operations.note(chunk);
        let batch = self.encoder.batch(chunk).map_err(io::Error::other)?;
        open.writer.write(&batch).and_then(|()| open.writer.flush()).map_err(in_io)?;
        if open.rows >= FILE { self.close() } else { Ok(()) }
    }

    /// Ends the open file, so that it can be read.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        open.writer.close().map_err(in_io)?;
        open.operations.write(&part(&self.dir, OPERATIONS, self.number), &self.header)?;
        // The index comes first: a record file without one would not be found in it.
        for folder in [OPERATIONS, RECORDS] {
            fs::rename(part(&self.dir, folder, self.number), whole(&self.dir, folder, self.number))?;
        }
        self.number += 1;
        Ok(())
    }
}

impl Open {
    fn create(path: &Path, properties: &WriterProperties) -> io::Result<Self> {
        let writer = ArrowWriter::try_new(File::create(path)?, schema::records(), Some(properties.clone())).map_err(in_io)?;
        Ok(Self { writer, rows: 0, operations: Operations::default() })
    }
}

/// The kind of an error matters: a full disk is told as one.
pub(crate) fn in_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(inner) => *inner,
            Err(inner) => io::Error::other(inner),
        },
        other => io::Error::other(other),
    }
}

/// The file of this number in `folder`, whole.
pub(crate) fn whole(dir: &Path, folder: &str, number: u32) -> PathBuf {
    dir.join(folder).join(format!("{number:06}.{SUFFIX}"))
}

fn part(dir: &Path, folder: &str, number: u32) -> PathBuf {
    dir.join(folder).join(format!("{number:06}.{SUFFIX}.part"))
}

/// The whole files in `folder`, in order.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn remove_run_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".parquet") || name.ends_with(".parquet.part") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
