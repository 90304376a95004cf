//! `peerglass sim`: run a scenario in the simulator.

use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use peerglass_archive::Recording;
use peerglass_core::Time;
use peerglass_lab::laws::{LawName, Laws, Replay, WatchedRun};
use peerglass_lab::{Panic, Run, Scenario, Summary, Violation, memory};
use peerglass_trace::{Capture, Counting, Off, Recorder, RunHeader};
use serde::Serialize;

use crate::args::{Contents, SimArgs};
use crate::failure::{Code, Failure, While};
use crate::output::{Output, Units, count};
use crate::panics;

/// Runs the command.
pub(crate) fn run(args: &SimArgs, output: Output) -> Result<ExitCode, Failure> {
    let scenario = load(&args.scenario, args.peers)?;
    if !args.force {
        memory::check(&scenario).while_doing(|| "start the simulation".to_owned())?;
    }
    let seed = args.seed.unwrap_or(scenario.seed);
    let plan = scenario.fault_plan().to_string();
    let capture = capture(args);
    let done = match (&args.out, &args.check) {
        (Some(dir), laws) => record(scenario, seed, dir, capture, laws.as_ref(), output)?,
        (None, Some(laws)) => check(scenario, seed, Counting::new(capture), laws, output)?.0,
        (None, None) => simulate(scenario, seed, args.threads.into(), Off, output)?.0,
    };
    let replay = |law: &str| replay(args, seed, law);
    let broken = done.violation.as_ref().map(|violation| Broken::new(violation, replay(violation.law)));
    if args.check.is_none() {
        warn_of_panics(&done.panics, &replay("panic"), output);
    }
    if let Some(dir) = &args.out {
        write_results(dir, &done, broken.as_ref())?;
    }
    let laws =
        args.check.as_ref().map_or_else(String::new, |laws| format!("\n  laws       {laws}: {}", if broken.is_some() { "broken" } else { "kept" }));
    let text = format_args!("{}{}{}{laws}", done.summary, faults(&plan), done.speed());
    let results = Results { summary: &done.summary, violation: broken.as_ref() };
    match &broken {
        Some(broken) => output.result(&results, format_args!("{text}\n{broken}")),
        None => output.result(&results, text),
    }
    if let Some(dir) = &args.out {
        output.say(format_args!("records and summary are in {}", dir.display()));
    }
    Ok(if broken.is_some() { Code::Broken.into() } else { ExitCode::SUCCESS })
}

/// The scenario of a file, with another number of peers if one is given.
pub(crate) fn load(file: &Path, peers: Option<u32>) -> Result<Scenario, Failure> {
    let scenario = Scenario::load(file).blaming_input(|| format!("use the scenario {}", file.display()))?;
    Ok(match peers {
        Some(peers) => scenario.with_peers(peers),
        None => scenario,
    })
}

/// A broken law, and how to see it again.
#[derive(Serialize)]
pub(crate) struct Broken {
    law: &'static str,
    says: &'static str,
    pub(crate) seed: u64,
    /// In nanoseconds of virtual time.
    time: u64,
    record: Option<u64>,
    at_look: bool,
    peer: Option<u32>,
    expected: String,
    found: String,
    pub(crate) replay: String,
    /// The same for people.
    #[serde(skip)]
    pub(crate) text: String,
}

impl Broken {
    pub(crate) fn new(violation: &Violation, replay: String) -> Self {
        let mut text = violation.to_string();
        // Only the last panic's place is known, and under this law the run ended with it.
        if let Some(place) = panics::last().filter(|_| violation.law == LawName::Panic.name()) {
            text.push_str(&format!("\n  where      {place}"));
        }
        let Violation { law, says, seed, time, record, at_look, peer, expected, found } = violation.clone();
        Self { law, says, seed, time: time.as_nanos(), record, at_look, peer: peer.map(|peer| peer.0), expected, found, replay, text }
    }
}

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  replay     {}", self.text, self.replay)
    }
}

/// The summary, and with it what broke a law.
#[derive(Serialize)]
struct Results<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    violation: Option<&'a Broken>,
}

/// What went wrong by plan, indented like the rest of the summary.
fn faults(plan: &str) -> String {
    plan.lines().enumerate().map(|(i, line)| format!("  {:<10} {line}\n", if i == 0 { "faults" } else { "" })).collect()
}

/// A peer that crashed because its protocol panicked is no failure of the run, but nobody should overlook it.
fn warn_of_panics(panics: &[Panic], replay: &str, output: Output) {
    let Some(Panic { time, peer, record, message }) = panics.first() else { return };
    let record = record.map_or_else(String::new, |record| format!(", record {record}"));
    let more = if panics.len() > 1 { format!(" (and {} more)", count(panics.len() as u64 - 1, "panic")) } else { String::new() };
    output.warn(format_args!("a handler of {peer} panicked at {time} s{record}, and the peer crashed: {message}{more}\n  replay     {replay}"));
}

fn replay(args: &SimArgs, seed: u64, law: &str) -> String {
    let full = args.check.is_some() && args.capture == Some(Contents::Full);
    Replay { peers: args.peers, full, ..Replay::of(&args.scenario, seed, law) }.to_string()
}

/// A finished run.
pub(crate) struct Done {
    pub(crate) summary: Summary,
    violation: Option<Violation>,
    panics: Vec<Panic>,
    events: u64,
    wall: f64,
}

impl Done {
    fn of<R: Recorder>(run: &Run<R>, violation: Option<Violation>, began: Instant) -> Self {
        let panics = run.simulation().panics();
        Self { summary: run.summary(), violation, panics, events: run.stats().events, wall: began.elapsed().as_secs_f64() }
    }

    /// How fast the computer was. Not part of the summary, which is the same on every computer.
    pub(crate) fn speed(&self) -> String {
        format!("  computer   {} events in {:.2} s, {:.0} a second", self.events, self.wall, self.events as f64 / self.wall.max(1e-9))
    }
}

/// What is recorded counts as records, so that under laws the numbers are the same with `--out` and without, unless everything is asked for.
fn capture(args: &SimArgs) -> Capture {
    let unasked = if args.check.is_some() { Capture::Summary } else { Capture::Full };
    args.capture.map_or(unasked, Contents::resolve)
}

/// What is done when the last records are written, and what helps when they cannot be.
const RECORDS: &str = "write all records (make room, or choose another place with --out; what is whole can be read)";

/// What was run, in a directory of records: the same seed, the same peers.
const SCENARIO: &str = "scenario.toml";

/// Runs a scenario and leaves its records in `dir`.
pub(crate) fn record(scenario: Scenario, seed: u64, dir: &Path, capture: Capture, laws: Option<&Laws>, output: Output) -> Result<Done, Failure> {
    fs::create_dir_all(dir).while_doing(|| format!("make the directory {} (choose another with --out)", dir.display()))?;
    let header = RunHeader::sim(&scenario.title, seed).with_scenario_hash(&scenario.hash());
    let again = dir.join(SCENARIO);
    let text = Scenario { seed, ..scenario.moved_to(&again) }.to_toml().while_doing(|| "write the scenario down".to_owned())?;
    let recording = Recording::create(dir, header, capture).blaming_input(|| format!("record into {}", dir.display()))?;
    fs::write(&again, text).while_doing(|| format!("write {}", again.display()))?;
    Ok(match laws {
        Some(laws) => check(scenario, seed, recording, laws, output)?.0,
        None => simulate(scenario, seed, 1, recording, output)?.0,
    })
}

/// Leaves `summary.json` in `dir`.
pub(crate) fn write_results(dir: &Path, done: &Done, violation: Option<&Broken>) -> Result<(), Failure> {
    let results = Results { summary: &done.summary, violation };
    let text = serde_json::to_string_pretty(&results).while_doing(|| format!("write summary.json into {}", dir.display()))?;
    write(dir, "summary.json", text + "\n")
}

fn write(dir: &Path, name: &str, text: String) -> Result<(), Failure> {
    let written = || -> std::io::Result<()> {
        let finished = Finished::create(dir.join(name))?;
        finished.file().write_all(text.as_bytes())?;
        finished.keep()
    };
    written().while_doing(|| format!("write {name} into {}", dir.display()))
}

fn simulate<R: Recorder>(scenario: Scenario, seed: u64, threads: usize, recorder: R, output: Output) -> Result<(Done, R), Failure> {
    let began = Instant::now();
    let total = scenario.duration.0.as_nanos() as u64;
    let name = scenario.origin.file.display().to_string();
    let mut run = Run::new(scenario, seed, recorder).blaming_input(|| format!("set up the scenario {name}"))?;
    let bar = output.bar("simulating", Units::Percent, total);
    run.run_on(threads, |now: Time| bar.set(now.as_nanos(), total));
    drop(bar);
    let done = Done::of(&run, None, began);
    let recorder = run.into_recorder().while_doing(|| RECORDS.to_owned())?;
    Ok((done, recorder))
}

/// The same under laws, until one is broken.
fn check<R: Recorder>(scenario: Scenario, seed: u64, recorder: R, laws: &Laws, output: Output) -> Result<(Done, R), Failure> {
    let began = Instant::now();
    let total = scenario.duration.0.as_nanos() as u64;
    let name = scenario.origin.file.display().to_string();
    let mut run = WatchedRun::watched(scenario, seed, recorder, laws).blaming_input(|| format!("set up the scenario {name}"))?;
    let bar = output.bar("simulating", Units::Percent, total);
    let violation = run.run_watched(|now| {
        bar.set(now.as_nanos(), total);
        true
    });
    drop(bar);
    let done = Done::of(&run, violation, began);
    let recorder = run.into_recorder().while_doing(|| RECORDS.to_owned())?;
    Ok((done, recorder.into_inner()))
}

/// A file that gets its name only when it is whole.
struct Finished {
    file: File,
    part: PathBuf,
    name: PathBuf,
}

impl Finished {
    fn create(name: PathBuf) -> std::io::Result<Self> {
        let mut part = name.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        Ok(Self { file: File::create(&part)?, part, name })
    }

    fn file(&self) -> &File {
        &self.file
    }

    fn keep(self) -> std::io::Result<()> {
        fs::rename(&self.part, &self.name)
    }
}
