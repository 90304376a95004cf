//! A [`Chunk`] as columns of Arrow.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::types::{Int8Type, Int16Type};
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, PrimitiveArray, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, SchemaRef};
use peerglass_core::ValueRef;
use peerglass_trace::What;
use peerglass_trace::json::{put_text, put_value};

use crate::chunk::{Chunk, Packed, STEP, has_bytes};

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

    pub(crate) fn batch(&mut self, chunk: &Chunk) -> Result<RecordBatch, ArrowError> {
        if self.names.len() != chunk.names.len() {
            self.names = Arc::new(StringArray::from_iter_values(chunk.names.iter()));
        }
        let Chunk { rows, .. } = chunk;
        let some = |test: fn(&Packed) -> bool| Some(where_row(rows.len(), |row| test(&rows[row])));
        let kinds = PrimitiveArray::new(column(rows, |row| row.kind), None);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::new(column(rows, |row| row.seq), None)),
            Arc::new(Int64Array::new(column(rows, |row| row.time), None)),
            Arc::new(UInt32Array::new(column(rows, |row| row.peer), None)),
            Arc::new(Int64Array::new(column(rows, |row| row.cause), some(|row| row.cause >= 0))),
            Arc::new(DictionaryArray::<Int8Type>::try_new(kinds, Arc::clone(&self.kinds))?),
            Arc::new(UInt32Array::new(column(rows, |row| row.other), some(|row| row.has_other))),
            self.words(column(rows, |row| row.protocol), some(|row| row.protocol >= 0))?,
            self.words(column(rows, |row| row.name), some(|row| row.name >= 0))?,
            Arc::new(Int64Array::new(column(rows, |row| row.bytes), some(|row| has_bytes(row.kind)))),
            reasons(rows.len(), &chunk.why),
            Arc::new(UInt32Array::new(column(rows, |row| row.operation), some(|row| row.kind == STEP))),
            contents(chunk)?,
            wire(rows.len(), &chunk.wire),
        ];
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }

    /// Names by their numbers.
    fn words(&self, numbers: ScalarBuffer<i16>, some: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let keys = PrimitiveArray::<Int16Type>::new(numbers, some);
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::clone(&self.names))?))
    }
}

fn column<T: ArrowNativeType>(rows: &[Packed], of: impl Fn(&Packed) -> T) -> ScalarBuffer<T> {
    rows.iter().map(of).collect::<Vec<T>>().into()
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
    for Packed { ends: (fields, values), .. } in &chunk.rows {
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
