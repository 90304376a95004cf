//! What a crate's own files must be: the strict lints below rank 4, the workspace's lints everywhere, and no file system where none belongs.
//!
//! Clippy takes the nearest `clippy.toml` upwards of a crate. The one at the root bans clocks, dice and hash order, so a crate is strict unless it says otherwise;
//! only crates of ranks 4 and 5 and the tools may. `std::fs`, `std::net`, `std::process` and `std::env` are looked for in
//! the source itself, outside tests, where clippy cannot tell the two apart: below rank 4 only `store` leaves the process.

use std::path::Path;

use cargo_metadata::{Metadata, Package};

use super::layers::{WORLDLY, rank};
use super::{Verdict, words};
use crate::tools::{self, Failure};

/// Paths of the standard library that lead out of the process.
const DOORS: [&str; 4] = ["std::fs", "std::net", "std::process", "std::env"];

pub(crate) fn check(metadata: &Metadata) -> Result<Verdict, Failure> {
    let mut problems = Vec::new();
    let packages = metadata.workspace_packages();
    for package in &packages {
        problems.extend(room(package)?);
    }
    Ok(Verdict::new(format!("{} crates keep the workspace's lints, and ranks 0 to 3 the strict ones", packages.len()), problems))
}

fn room(package: &Package) -> Result<Vec<String>, Failure> {
    let folder = package.manifest_path.parent().ok_or("a manifest without a folder")?.as_std_path();
    let manifest = std::fs::read_to_string(&package.manifest_path).map_err(|why| format!("cannot read {}: {why}", package.manifest_path))?;
    let mut problems = manifest_problems(&package.name, &manifest);
    if rank(&package.name).is_some_and(|rank| rank < WORLDLY) {
        problems.extend(own_clippy(&package.name, folder.join("clippy.toml").exists()));
        if package.name != "peerglass-store" {
            problems.extend(doors_in(folder)?);
        }
    }
    Ok(problems)
}

fn manifest_problems(name: &str, manifest: &str) -> Vec<String> {
    let inherits = toml::from_str::<toml::Table>(manifest)
        .is_ok_and(|table| table.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool).unwrap_or(false));
    if inherits { Vec::new() } else { vec![format!("{name} does not take the workspace's lints: add `[lints] workspace = true` to its Cargo.toml")] }
}

fn own_clippy(name: &str, exists: bool) -> Option<String> {
    exists.then(|| format!("{name} has a clippy.toml, which hides the strict one at the root: only ranks 4 and 5 and the tools may have one"))
}

fn doors_in(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    for file in words::files()?.iter().filter(|file| tools::root().join(file).starts_with(folder.join("src")) && is_source(file)) {
        let text = words::read(file)?.unwrap_or_default();
        problems.extend(doors(&file.display().to_string(), &text));
    }
    Ok(problems)
}

/// A file of Rust that is no file of tests.
fn is_source(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "rs") && file.file_stem().is_some_and(|stem| stem != "tests")
}

/// Where `text` leads out of the process, above its tests.
fn doors(file: &str, text: &str) -> Vec<String> {
    let code =
        text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]").filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter_map(|(index, line)| {
        let door = DOORS.iter().find(|door| line.contains(**door))?;
        Some(format!("{file}:{}: {door} below rank {WORLDLY}: take what is needed as an argument, or move the code to node or lab", index + 1))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_without_the_workspace_lints_is_refused() {
        assert_eq!(manifest_problems("x", "[lints]\nworkspace = true\n").len(), 0);
        assert_eq!(manifest_problems("x", "[package]\nname = 'x'\n").len(), 1);
        assert_eq!(manifest_problems("x", "[lints]\nworkspace = false\n").len(), 1);
    }

    #[test]
    fn a_strict_crate_may_not_hide_the_strict_lints() {
        assert!(own_clippy("kad", true).is_some());
        assert!(own_clippy("kad", false).is_none());
    }

    #[test]
    fn files_and_sockets_are_found_but_not_in_comments_or_tests() {
        assert_eq!(doors("a.rs", "use std::fs;\nlet s = std::net::UdpSocket::bind(x);\n").len(), 2);
        assert_eq!(doors("a.rs", "// std::fs is for others\n#[cfg(test)]\nmod tests { use std::fs; }\n").len(), 0);
    }
}
