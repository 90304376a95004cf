//! The wire primitives: frames and protobuf fields.

use peerglass_core::layout::{Format, Holding, Part, parts};
use peerglass_core::wire::{FieldReader, FieldValue, put_bytes_field, put_frame, put_varint_field, take_frame};

/// A stream of frames, as it comes from a connection. A frame that is accepted is written again as it came.
pub(crate) fn frames(bytes: &[u8]) {
    let mut rest = bytes;
    loop {
        let before = rest;
        let Ok(body) = take_frame(&mut rest, 4096) else { break };
        let mut again = Vec::new();
        put_frame(&mut again, body);
        assert_eq!(again, before[..before.len() - rest.len()], "a frame has one form only");
    }
}

/// The fields of a message. What was read and is written again is read the same.
pub(crate) fn fields(bytes: &[u8]) {
    let mut reader = FieldReader::new(bytes);
    while let Ok(Some((number, value))) = reader.next() {
        let mut again = Vec::new();
        match value {
            FieldValue::Varint(value) => put_varint_field(&mut again, number, value),
            FieldValue::Bytes(value) => put_bytes_field(&mut again, number, value),
            FieldValue::Fixed32(_) | FieldValue::Fixed64(_) => continue,
        }
        assert_eq!(FieldReader::new(&again).next(), Ok(Some((number, value))));
    }
}

/// Whoever looks at a frame, whole or cut, is told of every byte, once.
pub(crate) fn laid_out(frame: &[u8], format: &Format) {
    for missing in [0, 5] {
        let parts = parts(frame, (frame.len() + missing) as u64, format);
        let innermost = |(at, part): (usize, &Part<'_>)| match (&part.value, parts.get(at + 1)) {
            (Holding::Parts, Some(next)) if next.depth > part.depth => next.range.start - part.range.start,
            _ => part.range.len(),
        };
        assert_eq!(parts.iter().enumerate().map(innermost).sum::<usize>(), frame.len(), "{parts:?}");
    }
}
