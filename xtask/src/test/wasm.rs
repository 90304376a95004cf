//! Core and protocols know no operating system, so they build for one that has none: `wasm32-unknown-unknown`, where that target is installed.

use std::process::Command;

use crate::tools::{self, Failure};

const TARGET: &str = "wasm32-unknown-unknown";

/// What has to build. `store`, and with it `transfer`, has a disk backend with libraries of its own.
const CRATES: [&str; 3] = ["peerglass-core", "peerglass-kad", "peerglass-trace"];

/// Builds the crates; `Some(why)` when this machine cannot.
pub(crate) fn check() -> Result<Option<String>, Failure> {
    if !installed()? {
        return Ok(Some(format!("the target {TARGET} is not installed here; to have it: rustup target add {TARGET}")));
    }
    let packages = CRATES.iter().flat_map(|name| ["--package", name]);
    tools::quiet(tools::cargo(&["build", "--quiet", "--target", TARGET]).args(packages)).map(|_| None)
}

fn installed() -> Result<bool, Failure> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let folder = tools::quiet(rustc.args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(std::path::Path::new(folder.trim()).exists())
}
