//! The first rule of the simulator: version, scenario and seed decide every byte of the records.
//!
//! Two processes run the same scenario with the same seed and must write the same records, byte for byte; a third with another seed must not, or the comparison would
//! prove nothing. Processes, not threads: addresses, hasher keys and environments differ between processes, and they are what leaks.

use std::path::{Path, PathBuf};

use crate::tools::{self, Failure};

const SCENARIO: &str = "labs/first-look.toml";
const PEERS: &str = "200";

/// Runs the scenario three times and compares.
pub(crate) fn check() -> Result<(), Failure> {
    let first = records("first", "7")?;
    let second = records("second", "7")?;
    let other = records("other", "8")?;
    judge(&first, &second, &other)
}

/// The records of one run in a process of its own.
fn records(name: &str, seed: &str) -> Result<Vec<u8>, Failure> {
    let folder = tools::target_dir().join("determinism").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|why| format!("cannot empty {}: {why}", folder.display()))?;
    }
    tools::quiet(
        tools::cargo(&["run", "--quiet", "--package", "peerglass", "--", "sim", SCENARIO, "--peers", PEERS, "--seed", seed, "--out"]).arg(&folder),
    )?;
    let file: PathBuf = folder.join("records.jsonl");
    std::fs::read(&file).map_err(|why| format!("`peerglass sim` ended well but left no {}: {why}", shown(&file)))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(tools::root()).unwrap_or(path).display().to_string()
}

fn judge(first: &[u8], second: &[u8], other: &[u8]) -> Result<(), Failure> {
    if first.iter().filter(|byte| **byte == b'\n').count() < 2 {
        return Err(format!("{SCENARIO} with {PEERS} peers wrote no records: the comparison would prove nothing"));
    }
    if let Some(difference) = difference(first, second) {
        return Err(format!("two processes with the same seed wrote different records (target/determinism/first and second); {difference}"));
    }
    // The header names the seed, so it always differs: only what follows it counts.
    if body(first) == body(other) {
        return Err("another seed wrote the same records: the seed has no effect".to_owned());
    }
    Ok(())
}

fn body(records: &[u8]) -> &[u8] {
    records.iter().position(|byte| *byte == b'\n').map_or(records, |end| &records[end..])
}

/// The first line in which two texts differ.
fn difference(first: &[u8], second: &[u8]) -> Option<String> {
    if first == second {
        return None;
    }
    let (mut a, mut b) = (first.split(|byte| *byte == b'\n'), second.split(|byte| *byte == b'\n'));
    for number in 1.. {
        let pair = (a.next(), b.next());
        if pair.0 != pair.1 {
            return Some(format!("line {number}:\n  {}\n  {}", excerpt(pair.0), excerpt(pair.1)));
        }
    }
    None
}

fn excerpt(line: Option<&[u8]>) -> String {
    line.map_or_else(|| "(the file ends)".to_owned(), |line| String::from_utf8_lossy(&line[..line.len().min(300)]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_records_of_one_seed_and_others_of_another_pass() {
        assert_eq!(judge(b"h7\na\nb\n", b"h7\na\nb\n", b"h8\na\nc\n"), Ok(()));
    }

    #[test]
    fn one_differing_byte_fails_and_is_shown() {
        let why = judge(b"h\na\nb\n", b"h\na\nc\n", b"h\nx\n").unwrap_err();
        assert!(why.contains("line 3:\n  b\n  c"), "{why}");
        assert!(judge(b"h\na\nb\n", b"h\na\n", b"h\nx\n").is_err());
    }

    #[test]
    fn records_that_prove_nothing_fail() {
        assert!(judge(b"", b"", b"x").is_err());
        assert!(judge(b"h\n", b"h\n", b"h8\n").is_err());
        assert!(judge(b"h7\na\nb\n", b"h7\na\nb\n", b"h8\na\nb\n").is_err());
    }
}
