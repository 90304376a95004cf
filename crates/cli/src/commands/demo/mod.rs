//! `peerglass demo`: the main job in one command. Real nodes share a real file; simulated peers do the same with the same code; both worlds side by side.

mod file;
mod real;
mod table;

use std::fs;
use std::path::Path;

use peerglass_lab::Scenario;
use peerglass_trace::Capture;
use serde::Serialize;

use crate::args::DemoArgs;
use crate::commands::sim;
use crate::failure::{Failure, While};
use crate::output::Output;
use crate::running::{self, Interruption};

/// The scenario that is run, so that an installed program needs no source tree.
const SCENARIO: &str = include_str!("../../../../../labs/first-look.toml");

#[derive(Serialize)]
struct Shown {
    file: String,
    bytes: u64,
    real: real::Summary,
    simulated: peerglass_lab::Summary,
    records: String,
}

/// Runs the command.
pub(crate) async fn run(args: &DemoArgs, output: Output) -> Result<(), Failure> {
    let out = &args.out;
    let make_directory = || fs::create_dir_all(out).while_doing(|| format!("make the directory {} (choose another with --out)", out.display()));
    let (file, bytes) = match &args.file {
        Some(file) => (file.clone(), file::size(file)?),
        None => {
            make_directory()?;
            let file = file::make(out)?;
            let bytes = file::size(&file)?;
            (file, bytes)
        }
    };
    make_directory()?;
    output.say(format_args!("1. The real world: {} nodes on this machine share {}", real::NODES, file.display()));
    let mut interruption: Interruption = Box::pin(running::interruption());
    let real = real::run(&file, &out.join("real"), &mut interruption, output).await?;
    output.say("2. The simulated world: the same protocol code, on the same file, in virtual time");
    let simulated = simulation(&file, args.peers, &out.join("simulated"), &mut interruption, output).await?;
    let text = table::side_by_side(&real, &simulated.summary);
    let shown = Shown { file: file.display().to_string(), bytes, real, simulated: simulated.summary.clone(), records: out.display().to_string() };
    let json = serde_json::to_string_pretty(&shown).while_doing(|| "write the summary".to_owned())?;
    fs::write(out.join("summary.json"), json + "\n").while_doing(|| format!("write the summary into {}", out.display()))?;
    fs::write(out.join("summary.txt"), &text).while_doing(|| format!("write the summary into {}", out.display()))?;
    output.result(&shown, format_args!("\n{text}\n{}\n\n{}", simulated.speed().trim(), left(out)));
    Ok(())
}

/// Simulates on a thread of its own, so that Ctrl-C is heard meanwhile.
async fn simulation(file: &Path, peers: u32, dir: &Path, interruption: &mut Interruption, output: Output) -> Result<sim::Done, Failure> {
    let (file, dir) = (file.to_owned(), dir.to_owned());
    let simulating = tokio::task::spawn_blocking(move || simulate(&file, peers, &dir, output));
    tokio::select! {
        done = simulating => done.while_doing(|| "simulate".to_owned())?,
        () = interruption => Err(running::interrupted()),
    }
}

fn simulate(file: &Path, peers: u32, dir: &Path, output: Output) -> Result<sim::Done, Failure> {
    let scenario = Scenario::parse_elsewhere(SCENARIO, "labs/first-look.toml".as_ref()).blaming_input(|| "use the demo's scenario".to_owned())?;
    let name = file.file_name().map_or_else(|| "the file".into(), |name| name.to_string_lossy());
    let scenario = scenario.with_content(&name, file).with_peers(peers);
    let seed = scenario.seed;
    let done = sim::record(scenario, seed, dir, Capture::Summary, None, output)?;
    sim::write_results(dir, &done, None)?;
    Ok(done)
}

fn left(out: &Path) -> String {
    format!(
        "Left in {}: summary.txt and summary.json; real/node-N.jsonl and .csv, all that each real node did, with contents and causes;\n\
         simulated/, every message of every simulated peer: look at it with `peerglass inspect`. With contents and steps, another seed, or other faults:\n\
         peerglass sim labs/first-look.toml --seed 2 --peers 200 --out run/",
        out.display()
    )
}
