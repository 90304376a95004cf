//! Programs that are not ours, where they are installed.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Says that a test cannot run on this machine. `cargo xtask test` counts it, and fails in CI; without it, this fails there.
pub(crate) fn skip(name: &str, why: &str) {
    println!("skipped {name}: {why}");
    if let Some(file) = std::env::var_os("PEERGLASS_SKIPS") {
        let mut file = File::options().append(true).create(true).open(file).unwrap();
        writeln!(file, "{name}: {why}").unwrap();
    } else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{name} may not be skipped in CI: {why}");
    }
}

/// A file for another program to read, named for its test.
pub(crate) fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path
}

/// What `command` says; `None` when there is no such program.
pub(crate) fn said(command: &mut Command) -> Option<String> {
    let output = match command.output() {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A script that is run by another program.
pub(crate) fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../trace/tests/readers").join(name)
}

/// A Python that has these modules: the one that `cargo xtask test` sets up, or that of this machine.
pub(crate) fn python(modules: &str) -> Option<PathBuf> {
    let own = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../python/bin/python");
    let has = |python: &PathBuf| Command::new(python).args(["-c", &format!("import {modules}")]).output().is_ok_and(|output| output.status.success());
    [own, PathBuf::from("python3")].into_iter().find(has)
}
