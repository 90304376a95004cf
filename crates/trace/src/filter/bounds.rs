//! [`Bounds`]: what a record must at least be to pass a filter, in a form that an index can use.
//!
//! A reader of a file in groups (row groups of a column format, segments of a log) knows of each group the first and last time, the peers, the kinds. It asks the
//! bounds whether a group can hold a record that passes, and skips the group when not. Bounds are *necessary*, never sufficient: they may admit too much, and the
//! filter still has to look at every record of the groups that are left.
//!
//! ```text
//!   peer in 3..9 && time > 2s && type == NODES        peers 3..=8, time from 2 s + 1 ns, names {NODES}
//!   peer == 3 || why ~ loss                           everything: the right side says nothing of peers
//!   not (time < 2s || kind == step)                   time from 2 s, kinds without `step`
//! ```
//!
//! They are computed column by column: `&&` intersects, `||` unites, and a negation is first pushed down to the conditions (De Morgan), where only those on columns
//! that every record has can be turned round.

use std::collections::BTreeSet;

use super::Look;
use super::ranges::Ranges;
use super::tree::{Check, Column, Comparison, Expr, Literal, Member, Place};
use crate::What;

/// Necessary conditions of a filter, column by column. A record passes only if every one admits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Numbers of records.
    pub seq: Ranges,
    /// Times, in nanoseconds since the run's epoch.
    pub time: Ranges,
    /// Whose record.
    pub peers: Ranges,
    /// The other peer. If these are not all, a record without one does not pass.
    pub others: Option<Ranges>,
    /// What kinds.
    pub kinds: Kinds,
    /// Names of messages, commands, events, timers, steps, faults. If there is a set, a record without a name does not pass.
    pub names: Option<BTreeSet<String>>,
}

impl Bounds {
    /// Everything is admitted.
    #[must_use]
    pub fn all() -> Self {
        Self { seq: Ranges::all(), time: Ranges::all(), peers: Ranges::all(), others: None, kinds: Kinds::ALL, names: None }
    }

    /// Whether `row` may pass.
    pub fn admit<L: Look + ?Sized>(&self, row: &L) -> bool {
        self.seq.contains(row.seq())
            && self.time.contains(row.time().as_nanos())
            && self.peers.contains(u64::from(row.peer().0))
            && self.others.as_ref().is_none_or(|others| row.other().is_some_and(|other| others.contains(u64::from(other.0))))
            && self.kinds.contains(row.kind())
            && self.names.as_ref().is_none_or(|names| row.name().is_some_and(|name| names.contains(name)))
    }

    /// Whether no record at all can pass, as of `peer == 3 && peer == 4`.
    #[must_use]
    pub fn admit_nothing(&self) -> bool {
        self.seq.is_empty()
            || self.time.is_empty()
            || self.peers.is_empty()
            || self.others.as_ref().is_some_and(Ranges::is_empty)
            || self.kinds == Kinds::NONE
            || self.names.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// The bounds of `expr`, or of its negation.
    pub(super) fn of(expr: &Expr, negated: bool) -> Self {
        match expr {
            Expr::Not(inner) => Self::of(inner, !negated),
            Expr::And(parts) | Expr::Or(parts) => {
                let parts = parts.iter().map(|part| Self::of(part, negated));
                if matches!(expr, Expr::And(_)) == negated { Self::any(parts) } else { parts.fold(Self::all(), Self::both) }
            }
            Expr::Test(Place::Column(column), check) => Self::of_column(*column, check, negated),
            Expr::Has(Place::Column(Column::From | Column::To)) if !negated => Self { kinds: Kinds::MESSAGES, ..Self::all() },
            Expr::Has(Place::Column(Column::Other)) if !negated => Self { others: Some(Ranges::all()), ..Self::all() },
            Expr::Has(_) | Expr::Test(Place::Field(_), _) | Expr::Search(_) => Self::all(),
        }
    }

    fn of_column(column: Column, check: &Check, negated: bool) -> Self {
        let ranges = || if negated { ranges(check).complement() } else { ranges(check) };
        match column {
            Column::Seq => Self { seq: ranges(), ..Self::all() },
            Column::Time => Self { time: ranges(), ..Self::all() },
            Column::Peer => Self { peers: ranges(), ..Self::all() },
            Column::Kind => Self { kinds: Kinds::passing(check, negated), ..Self::all() },
            // A record that lacks the column passes the negation, whatever is asked.
            _ if negated => Self::all(),
            Column::Other => Self { others: Some(ranges()), ..Self::all() },
            Column::From | Column::To => Self { kinds: Kinds::MESSAGES, others: Some(Ranges::all()), ..Self::all() },
            Column::Type => Self { names: names(check), ..Self::all() },
            Column::Cause | Column::Size | Column::Proto | Column::Why | Column::Operation => Self::all(),
        }
    }

    fn both(self, other: Self) -> Self {
        Self {
            seq: self.seq.intersect(&other.seq),
            time: self.time.intersect(&other.time),
            peers: self.peers.intersect(&other.peers),
            others: both(self.others, other.others, |a, b| a.intersect(&b)),
            kinds: Kinds(self.kinds.0 & other.kinds.0),
            names: both(self.names, other.names, |a, b| a.into_iter().filter(|name| b.contains(name)).collect()),
        }
    }

    /// The union. A part that admits nothing adds nothing.
    fn any(parts: impl Iterator<Item = Self>) -> Self {
        let parts: Vec<Self> = parts.collect();
        let possible: Vec<&Self> = parts.iter().filter(|part| !part.admit_nothing()).collect();
        if possible.is_empty() {
            return Self { kinds: Kinds::NONE, ..Self::all() };
        }
        let all_others: Option<Vec<&Ranges>> = possible.iter().map(|part| part.others.as_ref()).collect();
        let all_names: Option<Vec<&BTreeSet<String>>> = possible.iter().map(|part| part.names.as_ref()).collect();
        Self {
            seq: Ranges::union(possible.iter().map(|part| &part.seq)),
            time: Ranges::union(possible.iter().map(|part| &part.time)),
            peers: Ranges::union(possible.iter().map(|part| &part.peers)),
            others: all_others.map(Ranges::union),
            kinds: Kinds(possible.iter().fold(0, |kinds, part| kinds | part.kinds.0)),
            names: all_names.map(|sets| sets.into_iter().flatten().cloned().collect()),
        }
    }
}

/// What two conditions leave, each of which may leave everything.
fn both<T>(a: Option<T>, b: Option<T>, meet: impl FnOnce(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(meet(a, b)),
        (a, b) => a.or(b),
    }
}

/// The numbers that pass `check`.
fn ranges(check: &Check) -> Ranges {
    let one = |literal: &Literal| literal.ordinal().map_or_else(Ranges::all, Ranges::one);
    let below = |literal: &Literal| literal.ordinal().map_or_else(Ranges::all, Ranges::below);
    match check {
        Check::Compare(comparison, literal) => match comparison {
            Comparison::Equal => one(literal),
            Comparison::Unequal => one(literal).complement(),
            Comparison::Less => below(literal),
            Comparison::AtLeast => below(literal).complement(),
            Comparison::AtMost => Ranges::union([&below(literal), &one(literal)]),
            Comparison::Greater => Ranges::union([&below(literal), &one(literal)]).complement(),
        },
        Check::In(members) => {
            let members: Vec<Ranges> = members
                .iter()
                .map(|member| match member {
                    Member::One(literal) => one(literal),
                    Member::Range { from, to } => below(to).intersect(&below(from).complement()),
                    Member::Inclusive { from, to } => Ranges::union([&below(to), &one(to)]).intersect(&below(from).complement()),
                })
                .collect();
            Ranges::union(&members)
        }
        Check::Contains(_) | Check::StartsWith(_) | Check::Like(_) => Ranges::all(),
    }
}

/// The names that pass `check`, when they can be listed.
fn names(check: &Check) -> Option<BTreeSet<String>> {
    let name = |literal: &Literal| if let Literal::Text(name) = literal { Some(name.clone()) } else { None };
    match check {
        Check::Compare(Comparison::Equal, literal) => Some(BTreeSet::from([name(literal)?])),
        Check::In(members) => members.iter().map(|member| if let Member::One(literal) = member { name(literal) } else { None }).collect(),
        _ => None,
    }
}

/// A set of kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// Every kind, also those that this version does not know.
    pub const ALL: Kinds = Kinds(u16::MAX);
    /// None.
    pub const NONE: Kinds = Kinds(0);
    /// Those with a sender and a receiver: `sent`, `received`, `dropped`. A test holds them to what is evaluated.
    const MESSAGES: Kinds = Kinds(1 << 5 | 1 << 6 | 1 << 7);
    /// Stands for the kinds that this version does not know.
    const UNKNOWN: u16 = 1 << 15;

    /// Whether `kind` is one of them.
    #[must_use]
    pub fn contains(self, kind: &str) -> bool {
        let bit = What::NAMES.iter().position(|name| *name == kind).map_or(Self::UNKNOWN, |index| 1 << index);
        self.0 & bit != 0
    }

    /// Those that this version knows.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        What::NAMES.into_iter().filter(move |name| self.contains(name))
    }

    fn passing(check: &Check, negated: bool) -> Self {
        let known = What::NAMES.iter().enumerate().filter(|(_, name)| check.passes_text(name) != negated);
        let exact = matches!(check, Check::Compare(Comparison::Equal, _) | Check::In(_));
        let unknown = if exact && !negated { 0 } else { Self::UNKNOWN };
        Kinds(known.fold(unknown, |kinds, (index, _)| kinds | 1 << index))
    }
}

const _: () = assert!(What::KINDS < 16, "a kind of its own bit, and one for those that are not known");
