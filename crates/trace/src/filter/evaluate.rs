//! Whether a record passes.
//!
//! A condition on something that is not there, or that cannot be compared (a text with a number), is false, `!=` too: a filter keeps a record for something that it
//! has. So `other != 7` keeps the records with another other peer, and `not other == 7` also those with none.

use core::cmp::Ordering;
use core::fmt::Write as _;
use std::borrow::Cow;

use peerglass_core::{Peer, Value};

use super::Look;
use super::tree::{Check, Column, Comparison, Expr, Literal, Member, Place, Sort};

/// Beyond this, comparing at every place could take long, and the standard library's linear search is worth a copy of the text.
const LONG: usize = 32;

/// Whether `row` is as `expr` says.
pub(super) fn holds<L: Look + ?Sized>(expr: &Expr, row: &L) -> bool {
    match expr {
        Expr::And(all) => all.iter().all(|part| holds(part, row)),
        Expr::Or(any) => any.iter().any(|part| holds(part, row)),
        Expr::Not(inner) => !holds(inner, row),
        Expr::Has(Place::Field(name)) => row.field(name).is_some(),
        Expr::Has(Place::Column(column)) if column.sort() == Sort::Text => text(*column, row).is_some(),
        Expr::Has(Place::Column(column)) => number(*column, row).is_some(),
        Expr::Test(Place::Field(name), check) => row.field(name).is_some_and(|value| check.passes(&value)),
        Expr::Test(Place::Column(column), check) if column.sort() == Sort::Text => text(*column, row).is_some_and(|text| check.passes_text(&text)),
        Expr::Test(Place::Column(column), check) => number(*column, row).is_some_and(|number| check.passes_number(number)),
        Expr::Search(needle) => search(needle, row),
    }
}

/// A column of numbers, times (in nanoseconds), peers or sizes (in bytes).
fn number<L: Look + ?Sized>(column: Column, row: &L) -> Option<u64> {
    let id = |peer: Peer| u64::from(peer.0);
    match column {
        Column::Seq => Some(row.seq()),
        Column::Time => Some(row.time().as_nanos()),
        Column::Peer => Some(id(row.peer())),
        Column::Other => row.other().map(id),
        Column::From => ends(row).map(|(from, _)| id(from)),
        Column::To => ends(row).map(|(_, to)| id(to)),
        Column::Cause => row.cause(),
        Column::Size => row.bytes(),
        Column::Kind | Column::Type | Column::Proto | Column::Why | Column::Operation => None,
    }
}

/// The sender and the receiver of a message.
fn ends<L: Look + ?Sized>(row: &L) -> Option<(Peer, Peer)> {
    match row.kind() {
        "sent" | "dropped" => Some((row.peer(), row.other()?)),
        "received" => Some((row.other()?, row.peer())),
        _ => None,
    }
}

fn text<L: Look + ?Sized>(column: Column, row: &L) -> Option<Cow<'_, str>> {
    match column {
        Column::Kind => Some(Cow::Borrowed(row.kind())),
        Column::Type => row.name().map(Cow::Borrowed),
        Column::Proto => row.protocol().map(Cow::Borrowed),
        Column::Why => row.why().map(Cow::Borrowed),
        Column::Operation => row.operation(),
        _ => None,
    }
}

/// Whether one of the texts of `row` contains `needle`: kind, name, protocol, reason, operation, the two peers, and the names and values of all fields.
fn search<L: Look + ?Sized>(needle: &str, row: &L) -> bool {
    let columns = [Column::Type, Column::Why, Column::Kind, Column::Operation, Column::Proto];
    let mut shown = String::new();
    let mut peer = |peer: Peer| {
        shown.clear();
        // Writing to a string cannot fail.
        let _ = write!(shown, "{peer}");
        contains(&shown, needle)
    };
    columns.into_iter().any(|column| text(column, row).is_some_and(|text| contains(&text, needle)))
        || peer(row.peer())
        || row.other().is_some_and(peer)
        || row.fields(&mut |name, value| contains(name, needle) || shows(value, needle))
}

/// Whether `value`, as it is shown to people, contains `needle`; of a list, any element.
fn shows(value: &Value, needle: &str) -> bool {
    match value {
        Value::Text(text) => contains(text, needle),
        Value::List(list) => list.iter().any(|element| shows(element, needle)),
        other => contains(&other.to_string(), needle),
    }
}

/// Whether `text` contains `needle`, which is in lower case, whatever the case of the ASCII letters of `text`.
fn contains(text: &str, needle: &str) -> bool {
    if needle.len() > LONG {
        return text.to_ascii_lowercase().contains(needle);
    }
    let Some((first, rest)) = needle.as_bytes().split_first() else { return true };
    // Most places differ in the first letter already.
    text.as_bytes().windows(needle.len()).any(|part| part[0].to_ascii_lowercase() == *first && part[1..].eq_ignore_ascii_case(rest))
}

impl Check {
    pub(super) fn passes_number(&self, number: u64) -> bool {
        let of = |literal: &Literal| literal.ordinal().map(|ordinal| number.cmp(&ordinal));
        match self {
            Check::Compare(comparison, literal) => of(literal).is_some_and(|order| comparison.holds(order)),
            Check::In(members) => members.iter().any(|member| member.takes(of)),
            Check::Contains(_) | Check::StartsWith(_) | Check::Like(_) => false,
        }
    }

    pub(super) fn passes_text(&self, text: &str) -> bool {
        let of = |literal: &Literal| if let Literal::Text(wanted) = literal { Some(text.cmp(wanted)) } else { None };
        match self {
            Check::Compare(comparison, literal) => of(literal).is_some_and(|order| comparison.holds(order)),
            Check::In(members) => members.iter().any(|member| member.takes(of)),
            Check::Contains(Literal::Text(part)) => text.contains(&**part),
            Check::Contains(_) => false,
            Check::StartsWith(beginning) => text.starts_with(&**beginning),
            Check::Like(needle) => contains(text, needle),
        }
    }

    fn passes(&self, value: &Value) -> bool {
        let of = |literal: &Literal| order(value, literal);
        match (self, value) {
            (Check::Compare(comparison, literal), _) => of(literal).is_some_and(|order| comparison.holds(order)),
            (Check::In(members), _) => members.iter().any(|member| member.takes(of)),
            (Check::Contains(literal), Value::List(list)) => list.iter().any(|element| order(element, literal) == Some(Ordering::Equal)),
            (Check::StartsWith(beginning), Value::Key(key)) => hex(&key.to_bytes()).take(beginning.len()).eq(lower(beginning)),
            (Check::StartsWith(beginning), Value::Bytes(bytes)) => hex(bytes).take(beginning.len()).eq(lower(beginning)),
            (Check::Like(needle), value) => shows(value, needle),
            (check, Value::Text(text)) => check.passes_text(text),
            (Check::Contains(_) | Check::StartsWith(_), _) => false,
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Unequal => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::AtLeast => order.is_ge(),
        }
    }
}

impl Member {
    /// Whether a value is in it, of which `of` tells how it compares.
    fn takes(&self, of: impl Fn(&Literal) -> Option<Ordering>) -> bool {
        match self {
            Member::One(literal) => of(literal).is_some_and(Ordering::is_eq),
            Member::Range { from, to } => of(from).is_some_and(Ordering::is_ge) && of(to).is_some_and(Ordering::is_lt),
            Member::Inclusive { from, to } => of(from).is_some_and(Ordering::is_ge) && of(to).is_some_and(Ordering::is_le),
        }
    }
}

/// How the value of a field compares with what a filter names; `None` when the two are of different types.
fn order(value: &Value, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Value::Bool(a), Literal::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(a), Literal::Number(b) | Literal::Size(b)) => Some(a.cmp(b)),
        (Value::Number(a), Literal::Real(b)) => (*a as f64).partial_cmp(b),
        (Value::Real(a), Literal::Number(b) | Literal::Size(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Real(a), Literal::Real(b)) => a.partial_cmp(b),
        (Value::Peer(a), Literal::Peer(b)) => Some(a.0.cmp(b)),
        (Value::Peer(a), Literal::Number(b)) => Some(u64::from(a.0).cmp(b)),
        (Value::Time(a), Literal::Time(b)) => Some(a.as_nanos().cmp(b)),
        (Value::Duration(a), Literal::Time(b)) => Some(a.as_nanos().cmp(&u128::from(*b))),
        (Value::Text(a), Literal::Text(b)) => Some(a.as_str().cmp(b)),
        (Value::Key(a), Literal::Text(b)) => Some(hex(&a.to_bytes()).cmp(lower(b))),
        (Value::Bytes(a), Literal::Text(b)) => Some(hex(a).cmp(lower(b))),
        _ => None,
    }
}

/// The hexadecimal digits of `bytes`, as records show them.
fn hex(bytes: &[u8]) -> impl Iterator<Item = u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
}

fn lower(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().map(|byte| byte.to_ascii_lowercase())
}
