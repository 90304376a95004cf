//! A [`Chunk`] as columns of Arrow.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::types::{Int8Type, Int16Type};
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, PrimitiveArray, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, SchemaRef};
use peerglass_core::ValueRef;
use peerglass_trace::What;
use peerglass_trace::json::{put_text, put_value};

use crate::chunk::{Chunk, STEP, has_bytes};

/// Turns chunks into batches.
pub(crate) struct Encoder {
    schema: SchemaRef,
    kinds: ArrayRef,
    names: ArrayRef,
}

impl Encoder {
    pub(crate) fn new(schema: SchemaRef) -> Self {
        Self { schema, kinds: Arc::new(StringArray::from_iter_values(What::NAMES)), names: Arc::new(StringArray::from_iter_values([""; 0])) }
    }

    pub(crate) fn batch(&mut self, chunk: Chunk) -> Result<RecordBatch, ArrowError> {
        if self.names.len() != chunk.names.len() {
            self.names = Arc::new(StringArray::from_iter_values(chunk.names.iter()));
        }
        let fields = contents(&chunk)?;
        let rows = chunk.len();
        let caused = where_row(rows, |row| chunk.cause[row] >= 0);
        let kinds = ScalarBuffer::from(chunk.kind);
        let where_kind = |test: fn(i8) -> bool| where_row(rows, |row| test(kinds[row]));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(chunk.seq)),
            Arc::new(Int64Array::from(chunk.time)),
            Arc::new(UInt32Array::from(chunk.peer)),
            Arc::new(Int64Array::new(chunk.cause.into(), Some(caused))),
            Arc::new(DictionaryArray::<Int8Type>::try_new(PrimitiveArray::new(kinds.clone(), None), Arc::clone(&self.kinds))?),
            Arc::new(UInt32Array::new(chunk.other.into(), Some(NullBuffer::from(chunk.has_other)))),
            self.words(chunk.protocol)?,
            self.words(chunk.name)?,
            Arc::new(Int64Array::new(chunk.bytes.into(), Some(where_kind(has_bytes)))),
            reasons(rows, &chunk.why),
            Arc::new(UInt32Array::new(chunk.operation.into(), Some(where_kind(|kind| kind == STEP)))),
            fields,
            wire(rows, &chunk.wire),
        ];
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }

    /// Names by their numbers.
    fn words(&self, numbers: Vec<i16>) -> Result<ArrayRef, ArrowError> {
        let some = where_row(numbers.len(), |row| numbers[row] >= 0);
        let keys = PrimitiveArray::<Int16Type>::new(numbers.into(), Some(some));
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::clone(&self.names))?))
    }
}

fn where_row(rows: usize, test: impl FnMut(usize) -> bool) -> NullBuffer {
    NullBuffer::new(BooleanBuffer::collect_bool(rows, test))
}

fn reasons(rows: usize, why: &[(u32, String)]) -> ArrayRef {
    let mut column = StringBuilder::with_capacity(rows, why.iter().map(|(_, text)| text.len()).sum());
    let mut next = 0;
    for (row, text) in why {
        column.append_nulls(*row as usize - next);
        column.append_value(text);
        next = *row as usize + 1;
    }
    column.append_nulls(rows - next);
    Arc::new(column.finish())
}

fn wire(rows: usize, bytes: &[(u32, Vec<u8>)]) -> ArrayRef {
    let mut column = BinaryBuilder::with_capacity(rows, bytes.iter().map(|(_, bytes)| bytes.len()).sum());
    let mut next = 0;
    for (row, bytes) in bytes {
        (next..*row as usize).for_each(|_| column.append_null());
        column.append_value(bytes);
        next = *row as usize + 1;
    }
    (next..rows).for_each(|_| column.append_null());
    Arc::new(column.finish())
}

/// Contents as JSON objects, as in JSON Lines; none where there is nothing.
fn contents(chunk: &Chunk) -> Result<ArrayRef, ArrowError> {
    let mut text = Vec::with_capacity(chunk.values.len() * 2 + chunk.fields.len() * 16);
    let mut offsets = Vec::with_capacity(chunk.len() + 1);
    offsets.push(0i32);
    let (mut field, mut value) = (0, 0);
    for (fields, values) in &chunk.ends {
        let (fields, values) = (*fields as usize, *values as usize);
        put_object(&mut text, &chunk.fields[field..fields], &chunk.values[value..values], &chunk.names);
        offsets.push(i32::try_from(text.len()).map_err(|_| ArrowError::OffsetOverflowError(text.len()))?);
        (field, value) = (fields, values);
    }
    let some = where_row(chunk.len(), |row| offsets[row] < offsets[row + 1]);
    Ok(Arc::new(StringArray::try_new(OffsetBuffer::new(offsets.into()), text.into(), Some(some))?))
}

fn put_object(out: &mut Vec<u8>, fields: &[i16], mut values: &[u8], names: &[&'static str]) {
    let mut between = b'{';
    for number in fields {
        let Some(value) = ValueRef::take(&mut values) else { break };
        out.push(between);
        between = b',';
        put_text(out, names.get(*number as usize).copied().unwrap_or_default());
        out.push(b':');
        put_value(out, value);
    }
    if between == b',' {
        out.push(b'}');
    }
}
