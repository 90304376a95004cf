//! Real processes, killed with SIGKILL in the middle of their work.
//!
//! The test starts itself again as a child, which works and reports on its standard output; the parent kills it after some report and looks at what is left.
//! The child may be a few reports ahead of what the parent has read, so the kill comes in the middle of something; it may not be far ahead, so it never gets done.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]
#![allow(clippy::disallowed_methods, reason = "the environment tells the child that it is one")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use peerglass_store::*;
use support::*;

const DIR: &str = "PEERGLASS_STORE_CRASH_DIR";
const THREADS: u32 = 4;
/// Reports that a child may be ahead of what the parent has read.
const AHEAD: usize = 12;

/// Runs the test `name` of this file in a child, kills it after `lines` reports, and returns all that it reported.
fn run_and_kill(name: &str, dir: &Path, lines: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(DIR, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut credit = child.stdin.take().unwrap();
    credit.write_all(&[0; AHEAD]).unwrap();
    let mut reports = Vec::new();
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        // A line that the kill cut short is not a report.
        if let Some(report) = line.strip_suffix('\n').and_then(|line| line.strip_prefix("report ")) {
            reports.push(report.to_owned());
            if reports.len() == lines {
                child.kill().unwrap();
            }
            // Refused once the child is dead.
            let _ = credit.write_all(&[0]);
        }
        line.clear();
    }
    child.wait().unwrap();
    reports
}

fn report(text: &str) {
    std::io::stdin().lock().read_exact(&mut [0]).unwrap();
    let mut out = std::io::stdout().lock();
    out.write_all(format!("report {text}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Sizes on both sides of what the index holds itself.
fn block(thread: u32, number: u32) -> Block {
    let size = [10, 1000, 65_000, 70_000, 300_000][(number % 5) as usize];
    let bytes: Vec<u8> = [thread, number].iter().flat_map(|n| n.to_le_bytes()).cycle().take(size).collect();
    Block::new(cid::RAW, HashKind::Blake3, Bytes::from(bytes))
}

#[test]
fn child_that_puts() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let store = store(dir.as_ref());
    let started = (0..).find(|number| (0..THREADS).all(|thread| !store.contains(block(thread, *number).cid()).unwrap())).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                for number in started..started + 500 {
                    store.put(&block(thread, number)).unwrap();
                    report(&format!("{thread} {number}"));
                }
            });
        }
    });
}

#[test]
fn no_acknowledged_block_is_lost_and_no_torn_block_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for lines in [1, 7, 30, 64, 101] {
        let reports = run_and_kill("child_that_puts", dir.path(), lines);
        assert!(reports.len() >= lines, "the child ended by itself after {} reports", reports.len());
        acknowledged.extend(reports);
        let store = store(dir.path());
        for report in &acknowledged {
            let (thread, number) = report.split_once(' ').unwrap();
            let block = block(thread.parse().unwrap(), number.parse().unwrap());
            assert_eq!(store.read(block.cid()).unwrap(), block.data(), "block {report} was acknowledged");
        }
        for (thread, number) in (0..THREADS).flat_map(|thread| (0..200).map(move |number| (thread, number))) {
            let block = block(thread, number);
            match store.read(block.cid()) {
                Ok(data) => assert_eq!(data, block.data()),
                Err(ReadError::NotFound(_)) => assert_eq!(store.local(block.cid()), None),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

/// What is downloaded, and how it is cut.
struct Content {
    bytes: Vec<u8>,
    chunk: usize,
}

impl Content {
    /// Large enough for several commits of the index.
    fn of_small_leaves() -> Self {
        Self { bytes: noise("crash", 6_000_000), chunk: 50_000 }
    }

    /// So large, and of leaves that are whole pages, that it is written past the page cache.
    fn of_large_leaves() -> Self {
        let leaf = |number: u32| number.to_le_bytes().repeat(1 << 18);
        Self { bytes: (1..=40).flat_map(leaf).collect(), chunk: 1 << 20 }
    }

    fn import(&self) -> (MemoryStore, Imported) {
        let memory = MemoryStore::new();
        let options = ImportOptions { shape: Shape { chunk: self.chunk, width: 10 }, ..ImportOptions::default() };
        let made = import::import_reader(&mut &self.bytes[..], &options, &mut &memory, &mut quiet).unwrap();
        (memory, made)
    }
}

#[test]
fn child_that_downloads() {
    download_and_report(&Content::of_small_leaves());
}

#[test]
fn child_that_downloads_large_leaves() {
    download_and_report(&Content::of_large_leaves());
}

fn download_and_report(content: &Content) {
    let Ok(dir) = std::env::var(DIR) else { return };
    let (source, made) = content.import();
    let store = store(&Path::new(&dir).join("store"));
    let download = Download::begin(&store, made.root, &Path::new(&dir).join("out"), false, 0).unwrap();
    while let Some(cid) = download.missing(1).pop() {
        if download.local(&cid).unwrap().is_none() {
            download.accept(&Block::verified(cid, source.read(&cid).unwrap()).unwrap()).unwrap();
            report(&cid.to_string());
        }
    }
    download.finish().unwrap();
}

#[test]
fn a_killed_download_resumes_and_fetches_no_written_block_again() {
    resumes_after_kills("child_that_downloads", &Content::of_small_leaves(), &[1, 20, 33]);
}

#[test]
fn a_killed_download_that_wrote_past_the_cache_resumes_all_the_same() {
    resumes_after_kills("child_that_downloads_large_leaves", &Content::of_large_leaves(), &[2, 9]);
}

fn resumes_after_kills(child: &str, content: &Content, kills: &[usize]) {
    let dir = tempfile::tempdir().unwrap();
    let (source, made) = content.import();
    let mut fetched = Vec::new();
    for &lines in kills {
        let reports = run_and_kill(child, dir.path(), lines);
        assert!(reports.len() >= lines);
        assert!(!dir.path().join("out").exists(), "nothing half-written stands under the final name");
        fetched.extend(reports);
    }
    let store = store(&dir.path().join("store"));
    let download = Download::begin(&store, made.root, &dir.path().join("out"), false, 0).unwrap();
    let leaves_before = fetched.iter().filter(|cid| parse_cid(cid).unwrap().codec() == cid::RAW).count();
    download.fill(&source).unwrap();
    let progress = download.finish().unwrap().progress;
    assert!(progress.found >= (leaves_before * content.chunk) as u64, "{leaves_before} leaves were there, {} bytes were found", progress.found);
    assert!(std::fs::read(dir.path().join("out")).unwrap() == content.bytes);
    let mut leaves: Vec<_> = fetched.iter().filter(|cid| parse_cid(cid).unwrap().codec() == cid::RAW).collect();
    leaves.sort();
    leaves.dedup();
    assert_eq!(leaves.len(), leaves_before, "no leaf was fetched twice");
}
