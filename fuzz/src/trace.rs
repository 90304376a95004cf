//! Records, as another program may have written them, and filters, as anybody may ask for them.

use peerglass_core::{Peer, Time, Value};
use peerglass_trace::filter::MAX_LENGTH;
use peerglass_trace::read::Reader;
use peerglass_trace::{Filter, Row};

/// A file of records: the header, then a record a line.
pub(crate) fn records(bytes: &[u8]) {
    let Ok(reader) = Reader::new(bytes) else { return };
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    // An error may be reported again and again; a reader that never ends is one that a `collect` would die of.
    assert!(reader.take(lines + 2).count() <= lines, "more records than lines");
}

/// A filter: it is refused with a place inside the text, or it means the same when written and read again, and its bounds admit what passes.
pub(crate) fn filter(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let filter: Filter = match text.parse() {
        Ok(filter) => filter,
        Err(why) => {
            assert!(why.text().get(why.span()).is_some(), "an error outside the text");
            assert!(why.to_string().len() < 4096, "an error that fills the screen");
            return;
        }
    };
    let shown = filter.to_string();
    let again = shown.parse::<Filter>();
    // Units and spaces may make a text longer than is read.
    assert!(shown.len() > MAX_LENGTH || again.as_ref() == Ok(&filter), "{shown}");
    let bounds = filter.bounds();
    for row in rows().filter(|row| filter.matches(row)) {
        assert!(bounds.admit(&row) && !bounds.admit_nothing(), "{shown} keeps {row:?}, its bounds do not");
    }
}

/// A few records of different kinds.
fn rows() -> impl Iterator<Item = Row> {
    ["sent", "received", "step", "novel"].into_iter().zip(3..).map(|(kind, number)| Row {
        seq: number,
        time: Time::from_secs(number),
        peer: Peer(5),
        cause: number.checked_sub(4),
        kind: kind.to_owned(),
        other: (kind != "step").then_some(Peer(8)),
        protocol: (kind != "novel").then(|| "kad".to_owned()),
        name: (kind != "novel").then(|| "FIND_NODE".to_owned()),
        bytes: (kind != "step").then_some(number << 10),
        why: (kind == "novel").then(|| "loss".to_owned()),
        operation: (kind == "step").then(|| "kad#7".to_owned()),
        fields: vec![("hops".to_owned(), number.into()), ("closer".to_owned(), Value::List(vec![Peer(7).into(), Peer(9).into()]))],
        wire: None,
    })
}
