//! Parse, run, say what went wrong, pick the exit code.

use std::process::ExitCode;

use clap::Parser;
use rimforge::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = cli.console();
    match cli.run(&console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            console.problem(&problem, cli.verbose > 0);
            ExitCode::from(problem.kind() as u8)
        }
    }
}
