//! `cargo xtask test`: sets up what is needed and runs every test there is.
//!
//! Needed are Rust and the network's crates; with Python, tshark and Graphviz, exports are also read by programs that are not ours. The parts run one after the other, all of them,
//! and are added up into the last line, `N passed, N failed`, with `, N skipped` behind it when something could not run here. A test that lacks something on this
//! machine writes the line `name: why` to the file that `PEERGLASS_SKIPS` names and returns: it is then reported as skipped, and in CI (`CI=true`), where everything has to
//! be there, as failed.

mod determinism;
mod programs;
mod python;
mod tally;
mod wasm;

use std::path::Path;

use crate::tools::{self, Failure};
use tally::Tally;

/// Runs everything.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    if let Some(unknown) = arguments.first() {
        return Err(format!("`cargo xtask test` runs everything and does not know `{unknown}`; for one crate: cargo test -p peerglass-<crate>"));
    }
    let skips = tools::target_dir().join("xtask-skips.txt");
    let mut total = Tally::default();
    programs::set_up();
    python::set_up();
    total.add(cargo_tests("the workspace", &["test", "--workspace", "--no-fail-fast"], &skips)?);
    // The same target folder: what both workspaces need is built once.
    let folder = tools::target_dir().display().to_string();
    let replay = ["test", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", &folder, "--no-fail-fast"];
    total.add(cargo_tests("the fuzz corpus", &replay, &skips)?);
    total.add(single("the same seed in two processes", determinism::check().map(|()| None)));
    total.add(single("the build for WebAssembly", wasm::check()));
    println!("\n{total}");
    if total.failed == 0 { Ok(()) } else { Err("not every test passed".to_owned()) }
}

/// Runs `cargo test` with `arguments` and adds up what it says.
fn cargo_tests(what: &str, arguments: &[&str], skips: &Path) -> Result<Tally, Failure> {
    println!("== {what}");
    std::fs::create_dir_all(tools::target_dir())
        .and_then(|()| std::fs::write(skips, ""))
        .map_err(|why| format!("cannot write {}: {why}", skips.display()))?;
    let mut tally = Tally::default();
    let mut command = tools::cargo(arguments);
    if tools::in_ci() && std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        // Here properties explore; in CI they try the same cases every time.
        command.env("PROPTEST_RNG_SEED", "1");
    }
    let fine = tools::aloud(command.env("PEERGLASS_SKIPS", skips), |line| tally.hear(line))?;
    if !fine && tally.failed == 0 {
        println!("FAIL cargo stopped before the tests did");
        tally.failed = 1;
    }
    let skipped = std::fs::read_to_string(skips).unwrap_or_default();
    tally.set_aside(&skipped.lines().collect::<Vec<_>>(), tools::in_ci());
    Ok(tally)
}

/// The tally of a test that is a function of ours: `Ok(Some(why))` is a skip.
fn single(what: &str, outcome: Result<Option<String>, Failure>) -> Tally {
    println!("== {what}");
    let (word, why, tally) = match outcome {
        Ok(None) => ("ok", String::new(), Tally { passed: 1, ..Tally::default() }),
        Ok(Some(why)) => ("skipped", why, Tally { skipped: 1, ..Tally::default() }),
        Err(why) => ("FAIL", why, Tally { failed: 1, ..Tally::default() }),
    };
    println!("{word} {why}");
    tally
}
