//! The layout of a message on the wire: which of its bytes are which field.
//!
//! A wire format is described by a table of its fields ([`Format`]), once, beside its codec; [`parts`] walks over the bytes of a frame with it. A codec is made to
//! be fast and to refuse; this is made to be looked at. So it says something of every byte, of messages that were damaged or cut too:
//!
//! ```text
//!   25                      length   37
//!   08 04                   type     FIND_NODE
//!   12 20 e4 3d …           key      e43d…
//!   42 …                    closer
//!     0a 26 00 24 …           id       …
//!     12 08 04 0a …           address  …
//! ```
//!
//! Of a captured frame the end may be missing: the data of blocks is never kept with records. What is missing is told, and not taken for damage.

use core::ops::Range;

use crate::wire::take_varint;

/// The fields that a protobuf message may have.
#[derive(Debug)]
pub struct Format(pub &'static [Known]);

/// A field that a format knows: its number, its name and what it holds.
#[derive(Debug)]
pub struct Known(pub u32, pub &'static str, pub Holds);

/// What a field holds, so that a reader can be shown more than bytes.
#[derive(Clone, Copy, Debug)]
pub enum Holds {
    /// A number.
    Number,
    /// One of these, by their numbers.
    Choice(&'static [&'static str]),
    /// Yes or no.
    Flag,
    /// Bytes that mean nothing to anybody but the application: shown as text where they are text.
    Bytes,
    /// A binary libp2p peer id.
    PeerId,
    /// A binary multiaddr.
    Address,
    /// A binary CID.
    Cid,
    /// The data of a block, which may not be there.
    Data,
    /// A message.
    Message(&'static Format),
}

/// Some bytes of a message, and what they are. A part whose field is a message is followed by the parts of that message, one deeper.
#[derive(Clone, Debug, PartialEq)]
pub struct Part<'a> {
    /// Where it is in the frame.
    pub range: Range<usize>,
    /// How deep it is nested; 0 for fields of the outermost message.
    pub depth: usize,
    /// The field's name, or what else it is: `length`, `field 17`, `malformed`, `not recorded`.
    pub name: Name,
    /// What it holds.
    pub value: Holding<'a>,
}

/// What a part is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The length of the frame.
    Length,
    /// A field that the format knows.
    Field(&'static str),
    /// A field that it does not.
    Unknown(u32),
    /// Bytes that are no field.
    Malformed,
    /// Bytes that follow the frame.
    Surplus,
    /// Bytes that were not captured; they take no room in the range.
    Missing,
}

/// What a part holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Holding<'a> {
    /// A number, and how it is meant if that is known.
    Number(u64, Option<&'static str>),
    /// Bytes, and what they are.
    Bytes(&'a [u8], Kind),
    /// The parts that follow, one deeper.
    Parts,
    /// So many bytes that are not there.
    Absent(u64),
    /// Nothing: what is wrong with the bytes.
    Wrong(&'static str),
}

/// What bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Bytes,
    /// A binary libp2p peer id.
    PeerId,
    /// A binary multiaddr.
    Address,
    /// A binary CID.
    Cid,
    /// The data of a block.
    Data,
}

/// The parts of a frame (a varint length, then a message of `format`), of which `captured` are the first bytes of `whole` in all.
///
/// Every byte is in a part, and in exactly one that holds no further parts. Whatever the bytes are, this ends and does not panic.
#[must_use]
pub fn parts<'a>(captured: &'a [u8], whole: u64, format: &Format) -> Vec<Part<'a>> {
    let mut walk = Walk { bytes: captured, missing: whole.saturating_sub(captured.len() as u64), parts: Vec::new() };
    walk.frame(format);
    if walk.missing > 0 {
        walk.push(captured.len()..captured.len(), 0, Name::Missing, Holding::Absent(walk.missing));
    }
    walk.parts
}

struct Walk<'a> {
    bytes: &'a [u8],
    /// How many bytes of the frame were not captured.
    missing: u64,
    parts: Vec<Part<'a>>,
}

/// The head of a field: its number, its wire type, and where its value begins.
struct Tag {
    number: u32,
    kind: u64,
    value: usize,
}

impl<'a> Walk<'a> {
    fn push(&mut self, range: Range<usize>, depth: usize, name: Name, value: Holding<'a>) {
        self.parts.push(Part { range, depth, name, value });
    }

    fn frame(&mut self, format: &Format) {
        let all = self.bytes.len();
        let Some((length, body)) = self.varint(0, all) else {
            return self.malformed(0..all, 0);
        };
        self.push(0..body, 0, Name::Length, Holding::Number(length, None));
        let end = self.end_of(body, length, all).unwrap_or(all);
        self.message(body..end, format, 0);
        if end < all {
            self.push(end..all, 0, Name::Surplus, Holding::Bytes(&self.bytes[end..], Kind::Bytes));
        }
    }

    fn message(&mut self, range: Range<usize>, format: &Format, depth: usize) {
        let Range { start: mut at, end } = range;
        while at < end {
            match self.field(at, end, format, depth) {
                Some(next) => at = next,
                None => return self.malformed(at..end, depth),
            }
        }
    }

    /// Adds the field at `at`; gives where it ends, or `None` if there is none.
    fn field(&mut self, at: usize, end: usize, format: &Format, depth: usize) -> Option<usize> {
        let tag = self.tag(at, end)?;
        let known = format.0.iter().find(|known| known.0 == tag.number);
        let name = known.map_or(Name::Unknown(tag.number), |known| Name::Field(known.1));
        let holds = known.map(|known| known.2);
        match tag.kind {
            0 => {
                let (number, next) = self.varint(tag.value, end)?;
                self.push(at..next, depth, name, Holding::Number(number, holds.and_then(|holds| meaning(holds, number))));
                Some(next)
            }
            2 => self.delimited((at, name), &tag, end, holds.unwrap_or(Holds::Bytes), depth),
            1 | 5 => {
                let next = tag.value + if tag.kind == 1 { 8 } else { 4 };
                let value = self.bytes.get(tag.value..next).filter(|_| next <= end)?;
                self.push(at..next, depth, name, Holding::Bytes(value, Kind::Bytes));
                Some(next)
            }
            _ => None,
        }
    }

    /// Adds the field with a length whose tag is at `at`.
    fn delimited(&mut self, (at, name): (usize, Name), tag: &Tag, end: usize, holds: Holds, depth: usize) -> Option<usize> {
        let (length, value) = self.varint(tag.value, end)?;
        let next = self.end_of(value, length, end)?;
        let kind = match holds {
            Holds::Message(format) => {
                self.push(at..next, depth, name, Holding::Parts);
                // The tag and the length are part of the whole, and of nothing in it.
                self.message(value..next, format, depth + 1);
                return Some(next);
            }
            Holds::PeerId => Kind::PeerId,
            Holds::Address => Kind::Address,
            Holds::Cid => Kind::Cid,
            Holds::Data => Kind::Data,
            Holds::Number | Holds::Choice(_) | Holds::Flag | Holds::Bytes => Kind::Bytes,
        };
        self.push(at..next, depth, name, Holding::Bytes(&self.bytes[value..next], kind));
        Some(next)
    }

    /// Where `length` bytes from `at` on end, within `end`. They may end beyond what was captured, if something is missing there.
    fn end_of(&self, at: usize, length: u64, end: usize) -> Option<usize> {
        let left = (end - at) as u64;
        let short = length.checked_sub(left).filter(|short| *short > 0);
        match short {
            None => Some(at + length as usize),
            Some(short) if end == self.bytes.len() && short <= self.missing => Some(end),
            Some(_) => None,
        }
    }

    fn tag(&self, at: usize, end: usize) -> Option<Tag> {
        let (tag, value) = self.varint(at, end)?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
        Some(Tag { number, kind: tag & 7, value })
    }

    /// The number at `at`, and where it ends.
    fn varint(&self, at: usize, end: usize) -> Option<(u64, usize)> {
        let mut rest = self.bytes.get(at..end)?;
        let number = take_varint(&mut rest).ok()?;
        Some((number, end - rest.len()))
    }

    fn malformed(&mut self, range: Range<usize>, depth: usize) {
        if range.is_empty() {
            return;
        }
        let cut = self.missing > 0 && range.end == self.bytes.len();
        let why = if cut { "a field that was captured in part, or no field" } else { "no field begins or ends here: a receiver rejects the message" };
        self.push(range, depth, Name::Malformed, Holding::Wrong(why));
    }
}

/// How a number is meant.
fn meaning(holds: Holds, number: u64) -> Option<&'static str> {
    match holds {
        Holds::Choice(names) => usize::try_from(number).ok().and_then(|at| names.get(at)).copied(),
        Holds::Flag => Some(if number == 0 { "no" } else { "yes" }),
        _ => None,
    }
}

impl core::fmt::Display for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Name::Length => f.write_str("length"),
            Name::Field(name) => f.write_str(name),
            Name::Unknown(number) => write!(f, "field {number}"),
            Name::Malformed => f.write_str("malformed"),
            Name::Surplus => f.write_str("surplus"),
            Name::Missing => f.write_str("not recorded"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{put_bytes_field, put_frame, put_varint_field};
    use proptest::prelude::*;

    const INNER: Format = Format(&[Known(1, "id", Holds::PeerId), Known(2, "data", Holds::Data)]);
    const OUTER: Format =
        Format(&[Known(1, "type", Holds::Choice(&["PUT", "GET"])), Known(3, "peer", Holds::Message(&INNER)), Known(4, "sure", Holds::Flag)]);

    fn example() -> Vec<u8> {
        let (mut inner, mut body, mut frame) = (Vec::new(), Vec::new(), Vec::new());
        put_bytes_field(&mut inner, 1, b"me");
        put_bytes_field(&mut inner, 2, b"xyz");
        put_varint_field(&mut body, 1, 1);
        put_bytes_field(&mut body, 3, &inner);
        put_varint_field(&mut body, 4, 1);
        put_varint_field(&mut body, 9, 300);
        put_frame(&mut frame, &body);
        frame
    }

    fn told(parts: &[Part<'_>]) -> Vec<(usize, usize, usize, String)> {
        parts.iter().map(|part| (part.range.start, part.range.end, part.depth, part.name.to_string())).collect()
    }

    #[test]
    fn every_field_has_its_bytes() {
        let frame = example();
        let parts = parts(&frame, frame.len() as u64, &OUTER);
        let row = |from, to, depth, name: &str| (from, to, depth, name.to_owned());
        assert_eq!(
            told(&parts),
            [
                row(0, 1, 0, "length"),
                row(1, 3, 0, "type"),
                row(3, 14, 0, "peer"),
                row(5, 9, 1, "id"),
                row(9, 14, 1, "data"),
                row(14, 16, 0, "sure"),
                row(16, 19, 0, "field 9")
            ]
        );
        assert_eq!(parts[1].value, Holding::Number(1, Some("GET")));
        assert_eq!(parts[3].value, Holding::Bytes(b"me", Kind::PeerId));
        assert_eq!((parts[5].value, parts[6].value), (Holding::Number(1, Some("yes")), Holding::Number(300, None)));
    }

    #[test]
    fn what_was_not_captured_is_told_and_not_taken_for_damage() {
        let frame = example();
        let parts = parts(&frame[..12], 19, &OUTER);
        let [.., data, missing] = &parts[..] else { panic!("{parts:?}") };
        assert_eq!((data.range.clone(), data.value), (9..12, Holding::Bytes(b"x", Kind::Data)));
        assert_eq!((missing.range.clone(), missing.value), (12..12, Holding::Absent(7)));
        assert!(parts.iter().all(|part| part.name != Name::Malformed));
    }

    #[test]
    fn a_damaged_frame_is_told_as_far_as_it_goes() {
        let mut frame = example();
        frame[4] = 200;
        let parts = parts(&frame, frame.len() as u64, &OUTER);
        let last = parts.last().unwrap();
        assert_eq!((last.range.clone(), last.name), (3..19, Name::Malformed));
    }

    proptest! {
        /// Also of frames with a damaged byte, and of any bytes at all.
        #[test]
        fn every_byte_is_in_one_innermost_part(damage in prop::option::of((0usize..19, any::<u8>())), noise: Vec<u8>, is_noise: bool, cut in 0usize..20, whole in 0u64..64) {
            let mut frame = if is_noise { noise } else { example() };
            if let Some((at, byte)) = damage && let Some(place) = frame.get_mut(at) {
                *place = byte;
            }
            frame.truncate(cut.max(usize::from(is_noise) * frame.len()));
            let parts = parts(&frame, whole, &OUTER);
            let mut at = 0;
            for (i, part) in parts.iter().enumerate() {
                if part.value == Holding::Parts {
                    // Its tag and length, then what it holds.
                    let inner = parts.get(i + 1).filter(|inner| inner.depth > part.depth);
                    prop_assert_eq!(part.range.start, at);
                    at = inner.map_or(part.range.end, |inner| inner.range.start);
                    prop_assert!(at <= part.range.end);
                } else {
                    prop_assert_eq!(part.range.start, at);
                    at = part.range.end;
                }
            }
            prop_assert_eq!(at, frame.len());
            let missing = whole.saturating_sub(frame.len() as u64);
            prop_assert_eq!(parts.iter().any(|part| part.value == Holding::Absent(missing)), missing > 0);
        }
    }
}
