//! `cargo xtask fuzz`: feeds every decoder with mutated bytes for a bounded time.
//!
//! The engine is libFuzzer, from the crate `libfuzzer-sys`. It works with the stable toolchain: what it asks of the compiler is that every branch counts its visits
//! (LLVM's sancov pass), and that is a code generation option. The address sanitizer would need a nightly compiler and finds little in safe Rust; what is
//! looked for here is panics, overflows, endless loops and memory taken on a stranger's word.
//!
//! The committed corpus (`fuzz/corpus/TARGET/`) is where a run starts. What it finds on top is kept under the target folder, so that the next run goes on from
//! there; an input that broke a decoder is written to `fuzz/artifacts/`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::tools::{self, Failure};

/// The sancov pass, set up as libFuzzer wants it: visits, and the operands of comparisons, which lead it past magic numbers.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

/// Bounds of one run: an input that takes longer or more is a finding.
const BOUNDS: [&str; 3] = ["-timeout=5", "-rss_limit_mb=512", "-max_len=65536"];

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    target: Option<String>,
    seconds: u64,
    list: bool,
}

/// Fuzzes the target named in `arguments`, or all.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let wish = parse(arguments)?;
    let targets = targets()?;
    if wish.list {
        targets.iter().for_each(|name| println!("{name}"));
        return Ok(());
    }
    if let Some(unknown) = wish.target.as_ref().filter(|name| !targets.contains(name)) {
        return Err(format!("there is no target `{unknown}`; there are: {}", targets.join(", ")));
    }
    let program = build()?;
    let chosen = targets.iter().filter(|name| wish.target.as_ref().is_none_or(|wanted| wanted == *name));
    let broken: Vec<&str> = chosen.filter(|name| !report(&program, name, wish.seconds)).map(String::as_str).collect();
    if broken.is_empty() { Ok(()) } else { Err(format!("these decoders broke: {}", broken.join(", "))) }
}

fn parse(arguments: &[String]) -> Result<Wish, Failure> {
    let mut wish = Wish { target: None, seconds: 30, list: false };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--list" => wish.list = true,
            "--seconds" => {
                let number = words.next().and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
                wish.seconds = number.ok_or("--seconds wants a whole number above 0")?;
            }
            name if !name.starts_with('-') && wish.target.is_none() => wish.target = Some(name.to_owned()),
            other => return Err(format!("`{other}` is not understood; it goes: cargo xtask fuzz [TARGET] [--seconds N] [--list]")),
        }
    }
    Ok(wish)
}

/// The targets are the folders of the corpus; a test in `fuzz/` sees to it that each has its function.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = tools::root().join("fuzz/corpus");
    let entries = std::fs::read_dir(&folder).map_err(|why| format!("cannot read {}: {why}", folder.display()))?;
    let mut names: Vec<String> =
        entries.flatten().filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Builds the fuzzing program with the coverage pass. Naming the host as target keeps the pass away from build scripts.
fn build() -> Result<PathBuf, Failure> {
    needs_cxx()?;
    let host = host()?;
    let folder = tools::target_dir().join("fuzz");
    println!("building the decoders with coverage (the first time takes a while)");
    let mut cargo =
        tools::cargo(&["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml", "--features", "libfuzzer", "--target", &host]);
    cargo.arg("--target-dir").arg(&folder).env("RUSTFLAGS", COVERAGE).env_remove("CARGO_ENCODED_RUSTFLAGS");
    tools::quiet(&mut cargo)?;
    Ok(folder.join(host).join("release").join(format!("fuzz{}", std::env::consts::EXE_SUFFIX)))
}

fn needs_cxx() -> Result<(), Failure> {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    match Command::new(&compiler).arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(format!(
            "libFuzzer is C++, and there is no C++ compiler `{}` here: install one (Debian: g++) or name one in CXX. \
             `cargo xtask test` runs the decoders over the corpus and its mutations without it.",
            compiler.display()
        )),
    }
}

fn host() -> Result<String, Failure> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let said = tools::quiet(rustc.arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "`rustc -vV` names no host".to_owned())
}

/// Fuzzes one target and says how it went; whether it held.
fn report(program: &Path, name: &str, seconds: u64) -> bool {
    let started = Instant::now();
    match one(program, name, seconds) {
        Ok(inputs) => {
            println!("ok   {name:<16} {inputs} inputs in {} s", started.elapsed().as_secs());
            true
        }
        Err(why) => {
            println!("FAIL {name}\n{why}");
            false
        }
    }
}

/// Runs one target for `seconds`: how many inputs it tried, or what broke it.
fn one(program: &Path, name: &str, seconds: u64) -> Result<String, Failure> {
    let found = tools::target_dir().join("fuzz/found").join(name);
    let artifacts = tools::root().join("fuzz/artifacts");
    for folder in [&found, &artifacts] {
        std::fs::create_dir_all(folder).map_err(|why| format!("cannot make {}: {why}", folder.display()))?;
    }
    let mut command = Command::new(program);
    command.env("PEERGLASS_FUZZ_TARGET", name).arg(&found).arg(tools::root().join("fuzz/corpus").join(name));
    command.args(BOUNDS).args(["-print_final_stats=1", "-verbosity=0", &format!("-max_total_time={seconds}")]);
    command.arg(format!("-artifact_prefix={}/{name}-", artifacts.display()));
    let output = bounded(&mut command, Duration::from_secs(seconds + 60))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{said}\nThe input is in fuzz/artifacts. To see it again: copy it to fuzz/corpus/{name}/ and run cargo xtask test."));
    }
    let inputs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).map(str::trim);
    inputs.map(str::to_owned).ok_or_else(|| format!("the engine did not say how many inputs it tried:\n{said}"))
}

/// The output of `command`, which is ended when it does not end by itself within `limit`.
fn bounded(command: &mut Command, limit: Duration) -> Result<std::process::Output, Failure> {
    let shown = tools::shown(command);
    let log = tools::target_dir().join("fuzz/last-run.txt");
    let file = std::fs::File::create(&log).map_err(|why| format!("cannot write {}: {why}", log.display()))?;
    let mut child = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(file)
        .spawn()
        .map_err(|why| format!("cannot start `{shown}`: {why}"))?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|why| format!("waiting for `{shown}`: {why}"))? {
            break status;
        }
        if started.elapsed() > limit {
            child.kill().and_then(|()| child.wait()).map_err(|why| format!("ending `{shown}`: {why}"))?;
            return Err(format!("`{shown}` did not end by itself and was ended"));
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let stderr = std::fs::read(&log).map_err(|why| format!("cannot read {}: {why}", log.display()))?;
    Ok(std::process::Output { status, stdout: Vec::new(), stderr })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn target_and_seconds_are_understood_in_any_order() {
        let wish = Wish { target: Some("kad".to_owned()), seconds: 5, list: false };
        assert_eq!(parse(&words("kad --seconds 5")).as_ref(), Ok(&wish));
        assert_eq!(parse(&words("--seconds 5 kad")).as_ref(), Ok(&wish));
        assert_eq!(parse(&[]).map(|wish| wish.seconds), Ok(30));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["--seconds", "--seconds 0", "--seconds soon", "--second 5", "kad transfer"] {
            assert!(parse(&words(text)).is_err(), "{text}");
        }
    }
}
