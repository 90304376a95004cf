//! `peerglass sim`: run a scenario in the simulator.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use peerglass_core::Time;
use peerglass_lab::{Run, Scenario, Summary, memory};
use peerglass_trace::{Capture, JsonLines, Off, Recorder, RunHeader};

use crate::args::{Contents, SimArgs};
use crate::failure::{Failure, While};
use crate::output::{Output, Units};

/// Runs the command.
pub(crate) fn run(args: &SimArgs, output: Output) -> Result<(), Failure> {
    let mut scenario = Scenario::load(&args.scenario).blaming_input(|| format!("use the scenario {}", args.scenario.display()))?;
    if let Some(peers) = args.peers {
        scenario = scenario.with_peers(peers);
    }
    if !args.force {
        memory::check(&scenario).while_doing(|| "start the simulation".to_owned())?;
    }
    let seed = args.seed.unwrap_or(scenario.seed);
    let plan = scenario.fault_plan().to_string();
    let done = match &args.out {
        Some(dir) => record(scenario, seed, dir, capture(args.capture), output)?,
        None => simulate(scenario, seed, args.threads.into(), Off, output)?.0,
    };
    output.result(&done.summary, format_args!("{}{}{}", done.summary, faults(&plan), done.speed()));
    if let Some(dir) = &args.out {
        output.say(format_args!("records and summary are in {}", dir.display()));
    }
    Ok(())
}

/// What went wrong by plan, indented like the rest of the summary.
fn faults(plan: &str) -> String {
    plan.lines().enumerate().map(|(i, line)| format!("  {:<10} {line}\n", if i == 0 { "faults" } else { "" })).collect()
}

/// A finished run.
pub(crate) struct Done {
    pub(crate) summary: Summary,
    events: u64,
    wall: f64,
}

impl Done {
    /// How fast the computer was. Not part of the summary, which is the same on every computer.
    pub(crate) fn speed(&self) -> String {
        format!("  computer   {} events in {:.2} s, {:.0} a second", self.events, self.wall, self.events as f64 / self.wall.max(1e-9))
    }
}

fn capture(contents: Contents) -> Capture {
    match contents {
        Contents::Full => Capture::Full,
        Contents::Summary => Capture::Summary,
    }
}

/// Runs a scenario and leaves `run.json`, `records.jsonl` and `summary.json` in `dir`.
pub(crate) fn record(scenario: Scenario, seed: u64, dir: &Path, capture: Capture, output: Output) -> Result<Done, Failure> {
    let doing = |what: &str| format!("write {what} into {}", dir.display());
    fs::create_dir_all(dir).while_doing(|| format!("make the directory {} (choose another with --out)", dir.display()))?;
    let header = RunHeader::sim(&scenario.title, seed).with_scenario_hash(&scenario.hash());
    let records = Finished::create(dir.join("records.jsonl")).while_doing(|| doing("records.jsonl"))?;
    let recorder = JsonLines::new(BufWriter::with_capacity(1 << 20, records.file()), &header).capturing(capture);
    let (done, recorder) = simulate(scenario, seed, 1, recorder, output)?;
    drop(recorder);
    records.keep().while_doing(|| doing("records.jsonl"))?;
    let write = |name: &str, text: String| -> std::io::Result<()> {
        let finished = Finished::create(dir.join(name))?;
        finished.file().write_all(text.as_bytes())?;
        finished.keep()
    };
    write("run.json", header.to_json() + "\n").while_doing(|| doing("run.json"))?;
    let summary = serde_json::to_string_pretty(&done.summary).while_doing(|| doing("summary.json"))?;
    write("summary.json", summary + "\n").while_doing(|| doing("summary.json"))?;
    Ok(done)
}

fn simulate<R: Recorder>(scenario: Scenario, seed: u64, threads: usize, recorder: R, output: Output) -> Result<(Done, R), Failure> {
    let began = Instant::now();
    let total = scenario.duration.0.as_nanos() as u64;
    let name = scenario.origin.file.display().to_string();
    let mut run = Run::new(scenario, seed, recorder).blaming_input(|| format!("set up the scenario {name}"))?;
    let bar = output.bar("simulating", Units::Percent, total);
    run.run_on(threads, |now: Time| bar.set(now.as_nanos(), total));
    drop(bar);
    let done = Done { summary: run.summary(), events: run.stats().events, wall: began.elapsed().as_secs_f64() };
    let recorder = run.into_recorder().while_doing(|| "write all records".to_owned())?;
    Ok((done, recorder))
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
