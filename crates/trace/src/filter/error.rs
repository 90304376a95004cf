//! Why a text is no filter: what is wrong, where, and what is allowed there.
//!
//! A filter is typed by people at a prompt, so an error shows the place and names the way out:
//!
//! ```text
//! proto == kad && tpye == FIND_NODE
//!                 ^^^^ there is no column `tpye`: did you mean `type`? Columns: seq, time, peer, …
//! ```

use core::ops::Range;

use thiserror::Error;

use super::tree::Column;
use super::{MAX_DEPTH, MAX_LENGTH};

/// How much of a long line is shown on each side of the place.
const AROUND: usize = 60;

/// A text that is no filter. Shown, it is the line, a mark below the place, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", self.render())]
pub struct FilterError {
    text: String,
    span: Range<usize>,
    problem: Problem,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// There is nothing in it.
    #[error("the filter is empty: say what to keep, as in `kind == sent && size > 1KiB`")]
    Empty,
    /// It is longer than [`MAX_LENGTH`].
    #[error("the filter has {length} bytes, and {MAX_LENGTH} are the most: use ranges such as `peer in 3..9` in place of long lists")]
    TooLong {
        /// How long it is.
        length: usize,
    },
    /// Parentheses and negations are nested deeper than [`MAX_DEPTH`].
    #[error("parentheses and `not` are nested more than {MAX_DEPTH} deep here: take out those that change nothing")]
    TooDeep,
    /// A character that begins nothing.
    #[error("`{}` means nothing here{}", .0.escape_debug(), sign_hint(*.0))]
    Character(char),
    /// A text in quotes does not end.
    #[error("the quote that opens here is not closed")]
    OpenQuote,
    /// `\` before a character that has no such form.
    #[error("`\\{}` means nothing: in quotes there are \\\" \\' \\\\ \\n \\r and \\t", .0.escape_debug())]
    Escape(char),
    /// Something else should stand here.
    #[error("{wanted} should stand here, not {found}")]
    Expected {
        /// What.
        wanted: String,
        /// What stands there.
        found: String,
    },
    /// A word that names no column.
    #[error("there is no column `{name}`{} Columns: {}, and fields.NAME for the contents", question(.instead.as_deref()), columns())]
    Column {
        /// The word.
        name: String,
        /// What may have been meant.
        instead: Option<String>,
    },
    /// Contents without a name that a field can have.
    #[error("`{name}` names no field: write `fields.` and a name of letters, digits and `_`, as in `fields.target`")]
    Field {
        /// The word.
        name: String,
    },
    /// An operator that this column does not have.
    #[error("`{place}` {because}: {instead}")]
    Operator {
        /// What is compared.
        place: String,
        /// Why the operator does not fit.
        because: &'static str,
        /// What would.
        instead: String,
    },
    /// A value that the column never has.
    #[error("`{found}` is no {what}: {allowed}")]
    Value {
        /// What was written.
        found: String,
        /// What should have been.
        what: &'static str,
        /// What is allowed.
        allowed: String,
    },
    /// A number that does not fit.
    #[error("`{found}` is too large for {what}")]
    TooLarge {
        /// What was written.
        found: String,
        /// For what.
        what: &'static str,
    },
    /// A range that nothing is in.
    #[error("nothing is in the range {range}: {hint}")]
    EmptyRange {
        /// The range.
        range: String,
        /// What may have been meant.
        hint: String,
    },
}

impl FilterError {
    pub(super) fn new(text: &str, span: Range<usize>, problem: Problem) -> Self {
        // A text that is too long is not kept.
        let text = if text.len() > MAX_LENGTH { String::new() } else { text.to_owned() };
        let span = span.start.min(text.len())..span.end.min(text.len());
        Self { text, span, problem }
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Where: the bytes of the filter's text. Empty at its end when something is missing there.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The text that is no filter; empty when it was too long to keep.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn render(&self) -> String {
        let line_start = self.text[..self.span.start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[self.span.start..].find('\n').map_or(self.text.len(), |at| self.span.start + at);
        let before: Vec<char> = self.text[line_start..self.span.start].chars().collect();
        let marked: Vec<char> = self.text[self.span.start..self.span.end.min(line_end)].chars().collect();
        let after: Vec<char> = self.text[self.span.end.min(line_end)..line_end].chars().collect();
        if self.text[line_start..line_end].trim().is_empty() {
            return self.problem.to_string();
        }
        let mut line = String::new();
        let left = before.len().saturating_sub(AROUND);
        line.push_str(if left > 0 { "…" } else { "" });
        line.extend(before[left..].iter().copied().map(printable));
        let column = line.chars().count();
        line.extend(marked.iter().take(AROUND).copied().map(printable));
        line.push_str(if marked.len() > AROUND { "…" } else { "" });
        line.extend(after.iter().take(AROUND).copied().map(printable));
        line.push_str(if after.len() > AROUND { "…" } else { "" });
        let mark = "^".repeat(marked.len().clamp(1, AROUND));
        let problem: String = self.problem.to_string().chars().map(printable).collect();
        format!("{}\n{}{mark} {problem}", line.trim_end(), " ".repeat(column))
    }
}

/// `text`, or its beginning when it is long: what was written comes back in messages, and need not all come back.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(AROUND) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// One column wide, and harmless on a terminal.
fn printable(char: char) -> char {
    if char.is_control() { ' ' } else { char }
}

fn columns() -> String {
    Column::ALL.map(Column::name).join(", ")
}

fn question(instead: Option<&str>) -> String {
    instead.map_or_else(|| ".".to_owned(), |instead| format!(": did you mean `{instead}`?"))
}

fn sign_hint(char: char) -> &'static str {
    match char {
        '=' => ": did you mean `==`?",
        '&' => ": did you mean `&&`?",
        '|' => ": did you mean `||`?",
        '^' => ": did you mean `^=`, begins with?",
        '[' | ']' => ": a set stands in braces, as in `peer in {1, 4, 9}`",
        '*' | '?' => ": there are no wildcards, but `^=` (begins with) and `~` (contains, whatever the case)",
        '.' => ": a field is written as one word, `fields.target`",
        _ => ": text with such characters stands in quotes",
    }
}
