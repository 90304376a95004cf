//! From words and signs to a tree: recursive descent, a function per rule of the [grammar](super). What stands between two `&&` is in `condition.rs`.
//!
//! The only rules that recurse are parentheses and negation, and they count how deep they are, so no text overflows the stack.

use super::MAX_DEPTH;
use super::error::{FilterError, Problem, excerpt};
use super::lexer::{Lexeme, Token, lex};
use super::tree::Expr;

/// The tree of `text`.
pub(super) fn parse(text: &str) -> Result<Expr, FilterError> {
    let mut parser = Parser { text, tokens: lex(text)?, at: 0, depth: 0 };
    if parser.here().what == Lexeme::End {
        return Err(parser.error(Problem::Empty));
    }
    let expr = parser.or()?;
    match parser.here().what {
        Lexeme::End => Ok(expr),
        _ => Err(parser.expected("`&&`, `||` or the end")),
    }
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    /// The last is the end, and is never passed.
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Expr, FilterError> {
        let mut parts = Vec::new();
        loop {
            match self.and()? {
                Expr::Or(inner) => parts.extend(inner),
                other => parts.push(other),
            }
            if !self.eat("||") && !self.eat_word("or") {
                return Ok(one_or(parts, Expr::Or));
            }
        }
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let mut parts = Vec::new();
        loop {
            match self.unary()? {
                Expr::And(inner) => parts.extend(inner),
                other => parts.push(other),
            }
            if !self.eat("&&") && !self.eat_word("and") {
                return Ok(one_or(parts, Expr::And));
            }
        }
    }

    fn unary(&mut self) -> Result<Expr, FilterError> {
        if self.eat("!") || self.eat_word("not") {
            return self.nested(|parser| parser.unary().map(|inner| Expr::Not(Box::new(inner))));
        }
        if self.eat("(") {
            return self.nested(|parser| {
                let inner = parser.or()?;
                if parser.eat(")") { Ok(inner) } else { Err(parser.expected("`&&`, `||` or `)`")) }
            });
        }
        if self.eat_word("has") {
            return self.place().map(Expr::Has);
        }
        if self.eat_word("any") {
            return if self.eat("~") { self.needle().map(Expr::Search) } else { Err(self.expected("`~`, as in `any ~ \"timeout\"`,")) };
        }
        self.test()
    }

    /// Goes one deeper, from behind the token that opens.
    fn nested(&mut self, inside: impl FnOnce(&mut Self) -> Result<Expr, FilterError>) -> Result<Expr, FilterError> {
        if self.depth == MAX_DEPTH {
            return Err(FilterError::new(self.text, self.tokens[self.at - 1].span.clone(), Problem::TooDeep));
        }
        self.depth += 1;
        let expr = inside(self);
        self.depth -= 1;
        expr
    }

    pub(super) fn here(&self) -> &Token {
        &self.tokens[self.at]
    }

    pub(super) fn word(&self) -> Option<&'a str> {
        (self.here().what == Lexeme::Word).then(|| &self.text[self.here().span.clone()])
    }

    pub(super) fn eat(&mut self, sign: &str) -> bool {
        let found = matches!(self.here().what, Lexeme::Sign(here) if here == sign);
        self.at += usize::from(found);
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.word() == Some(word);
        self.at += usize::from(found);
        found
    }

    /// Passes the token here, which was understood, or reports it.
    pub(super) fn accept<T>(&mut self, understood: Result<T, Problem>) -> Result<T, FilterError> {
        let result = understood.map_err(|problem| self.error(problem));
        self.at += usize::from(result.is_ok());
        result
    }

    pub(super) fn error(&self, problem: Problem) -> FilterError {
        FilterError::new(self.text, self.here().span.clone(), problem)
    }

    pub(super) fn expected(&self, wanted: &str) -> FilterError {
        let found = match self.here().what {
            Lexeme::End => "the end".to_owned(),
            _ => format!("`{}`", excerpt(&self.text[self.here().span.clone()])),
        };
        self.error(Problem::Expected { wanted: wanted.to_owned(), found })
    }
}

/// One part as it is, several joined.
fn one_or(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}
