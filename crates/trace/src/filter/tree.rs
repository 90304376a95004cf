//! What a filter says, as a tree: [`Expr`], and how it is written back.
//!
//! A tree only comes from the parser, so it is always well typed: a column is compared with what it can hold, `time` with times and `peer` with peers. Nested
//! conjunctions are flattened (`a && (b && c)` is one [`Expr::And`] of three), so a tree is as deep as its text has parentheses and negations, and no deeper.
//!
//! Written back, a filter has its canonical form: `&&`, `||` and `not`, the fewest parentheses, the largest units that hold a quantity exactly, quotes only where
//! a text needs them. The canonical form is parsed into the same tree.

use core::fmt;

use super::literal::needs_quotes;
use super::protocol;

/// A condition on a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// All of these, at least two; none is itself an `And`.
    And(Vec<Expr>),
    /// Any of these, at least two; none is itself an `Or`.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// The record has this column or field: `has cause`.
    Has(Place),
    /// The record has this column or field, and it passes: `size > 1KiB`.
    Test(Place, Check),
    /// Some text of the record contains this, in lower case: `any ~ "timeout"`.
    Search(String),
}

/// Where in a record a condition looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a column.
    Column(Column),
    /// In the field of this name, among the contents.
    Field(String),
}

/// A column of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The record's number.
    Seq,
    /// When.
    Time,
    /// Whose record.
    Peer,
    /// The other peer.
    Other,
    /// Who sent the message.
    From,
    /// To whom the message was sent.
    To,
    /// The number of the record that led to this one.
    Cause,
    /// One of [`What::NAMES`](crate::What::NAMES).
    Kind,
    /// The name of the message, command, event, timer, step or fault.
    Type,
    /// The protocol of the message, timer or step.
    Proto,
    /// The size of the message on the wire.
    Size,
    /// The reason or detail.
    Why,
    /// The operation that a step belongs to, as `kad#7`.
    Operation,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Number,
    Time,
    Peer,
    Size,
    Text,
    /// Anything: only a field does.
    Any,
}

impl Column {
    /// All columns, in the order in which they are listed to people.
    pub const ALL: [Column; 13] = [
        Column::Seq,
        Column::Time,
        Column::Peer,
        Column::Other,
        Column::From,
        Column::To,
        Column::Cause,
        Column::Kind,
        Column::Type,
        Column::Proto,
        Column::Size,
        Column::Why,
        Column::Operation,
    ];

    /// The column's name in a filter.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Column::Seq => "seq",
            Column::Time => "time",
            Column::Peer => "peer",
            Column::Other => "other",
            Column::From => "from",
            Column::To => "to",
            Column::Cause => "cause",
            Column::Kind => "kind",
            Column::Type => "type",
            Column::Proto => "proto",
            Column::Size => "size",
            Column::Why => "why",
            Column::Operation => "operation",
        }
    }

    /// The column called `name`, by its name here or in the tables ([`View`](crate::View)).
    pub(super) fn called(name: &str) -> Option<Column> {
        match name {
            "name" => Some(Column::Type),
            "bytes" => Some(Column::Size),
            _ => Column::ALL.into_iter().find(|column| column.name() == name),
        }
    }

    pub(super) const fn sort(self) -> Sort {
        match self {
            Column::Seq | Column::Cause => Sort::Number,
            Column::Time => Sort::Time,
            Column::Peer | Column::Other | Column::From | Column::To => Sort::Peer,
            Column::Size => Sort::Size,
            Column::Kind | Column::Type | Column::Proto | Column::Why | Column::Operation => Sort::Text,
        }
    }
}

impl Place {
    pub(super) const fn sort(&self) -> Sort {
        match self {
            Place::Column(column) => column.sort(),
            Place::Field(_) => Sort::Any,
        }
    }
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// It compares so: `== 7`.
    Compare(Comparison, Literal),
    /// It is one of these, or in one of these ranges; at least one: `in {1, 4..9}`.
    In(Vec<Member>),
    /// A list has this element, a text this part: `contains p7`.
    Contains(Literal),
    /// A text, key or row of bytes begins so: `^= GET_`.
    StartsWith(String),
    /// Its text contains this, whatever the case of ASCII letters. In lower case: `~ timeout`.
    Like(String),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Its sign.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::Unequal => "!=",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
        }
    }
}

/// A member of a set.
#[derive(Clone, Debug, PartialEq)]
pub enum Member {
    /// This one.
    One(Literal),
    /// From `from` up to but not `to`: `3..9`.
    Range {
        /// The first.
        from: Literal,
        /// The first that is beyond.
        to: Literal,
    },
    /// From `from` to `to`, both included: `3..=9`.
    Inclusive {
        /// The first.
        from: Literal,
        /// The last.
        to: Literal,
    },
}

/// A value as written in a filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Number(u64),
    /// A number with a point, or a negative one. Finite.
    Real(f64),
    /// A number of bytes, with a unit.
    Size(u64),
    /// A time or a length of time, in nanoseconds.
    Time(u64),
    /// A peer.
    Peer(u32),
    /// A word or a text in quotes.
    Text(String),
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Or(any) => separated(f, any, " || "),
            Expr::And(all) => {
                for (i, part) in all.iter().enumerate() {
                    f.write_str(if i > 0 { " && " } else { "" })?;
                    part.put(f, matches!(part, Expr::Or(_)))?;
                }
                Ok(())
            }
            Expr::Not(inner) => {
                f.write_str("not ")?;
                inner.put(f, matches!(**inner, Expr::Or(_) | Expr::And(_)))
            }
            Expr::Has(place) => write!(f, "has {place}"),
            Expr::Test(place, check) => {
                write!(f, "{place} ")?;
                check.put(f, matches!(place, Place::Column(Column::Proto)))
            }
            Expr::Search(text) => {
                f.write_str("any ~ ")?;
                put_text(f, text)
            }
        }
    }
}

impl Expr {
    fn put(&self, f: &mut fmt::Formatter<'_>, parentheses: bool) -> fmt::Result {
        if parentheses { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Column(column) => f.write_str(column.name()),
            Place::Field(name) => write!(f, "fields.{name}"),
        }
    }
}

impl Check {
    /// Writes it. The name of a protocol that Peerglass does not know has to be quoted to be believed.
    fn put(&self, f: &mut fmt::Formatter<'_>, of_protocol: bool) -> fmt::Result {
        let put = |f: &mut fmt::Formatter<'_>, literal: &Literal| match literal {
            Literal::Text(name) if of_protocol && !protocol::is_known(name) => put_quoted(f, name),
            literal => write!(f, "{literal}"),
        };
        match self {
            Check::Compare(comparison, literal) => {
                write!(f, "{} ", comparison.sign())?;
                put(f, literal)
            }
            Check::In(members) => {
                let bare = matches!(&members[..], [Member::Range { .. } | Member::Inclusive { .. }]);
                f.write_str(if bare { "in " } else { "in {" })?;
                for (i, member) in members.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    match member {
                        Member::One(literal) => put(f, literal)?,
                        Member::Range { from, to } => write!(f, "{from}..{to}")?,
                        Member::Inclusive { from, to } => write!(f, "{from}..={to}")?,
                    }
                }
                f.write_str(if bare { "" } else { "}" })
            }
            Check::Contains(literal) => write!(f, "contains {literal}"),
            Check::StartsWith(text) => {
                f.write_str("^= ")?;
                put_text(f, text)
            }
            Check::Like(text) => {
                f.write_str("~ ")?;
                put_text(f, text)
            }
        }
    }
}

fn separated(f: &mut fmt::Formatter<'_>, parts: &[Expr], between: &str) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        write!(f, "{}{part}", if i > 0 { between } else { "" })?;
    }
    Ok(())
}

pub(super) fn put_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if needs_quotes(text) { put_quoted(f, text) } else { f.write_str(text) }
}

fn put_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for char in text.chars() {
        match char {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            other => write!(f, "{other}")?,
        }
    }
    f.write_str("\"")
}
