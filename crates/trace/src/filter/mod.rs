//! The filter language of records: which of them to keep, in one line of text.
//!
//! ```
//! use peerglass_trace::{Filter, Row};
//!
//! let filter: Filter = "proto == kad && type == FIND_NODE && peer in 3..9 && time > 2s && size > 1KiB".parse()?;
//! # let row: Row = serde_json::from_str(r#"{"seq":1,"t_ns":"2000000001","peer":8,"kind":"sent","other":1,"protocol":"kad","name":"FIND_NODE","bytes":1025}"#)?;
//! assert!(filter.matches(&row));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It is made in the spirit of Wireshark's display filters, for the same people: those who look at a protocol and ask it questions, at a prompt, in a hurry. So
//! there is one condition per idea, the words are those of the records, everything is checked when it is read, and what is wrong is answered with the way out.
//! The same text means the same to the command line, to this library and to a live node, because they all come here.
//!
//! ```text
//!   text ──lexer──▶ words ──parser──▶ Expr ─┬─ evaluate   does this record pass?        Filter::matches
//!                     (types are checked)   ├─ bounds     which groups can be skipped?  Filter::bounds
//!                                           └─ Display    the canonical text            Filter::to_string
//! ```
//!
//! # Grammar
//!
//! ```text
//! filter     = and { ("||" | "or") and }
//! and        = unary { ("&&" | "and") unary }
//! unary      = ("!" | "not") unary | "(" filter ")" | condition
//! condition  = "has" place | place
//!            | place ("==" | "!=" | "<" | "<=" | ">" | ">=") value
//!            | place "in" (range | "{" (value | range) { "," (value | range) } "}")
//!            | place "contains" value
//!            | place ("^=" | "~") (word | text)
//!            | "any" "~" (word | text)
//! place      = "seq" | "time" | "peer" | "other" | "from" | "to" | "cause" | "kind" | "type" | "proto" | "size" | "why" | "operation"
//!            | "fields." name
//! range      = value ".." value      (without its end, as in Rust)
//!            | value "..=" value     (with its end)
//! value      = word | text           (what is allowed depends on the place)
//! ```
//!
//! `docs/filters.md` tells people what they can write; [`Expr`] is what programs see.
//!
//! # Decisions
//!
//! - What is not there passes no condition, not even `!=`; only `not` turns an answer round. So `why != loss` is about messages that were lost otherwise, not about
//!   all other records. Values of types that cannot be compared are treated alike. See [`Check`].
//! - A bare number is no time: seconds and nanoseconds are both plausible. A bare number is a size in bytes.
//! - Words of closed sets (kinds, protocols) are checked; a protocol of somebody's own stands in quotes. Names of messages are open: no check.
//! - Text is equal when its case is, as in the records, where `FIND_NODE` is a message and `find_node` a command. `~` does not look at the case.
//! - There are no regular expressions: `^=` and `~` answer what is asked, in time linear in the record.
//! - A filter may come from a stranger (a live node takes them): its length and depth are bounded, and so is the work per record by their product.

mod bounds;
mod condition;
mod error;
mod evaluate;
mod lexer;
mod literal;
mod look;
mod nearest;
mod parser;
mod protocol;
mod ranges;
#[cfg(test)]
mod tests;
mod tree;

use core::fmt;
use core::str::FromStr;

pub use bounds::{Bounds, Kinds};
pub use error::{FilterError, Problem};
pub use look::Look;
pub use ranges::Ranges;
pub use tree::{Check, Column, Comparison, Expr, Literal, Member, Place};

/// The longest text that is read as a filter, in bytes.
pub const MAX_LENGTH: usize = 64 << 10;

/// How deep parentheses and negations may be nested.
pub const MAX_DEPTH: usize = 64;

/// Which records to keep. Made from text by [`str::parse`]; shown, it is its canonical text.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    expr: Expr,
}

impl Filter {
    /// Whether `row` passes.
    pub fn matches<L: Look + ?Sized>(&self, row: &L) -> bool {
        evaluate::holds(&self.expr, row)
    }

    /// What a record must at least be to pass, for readers that can skip groups of records.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        Bounds::of(&self.expr, false)
    }

    /// What the filter says, for readers that can evaluate parts of it themselves.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.expr
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        if text.len() > MAX_LENGTH {
            return Err(FilterError::new(text, 0..0, Problem::TooLong { length: text.len() }));
        }
        parser::parse(text).map(|expr| Self { expr })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}
