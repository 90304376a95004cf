//! `jsonl`, `json`, `csv`: every record that passes, with all its columns.
//!
//! The lines are those of [`crate::json`] and [`crate::csv`]. JSON Lines begin with the header, to which the filter is added; they can be read by
//! [`Reader`](crate::Reader) and exported again. The JSON document is for programs that take one value:
//!
//! ```text
//! {"header":{"format":"peerglass-records","schema":1,…,"filter":"kind == sent"},
//! "records":[
//! {"seq":8,…},
//! {"seq":13,…}
//! ]}
//! ```

use std::io::Write;

use super::ExportError;
use super::about::About;
use super::select::Rows;
use crate::columns::Columns;
use crate::csv;
use crate::json::{BUFFER, put_row};

pub(crate) fn json_lines(about: &About<'_>, rows: Rows<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut bytes = about.to_json().into_bytes();
    bytes.push(b'\n');
    for shown in rows {
        put_row(&mut bytes, &shown?.row);
        bytes.push(b'\n');
        spill(&mut bytes, out)?;
    }
    out.write_all(&bytes).map_err(ExportError::Write)
}

pub(crate) fn json(about: &About<'_>, rows: Rows<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let mut bytes = format!("{{\"header\":{},\n\"records\":[", about.to_json()).into_bytes();
    for (i, shown) in rows.enumerate() {
        bytes.extend_from_slice(if i > 0 { b",\n" } else { b"\n" });
        put_row(&mut bytes, &shown?.row);
        spill(&mut bytes, out)?;
    }
    bytes.extend_from_slice(b"\n]}\n");
    out.write_all(&bytes).map_err(ExportError::Write)
}

pub(crate) fn csv(rows: Rows<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let (mut bytes, mut scratch) = (Vec::new(), Vec::new());
    csv::put_names(&mut bytes);
    for shown in rows {
        csv::put_line(&mut bytes, &mut scratch, &Columns::from(&shown?.row));
        spill(&mut bytes, out)?;
    }
    out.write_all(&bytes).map_err(ExportError::Write)
}

/// Writes out what was gathered, once it is worth it.
pub(crate) fn spill(bytes: &mut Vec<u8>, out: &mut dyn Write) -> Result<(), ExportError> {
    if bytes.len() >= BUFFER {
        out.write_all(bytes).map_err(ExportError::Write)?;
        bytes.clear();
    }
    Ok(())
}
