//! Records, as another program may have written them.

use peerglass_trace::read::Reader;

/// A file of records: the header, then a record a line.
pub(crate) fn records(bytes: &[u8]) {
    let Ok(reader) = Reader::new(bytes) else { return };
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    // An error may be reported again and again; a reader that never ends is one that a `collect` would die of.
    assert!(reader.take(lines + 2).count() <= lines, "more records than lines");
}
