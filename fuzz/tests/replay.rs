//! Replays the committed corpus through every decoder, on any machine: each input as it is, with every cut, every flipped bit, and every byte at its extremes.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use peerglass_fuzz::TARGETS;
use peerglass_fuzz::frugal::Frugal;

#[global_allocator]
static ALLOCATOR: Frugal = Frugal;

/// Inputs beyond this are mutated at every so many bytes only, so that the whole corpus takes seconds.
const DENSE: usize = 512;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The inputs of a target, in the order of their names.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(corpus().join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

/// `bytes` and everything near it.
fn around(bytes: &[u8], mut feed: impl FnMut(&[u8])) {
    feed(bytes);
    for at in (0..bytes.len()).step_by(1 + bytes.len() / DENSE) {
        feed(&bytes[..at]);
        let mut changed = bytes.to_vec();
        for value in (0..8).map(|bit| bytes[at] ^ 1 << bit).chain([0x00, 0x7f, 0x80, 0xff]) {
            changed[at] = value;
            feed(&changed);
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let mut folders: Vec<String> = std::fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    assert_eq!(folders, TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "rows of TARGETS, in order, and folders of corpus/ differ");
    for (name, _) in TARGETS {
        assert!(!inputs(name).is_empty(), "corpus/{name} is empty: put a few honest inputs there");
    }
}

#[test]
fn decoders_hold_against_the_corpus_and_everything_near_it() {
    for (name, feed) in TARGETS {
        for (file, bytes) in inputs(name) {
            around(&bytes, |input| {
                let held = std::panic::catch_unwind(|| feed(input));
                assert!(held.is_ok(), "{name} broke on an input near {}: {}", file.display(), hex(input));
            });
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn memory_on_a_strangers_word_is_refused() {
    let mut claimed = Vec::<u8>::new();
    assert!(claimed.try_reserve_exact(peerglass_fuzz::frugal::MOST + 1).is_err());
    assert!(claimed.try_reserve_exact(1 << 20).is_ok());
}
