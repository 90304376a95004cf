//! The project's own tasks: `cargo xtask check`, `test`, `fuzz`, `bench`.
//!
//! A task is a plain function that starts ordinary tools (cargo, rustfmt, clippy) and judges what they say; nothing here is needed to build or use
//! Peerglass. What can be judged without starting anything (layering, licences, lengths, words) is a pure function over data, with tests that feed
//! it bad data: a gate that has never been seen to fail is no gate.

mod bench;
mod check;
mod fuzz;
mod test;
mod tools;

use std::process::ExitCode;

const HELP: &str = "\
The project's own tasks. Run them from anywhere inside the repository.

  cargo xtask check                       Everything that can be judged without running a test: layering, licences, lengths,
                                          words, rustfmt, clippy, rustdoc. All checks run, then the exit code says whether
                                          all were fine. Names after it choose: `cargo xtask check layers words`.
  cargo xtask test                        Every test: unit, integration and documentation tests, the fuzz corpus, the same seed
                                          in two processes, the build for WebAssembly. Ends with `N passed, N failed`. Sets up a Python
                                          in target/python, which reads exports.
  cargo xtask fuzz [TARGET] [--seconds N] Feeds every decoder (or one) with mutated bytes, 30 seconds each. `--list` names them.
  cargo xtask bench [sim|glass|transfer]   Release benchmarks of the simulator and of file transfer between two processes.

A first change usually goes: edit, `cargo test -p peerglass-<crate>`, `cargo xtask check`, commit. CI runs check and test.
The rules behind the checks are in CONTRIBUTING.md.
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let done = match task.as_deref() {
        Some("check") => check::run(&rest),
        Some("test") => test::run(&rest),
        Some("fuzz") => fuzz::run(&rest),
        Some("bench") => bench::run(&rest),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some(other) => Err(format!("there is no task `{other}`\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
