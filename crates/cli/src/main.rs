//! The `peerglass` command: a thin face over the library. Parse, resolve, call, print.

mod args;
mod commands;
mod failure;
mod live;
mod observing;
mod output;
mod panics;
mod recording;
mod running;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::failure::{Code, Failure};
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.code()
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    let output = Output { json: cli.json };
    match &cli.command {
        Command::Sim(args) => panics::apart(|| commands::sim::run(args, output)),
        Command::Hunt(args) => panics::apart(|| commands::hunt::run(args, output)),
        Command::Inspect(args) => commands::inspect::run(args, output).map(|()| ExitCode::SUCCESS),
        Command::Diff(args) => commands::diff::run(args, output).map(|()| ExitCode::SUCCESS),
        Command::Merge(args) => commands::merge::run(args, output).map(|()| ExitCode::SUCCESS),
        Command::Topology(args) => commands::topology::run(args, output).map(|()| ExitCode::SUCCESS),
        Command::Trace(args) => commands::trace::run(args, output).map(|()| ExitCode::SUCCESS),
        _ => run_nodes(cli, output).map(|()| ExitCode::SUCCESS),
    }
}

/// Commands that run real nodes.
fn run_nodes(cli: &Cli, output: Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Failure::new(Code::Failed, "start", error))?;
    let result = runtime.block_on(async {
        match &cli.command {
            Command::Demo(args) => commands::demo::run(args, output).await,
            Command::Share(args) => commands::share::run(args, output).await,
            Command::Get(args) => commands::get::run(args, output).await,
            Command::Node(args) => commands::node::run(args, output).await,
            // These run no nodes.
            _ => Ok(()),
        }
    });
    // Work on the disk that nobody waits for any more must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}
