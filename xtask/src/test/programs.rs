//! Programs of others that read what we write, from the packages of the system. On somebody's machine nothing is installed that was not asked for: what is missing is
//! skipped, with the command that installs it. In CI (`CI=true`), where nothing may be skipped, they are installed, where the system is Debian's and lets us.

use std::process::{Command, Stdio};

use crate::tools::{self, Failure};

/// A program, how it is asked for its version, and the package of Debian that holds it.
const PROGRAMS: [(&str, &str, &str); 2] = [("tshark", "--version", "tshark"), ("dot", "-V", "graphviz")];

/// Installs what is missing, in CI. Where that cannot be, the tests that need it say so.
pub(crate) fn set_up() {
    let missing: Vec<&str> = PROGRAMS.iter().filter(|(program, version, _)| !is_there(program, version)).map(|(.., package)| *package).collect();
    if missing.is_empty() || !tools::in_ci() {
        return;
    }
    println!("== programs of others: {}", missing.join(", "));
    match install(&missing) {
        Ok(()) => println!("installed"),
        Err(why) => println!("not installed, so what needs them fails: {why}"),
    }
}

fn is_there(program: &str, version: &str) -> bool {
    Command::new(program).arg(version).stdin(Stdio::null()).output().is_ok()
}

fn install(packages: &[&str]) -> Result<(), Failure> {
    tools::quiet(Command::new("apt-get").arg("update"))?;
    let mut command = Command::new("apt-get");
    command.args(["install", "--yes", "--no-install-recommends"]).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    tools::quiet(&mut command).map(|_| ())
}
