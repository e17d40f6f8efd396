//! `rimforge config show STUDY.toml`: the settings as they will be used.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
        study: PathBuf,
        /// Override a setting: --set train.kimg=20 (repeatable).
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
}

/// Prints the settings.
///
/// # Errors
/// A study that no run can use.
pub fn run(args: &ConfigArgs) -> Result<()> {
    let Action::Show { study, set } = &args.action;
    print!("{}", StudyConfig::load(study, set)?.shown());
    Ok(())
}
