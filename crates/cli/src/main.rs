//! The `peerglass` command: a thin face over the library. Parse, resolve, call, print.

mod args;
mod commands;
mod failure;
mod output;
mod running;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::failure::{Code, Failure};
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.code()
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let output = Output { json: cli.json };
    if let Command::Sim(args) = &cli.command {
        return commands::sim::run(args, output);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Failure::new(Code::Failed, "start", error))?;
    let result = runtime.block_on(async {
        match &cli.command {
            Command::Demo(args) => commands::demo::run(args, output).await,
            Command::Share(args) => commands::share::run(args, output).await,
            Command::Get(args) => commands::get::run(args, output).await,
            Command::Node(args) => commands::node::run(args, output).await,
            Command::Sim(_) => Ok(()),
        }
    });
    // Work on the disk that nobody waits for any more must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}
