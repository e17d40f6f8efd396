//! `rimforge run STUDY.toml`: every stage in order, each kept where its settings and inputs did not change.

use std::path::PathBuf;

use clap::Args;

use super::classify;
use super::progress::Progress;
use crate::engine::Engine;
use crate::problem::Result;
use crate::run_dir::StudyDir;
use crate::study::{StudyConfig, rim_lesions};

#[derive(Args, Debug)]
pub struct RunArgs {
    /// The study's settings, e.g. studies/demo.toml.
    study: PathBuf,

    /// Override a setting: --set train.kimg=20 (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub fn run(args: &RunArgs) -> Result<()> {
    let study = StudyConfig::load(&args.study, &args.set)?;
    let observer = Progress::new()?;
    let engine = Engine::start(&study.engine)?;
    let record = rim_lesions::run(&study, &engine, &observer)?;
    print!("{}", classify::table(&record.classify, record.simulated));
    println!("report: {}", StudyDir::new(&study.out).report().display());
    Ok(())
}
