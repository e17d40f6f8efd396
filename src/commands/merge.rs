//! `rimforge merge STUDY.toml [DIR...]`: what shards made, put in place; nothing is computed that they lack.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::console::Console;
use super::shards::{StudyArgs, StudyText, walk};
use crate::problem::Result;
use crate::study::What;

/// Arguments of `rimforge merge`.
#[derive(Args, Debug)]
pub struct MergeArgs {
    #[command(flatten)]
    study: StudyArgs,

    /// Folders that `rimforge run --shard-out` left, beside the study's own folder of units.
    #[arg(value_name = "DIR")]
    from: Vec<PathBuf>,

    /// Merge the units of this stage and of those that it needs, and leave the others.
    #[arg(long, value_name = "STAGE")]
    until: Option<String>,

    /// Wait so many seconds in all for units that are not there: a file system of a network may show a file that
    /// another machine wrote only after a minute.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u32,
}

/// Merges and prints what came of it.
///
/// # Errors
/// Units that are missing, by their names, or a stage that is not made in units and not done (exit code 5); units of
/// other settings or inputs, or damaged ones.
pub fn run(args: &MergeArgs, console: &Console) -> Result<()> {
    let patience = Duration::from_secs(args.wait.into());
    let what = What::Merge { until: args.until.clone(), from: args.from.clone(), patience };
    walk(&StudyText::of(&args.study).read()?, what, console)
}
