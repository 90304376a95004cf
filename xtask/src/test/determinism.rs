//! The first rule of the simulator: version, scenario and seed decide every byte of the records.
//!
//! Two processes run the same scenario with the same seed and must write the same records, byte for byte; a third with another seed must not, or the comparison would
//! prove nothing. Processes, not threads: addresses, hasher keys and environments differ between processes, and they are what leaks.

use std::path::Path;

use crate::tools::{self, Failure};

const SCENARIO: &str = "labs/first-look.toml";
const PEERS: &str = "200";

/// What a run left: its record files as they are, and its records as lines of text, in which a difference can be read.
struct Records {
    files: Vec<Vec<u8>>,
    lines: String,
}

/// Runs the scenario three times and compares.
pub(crate) fn check() -> Result<(), Failure> {
    let first = records("first", "7")?;
    let second = records("second", "7")?;
    let other = records("other", "8")?;
    judge(&first, &second, &other)
}

/// The records of one run in a process of its own.
fn records(name: &str, seed: &str) -> Result<Records, Failure> {
    let folder = tools::target_dir().join("determinism").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|why| format!("cannot empty {}: {why}", folder.display()))?;
    }
    let peerglass = |arguments: &[&str]| tools::cargo(&[&["run", "--quiet", "--package", "peerglass", "--"], arguments].concat());
    tools::quiet(peerglass(&["sim", SCENARIO, "--peers", PEERS, "--seed", seed, "--out"]).arg(&folder))?;
    let lines = tools::quiet(peerglass(&["inspect", "--limit", "1000000000"]).arg(&folder))?;
    Ok(Records { files: files(&folder.join("records"))?, lines })
}

/// What the files in `folder` hold, in the order of their names.
fn files(folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let read = || -> std::io::Result<Vec<Vec<u8>>> {
        let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        paths.sort();
        paths.into_iter().map(std::fs::read).collect()
    };
    read().map_err(|why| {
        format!("`peerglass sim` ended well but left no readable {}: {why}", folder.strip_prefix(tools::root()).unwrap_or(folder).display())
    })
}

fn judge(first: &Records, second: &Records, other: &Records) -> Result<(), Failure> {
    if first.lines.lines().count() < 2 {
        return Err(format!("{SCENARIO} with {PEERS} peers wrote no records: the comparison would prove nothing"));
    }
    if let Some(difference) = difference(&first.lines, &second.lines) {
        return Err(format!("two processes with the same seed wrote different records (target/determinism/first and second); {difference}"));
    }
    if first.files != second.files {
        return Err("two processes with the same seed wrote the same records in different bytes (target/determinism/first and second)".to_owned());
    }
    if first.lines == other.lines {
        return Err("another seed wrote the same records: the seed has no effect".to_owned());
    }
    Ok(())
}

/// The first line in which two texts differ.
fn difference(first: &str, second: &str) -> Option<String> {
    let (mut a, mut b) = (first.lines(), second.lines());
    for number in 1.. {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (one, two) if one == two => {}
            (one, two) => return Some(format!("line {number}:\n  {}\n  {}", excerpt(one), excerpt(two))),
        }
    }
    None
}

fn excerpt(line: Option<&str>) -> String {
    line.map_or_else(|| "(the records end)".to_owned(), |line| line.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(lines: &str, file: &[u8]) -> Records {
        Records { files: vec![file.to_vec()], lines: lines.to_owned() }
    }

    fn judged(first: &str, second: &str, other: &str) -> Result<(), Failure> {
        judge(&records(first, b"x"), &records(second, b"x"), &records(other, b"y"))
    }

    #[test]
    fn equal_records_of_one_seed_and_others_of_another_pass() {
        assert_eq!(judged("a\nb\n", "a\nb\n", "a\nc\n"), Ok(()));
    }

    #[test]
    fn one_differing_byte_fails_and_is_shown() {
        let why = judged("a\nb\n", "a\nc\n", "x\n").unwrap_err();
        assert!(why.contains("line 2:\n  b\n  c"), "{why}");
        assert!(judged("a\nb\n", "a\n", "x\n").is_err());
        assert!(judge(&records("a\nb\n", b"1"), &records("a\nb\n", b"2"), &records("x\n", b"3")).is_err());
    }

    #[test]
    fn records_that_prove_nothing_fail() {
        assert!(judged("", "", "x").is_err());
        assert!(judged("a\n", "a\n", "b\n").is_err());
        assert!(judged("a\nb\n", "a\nb\n", "a\nb\n").is_err());
    }
}
