//! `rimforge run STUDY.toml`: every stage in order, each kept where its settings and inputs did not change; or stages
//! up to one, or a share of one.

use std::path::Path;

use clap::Args;

use super::console::Console;
use super::shards::{Recipe, ShardArgs, StudyArgs, StudyText, walk};
use super::{classify, residuals, tumours, variants};
use crate::engine::{Engine, EngineConfig};
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::dermatoscopy::DermatoscopyRecord;
use crate::records::glioma::GliomaRecord;
use crate::records::projection_accuracy::ProjectionAccuracyRecord;
use crate::records::study::StudyRecord;
use crate::study::{
    DermatoscopyStudy, Errand, GliomaStudy, ProjectionAccuracyStudy, RimStudy, dermatoscopy, glioma,
    projection_accuracy, rim_lesions,
};

/// Arguments of `rimforge run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    study: StudyArgs,

    #[command(flatten)]
    shards: ShardArgs,
}

/// Runs the study and prints the arms' table and where the report is.
///
/// # Errors
/// Settings that make no sense, or the first stage that fails.
pub fn run(args: &RunArgs, console: &Console) -> Result<()> {
    walk(&StudyText::of(&args.study).read()?, args.shards.what()?, console)
}

impl Recipe for RimStudy {
    type Record = StudyRecord;

    fn name(&self) -> &str {
        &self.name
    }

    fn out(&self) -> &Path {
        &self.out
    }

    fn engine(&self) -> &EngineConfig {
        &self.engine
    }

    fn go(&self, engine: &Engine, observer: &dyn Observer, errand: &Errand) -> Result<Self::Record> {
        rim_lesions::go(self, engine, observer, errand)
    }

    fn table(record: &Self::Record) -> String {
        classify::table(&record.classify, record.simulated)
    }
}

impl Recipe for DermatoscopyStudy {
    type Record = DermatoscopyRecord;

    fn name(&self) -> &str {
        &self.name
    }

    fn out(&self) -> &Path {
        &self.out
    }

    fn engine(&self) -> &EngineConfig {
        &self.engine
    }

    fn go(&self, engine: &Engine, observer: &dyn Observer, errand: &Errand) -> Result<Self::Record> {
        dermatoscopy::go(self, engine, observer, errand)
    }

    fn table(record: &Self::Record) -> String {
        classify::table(&record.classify, record.simulated)
    }
}

impl Recipe for GliomaStudy {
    type Record = GliomaRecord;

    fn name(&self) -> &str {
        &self.name
    }

    fn out(&self) -> &Path {
        &self.out
    }

    fn engine(&self) -> &EngineConfig {
        &self.engine
    }

    fn go(&self, engine: &Engine, observer: &dyn Observer, errand: &Errand) -> Result<Self::Record> {
        glioma::go(self, engine, observer, errand)
    }

    fn table(record: &Self::Record) -> String {
        let tumours = record.tumours.as_ref().map_or_else(String::new, tumours::table);
        tumours + &record.variants.as_ref().map_or_else(String::new, variants::table)
    }
}

impl Recipe for ProjectionAccuracyStudy {
    type Record = ProjectionAccuracyRecord;

    fn name(&self) -> &str {
        &self.name
    }

    fn out(&self) -> &Path {
        &self.out
    }

    fn engine(&self) -> &EngineConfig {
        &self.engine
    }

    fn go(&self, engine: &Engine, observer: &dyn Observer, errand: &Errand) -> Result<Self::Record> {
        projection_accuracy::go(self, engine, observer, errand)
    }

    fn table(record: &Self::Record) -> String {
        residuals::table(&record.residuals)
    }
}
