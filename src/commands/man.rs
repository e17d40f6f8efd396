//! `rimforge man [COMMAND]`: a page for `man`.

use clap::{Args, CommandFactory};

use super::console;
use crate::cli::Cli;
use crate::problem::{Kind, Problem, Result};

/// Arguments of `rimforge man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// The command, and the one below it (`export bids`); absent: the program.
    command: Vec<String>,
}

/// Prints the page, to be read with `rimforge man train | man --local-file -`.
///
/// # Errors
/// There is no such command, or the page cannot be written to.
pub fn run(args: &ManArgs) -> Result<()> {
    let mut program = Cli::command();
    program.build();
    let (mut command, mut title) = (program, "rimforge".to_owned());
    for name in &args.command {
        let found = command.get_subcommands().find(|command| command.get_name() == name).cloned();
        let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let of = command.get_name();
        let refused = || match known[..] {
            [] => Problem::usage(format!("no command {name:?} of {of}")).expected(format!("{of} alone: it has none")),
            _ => Problem::usage(format!("no command {name:?} of {of}")).expected(known.join(", ")),
        };
        command = found.ok_or_else(refused)?;
        // As git's pages are called.
        title = format!("{title}-{name}");
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .title(title)
        .source(concat!("rimforge ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)
        .map_err(|error| Problem::new(Kind::Internal, "a page that cannot be made").because(error))?;
    let page = String::from_utf8(page)
        .map_err(|error| Problem::new(Kind::Internal, "a page that is no text").because(error))?;
    console::print(&page)
}
