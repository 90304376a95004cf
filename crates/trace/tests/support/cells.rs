//! A CSV reader of our own.

/// A CSV reader after RFC 4180, of our own: cells by row.
pub(crate) fn cells(table: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = table.chars().peekable();
    while let Some(c) = chars.next() {
        match (quoted, c) {
            (true, '"') if chars.peek() == Some(&'"') => cell.extend(chars.next()),
            (true, '"') => quoted = false,
            (true, c) => cell.push(c),
            (false, '"') => {
                assert!(cell.is_empty(), "a quote opens a cell or is not there");
                quoted = true;
            }
            (false, ',') => row.push(core::mem::take(&mut cell)),
            (false, '\n') => {
                row.push(core::mem::take(&mut cell));
                rows.push(core::mem::take(&mut row));
            }
            (false, c) => {
                assert_ne!(c, '\r', "a bare carriage return must be quoted");
                cell.push(c);
            }
        }
    }
    assert!(!quoted && row.is_empty() && cell.is_empty(), "the table ends with a line");
    rows
}
