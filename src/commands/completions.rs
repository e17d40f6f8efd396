//! `rimforge completions SHELL`: what a shell needs to complete commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::console;
use crate::cli::Cli;
use crate::problem::{Kind, Problem, Result};

/// Arguments of `rimforge completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell that is to read it.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// It cannot be written to.
pub fn run(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rimforge", &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| Problem::new(Kind::Internal, "a completion script that is no text").because(error))?;
    console::print(&script)
}
