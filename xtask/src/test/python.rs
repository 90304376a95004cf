//! A Python with the readers that exports are tested with, in a virtual environment of its own below the target folder: nothing outside is touched.

use std::path::PathBuf;
use std::process::Command;

use crate::tools::{self, Failure};

/// What is installed, in which versions.
const REQUIREMENTS: &str = "crates/trace/tests/readers/requirements.txt";

/// Sets it up, once for every change of the requirements. Where that cannot be, the tests that need it say so and are skipped.
pub(crate) fn set_up() {
    println!("== a Python with readers of exports");
    match made() {
        Ok(what) => println!("{what}"),
        Err(why) => println!("not set up, so what needs it is skipped: {why}"),
    }
}

fn made() -> Result<&'static str, Failure> {
    let wanted = std::fs::read_to_string(tools::root().join(REQUIREMENTS)).map_err(|why| format!("cannot read {REQUIREMENTS}: {why}"))?;
    let (folder, note) = (tools::target_dir().join("python"), tools::target_dir().join("python/requirements.txt"));
    if std::fs::read_to_string(&note).is_ok_and(|installed| installed == wanted) {
        return Ok("it is there");
    }
    tools::quiet(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    install(python)?;
    std::fs::write(&note, wanted).map_err(|why| format!("cannot write {}: {why}", note.display()))?;
    Ok("made in the target folder")
}

fn install(python: PathBuf) -> Result<(), Failure> {
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    tools::quiet(Command::new(python).args(pip).arg(tools::root().join(REQUIREMENTS))).map(|_| ())
}
