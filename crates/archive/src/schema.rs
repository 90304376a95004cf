//! The columns of a record file, in order.
//!
//! Types are those that pyarrow, DuckDB, Polars and pandas all take without loss. `seq` and times are integers; nothing above 2^53 can stand in a column with nulls,
//! which pandas reads as floating-point numbers.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use peerglass_trace::RunHeader;

/// Rows of a row group at most: what a reader has to decode to see one record, and what a run that is killed loses at most.
pub(crate) const GROUP: usize = 1 << 16;
/// Bytes of contents of a row group at most.
pub(crate) const GROUP_CONTENTS: usize = 16 << 20;
/// Rows of a file at most, in whole row groups.
pub(crate) const FILE: u64 = 1 << 20;

/// Columns by their place.
pub(crate) mod at {
    pub(crate) const SEQ: usize = 0;
    pub(crate) const TIME: usize = 1;
    pub(crate) const PEER: usize = 2;
    pub(crate) const CAUSE: usize = 3;
    pub(crate) const KIND: usize = 4;
    pub(crate) const OTHER: usize = 5;
    pub(crate) const PROTOCOL: usize = 6;
    pub(crate) const NAME: usize = 7;
    pub(crate) const BYTES: usize = 8;
    pub(crate) const WHY: usize = 9;
    pub(crate) const OPERATION: usize = 10;
    pub(crate) const FIELDS: usize = 11;
    pub(crate) const WIRE: usize = 12;
}

/// The columns of a record file.
pub(crate) fn records() -> SchemaRef {
    let column = |name: &str, kind: DataType| Field::new(name, kind, false);
    let perhaps = |name: &str, kind: DataType| Field::new(name, kind, true);
    Arc::new(Schema::new(vec![
        column("seq", DataType::UInt64),
        column("t_ns", DataType::Int64),
        column("peer", DataType::UInt32),
        perhaps("cause", DataType::Int64),
        column("kind", words(DataType::Int8)),
        perhaps("other", DataType::UInt32),
        perhaps("protocol", words(DataType::Int16)),
        perhaps("name", words(DataType::Int16)),
        perhaps("bytes", DataType::Int64),
        perhaps("why", DataType::Utf8),
        perhaps("operation", DataType::UInt32),
        perhaps("fields", DataType::Utf8),
        perhaps("wire", DataType::Binary),
    ]))
}

/// The columns of an index of operations: which records of a file are steps of which operation.
pub(crate) fn operations() -> SchemaRef {
    let column = |name: &str, kind: DataType| Field::new(name, kind, false);
    Arc::new(Schema::new(vec![
        column("protocol", DataType::Utf8),
        column("peer", DataType::UInt32),
        column("operation", DataType::UInt32),
        column("first_seq", DataType::UInt64),
        column("last_seq", DataType::UInt64),
        column("steps", DataType::UInt32),
    ]))
}

/// Words of a small set.
fn words(keys: DataType) -> DataType {
    DataType::Dictionary(Box::new(keys), Box::new(DataType::Utf8))
}

/// How record files are encoded: as fast as the format allows, since a simulation waits for it. Contents are the bulk; everything else packs to some ten bytes.
pub(crate) fn properties(header: &RunHeader) -> WriterProperties {
    let mut properties = common(header).set_dictionary_enabled(false);
    for name in ["seq", "t_ns", "cause"] {
        properties = properties.set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in ["peer", "other", "bytes", "operation", "fields", "wire"] {
        properties = properties.set_column_encoding(ColumnPath::from(name), Encoding::PLAIN);
    }
    for name in ["kind", "protocol", "name", "why"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), true);
    }
    for name in ["fields", "wire"] {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    properties.build()
}

/// How everything else is encoded.
pub(crate) fn common(header: &RunHeader) -> parquet::file::properties::WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by("peerglass".to_owned())
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(GROUP))
        .set_key_value_metadata(Some(vec![KeyValue::new("peerglass".to_owned(), header.to_json())]))
}
