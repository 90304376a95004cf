//! `cargo xtask check`: everything that can be judged without running a test.
//!
//! The checks that only read come first, the ones that compile last. Each says one line when all is fine and the details when not; all run, so that one
//! round shows everything there is to repair.

mod dependencies;
mod layers;
mod lengths;
mod licences;
mod rooms;
mod words;

use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand};

use crate::tools::{self, Failure};

/// What a check found.
pub(crate) struct Verdict {
    /// One line that says what was looked at.
    pub(crate) summary: String,
    /// What is wrong, each with what to do about it. Empty when all is fine.
    pub(crate) problems: Vec<String>,
    /// What is worth reading even when all is fine.
    pub(crate) notes: Vec<String>,
}

impl Verdict {
    fn new(summary: String, problems: Vec<String>) -> Self {
        Self { summary, problems, notes: Vec::new() }
    }
}

type Check = fn(&Metadata) -> Result<Verdict, Failure>;

const CHECKS: [(&str, Check); 8] = [
    ("layers", layers::check),
    ("rooms", rooms::check),
    ("licences", licences::check),
    ("lengths", |_| lengths::check()),
    ("words", |_| words::check()),
    ("format", |_| format()),
    ("clippy", |_| clippy()),
    ("docs", |_| docs()),
];

/// Runs the checks named in `arguments`, or all.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    if let Some(unknown) = arguments.iter().find(|name| CHECKS.iter().all(|(known, _)| known != name)) {
        let known: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no check `{unknown}`; there are: {}", known.join(", ")));
    }
    let metadata = MetadataCommand::new()
        .manifest_path(tools::root().join("Cargo.toml"))
        .exec()
        .map_err(|why| format!("cargo metadata does not understand the workspace: {why}"))?;
    let chosen = CHECKS.iter().filter(|(name, _)| arguments.is_empty() || arguments.iter().any(|wanted| wanted == name));
    let failed: Vec<&str> = chosen.filter(|(name, check)| !report(name, check(&metadata))).map(|(name, _)| *name).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("these checks failed: {}", failed.join(", "))) }
}

/// Prints what a check found; whether all was fine.
fn report(name: &str, verdict: Result<Verdict, Failure>) -> bool {
    let verdict = verdict.unwrap_or_else(|why| Verdict::new("did not finish".to_owned(), vec![why]));
    let fine = verdict.problems.is_empty();
    println!("{} {name:<9} {}", if fine { "ok  " } else { "FAIL" }, verdict.summary);
    for line in verdict.problems.iter().chain(&verdict.notes).flat_map(|text| text.lines()) {
        println!("     {line}");
    }
    fine
}

fn format() -> Result<Verdict, Failure> {
    let mut problems = by_tool(&mut tools::cargo(&["fmt", "--all", "--check"]));
    problems.extend(by_tool(&mut tools::cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])));
    if !problems.is_empty() {
        problems.push("to repair: cargo fmt --all && cargo fmt --manifest-path fuzz/Cargo.toml".to_owned());
    }
    Ok(Verdict::new("every file is as rustfmt writes it".to_owned(), problems))
}

fn clippy() -> Result<Verdict, Failure> {
    let folder = tools::target_dir().display().to_string();
    let ours = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let fuzz = ["clippy", "--quiet", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", &folder, "--all-targets", "--", "-D", "warnings"];
    let problems = [&ours[..], &fuzz[..]].iter().flat_map(|arguments| by_tool(&mut tools::cargo(arguments))).collect();
    Ok(Verdict::new("no warning in any target; no clock, dice or hash order below rank 4".to_owned(), problems))
}

fn docs() -> Result<Verdict, Failure> {
    let mut command = tools::cargo(&["doc", "--quiet", "--workspace", "--no-deps"]);
    let problems = by_tool(command.env("RUSTDOCFLAGS", "-D warnings"));
    Ok(Verdict::new("the documentation builds, and its links lead somewhere".to_owned(), problems))
}

fn by_tool(command: &mut Command) -> Vec<String> {
    tools::quiet(command).err().into_iter().collect()
}
