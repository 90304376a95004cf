//! From text to words and signs.
//!
//! A word is what stands together: `time`, `2s`, `1.5KiB`, `kad#7`, `fields.target`, `FIND_NODE`, a key in hexadecimal. What a word means is decided where it stands:
//! `7` is a peer beside `peer` and a number beside `seq`. A point belongs to a word when a word goes on behind it, so `3..9` is two words with a range between.

use core::ops::Range;

use super::error::{FilterError, Problem};

/// A word or sign and where it stands, in bytes of the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) what: Lexeme,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lexeme {
    /// A word, as it stands in the text.
    Word,
    /// A text that stood in quotes, without them.
    Quoted(String),
    /// One of [`SIGNS`].
    Sign(&'static str),
    /// The end of the text.
    End,
}

/// All signs; of two that begin alike, the longer comes first.
const SIGNS: [&str; 18] = ["==", "!=", "<=", ">=", "&&", "||", "^=", "..=", "..", "<", ">", "~", "!", "(", ")", "{", "}", ","];

/// The words and signs of `text`; the last is [`Lexeme::End`].
pub(super) fn lex(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (what, length) = next(text, at, first)?;
        tokens.push(Token { what, span: at..at + length });
        at += length;
    }
    tokens.push(Token { what: Lexeme::End, span: at..at });
    Ok(tokens)
}

/// What begins at `at`, and how many bytes it takes.
fn next(text: &str, at: usize, first: char) -> Result<(Lexeme, usize), FilterError> {
    let rest = &text[at..];
    if first == '"' || first == '\'' {
        return quoted(text, at, first);
    }
    let word = word_length(rest);
    if word > 0 {
        return Ok((Lexeme::Word, word));
    }
    match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        Some(sign) => Ok((Lexeme::Sign(sign), sign.len())),
        None => Err(FilterError::new(text, at..at + first.len_utf8(), Problem::Character(first))),
    }
}

/// How many bytes the word at the beginning of `text` takes; 0 when there is none.
pub(super) fn word_length(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let goes_on = match char {
            '_' => true,
            '#' | ':' | '/' => at > 0,
            // A minus begins a negative number.
            '-' => at > 0 || next.is_some_and(|next| next.is_ascii_digit()),
            '.' => at > 0 && next.is_some_and(|next| next.is_alphanumeric() || next == '_'),
            other => other.is_alphanumeric(),
        };
        if !goes_on {
            return at;
        }
    }
    text.len()
}

/// A text in quotes, which are `quote`.
fn quoted(text: &str, start: usize, quote: char) -> Result<(Lexeme, usize), FilterError> {
    let mut content = String::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            _ if char == quote => return Ok((Lexeme::Quoted(content), at + 2)),
            '\\' => {
                let escape = chars.next().map(|(_, escape)| escape);
                content.push(match escape {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some(same @ ('"' | '\'' | '\\')) => same,
                    Some(other) => {
                        let from = start + 1 + at;
                        return Err(FilterError::new(text, from..from + 1 + other.len_utf8(), Problem::Escape(other)));
                    }
                    None => break,
                });
            }
            other => content.push(other),
        }
    }
    Err(FilterError::new(text, start..text.len(), Problem::OpenQuote))
}
