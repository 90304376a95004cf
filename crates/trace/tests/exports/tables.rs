//! `jsonl`, `json`, `csv`, and what all formats have in common.

use peerglass_trace::export::{self, ExportError, Format, Options};
use peerglass_trace::{Filter, ReadError, Reader};

use crate::samples::{bytes, exported, header, made_up, nasty, row};

#[test]
fn json_lines_are_the_records_again_with_the_filter_in_their_header() {
    let rows = nasty(1, 5, 300);
    let text = exported("jsonl", &rows, Some("peer == p3"), &Options::default()).unwrap();
    assert!(text.lines().next().unwrap().ends_with(r#""scenario_hash":"00ff","filter":"peer == p3"}"#), "{text}");
    let reader = Reader::new(text.as_bytes()).unwrap();
    assert_eq!(reader.header(), &header());
    let again: Vec<_> = reader.map(|row| format!("{:?}", row.unwrap())).collect();
    let wanted: Vec<_> = rows.iter().filter(|row| row.peer.0 == 3).map(|row| format!("{row:?}")).collect();
    assert!(wanted.len() > 20);
    assert_eq!(again, wanted);
    let whole = exported("jsonl", &rows, None, &Options::default()).unwrap();
    let read: Vec<_> = Reader::new(whole.as_bytes()).unwrap().map(Result::unwrap).collect();
    assert_eq!(exported("jsonl", &read, None, &Options::default()).unwrap(), whole);
}

#[test]
fn a_json_document_holds_the_header_and_every_record() {
    let rows = nasty(2, 5, 300);
    for rows in [&rows[..], &[]] {
        let document: serde_json::Value = serde_json::from_str(&exported("json", rows, None, &Options::default()).unwrap()).unwrap();
        assert_eq!(document["header"]["seed"], "42");
        let records = document["records"].as_array().unwrap();
        assert_eq!(records.len(), rows.len());
        assert!(records.iter().zip(rows).all(|(record, row)| record["seq"] == row.seq && record["name"] == row.name.clone().unwrap_or_default()));
    }
}

#[test]
fn a_csv_table_has_a_line_a_record_and_the_line_about_it_is_given_apart() {
    let rows = made_up(3, 5, 100);
    let table = exported("csv", &rows, Some("kind == sent"), &Options::default()).unwrap();
    assert_eq!(table.lines().count(), 1 + rows.iter().filter(|row| row.kind == "sent").count());
    let filter: Filter = "kind == sent".parse().unwrap();
    let about = export::about(&header(), Some(&filter), &Options { limit: Some(9), ..Options::default() });
    assert!(about.contains(r#""seed":"42""#) && about.ends_with(r#""filter":"kind == sent","limit":"9"}"#), "{about}");
}

#[test]
fn a_format_is_known_by_its_name_and_a_wrong_name_is_answered_with_all() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
        assert!(!format.extension().is_empty() && format.describe().len() < 120, "{format}");
    }
    let why = "mermaind\u{1b}".parse::<Format>().unwrap_err().to_string();
    assert!(Format::ALL.iter().all(|format| why.contains(format.name())) && why.contains("`mermaind\\u{1b}`"), "{why}");
}

#[test]
fn the_same_rows_give_the_same_bytes_and_a_limit_is_kept() {
    let rows = made_up(4, 4, 150);
    for format in Format::ALL {
        let name = format.name();
        let options = Options { steps: true, ..Options::default() };
        assert_eq!(bytes(name, &rows, None, &options).unwrap(), bytes(name, &rows, None, &options).unwrap(), "{name}");
        let mut out = Vec::new();
        let given = rows.iter().cloned().map(Ok::<_, ReadError>);
        let limited = Options { limit: Some(7), ..options };
        assert_eq!(export::write(format, &limited, &header(), None, given, &mut out).unwrap(), 7, "{name}");
        assert!(export::write(format, &options, &header(), None, std::iter::empty::<Result<_, ReadError>>(), &mut out).is_ok(), "{name}");
    }
}

#[test]
fn what_goes_wrong_on_the_way_is_told() {
    let full = |format| {
        let mut out = [0u8; 10];
        export::write(format, &Options::default(), &header(), None, made_up(1, 3, 50).into_iter().map(Ok::<_, ReadError>), &mut &mut out[..])
    };
    for format in Format::ALL {
        assert!(matches!(full(format), Err(ExportError::Write(_))), "{format}");
        let rows = [Ok(row(1, 0, 0, None, "up")), Err(ReadError::Truncated { line: 3 })];
        let cut = export::write(format, &Options::default(), &header(), None, rows.into_iter(), &mut Vec::new());
        assert!(matches!(cut, Err(ExportError::Read(_))), "{format}");
        let rows = [row(1, 0, 0, None, "up"), row(1, 0, 0, None, "down")].map(Ok::<_, ReadError>);
        let mixed = export::write(format, &Options::default(), &header(), None, rows.into_iter(), &mut Vec::new());
        assert!(matches!(mixed, Err(ExportError::Order { seq: 1, after: 1 })), "{format}");
    }
}
