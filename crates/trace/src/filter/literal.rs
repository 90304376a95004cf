//! Values as people write them: numbers, times and sizes with units, peers, words, texts.
//!
//! A column says how to read a value: `7` is a peer beside `peer`. A field may hold anything, so there the form of the word decides: `7` is a number, `p7` a peer,
//! `1.5` a measure, `2s` a time, `1KiB` a size, `true` a yes, and everything else, keys and CIDs too, a text. Quotes make anything a text.

use core::fmt;

use super::error::{Problem, excerpt};
use super::lexer::word_length;
use super::nearest::nearest;
use super::protocol;
use super::tree::{Column, Literal, Place, Sort, put_text};
use crate::What;

/// Words that mean something to the grammar.
pub(super) const KEYWORDS: [&str; 7] = ["and", "or", "not", "in", "contains", "has", "any"];

/// A unit: how it is written, and how many of the smallest it is.
type Unit = (&'static str, u64);

/// Smallest first; what comes later is not used when writing.
const TIMES: [Unit; 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("µs", 1_000),
    ("μs", 1_000),
];
const SIZES: [Unit; 7] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)];

/// Reads a value that stands beside `place`.
pub(super) fn read(place: &Place, text: &str, quoted: bool) -> Result<Literal, Problem> {
    let wrong = |what, allowed| Problem::Value { found: excerpt(text), what, allowed };
    match (place.sort(), place) {
        (Sort::Any, _) if quoted => Ok(Literal::Text(text.to_owned())),
        (Sort::Any, _) => classify(text),
        (Sort::Number, _) => {
            whole(text).ok_or_else(|| wrong("number of a record", "write digits, as in `seq == 17`".to_owned()))?.map(Literal::Number)
        }
        (Sort::Peer, _) => peer(text).ok_or_else(|| wrong("peer", "write `7` or `p7`".to_owned()))?,
        (Sort::Time, _) => time(text).ok_or_else(|| wrong("time", quantity_hint(text, "s", &TIMES)))?.map(Literal::Time),
        // A size without a unit is one of bytes: nothing else is as likely. A time without one could be of seconds or of nanoseconds.
        (Sort::Size, _) => whole(text).or_else(|| size(text)).ok_or_else(|| wrong("size", quantity_hint(text, "KiB", &SIZES)))?.map(Literal::Size),
        (Sort::Text, Place::Column(column)) => word(*column, text, quoted),
        (Sort::Text, Place::Field(_)) => Ok(Literal::Text(text.to_owned())),
    }
}

/// A word beside a column whose words are known.
fn word(column: Column, text: &str, quoted: bool) -> Result<Literal, Problem> {
    let wrong = |what, allowed| Err(Problem::Value { found: excerpt(text), what, allowed });
    match column {
        Column::Kind if !What::NAMES.contains(&text) => wrong("kind of record", there_are(nearest(text, What::NAMES), &What::NAMES)),
        Column::Proto if !quoted && !protocol::is_known(text) => {
            let known = there_are(nearest(text, protocol::names()), &protocol::names().collect::<Vec<_>>());
            wrong("protocol of Peerglass", format!("{known}; one of your own stands in quotes, as in `proto == \"{}\"`", excerpt(text)))
        }
        Column::Operation if !text.split_once('#').is_some_and(|(protocol, number)| !protocol.is_empty() && is_digits(number)) => {
            wrong("operation", "write `operation == kad#7` for one, `proto == kad && kind == step` for all of a protocol".to_owned())
        }
        _ => Ok(Literal::Text(text.to_owned())),
    }
}

/// What may have been meant, and all that is allowed.
fn there_are(meant: Option<&str>, all: &[&str]) -> String {
    let all = all.join(", ");
    meant.map_or_else(|| format!("there are {all}"), |meant| format!("did you mean `{meant}`? There are {all}"))
}

/// What a word beside a field means.
fn classify(text: &str) -> Result<Literal, Problem> {
    let as_text = || Ok(Literal::Text(text.to_owned()));
    if matches!(text, "true" | "false") {
        return Ok(Literal::Bool(text == "true"));
    }
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return as_text();
    }
    if let Some(number) = whole(text) {
        return number.map(Literal::Number);
    }
    if let Some(peer) = text.starts_with('p').then(|| peer(text)).flatten() {
        return peer;
    }
    if let Some(real) = real(text) {
        return real.map(Literal::Real);
    }
    match (time(text), size(text)) {
        (Some(time), _) => time.map(Literal::Time),
        (None, Some(size)) => size.map(Literal::Size),
        (None, None) => as_text(),
    }
}

/// Whether `text` would be read as something else without quotes.
pub(super) fn needs_quotes(text: &str) -> bool {
    let word = !text.is_empty() && word_length(text) == text.len() && !KEYWORDS.contains(&text);
    !word || !matches!(classify(text), Ok(Literal::Text(_)))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn too_large(text: &str, what: &'static str) -> Problem {
    Problem::TooLarge { found: excerpt(text), what }
}

fn whole(text: &str) -> Option<Result<u64, Problem>> {
    is_digits(text).then(|| text.parse().map_err(|_| too_large(text, "a number of 64 bits")))
}

fn peer(text: &str) -> Option<Result<Literal, Problem>> {
    let digits = text.strip_prefix('p').unwrap_or(text);
    is_digits(digits).then(|| digits.parse().map(Literal::Peer).map_err(|_| too_large(text, "the number of a peer, which has 32 bits")))
}

/// A number with a point, or a negative one. Exponents are not read: `1e5` may be the beginning of a key.
fn real(text: &str) -> Option<Result<f64, Problem>> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let negative = unsigned.len() < text.len();
    let digits = unsigned.split_once('.').map_or(negative && is_digits(unsigned), |(whole, part)| is_digits(whole) && is_digits(part));
    let number = digits.then(|| text.parse::<f64>().ok()).flatten()?;
    Some(if number.is_finite() { Ok(number) } else { Err(too_large(text, "a real number")) })
}

fn time(text: &str) -> Option<Result<u64, Problem>> {
    quantity(text, &TIMES, "a time: 584 years are the most")
}

fn size(text: &str) -> Option<Result<u64, Problem>> {
    quantity(text, &SIZES, "a size of 64 bits")
}

/// A number, maybe with a point, and a unit; `None` for anything else. What is finer than the smallest unit is cut off.
fn quantity(text: &str, units: &[Unit], what: &'static str) -> Option<Result<u64, Problem>> {
    let (number, unit) = split_unit(text);
    let per = units.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let part = &part[..part.len().min(18)];
    let amount = || {
        let below = part.parse::<u128>().ok()? * u128::from(per) / 10u128.pow(part.len() as u32);
        let above = whole.parse::<u64>().ok()?;
        u64::try_from(u128::from(above) * u128::from(per) + below).ok()
    };
    Some(amount().ok_or_else(|| too_large(text, what)))
}

fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len()))
}

/// Why `text` is no quantity, and what would be.
fn quantity_hint(text: &str, usual: &str, units: &[Unit]) -> String {
    let all = units.iter().map(|(name, _)| *name).filter(|name| name.is_ascii()).collect::<Vec<_>>();
    match split_unit(text) {
        ("", _) => format!("write a number and a unit, as in `3{usual}`; {}", there_are(None, &all)),
        (number, "") => format!("it needs a unit, as in `{}{usual}`; {}", excerpt(number), there_are(None, &all)),
        (number, unit) => {
            let meant = nearest(unit, all.iter().copied()).map(|meant| format!("{}{meant}", excerpt(number)));
            there_are(meant.as_deref(), &all)
        }
    }
}

impl Literal {
    /// Its place in the order of the values of its column; none for what has no order or is no whole number.
    pub(super) fn ordinal(&self) -> Option<u64> {
        match self {
            Literal::Number(v) | Literal::Size(v) | Literal::Time(v) => Some(*v),
            Literal::Peer(v) => Some(u64::from(*v)),
            Literal::Real(_) | Literal::Bool(_) | Literal::Text(_) => None,
        }
    }
}

impl fmt::Display for Literal {
    /// As it is written in a filter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Bool(v) => write!(f, "{v}"),
            Literal::Number(v) => write!(f, "{v}"),
            // Display of a whole real has no point.
            Literal::Real(v) if v.fract() == 0.0 => write!(f, "{v}.0"),
            Literal::Real(v) => write!(f, "{v}"),
            Literal::Size(v) => put_quantity(f, *v, &SIZES[..4]),
            Literal::Time(v) => put_quantity(f, *v, &TIMES[..6]),
            Literal::Peer(v) => write!(f, "p{v}"),
            Literal::Text(v) => put_text(f, v),
        }
    }
}

/// Writes `amount` in the largest of `units` that holds it exactly.
fn put_quantity(f: &mut fmt::Formatter<'_>, amount: u64, units: &[Unit]) -> fmt::Result {
    let (unit, per) = units.iter().rev().find(|(_, per)| amount > 0 && amount.is_multiple_of(*per)).unwrap_or(&units[0]);
    write!(f, "{}{unit}", amount / per)
}
