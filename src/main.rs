//! Parse, run, say what went wrong, pick the exit code.

use rimforge::cli::Cli;
use rimforge::ending::{self, Noting, stop};

#[global_allocator]
static MEMORY: Noting = Noting;

/// What the loader calls before the libraries begin: libtorch's beginning takes most of the time until [`main`].
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".preinit_array")]
static FIRST: extern "C" fn() = stop::end_at_once;

fn main() {
    stop::end_at_once();
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
