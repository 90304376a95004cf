//! The ratchet on length: what is long is listed with a reason, and may shrink but not grow.
//!
//! Files of 120 to 350 lines and functions of 6 to 15 read best. A file past 500 lines or a function past 70 has usually got a second idea in it; where it has
//! not, `xtask/ratchet.toml` says why, with the length it has. Tests count like everything else.
//!
//! A function is counted from its `fn` to its closing brace, without documentation and attributes.

use std::path::Path;

use serde::Deserialize;
use syn::visit::{self, Visit};

use super::{Verdict, words};
use crate::tools::{self, Failure};

const FILE_LIMIT: usize = 500;
const FUNCTION_LIMIT: usize = 70;
const SHOWN: usize = 10;
const LIST: &str = "xtask/ratchet.toml";

/// A file, or a function of a file, and its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Long {
    /// `crates/kad/src/table.rs`, or that with `: Table::insert` behind it.
    what: String,
    lines: usize,
}

/// The list of those that may be long.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ratchet {
    #[serde(default)]
    file: Vec<Entry>,
    #[serde(default)]
    function: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    what: String,
    lines: usize,
    reason: String,
}

pub(crate) fn check() -> Result<Verdict, Failure> {
    let (files, functions) = measured()?;
    let ratchet = listed()?;
    let (mut problems, mut notes) = judge(&files, FILE_LIMIT, &ratchet.file, "file");
    let (more, hints) = judge(&functions, FUNCTION_LIMIT, &ratchet.function, "function");
    problems.extend(more);
    notes.extend(hints);
    notes.extend(longest("files", files.clone()));
    notes.extend(longest("functions", functions.clone()));
    let summary = format!("{} files of at most {FILE_LIMIT} lines, {} functions of at most {FUNCTION_LIMIT}", files.len(), functions.len());
    Ok(Verdict { summary, problems, notes })
}

fn listed() -> Result<Ratchet, Failure> {
    let text = std::fs::read_to_string(tools::root().join(LIST)).map_err(|why| format!("cannot read {LIST}: {why}"))?;
    toml::from_str(&text).map_err(|why| format!("{LIST}: {why}"))
}

/// Every file of Rust and every function in them.
fn measured() -> Result<(Vec<Long>, Vec<Long>), Failure> {
    let mut files = Vec::new();
    let mut functions = Vec::new();
    for file in words::files()?.iter().filter(|file| file.extension().is_some_and(|end| end == "rs")) {
        let Some(text) = words::read(file)? else { continue };
        files.push(Long { what: slashed(file), lines: text.lines().count() });
        functions.extend(functions_of(&slashed(file), &text)?);
    }
    Ok((files, functions))
}

fn slashed(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn functions_of(file: &str, text: &str) -> Result<Vec<Long>, Failure> {
    let tree = syn::parse_file(text).map_err(|why| format!("{file}:{}: {why}", why.span().start().line))?;
    let mut counter = Counter { file, inside: Vec::new(), found: Vec::new() };
    counter.visit_file(&tree);
    Ok(counter.found)
}

/// Walks a file and counts the functions; `inside` is the chain of modules and types around.
struct Counter<'a> {
    file: &'a str,
    inside: Vec<String>,
    found: Vec<Long>,
}

impl Counter<'_> {
    fn count(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = line_count(signature.fn_token.span, block.brace_token.span.close());
        let name = self.inside.iter().cloned().chain([signature.ident.to_string()]).collect::<Vec<_>>().join("::");
        self.found.push(Long { what: format!("{}: {name}", self.file), lines });
    }

    fn within(&mut self, name: String, walk: impl FnOnce(&mut Self)) {
        self.inside.push(name);
        walk(self);
        self.inside.pop();
    }
}

fn line_count(from: proc_macro2::Span, to: proc_macro2::Span) -> usize {
    to.end().line + 1 - from.start().line
}

impl<'ast> Visit<'ast> for Counter<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.count(&item.sig, &item.block);
        self.within(item.sig.ident.to_string(), |inner| visit::visit_item_fn(inner, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.count(&item.sig, &item.block);
        self.within(item.sig.ident.to_string(), |inner| visit::visit_impl_item_fn(inner, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.count(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.within(item.ident.to_string(), |inner| visit::visit_item_mod(inner, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.within(item.ident.to_string(), |inner| visit::visit_item_trait(inner, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.within(name.unwrap_or_else(|| "impl".to_owned()), |inner| visit::visit_item_impl(inner, item));
    }
}

/// What is too long and what in the list is out of date: problems, and notes on what has shrunk.
fn judge(found: &[Long], limit: usize, list: &[Entry], kind: &str) -> (Vec<String>, Vec<String>) {
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    for long in found.iter().filter(|long| long.lines > limit) {
        match list.iter().find(|entry| entry.what == long.what) {
            None => problems.push(format!(
                "{} has {} lines, over {limit}: look for the second idea in it, or list it in {LIST} with a reason",
                long.what, long.lines
            )),
            Some(entry) if long.lines > entry.lines => {
                problems.push(format!("{} has grown from {} lines to {}: what is on the list may only shrink", long.what, entry.lines, long.lines));
            }
            Some(entry) if long.lines < entry.lines => {
                notes.push(format!("{} has shrunk to {} lines: lower its entry in {LIST}", long.what, long.lines))
            }
            Some(_) => {}
        }
    }
    for entry in list {
        if !found.iter().any(|long| long.what == entry.what && long.lines > limit) {
            problems.push(format!("{}: no {kind} of that name is over {limit} lines any more: take it off {LIST}", entry.what));
        } else if entry.reason.split_whitespace().count() < 4 {
            problems.push(format!("{}: the reason in {LIST} says nothing", entry.what));
        }
    }
    (problems, notes)
}

fn longest(kind: &str, mut all: Vec<Long>) -> Vec<String> {
    all.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.what.cmp(&b.what)));
    let rows = all.iter().take(SHOWN).map(|long| format!("{:5}  {}", long.lines, long.what));
    std::iter::once(format!("the longest {kind}:")).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(what: &str, lines: usize) -> Long {
        Long { what: what.to_owned(), lines }
    }

    fn entry(what: &str, lines: usize) -> Entry {
        Entry { what: what.to_owned(), lines, reason: "one table, no second idea".to_owned() }
    }

    #[test]
    fn what_is_short_needs_no_entry() {
        assert_eq!(judge(&[long("a.rs", 500)], 500, &[], "file"), (vec![], vec![]));
    }

    #[test]
    fn what_is_long_and_not_listed_is_refused() {
        assert_eq!(judge(&[long("a.rs", 501)], 500, &[], "file").0.len(), 1);
    }

    #[test]
    fn what_is_listed_may_shrink_but_not_grow() {
        let list = [entry("a.rs", 600)];
        assert_eq!(judge(&[long("a.rs", 600)], 500, &list, "file"), (vec![], vec![]));
        assert_eq!(judge(&[long("a.rs", 601)], 500, &list, "file").0.len(), 1);
        let (problems, notes) = judge(&[long("a.rs", 550)], 500, &list, "file");
        assert_eq!((problems.len(), notes.len()), (0, 1));
    }

    #[test]
    fn an_entry_that_is_out_of_date_or_says_nothing_is_refused() {
        assert_eq!(judge(&[long("a.rs", 400)], 500, &[entry("a.rs", 600)], "file").0.len(), 1);
        assert_eq!(judge(&[], 500, &[entry("gone.rs", 600)], "file").0.len(), 1);
        let lazy = Entry { reason: "it is".to_owned(), ..entry("a.rs", 600) };
        assert_eq!(judge(&[long("a.rs", 600)], 500, &[lazy], "file").0.len(), 1);
    }

    #[test]
    fn functions_are_counted_wherever_they_stand() {
        let text = "fn a() {\n}\nmod m {\n    impl X {\n        /// Doc.\n        #[must_use]\n        fn b(\n            x: u8,\n        ) {\n            fn c() {}\n        }\n    }\n}\ntrait T { fn d() { } fn e(); }\n";
        let found = functions_of("f.rs", text).expect("it parses");
        assert_eq!(found, [long("f.rs: a", 2), long("f.rs: m::X::b", 5), long("f.rs: m::X::b::c", 1), long("f.rs: T::d", 1)]);
    }

    #[test]
    fn a_list_with_an_unknown_key_is_refused() {
        assert!(toml::from_str::<Ratchet>("[[file]]\nwhat = 'a'\nlines = 1\nreason = 'r'\nwhy = 'x'\n").is_err());
    }
}
