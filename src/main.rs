//! Parse, run, print what went wrong and its causes, pick the exit code.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use rimforge::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let level = match cli.verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("rimforge: {problem}");
            let mut cause = problem.source();
            while let Some(error) = cause.filter(|_| cli.verbose > 0) {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            ExitCode::from(problem.kind() as u8)
        }
    }
}
