//! `rimforge config show STUDY.toml`: the settings as they will be used.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::console::Console;
use crate::problem::Result;
use crate::study::{DermatoscopyStudy, GliomaStudy, ProjectionAccuracyStudy, RimStudy, StudyFile, StudyKind};

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
        /// Override a setting: --set train.kimg=20 (repeatable, each setting once).
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
}

/// Prints the settings.
///
/// # Errors
/// The file is missing or not TOML, or its settings make no sense.
pub fn run(args: &ConfigArgs, console: &Console) -> Result<()> {
    let Action::Show { study, set } = &args.action;
    let file = StudyFile::open(study, set)?;
    match StudyKind::of(&file)? {
        StudyKind::RimLesions => {
            let study: RimStudy = file.settings()?;
            console.result(&study, || study.shown())
        }
        StudyKind::Dermatoscopy => {
            let study: DermatoscopyStudy = file.settings()?;
            console.result(&study, || study.resolved())
        }
        StudyKind::ProjectionAccuracy => {
            let study: ProjectionAccuracyStudy = file.settings()?;
            console.result(&study, || study.resolved())
        }
        StudyKind::Glioma => {
            let study: GliomaStudy = file.settings()?;
            console.result(&study, || study.resolved())
        }
    }
}
