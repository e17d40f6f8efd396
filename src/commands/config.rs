//! `rimforge config show STUDY.toml`: the settings as they will be used.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::console::Console;
use crate::problem::Result;
use crate::study::StudyConfig;

/// Arguments of `rimforge config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Print the resolved settings of a study, defaults filled in, as TOML.
    Show {
        /// The study's settings, e.g. studies/demo.toml.
        study: PathBuf,
        /// Override a setting: --set train.kimg=20 (repeatable).
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
}

/// Prints the settings.
///
/// # Errors
/// As [`StudyConfig::load`].
pub fn run(args: &ConfigArgs, console: &Console) -> Result<()> {
    let Action::Show { study, set } = &args.action;
    let study = StudyConfig::load(study, set)?;
    console.result(&study, || study.shown())
}
