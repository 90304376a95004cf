//! A record as a line of text, for people: `{row}`.
//!
//! ```text
//! #17     2.500000 s  p5 → p8      sent      FIND_NODE   71 B  id=3 target=3f3f3f3f…  (#16)
//! #18     2.561204 s  p8 ← p5      received  FIND_NODE   71 B  (#17)
//! #19     2.561204 s  p8           step      kad#0 admit  peer=p5 bucket=0 contacts=12  (#18)
//! ```
//!
//! Number, time, whose and with whom, what, its contents, and in parentheses the record that led to it. Contents are shortened: what is whole stands in every other form.

use core::fmt;

use peerglass_core::Value;

use crate::Row;

/// Values of a list that are shown.
const SHOWN: usize = 24;
/// Characters of a text that are shown.
const TEXT: usize = 80;

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.as_nanos();
        write!(f, "#{:<8} {:>4}.{:06} s  ", self.seq, time / 1_000_000_000, time % 1_000_000_000 / 1000)?;
        let arrow = match &*self.kind {
            "received" => "←",
            "sent" | "dropped" => "→",
            _ => "-",
        };
        let ends = self.other.map_or_else(|| self.peer.to_string(), |other| format!("{} {arrow} {other}", self.peer));
        write!(f, "{ends:<18} {:<9}", self.kind)?;
        if let Some(operation) = &self.operation {
            write!(f, " {operation}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " {}", Shortened(name))?;
        }
        if let Some(bytes) = self.bytes {
            write!(f, "  {bytes} B")?;
        }
        if let Some(why) = self.why.as_deref().filter(|why| !why.is_empty()) {
            write!(f, "  {}", Shortened(why))?;
        }
        if !self.fields.is_empty() {
            f.write_str(" ")?;
        }
        put_fields(f, &self.fields, &[])?;
        self.cause.map_or(Ok(()), |cause| write!(f, "  (#{cause})"))
    }
}

impl Row {
    /// The record's name and its contents, but for the fields in `but`.
    pub(crate) fn words<'a>(&'a self, but: &'a [&'a str]) -> impl fmt::Display + 'a {
        Words { row: self, but }
    }
}

struct Words<'a> {
    row: &'a Row,
    but: &'a [&'a str],
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Shortened(self.row.name.as_deref().unwrap_or(&self.row.kind)))?;
        put_fields(f, &self.row.fields, self.but)
    }
}

fn put_fields(f: &mut fmt::Formatter<'_>, fields: &[(String, Value)], but: &[&str]) -> fmt::Result {
    for (name, value) in fields.iter().filter(|(name, _)| !but.contains(&name.as_str())) {
        write!(f, " {}=", Shortened(name))?;
        short(f, value)?;
    }
    Ok(())
}

/// A text in one line of bounded length, without what a terminal would obey: names and reasons may come from hostile peers.
pub(crate) struct Shortened<'a>(pub(crate) &'a str);

impl fmt::Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(TEXT) {
            if c.is_control() || is_invisible(c) { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") }?;
        }
        if self.0.chars().nth(TEXT).is_some() { f.write_str("…") } else { Ok(()) }
    }
}

/// Marks that turn the direction of text, and such.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn short(f: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Key(key) => write!(f, "{:.8}…", key.to_string()),
        Value::Text(text) => write!(f, "{}", Shortened(text)),
        Value::Bytes(bytes) => {
            bytes.iter().take(SHOWN).try_for_each(|byte| write!(f, "{byte:02x}"))?;
            if bytes.len() > SHOWN { write!(f, "… ({} bytes)", bytes.len()) } else { Ok(()) }
        }
        Value::List(list) => {
            f.write_str("[")?;
            for (i, value) in list.iter().take(SHOWN).enumerate() {
                f.write_str(if i > 0 { " " } else { "" })?;
                short(f, value)?;
            }
            if list.len() > SHOWN { write!(f, " … {} in all]", list.len()) } else { f.write_str("]") }
        }
        other => write!(f, "{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerglass_core::{Key, Peer, Time};

    fn row() -> Row {
        Row {
            seq: 17,
            time: Time::from_nanos(2_500_000_999),
            peer: Peer(5),
            cause: Some(16),
            kind: "sent".to_owned(),
            other: Some(Peer(8)),
            protocol: Some("kad".to_owned()),
            name: Some("FIND_NODE".to_owned()),
            bytes: Some(71),
            fields: vec![("id".to_owned(), 3u64.into()), ("target".to_owned(), Key::from_bytes([0x3f; 32]).into())],
            ..Row::default()
        }
    }

    #[test]
    fn a_record_is_one_line_that_says_who_what_and_why() {
        assert_eq!(row().to_string(), "#17          2.500000 s  p5 → p8            sent      FIND_NODE  71 B  id=3 target=3f3f3f3f…  (#16)");
        let step = Row {
            kind: "step".to_owned(),
            other: None,
            bytes: None,
            operation: Some("kad#7".to_owned()),
            name: Some("done".to_owned()),
            cause: None,
            fields: vec![("peers".to_owned(), Value::List((0..30).map(|n| Peer(n).into()).collect()))],
            ..row()
        };
        assert!(step.to_string().ends_with(
            "step      kad#7 done  peers=[p0 p1 p2 p3 p4 p5 p6 p7 p8 p9 p10 p11 p12 p13 p14 p15 p16 p17 p18 p19 p20 p21 p22 p23 … 30 in all]"
        ));
    }

    #[test]
    fn hostile_texts_stay_in_their_line_and_command_no_terminal() {
        let row = Row { why: Some("\u{1b}[2J\n\u{202e}evil".to_owned() + &"x".repeat(1000)), name: Some("\r".to_owned()), ..row() };
        let line = row.to_string();
        assert!(line.chars().all(|c| !c.is_control() && !is_invisible(c)), "{line:?}");
        assert!(line.len() < 400);
    }
}
