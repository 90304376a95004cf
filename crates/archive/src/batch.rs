//! [`Batch`]: some records of a run, column by column, and [`RowRef`], one of them, without its being copied.

use std::borrow::Cow;
use std::cell::OnceCell;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowDictionaryKeyType, Int8Type, Int16Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BinaryArray, DictionaryArray, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use peerglass_core::{Peer, Time, Value};
use peerglass_trace::filter::Look;
use peerglass_trace::read::fields_from_json;
use peerglass_trace::{Row, What};

/// Some records of a run. Columns that were not asked for read as if they had no meaning.
#[derive(Clone, Debug)]
pub struct Batch {
    rows: usize,
    seq: Option<UInt64Array>,
    time: Option<Int64Array>,
    peer: Option<UInt32Array>,
    cause: Option<Int64Array>,
    kind: Option<DictionaryArray<Int8Type>>,
    other: Option<UInt32Array>,
    protocol: Option<DictionaryArray<Int16Type>>,
    name: Option<DictionaryArray<Int16Type>>,
    bytes: Option<Int64Array>,
    why: Option<StringArray>,
    operation: Option<UInt32Array>,
    fields: Option<StringArray>,
    wire: Option<BinaryArray>,
}

impl Batch {
    /// The columns of `batch` that have the names and types of record files.
    pub(crate) fn new(batch: &RecordBatch) -> Self {
        let column = |name: &str| batch.column_by_name(name);
        let integers = |name: &str| column(name).and_then(|column| column.as_primitive_opt::<Int64Type>()).cloned();
        let peers = |name: &str| column(name).and_then(|column| column.as_primitive_opt::<UInt32Type>()).cloned();
        let words = |name: &str| column(name).and_then(|column: &ArrayRef| column.as_dictionary_opt::<Int16Type>()).cloned();
        let texts = |name: &str| column(name).and_then(|column| column.as_string_opt::<i32>()).cloned();
        Self {
            rows: batch.num_rows(),
            seq: column("seq").and_then(|column| column.as_primitive_opt::<UInt64Type>()).cloned(),
            time: integers("t_ns"),
            peer: peers("peer"),
            cause: integers("cause"),
            kind: column("kind").and_then(|column| column.as_dictionary_opt::<Int8Type>()).cloned(),
            other: peers("other"),
            protocol: words("protocol"),
            name: words("name"),
            bytes: integers("bytes"),
            why: texts("why"),
            operation: peers("operation"),
            fields: texts("fields"),
            wire: column("wire").and_then(|column| column.as_binary_opt::<i32>()).cloned(),
        }
    }

    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// All of them, in order.
    pub fn rows(&self) -> impl Iterator<Item = RowRef<'_>> {
        (0..self.rows).map(|row| RowRef { batch: self, row, fields: OnceCell::new() })
    }
}

/// One record of a [`Batch`].
#[derive(Clone, Debug)]
pub struct RowRef<'a> {
    batch: &'a Batch,
    row: usize,
    /// Read when somebody looks.
    fields: OnceCell<Vec<(String, Value)>>,
}

impl<'a> RowRef<'a> {
    /// The record, owned.
    #[must_use]
    pub fn to_row(&self) -> Row {
        Row {
            seq: self.seq(),
            time: self.time(),
            peer: self.peer(),
            cause: self.cause(),
            kind: self.kind().to_owned(),
            other: self.other(),
            protocol: self.protocol_name().map(str::to_owned),
            name: self.name_text().map(str::to_owned),
            bytes: self.bytes(),
            why: self.why_text().map(str::to_owned),
            operation: self.operation().map(Cow::into_owned),
            fields: self.contents().to_vec(),
            wire: self.batch.wire.as_ref().filter(|column| column.is_valid(self.row)).map(|column| column.value(self.row).to_vec()),
        }
    }

    /// The number of the operation that a step belongs to.
    #[must_use]
    pub fn operation_number(&self) -> Option<u32> {
        self.batch.operation.as_ref().filter(|column| column.is_valid(self.row)).map(|column| column.value(self.row))
    }

    /// The contents as the JSON object that stands in the file.
    #[must_use]
    pub fn json(&self) -> Option<&'a str> {
        self.text(&self.batch.fields)
    }

    /// The contents, in order; none when they cannot be read.
    #[must_use]
    pub fn contents(&self) -> &[(String, Value)] {
        self.fields.get_or_init(|| self.json().and_then(fields_from_json).unwrap_or_default())
    }

    fn text(&self, column: &'a Option<StringArray>) -> Option<&'a str> {
        column.as_ref().filter(|column| column.is_valid(self.row)).map(|column| column.value(self.row))
    }

    fn word<K: ArrowDictionaryKeyType>(&self, column: &'a Option<DictionaryArray<K>>) -> Option<&'a str> {
        let column = column.as_ref()?;
        let key = column.key(self.row)?;
        let values = column.values().as_string_opt::<i32>()?;
        (key < values.len()).then(|| values.value(key))
    }

    fn protocol_name(&self) -> Option<&'a str> {
        self.word(&self.batch.protocol)
    }

    fn name_text(&self) -> Option<&'a str> {
        self.word(&self.batch.name)
    }

    fn why_text(&self) -> Option<&'a str> {
        self.text(&self.batch.why)
    }

    fn integer(&self, column: &Option<Int64Array>) -> Option<u64> {
        column.as_ref().filter(|column| column.is_valid(self.row)).and_then(|column| u64::try_from(column.value(self.row)).ok())
    }

    fn some_peer(&self, column: &Option<UInt32Array>) -> Option<Peer> {
        column.as_ref().filter(|column| column.is_valid(self.row)).map(|column| Peer(column.value(self.row)))
    }
}

impl Look for RowRef<'_> {
    fn seq(&self) -> u64 {
        self.batch.seq.as_ref().map_or(0, |column| column.value(self.row))
    }
    fn time(&self) -> Time {
        Time::from_nanos(self.integer(&self.batch.time).unwrap_or_default())
    }
    fn peer(&self) -> Peer {
        self.some_peer(&self.batch.peer).unwrap_or(Peer(0))
    }
    fn cause(&self) -> Option<u64> {
        self.integer(&self.batch.cause)
    }
    fn kind(&self) -> &str {
        self.word(&self.batch.kind).unwrap_or(What::NAMES[0])
    }
    fn other(&self) -> Option<Peer> {
        self.some_peer(&self.batch.other)
    }
    fn protocol(&self) -> Option<&str> {
        self.protocol_name()
    }
    fn name(&self) -> Option<&str> {
        self.name_text()
    }
    fn bytes(&self) -> Option<u64> {
        self.integer(&self.batch.bytes)
    }
    fn why(&self) -> Option<&str> {
        self.why_text()
    }
    fn operation(&self) -> Option<Cow<'_, str>> {
        Some(format!("{}#{}", self.protocol_name()?, self.operation_number()?).into())
    }
    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.contents().iter().find(|(known, _)| known == name).map(|(_, value)| Cow::Borrowed(value))
    }
    fn fields(&self, see: &mut dyn FnMut(&str, &Value) -> bool) -> bool {
        self.contents().iter().any(|(name, value)| see(name, value))
    }
}
