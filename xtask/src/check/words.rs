//! Words that must not stand in committed text: folders of somebody's machine, and the marks of unfinished work.
//!
//! Looked at is what git has or would take (`git ls-files`, untracked files that are not ignored included), so that a word is found before it is committed.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Verdict;
use crate::tools::{self, Failure};

/// This file has to name what it looks for.
const SELF: &str = "xtask/src/check/words.rs";

/// Beginnings of paths that exist on one machine only.
const FOLDERS: [&str; 5] = ["/home/", "/root/", "/work/", "/Users/", "C:\\Users\\"];

/// Marks of unfinished work, looked for in Rust.
const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "#[ignore"];

pub(crate) fn check() -> Result<Verdict, Failure> {
    let files = files()?;
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| **file != Path::new(SELF)) {
        if let Some(text) = read(file)? {
            problems.extend(judge(file, &text));
        }
    }
    Ok(Verdict::new(format!("{} files without paths of one machine or marks of unfinished work", files.len()), problems))
}

/// Every file that git has or would take, relative to the root, in order.
pub(crate) fn files() -> Result<Vec<PathBuf>, Failure> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(tools::root());
    let listed = tools::quiet(&mut git)?;
    let mut files: Vec<PathBuf> = listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// The text of a file; `None` when it is not text, or listed but deleted.
pub(crate) fn read(file: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read(tools::root().join(file)) {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(format!("cannot read {}: {why}", file.display())),
    }
}

fn judge(file: &Path, text: &str) -> Vec<String> {
    let rust = file.extension().is_some_and(|end| end == "rs");
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = format!("{}:{}", file.display(), index + 1);
        if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
            problems.push(format!("{place}: `{folder}` exists on one machine only: use a path inside the repository, or ~"));
        }
        if let Some(mark) = UNFINISHED.iter().find(|mark| rust && line.contains(**mark)) {
            problems.push(format!("{place}: `{mark}`: finish it, or take it out"));
        }
    }
    problems
}

/// Whether `line` holds `folder` at the beginning of a path: not in the middle of one, and not in a web address.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-~}".contains(before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(file: &str, line: &str) -> usize {
        judge(Path::new(file), line).len()
    }

    #[test]
    fn folders_of_one_machine_are_refused_in_any_text() {
        for line in ["cd /home/ann/peerglass", "path = \"/work/main\"", "(/root/x)", "file:///Users/bo", "open C:\\Users\\bo"] {
            assert_eq!(problems("README.md", line), 1, "{line}");
        }
    }

    #[test]
    fn addresses_and_longer_paths_are_not_meant() {
        for line in ["https://example.org/work/1", "./home/x", "~/work/x", "at work/home"] {
            assert_eq!(problems("README.md", line), 0, "{line}");
        }
    }

    #[test]
    fn unfinished_rust_is_refused_and_words_about_it_are_not() {
        assert_eq!(problems("a.rs", "fn a() { todo!() }"), 1);
        assert_eq!(problems("a.rs", "#[ignore = \"slow\"]"), 1);
        assert_eq!(problems("CONTRIBUTING.md", "no `todo!` here"), 0);
    }
}
