//! One condition: a column or field, an operator, a value. Here the types are checked, because here the column is known.

use core::cmp::Ordering;
use core::ops::Range;

use super::error::{FilterError, Problem, excerpt};
use super::lexer::Lexeme;
use super::literal::{self, KEYWORDS};
use super::nearest::nearest;
use super::parser::Parser;
use super::protocol;
use super::tree::{Check, Column, Comparison, Expr, Literal, Member, Place, Sort};
use crate::What;

/// Operators of other languages, and what they are called here.
const ELSEWHERE: [(&str, &str); 10] = [
    ("eq", "`==`"),
    ("is", "`==`"),
    ("equals", "`==`"),
    ("ne", "`!=`"),
    ("lt", "`<`"),
    ("le", "`<=`"),
    ("gt", "`>`"),
    ("ge", "`>=`"),
    ("starts_with", "`^=`"),
    ("matches", "`~`"),
];

impl Parser<'_> {
    /// A column or field, and what it must be; that it is there, if nothing follows.
    pub(super) fn test(&mut self) -> Result<Expr, FilterError> {
        let place = self.place()?;
        let operator = self.here().span.clone();
        let check = match self.comparison() {
            Some(comparison) => self.compare(&place, comparison, operator)?,
            None if self.eat_word("in") => self.set(&place)?,
            None if self.eat_word("contains") => {
                self.needs_text(&place, operator)?;
                // A part of a text need not be a word of the column.
                Check::Contains(if place.sort() == Sort::Text { Literal::Text(self.text()?) } else { self.value(&place)?.0 })
            }
            None if self.eat("^=") => {
                self.needs_text(&place, operator)?;
                Check::StartsWith(self.text()?)
            }
            None if self.eat("~") => {
                self.needs_text(&place, operator)?;
                Check::Like(self.needle()?)
            }
            None => return self.presence(place),
        };
        Ok(Expr::Test(place, check))
    }

    /// A bare column or field: that it is there. What follows cannot belong to it.
    fn presence(&self, place: Place) -> Result<Expr, FilterError> {
        let word = self.word();
        if matches!(self.here().what, Lexeme::End | Lexeme::Sign("&&" | "||" | ")")) || matches!(word, Some("and" | "or")) {
            return Ok(Expr::Has(place));
        }
        if word == Some("not") {
            return Err(self.error(Problem::Operator {
                place: excerpt(&place.to_string()),
                because: "cannot be followed by `not`",
                instead: format!("`not` stands before the whole condition, as in `not {} in …`", excerpt(&place.to_string())),
            }));
        }
        let meant = ELSEWHERE.iter().find(|(name, _)| Some(*name) == word).map(|(_, here)| *here);
        Err(self.expected(meant.unwrap_or("an operator (==, !=, <, <=, >, >=, in, contains, ^=, ~), `&&`, `||` or the end")))
    }

    pub(super) fn place(&mut self) -> Result<Place, FilterError> {
        let Some(word) = self.word() else {
            return Err(self.expected("a condition, as in `peer == 7`,"));
        };
        if let Some(name) = word.strip_prefix("fields.").or_else(|| (word == "fields").then_some("")) {
            let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let place = if good { Ok(Place::Field(name.to_owned())) } else { Err(Problem::Field { name: excerpt(word) }) };
            return self.accept(place);
        }
        let problem = || match word {
            _ if KEYWORDS.contains(&word) => {
                Problem::Expected { wanted: "a condition, as in `peer == 7`,".to_owned(), found: format!("`{}`", excerpt(word)) }
            }
            _ if word.starts_with(|first: char| first.is_ascii_digit()) => Problem::Expected {
                wanted: "a column (columns stand on the left, values on the right)".to_owned(),
                found: format!("`{}`", excerpt(word)),
            },
            _ => Problem::Column { name: excerpt(word), instead: meant(word) },
        };
        self.accept(Column::called(word).map(Place::Column).ok_or_else(problem))
    }

    fn comparison(&mut self) -> Option<Comparison> {
        use Comparison::{AtLeast, AtMost, Equal, Greater, Less, Unequal};
        [Equal, Unequal, Less, AtMost, Greater, AtLeast].into_iter().find(|comparison| self.eat(comparison.sign()))
    }

    fn compare(&mut self, place: &Place, comparison: Comparison, operator: Range<usize>) -> Result<Check, FilterError> {
        let ordering = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
        if ordering && place.sort() == Sort::Text {
            return Err(self.no_order(place, operator));
        }
        let (literal, _) = self.value(place)?;
        if ordering && matches!(literal, Literal::Text(_) | Literal::Bool(_)) {
            return Err(self.no_order(place, operator));
        }
        Ok(Check::Compare(comparison, literal))
    }

    fn no_order(&self, place: &Place, span: Range<usize>) -> FilterError {
        let because = if place.sort() == Sort::Text { "is text, which has no order" } else { "is compared with what has no order" };
        FilterError::new(self.text, span, operator_problem(place, because, "there are ==, !=, in {…}, contains, ^= (begins with) and ~ (search)"))
    }

    fn needs_text(&self, place: &Place, span: Range<usize>) -> Result<(), FilterError> {
        match place.sort() {
            Sort::Text | Sort::Any => Ok(()),
            _ => Err(FilterError::new(self.text, span, operator_problem(place, "is no text and no list", "there are ==, !=, <, <=, >, >= and in"))),
        }
    }

    /// `3..9`, or a set in braces.
    fn set(&mut self, place: &Place) -> Result<Check, FilterError> {
        if !self.eat("{") {
            let alone = self.expected("a range such as `3..9` or a set such as `{1, 4, 9}`");
            let member = self.member(place)?;
            return if matches!(member, Member::One(_)) { Err(alone) } else { Ok(Check::In(vec![member])) };
        }
        let mut members = vec![self.member(place)?];
        while self.eat(",") {
            members.push(self.member(place)?);
        }
        if self.eat("}") { Ok(Check::In(members)) } else { Err(self.expected("`,` or `}`")) }
    }

    /// A value, or a range of values.
    fn member(&mut self, place: &Place) -> Result<Member, FilterError> {
        let (from, first) = self.value(place)?;
        let dots = self.here().span.clone();
        let inclusive = self.eat("..=");
        if !inclusive && !self.eat("..") {
            return Ok(Member::One(from));
        }
        if matches!(from, Literal::Text(_) | Literal::Bool(_)) {
            return Err(self.no_order(place, dots));
        }
        let (to, last) = self.value(place)?;
        let (from, to) = alike(from, to);
        let order = match (&from, &to) {
            (Literal::Real(from), Literal::Real(to)) => from.partial_cmp(to),
            _ if core::mem::discriminant(&from) == core::mem::discriminant(&to) => from.ordinal().partial_cmp(&to.ordinal()),
            _ => None,
        };
        match order {
            Some(Ordering::Less) if !inclusive => Ok(Member::Range { from, to }),
            Some(Ordering::Less | Ordering::Equal) if inclusive => Ok(Member::Inclusive { from, to }),
            order => {
                let problem = bad_range(order, &self.text[first.clone()], &self.text[dots], &self.text[last.clone()]);
                Err(FilterError::new(self.text, first.start..last.end, problem))
            }
        }
    }

    /// A value beside `place`, and where it stands.
    fn value(&mut self, place: &Place) -> Result<(Literal, Range<usize>), FilterError> {
        let span = self.here().span.clone();
        let literal = match &self.here().what {
            Lexeme::Word => literal::read(place, &self.text[span.clone()], false),
            Lexeme::Quoted(text) => literal::read(place, text, true),
            _ => return Err(self.expected("a value")),
        };
        self.accept(literal).map(|literal| (literal, span))
    }

    /// A word or text, as it stands.
    fn text(&mut self) -> Result<String, FilterError> {
        let text = match &self.here().what {
            Lexeme::Word => self.text[self.here().span.clone()].to_owned(),
            Lexeme::Quoted(text) => text.clone(),
            _ => return Err(self.expected("a word or a text in quotes")),
        };
        self.accept(Ok(text))
    }

    /// What to search for, in lower case.
    pub(super) fn needle(&mut self) -> Result<String, FilterError> {
        if self.here().what == Lexeme::Quoted(String::new()) {
            return Err(self.expected("what to search for"));
        }
        self.text().map(|text| text.to_ascii_lowercase())
    }
}

/// Two ends of a range, both reals if one is.
fn alike(from: Literal, to: Literal) -> (Literal, Literal) {
    match (from, to) {
        (Literal::Number(from), to @ Literal::Real(_)) => (Literal::Real(from as f64), to),
        (from @ Literal::Real(_), Literal::Number(to)) => (from, Literal::Real(to as f64)),
        same => same,
    }
}

/// Why nothing is from `from` to `to`, which compare so.
fn bad_range(order: Option<Ordering>, from: &str, dots: &str, to: &str) -> Problem {
    let (from, to) = (excerpt(from), excerpt(to));
    let range = format!("`{from}{dots}{to}`");
    match order {
        None => Problem::Expected { wanted: "a range between two values of one type".to_owned(), found: range },
        Some(Ordering::Greater) => Problem::EmptyRange { range, hint: format!("did you mean `{to}{dots}{from}`?") },
        Some(_) => Problem::EmptyRange { range, hint: format!("`..` leaves its end out, `{from}..={to}` takes it in") },
    }
}

fn operator_problem(place: &Place, because: &'static str, instead: &str) -> Problem {
    Problem::Operator { place: excerpt(&place.to_string()), because, instead: instead.to_owned() }
}

/// What somebody meant who wrote `word` for a column.
fn meant(word: &str) -> Option<String> {
    if What::NAMES.contains(&word) {
        return Some(format!("kind == {word}"));
    }
    if protocol::is_known(word) {
        return Some(format!("proto == {word}"));
    }
    if protocol::messages().any(|name| name == word) {
        return Some(format!("type == {word}"));
    }
    match word {
        "t_ns" => Some("time".to_owned()),
        "search" => Some("any ~".to_owned()),
        _ if word.starts_with("field.") => Some(excerpt(&word.replacen("field.", "fields.", 1))),
        _ => nearest(word, Column::ALL.map(Column::name)).map(str::to_owned),
    }
}
