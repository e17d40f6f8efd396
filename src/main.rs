//! Parse, run, say what went wrong, pick the exit code.

use rimforge::cli::Cli;
use rimforge::ending::{self, Noting};

#[global_allocator]
static MEMORY: Noting = Noting;

fn main() {
    ending::end_with(|| {
        let cli = match Cli::typed() {
            Ok(cli) => cli,
            Err(code) => return code,
        };
        let console = cli.console();
        match cli.run(&console) {
            Ok(()) => 0,
            Err(problem) => {
                console.problem(&problem, cli.verbose > 0);
                problem.kind() as u8
            }
        }
    })
}
