//! Errands through the recipe of whichever study a file is for: shards, merges, plans.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::console::Console;
use crate::engine::{Engine, EngineConfig};
use crate::name::shown_path;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::units::PlanRecord;
use crate::run_dir::StudyDir;
use crate::settings::Settings;
use crate::study::{
    DermatoscopyStudy, Errand, GliomaStudy, ProjectionAccuracyStudy, RimStudy, StudyFile, StudyKind, What,
};
use crate::units::Part;

/// The study that a command is about.
#[derive(Args, Debug)]
pub struct StudyArgs {
    /// The study's settings, e.g. studies/demo.toml.
    pub study: PathBuf,

    /// Override a setting: --set train.kimg=20 (repeatable, each setting once).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// What a run is to do of a study.
#[derive(Args, Debug)]
pub struct ShardArgs {
    /// Do this stage and what it needs, and nothing else.
    #[arg(long, value_name = "STAGE", conflicts_with = "stage")]
    until: Option<String>,

    /// Do what this stage needs, and not the stage itself: shards make it then.
    #[arg(long, value_name = "STAGE", conflicts_with_all = ["stage", "until"])]
    before: Option<String>,

    /// With --shard: the stage of which units are made; `rimforge plan` lists them.
    #[arg(long, value_name = "STAGE", requires = "shard")]
    stage: Option<String>,

    /// Make the units of a stage whose place is i modulo n (i/n: 0/4, 1/4, 2/4, 3/4), and nothing else; the stages that
    /// it needs are to be done. `slurm`: i and n of this task of a Slurm array.
    #[arg(long, value_name = "I/N", requires = "stage")]
    shard: Option<String>,

    /// Leave the units in this folder instead of the study's, which then is only read; `rimforge merge` takes them.
    #[arg(long, value_name = "DIR", requires = "shard")]
    shard_out: Option<PathBuf>,
}

impl ShardArgs {
    /// What was asked for.
    ///
    /// # Errors
    /// No such part.
    pub fn what(&self) -> Result<What> {
        let (Some(stage), Some(shard)) = (&self.stage, &self.shard) else {
            return Ok(match (&self.until, &self.before) {
                (Some(stage), _) => What::Until(stage.clone()),
                (None, Some(stage)) => What::Before(stage.clone()),
                (None, None) => What::Run,
            });
        };
        let part = match shard.as_str() {
            "slurm" => Part::of_slurm(|name| std::env::var(name).ok())?,
            text => text.parse().map_err(|fault| Problem::usage(format!("--shard {text}")).expected(fault))?,
        };
        Ok(What::Shard { stage: stage.clone(), part, out: self.shard_out.clone() })
    }
}

/// A recipe as errands are walked through it.
pub trait Recipe: Settings + DeserializeOwned {
    /// What it comes to.
    type Record: Serialize;

    /// Title of its report.
    fn name(&self) -> &str;

    /// Its folder.
    fn out(&self) -> &Path;

    /// Device and threads.
    fn engine(&self) -> &EngineConfig;

    /// As the recipe's own `go`.
    ///
    /// # Errors
    /// Those of the recipe; the errand ended.
    fn go(&self, engine: &Engine, observer: &dyn Observer, errand: &Errand) -> Result<Self::Record>;

    /// The results for a person.
    fn table(record: &Self::Record) -> String;
}

/// A study file, or settings without one, and what is laid over it.
pub struct StudyText<'a> {
    /// The file.
    pub path: Option<&'a Path>,
    /// The settings where there is none.
    pub without: &'a str,
    /// Assignments.
    pub set: &'a [String],
}

impl<'a> StudyText<'a> {
    /// The file that a command names.
    pub fn of(args: &'a StudyArgs) -> Self {
        Self { path: Some(&args.study), without: "", set: &args.set }
    }

    /// As it is read; of which kind, it says itself.
    ///
    /// # Errors
    /// As [`StudyFile::open`].
    pub fn read(&self) -> Result<StudyFile<'a>> {
        match self.path {
            Some(path) => StudyFile::open(path, self.set),
            None => StudyFile::of(Path::new("the settings that come with the program"), self.without, self.set),
        }
    }
}

/// Walks an errand through the recipe of a study and prints what it came to.
///
/// # Errors
/// Those of the recipe.
pub fn walk(file: &StudyFile<'_>, what: What, console: &Console) -> Result<()> {
    match StudyKind::of(file)? {
        StudyKind::RimLesions => walk_through::<RimStudy>(file, what, console),
        StudyKind::Dermatoscopy => walk_through::<DermatoscopyStudy>(file, what, console),
        StudyKind::ProjectionAccuracy => walk_through::<ProjectionAccuracyStudy>(file, what, console),
        StudyKind::Glioma => walk_through::<GliomaStudy>(file, what, console),
    }
}

/// The list of all units of a study.
///
/// # Errors
/// Those of the recipe.
pub fn plan(file: &StudyFile<'_>, console: &Console) -> Result<PlanRecord> {
    match StudyKind::of(file)? {
        StudyKind::RimLesions => planned::<RimStudy>(file, console),
        StudyKind::Dermatoscopy => planned::<DermatoscopyStudy>(file, console),
        StudyKind::ProjectionAccuracy => planned::<ProjectionAccuracyStudy>(file, console),
        StudyKind::Glioma => planned::<GliomaStudy>(file, console),
    }
}

fn planned<R: Recipe>(file: &StudyFile<'_>, console: &Console) -> Result<PlanRecord> {
    let study: R = file.settings()?;
    let observer = console.observer()?;
    let engine = Engine::start(study.engine())?;
    let errand = Errand::new(What::Plan);
    errand.outcome(study.go(&engine, observer, &errand))?;
    Ok(errand.plan(study.name()))
}

fn walk_through<R: Recipe>(file: &StudyFile<'_>, what: What, console: &Console) -> Result<()> {
    let study: R = file.settings()?;
    let observer = console.observer()?;
    let engine = Engine::start(study.engine())?;
    let errand = Errand::new(what);
    let results = errand.outcome(study.go(&engine, observer, &errand))?;
    let out = study.out();
    if let Some(shard) = errand.shared() {
        let (made, own) = (shard.made.len(), shard.units.len());
        return console.result(&shard, || {
            let folder = shown_path(shard.folder.as_ref());
            format!("{}, shard {}: {own} units, {made} made now; {folder}\n", shard.stage, shard.shard)
        });
    }
    let Some(record) = results else {
        return console.result(&json!({ "out": out, "done": true }), || format!("done: {}\n", shown_path(out)));
    };
    console.result(&record, || {
        let table = R::table(&record);
        format!("{table}report: {}\n", shown_path(&StudyDir::new(out).report()))
    })
}
