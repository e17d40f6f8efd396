//! `rimforge run STUDY.toml`: every stage in order, each kept where its settings and inputs did not change.

use std::path::PathBuf;

use clap::Args;

use super::console::Console;
use super::{classify, residuals, tumours, variants};
use crate::engine::Engine;
use crate::name::shown_path;
use crate::problem::Result;
use crate::run_dir::StudyDir;
use crate::study::{
    DermatoscopyStudy, GliomaStudy, ProjectionAccuracyStudy, RimStudy, StudyFile, StudyKind, dermatoscopy, glioma,
    projection_accuracy, rim_lesions,
};

/// Arguments of `rimforge run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The study's settings, e.g. studies/demo.toml.
    study: PathBuf,

    /// Override a setting: --set train.kimg=20 (repeatable, each setting once).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Runs the study and prints the arms' table and where the report is.
///
/// # Errors
/// Settings that make no sense, or the first stage that fails.
pub fn run(args: &RunArgs, console: &Console) -> Result<()> {
    let file = StudyFile::open(&args.study, &args.set)?;
    match StudyKind::of(&file)? {
        StudyKind::RimLesions => run_rim_lesions(&file.settings()?, console),
        StudyKind::Dermatoscopy => run_dermatoscopy(&file.settings()?, console),
        StudyKind::ProjectionAccuracy => run_projection_accuracy(&file.settings()?, console),
        StudyKind::Glioma => run_glioma(&file.settings()?, console),
    }
}

fn run_rim_lesions(study: &RimStudy, console: &Console) -> Result<()> {
    let observer = console.observer()?;
    let engine = Engine::start(&study.engine)?;
    let record = rim_lesions::run(study, &engine, observer)?;
    console.result(&record, || {
        let table = classify::table(&record.classify, record.simulated);
        format!("{table}report: {}\n", shown_path(&StudyDir::new(&study.out).report()))
    })
}

fn run_dermatoscopy(study: &DermatoscopyStudy, console: &Console) -> Result<()> {
    let observer = console.observer()?;
    let engine = Engine::start(&study.engine)?;
    let record = dermatoscopy::run(study, &engine, observer)?;
    console.result(&record, || {
        let table = classify::table(&record.classify, record.simulated);
        format!("{table}report: {}\n", shown_path(&StudyDir::new(&study.out).report()))
    })
}

fn run_glioma(study: &GliomaStudy, console: &Console) -> Result<()> {
    let observer = console.observer()?;
    let engine = Engine::start(&study.engine)?;
    let record = glioma::run(study, &engine, observer)?;
    console.result(&record, || {
        let tumours = record.tumours.as_ref().map_or_else(String::new, tumours::table);
        let table = tumours + &record.variants.as_ref().map_or_else(String::new, variants::table);
        format!("{table}report: {}\n", shown_path(&StudyDir::new(&study.out).report()))
    })
}

fn run_projection_accuracy(study: &ProjectionAccuracyStudy, console: &Console) -> Result<()> {
    let observer = console.observer()?;
    let engine = Engine::start(&study.engine)?;
    let record = projection_accuracy::run(study, &engine, observer)?;
    console.result(&record, || {
        let table = residuals::table(&record.residuals);
        format!("{table}report: {}\n", shown_path(&StudyDir::new(&study.out).report()))
    })
}
