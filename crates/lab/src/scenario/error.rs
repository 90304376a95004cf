//! What can be wrong with a scenario file, and where in the file it stands.

use std::path::PathBuf;

use thiserror::Error;
use toml::de::{DeTable, DeValue};

/// Why a scenario cannot be used.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read the scenario {}: {source}. Give the path of a .toml file; examples are in labs/", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML, or has a wrong key or value.
    #[error("{}:{line}:{column}: {message}", file.display())]
    Syntax {
        /// Which file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// It is readable, but asks for something that cannot be.
    #[error("{}:{line}: {message}", file.display())]
    Meaning {
        /// Which file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
}

/// Where a scenario was read from. It is no part of what the scenario says: two that differ only in this are equal.
#[derive(Clone, Default)]
pub struct Origin {
    /// The file: paths inside the scenario start at its folder.
    pub file: PathBuf,
    /// Its text.
    pub(crate) text: String,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Origin")
    }
}

impl Origin {
    /// An error at the line of `key` in a table.
    pub(crate) fn error(&self, table: Table<'_>, key: &str, message: impl Into<String>) -> ScenarioError {
        ScenarioError::Meaning { file: self.file.clone(), line: self.line_of(table, key), message: message.into() }
    }

    /// The line of `key` in a table; of the table itself if the key is not written; else the first line.
    pub(crate) fn line_of(&self, table: Table<'_>, key: &str) -> usize {
        let offset = DeTable::parse(&self.text).ok().and_then(|top| offset(top.get_ref(), table, key)).unwrap_or(0);
        position(&self.text, offset).0
    }
}

/// A table of a scenario file: its name, and which of those with this name. The top of the file has no name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Table<'a> {
    pub(crate) name: &'a str,
    pub(crate) nth: usize,
}

impl<'a> Table<'a> {
    /// The top of the file.
    pub(crate) const TOP: Table<'static> = Table { name: "", nth: 0 };

    /// The only table with this name.
    pub(crate) fn only(name: &'a str) -> Self {
        Self { name, nth: 0 }
    }

    pub(crate) fn nth(name: &'a str, nth: usize) -> Self {
        Self { name, nth }
    }
}

fn offset(top: &DeTable<'_>, table: Table<'_>, key: &str) -> Option<usize> {
    let find = |table: &DeTable<'_>, key: &str| table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(name, _)| name.span().start);
    if table.name.is_empty() {
        return find(top, key);
    }
    let found = top.get(table.name)?;
    let found = match found.get_ref() {
        DeValue::Array(tables) => tables.get(table.nth)?,
        _ => found,
    };
    found.get_ref().as_table().and_then(|inside| find(inside, key)).or(Some(found.span().start))
}

/// The line and column, from 1, of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    (line, column)
}
