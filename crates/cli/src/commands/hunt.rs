//! `peerglass hunt`: search many runs of a scenario for one in which a law is broken.

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;

use peerglass_lab::hunt::{Case, Drawing, Found, Hunt, HuntError, Outcome, Shrunk, Tally, Watcher};
use peerglass_lab::laws::Replay;
use peerglass_lab::memory;
use serde::Serialize;

use crate::args::HuntArgs;
use crate::commands::sim::{Broken, load};
use crate::failure::{Code, Failure, While};
use crate::output::{Bar, Output, Units, count};
use crate::running::interruption;

/// Runs the command.
pub(crate) fn run(args: &HuntArgs, output: Output) -> Result<ExitCode, Failure> {
    let scenario = load(&args.scenario, args.peers)?;
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    if !args.force {
        memory::check_times(&scenario, threads as u64).while_doing(|| "start the hunt".to_owned())?;
    }
    if let Some(out) = &args.out {
        free(out).blaming_input(|| format!("write the case to {}", out.display()))?;
    }
    let drawing = Drawing { most: args.faults.into(), byzantine: args.byzantine };
    let hunt = Hunt::new(scenario, args.check.clone(), drawing).blaming_input(|| format!("use the scenario {}", args.scenario.display()))?;
    let over = on_interrupt();
    let seeds = args.seeds.0.clone();
    let total = seeds.end - seeds.start;
    output.say(format_args!("hunting through {} on {} (laws: {})", count(total, "seed"), count(threads as u64, "thread"), args.check));
    let bar = output.bar("hunting", Units::Runs, total);
    let outcome = hunt.run(seeds, threads, args.keep_going, &Watch { over: &over, bar: &bar, total }).map_err(failure)?;
    drop(bar);
    match outcome.found.first() {
        Some(first) => {
            let bar = output.bar("shrinking", Units::Runs, args.shrink.into());
            let shrunk = hunt.shrink(first, args.shrink as usize, &Watch { over: &over, bar: &bar, total: args.shrink.into() }).map_err(failure)?;
            drop(bar);
            report(args, &outcome, first, &shrunk, output)
        }
        None if outcome.interrupted => {
            let so_far = format!("interrupted after {}, in which no law was broken", count(outcome.tally.seeds, "run"));
            Err(Failure::new(Code::Interrupted, "finish the hunt", so_far))
        }
        None => {
            let report = Report { laws: args.check.to_string(), tally: outcome.tally, found: Vec::new(), case: None };
            output.result(&report, &report);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn failure(error: HuntError) -> Failure {
    let code = match error {
        HuntError::Run { .. } => Code::Usage,
        HuntError::Engine { .. } => Code::Failed,
    };
    Failure::new(code, "go on with the hunt", error)
}

/// A bar, and a flag that Ctrl-C sets.
struct Watch<'a> {
    over: &'a AtomicBool,
    bar: &'a Bar,
    total: u64,
}

impl Watcher for Watch<'_> {
    fn ran(&self, runs: u64) {
        self.bar.set(runs, self.total);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// A flag that is set when somebody presses Ctrl-C from now on. Pressed again, it ends the program at once.
fn on_interrupt() -> Arc<AtomicBool> {
    let over = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&over);
    // Without a runtime there is no flag, and Ctrl-C ends the program at once: nothing is half-written then either.
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
        let entered = runtime.enter();
        let first = interruption();
        drop(entered);
        std::thread::spawn(move || {
            runtime.block_on(first);
            flag.store(true, Ordering::Relaxed);
            runtime.block_on(async { interruption().await });
            std::process::exit(Code::Interrupted as i32);
        });
    }
    over
}

/// Writes the case, and says what was found.
fn report(args: &HuntArgs, outcome: &Outcome, first: &Found, shrunk: &Shrunk, output: Output) -> Result<ExitCode, Failure> {
    let file = args.out.clone().unwrap_or_else(|| name_of_case(&args.scenario, first.violation.seed));
    let case = Case { shrunk, scenario: &args.scenario, file: &file };
    let text = case.to_toml().while_doing(|| "write the case as a scenario".to_owned())?;
    // What was found must not get lost because its file cannot be written: then it goes to standard error.
    if let Err(error) = write_new(&file, &text) {
        output.warn(format_args!("the case could not be written to {}; here it is:\n\n{text}", file.display()));
        return Err(Failure::new(Code::Failed, format!("write the case to {}", file.display()), error));
    }
    let replay = case.replay().to_string();
    let found = outcome.found.iter().map(|found| Broken::new(&found.violation, original(args, found))).collect();
    let small = Small {
        file: file.display().to_string(),
        faults: shrunk.scenario.fault.len() + shrunk.scenario.crash.len(),
        peers: shrunk.scenario.peers,
        seconds: shrunk.scenario.duration.0.as_secs_f64(),
        runs: shrunk.runs,
        done: shrunk.done,
        violation: Broken::new(&shrunk.violation, replay),
    };
    let report = Report { laws: args.check.to_string(), tally: outcome.tally, found, case: Some(small) };
    output.result(&report, &report);
    Ok(Code::Broken.into())
}

/// How to see a finding before it was shrunk: the hunt for its seed alone.
fn original(args: &HuntArgs, found: &Found) -> String {
    let Replay { scenario, seed, .. } = Replay::of(&args.scenario, found.violation.seed, found.violation.law);
    let end = seed.saturating_add(1);
    let mut command = format!("peerglass hunt {} --seeds {seed}..{end} --faults {}", scenario.display(), args.faults);
    if args.byzantine {
        command.push_str(" --byzantine");
    }
    if let Some(peers) = args.peers {
        let _ = write!(command, " --peers {peers}");
    }
    let _ = write!(command, " --check {}", found.violation.law);
    command
}

fn name_of_case(scenario: &Path, seed: u64) -> PathBuf {
    let mut name = scenario.file_stem().map_or_else(|| OsString::from("scenario"), ToOwned::to_owned);
    name.push(format!(".hunt-{seed}.toml"));
    name.into()
}

/// An error if there is something under that name, or nothing can be put there.
fn free(file: &Path) -> io::Result<()> {
    if file.symlink_metadata().is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "it exists already, and nothing is overwritten: choose another name with --out, or remove it",
        ));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        _ => {
            Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no directory {}: make it, or choose another with --out", folder.display())))
        }
    }
}

/// Writes a file that was not there before, whole or not at all.
fn write_new(file: &Path, text: &str) -> io::Result<()> {
    free(file)?;
    let mut part = file.to_owned().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = OpenOptions::new().write(true).create(true).truncate(true).open(&part).and_then(|mut out| out.write_all(text.as_bytes()));
    // A link, unlike a renaming, does not replace what somebody has put there meanwhile.
    let kept = written.and_then(|()| fs::hard_link(&part, file).or_else(|_| free(file).and_then(|()| fs::rename(&part, file))));
    let _ = fs::remove_file(&part);
    kept
}

/// What came of a hunt.
#[derive(Serialize)]
struct Report {
    laws: String,
    #[serde(flatten)]
    tally: Tally,
    found: Vec<Broken>,
    case: Option<Small>,
}

/// The case that was written.
#[derive(Serialize)]
struct Small {
    file: String,
    faults: usize,
    peers: u32,
    seconds: f64,
    runs: usize,
    done: bool,
    violation: Broken,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { seeds, faults, messages, .. } = self.tally;
        let ran = format!("{}, {}, {}", count(seeds, "run"), count(faults, "fault"), count(messages, "message"));
        let Some(case) = &self.case else {
            return write!(f, "no law is broken in {ran} (laws: {})", self.laws);
        };
        for broken in &self.found {
            writeln!(f, "seed {}: {}", broken.seed, broken.text)?;
            writeln!(f, "  again      {}", broken.replay)?;
        }
        writeln!(f, "found in {ran}")?;
        let how = if case.done { "" } else { ", not to the end (--shrink gives more runs)" };
        writeln!(
            f,
            "shrunk in {}{how}: {}, {}, {} s",
            count(case.runs as u64, "run"),
            count(case.faults as u64, "fault"),
            count(case.peers.into(), "peer"),
            case.seconds
        )?;
        writeln!(f, "  {}", case.violation.text)?;
        writeln!(f, "  case       {}", case.file)?;
        write!(f, "  replay     {}", case.violation.replay)
    }
}
