//! `rimforge man [COMMAND]`: a page for `man`.

use clap::{Args, CommandFactory};

use super::console;
use crate::cli::Cli;
use crate::problem::{Kind, Problem, Result};

/// Arguments of `rimforge man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// The command; absent: the program.
    command: Option<String>,
}

/// Prints the page, to be read with `rimforge man train | man --local-file -`.
///
/// # Errors
/// There is no such command, or the page cannot be written to.
pub fn run(args: &ManArgs) -> Result<()> {
    let mut program = Cli::command();
    program.build();
    let (command, title) = match &args.command {
        None => (program, "rimforge".to_owned()),
        Some(name) => {
            let found = program.get_subcommands().find(|command| command.get_name() == name).cloned();
            let known: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
            let refused = || Problem::usage(format!("no command {name:?}")).expected(known.join(", "));
            // As git's pages are called.
            (found.ok_or_else(refused)?, format!("rimforge-{name}"))
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .title(title)
        .render(&mut page)
        .map_err(|error| Problem::new(Kind::Internal, "a page that cannot be made").because(error))?;
    let page = String::from_utf8(page)
        .map_err(|error| Problem::new(Kind::Internal, "a page that is no text").because(error))?;
    console::print(&page)
}
