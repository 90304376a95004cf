//! Starting other programs, and where things are.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a task or a check returns when it cannot go on: a sentence that says what to do.
pub(crate) type Failure = String;

/// The root of the repository: of the clone that we were started from, which need not be the one that we were built in when clones share a target folder.
pub(crate) fn root() -> PathBuf {
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&xtask).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Where cargo puts what it builds: the same folder that this very program was built into.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A command that runs cargo at the root, with the toolchain that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    // Cargo told us about the package `xtask`; what we start must not believe that it is that package.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PKG_")) {
        command.env_remove(name);
    }
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    command
}

/// Runs `command` quietly: its output, or an error that holds all it said.
pub(crate) fn quiet(command: &mut Command) -> Result<String, Failure> {
    let output = command.output().map_err(|why| cannot_start(command, &why))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(format!("`{}` failed ({}):\n{said}{}", shown(command), output.status, String::from_utf8_lossy(&output.stderr)))
}

/// Runs `command`, letting its output through line by line while `listen` hears each line of its standard output. Whether it succeeded.
pub(crate) fn aloud(command: &mut Command, mut listen: impl FnMut(&str)) -> Result<bool, Failure> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|why| cannot_start(command, &why))?;
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).map_err(|why| format!("reading from `{}`: {why}", shown(command)))? > 0 {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            listen(text.trim_end());
            line.clear();
        }
    }
    Ok(child.wait().map_err(|why| format!("waiting for `{}`: {why}", shown(command)))?.success())
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command, why: &std::io::Error) -> Failure {
    format!("cannot start `{}`: {why}. Is it installed and on the PATH?", shown(command))
}

/// Whether CI runs us: then nothing that is required may be skipped.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
