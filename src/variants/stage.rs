//! The stage: a prepared data set in; trainings of each variant, and what they come to, out.

use std::path::{Path, PathBuf};

use super::compared;
use super::config::VariantsConfig;
use super::eye::Eye;
use super::recipe::Recipe;
use super::sheet::{self, Row};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::files::{self, Input, OutFolder, Owner};
use crate::name::Name;
use crate::nets::load_image_network;
use crate::problem::{Problem, Result};
use crate::records::training::{TimingRecord, TrainingRecord};
use crate::records::variants::{CurvePoint, VariantRun, VariantsRecord};
use crate::run_dir::{GanDir, VariantsDir};
use crate::settings::Settings;
use crate::train::settled::in_precision;
use crate::train::{self, TrainConfig, TrainingSet};
use crate::units::{Ready, Share, Taken, Unit};

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("variants", |_| Ok(None));

/// One training to do.
struct Planned {
    recipe: Recipe,
    seed: u64,
    folder: PathBuf,
}

/// One that is done.
pub(super) struct Trained {
    /// How it was trained.
    pub recipe: Recipe,
    /// Its own record.
    pub record: TrainingRecord,
    /// What the stage says of it.
    pub run: VariantRun,
}

/// Trains every variant once a seed, `usual` but for what the variant changes, and compares them; leaves the runs,
/// `record.json` and a sheet in `out`.
///
/// # Errors
/// Settings that make no sense, data that a variant cannot be trained on, a training that fails, a folder in use, or
/// stopped on request; what is finished is kept.
pub fn run_stage(
    data: &Prepared,
    usual: &TrainConfig,
    config: &VariantsConfig,
    out: &Path,
    lab: &Lab<'_>,
) -> Result<VariantsRecord> {
    run_with(data, (usual, config), (out, &Ready::NONE), lab)
}

/// As [`run_stage`], taking in the trainings that are ready: the units of [`run_share`].
///
/// # Errors
/// Those of [`run_stage`]; a unit that is not what it should be, or is missing where none is to be made.
pub fn run_with(
    data: &Prepared,
    (usual, config): (&TrainConfig, &VariantsConfig),
    (out, ready): (&Path, &Ready),
    lab: &Lab<'_>,
) -> Result<VariantsRecord> {
    config.check()?;
    let dir = VariantsDir::new(out);
    let mut claim = OutFolder::new(OWNER, out).apart_from([Input::of(data.root())]).claim()?;
    claim.will_write([VariantsDir::RECORD, VariantsDir::SHEET])?;
    let set = TrainingSet::load(data, usual, lab.seed)?;
    let planned = plan(data, usual, config, &set, &dir)?;
    take(&planned, ready)?;
    let eye = Eye::open(data, &set, lab.engine.device)?;
    let mut trained: Vec<Trained> = Vec::new();
    let mut rows = Vec::new();
    for one in &planned {
        let name = one.recipe.name.clone();
        lab.observer.note(&format!("{name}, training {} of {}", one.seed + 1, config.seeds));
        let record = one.train(data, trained.first(), lab)?;
        let generator = load_image_network(GanDir::new(&one.folder).last_network(), lab.engine.device)?.generator;
        let seen = eye.look(&generator, config.drawn)?;
        if one.seed == 0 {
            rows.push(Row { name: name.to_string(), images: sheet::images(&generator, &eye.padding)? });
        }
        let run = VariantRun {
            seed: one.seed,
            points: points(&record, &one.folder)?,
            fidelity: seen.fidelity,
            planes: seen.planes,
            variety: seen.variety,
            least_variety: seen.least_variety,
            rollbacks: record.rollbacks.len() as u64,
        };
        trained.push(Trained { recipe: one.recipe.clone(), record, run });
    }
    sheet::write(&rows, data, &set.chosen.names, &dir)?;
    let record = compared::record(data, config, &trained, eye.record(), lab)?;
    files::write_json(dir.record(), &record)?;
    Ok(record)
}

/// The units of the stage: one training each, of a variant from a seed; they follow from the settings alone.
pub fn units(config: &VariantsConfig) -> Vec<Unit> {
    let names = Recipe::names(config);
    let of_seed = |seed| names.iter().map(move |name| Unit::new(unit(name, seed)));
    (0..config.seeds).flat_map(of_seed).collect()
}

fn unit(name: &Name, seed: u64) -> Name {
    name.with(&format!("-seed{seed}"))
}

/// Makes a share of the trainings of [`run_with`]. A unit is the folder of a training, which says how long it took.
/// `usual` has a precision: shares cannot ask one another what one of them measured.
///
/// # Errors
/// As [`run_stage`].
pub fn run_share(
    data: &Prepared,
    (usual, config): (&TrainConfig, &VariantsConfig),
    share: &Share,
    lab: &Lab<'_>,
) -> Result<()> {
    config.check()?;
    let to_do = share.to_do(units(config))?;
    if to_do.is_empty() {
        return Ok(());
    }
    let set = TrainingSet::load(data, usual, lab.seed)?;
    let planned = plan(data, usual, config, &set, &VariantsDir::new(Path::new("")))?;
    for (_, one) in planned.into_iter().enumerate().filter(|(place, _)| to_do.contains(place)) {
        let name = unit(&one.recipe.name, one.seed);
        lab.observer.note(&format!("training {name}"));
        let workplace = share.lasting_workplace(&name)?;
        let one = Planned { folder: workplace.path().join(name.as_str()), ..one };
        one.train(data, None, lab).map_err(|problem| workplace.of_stop(problem))?;
        share.leave_folder(&name, &one.folder)?;
        workplace.clear()?;
    }
    Ok(())
}

/// Puts trainings in place that are ready and not begun here.
fn take(planned: &[Planned], ready: &Ready) -> Result<()> {
    let mut missing = vec![];
    for one in planned {
        let name = unit(&one.recipe.name, one.seed);
        let done = files::is_there(&GanDir::new(&one.folder).record())?;
        if !done && ready.take_folder(&name, &one.folder)? != Taken::Put {
            missing.push(name);
        }
    }
    ready.require_none(&missing)
}

impl Planned {
    /// Trains it, in the precision of the `first` of all where that is to be measured.
    fn train(&self, data: &Prepared, first: Option<&Trained>, lab: &Lab<'_>) -> Result<TrainingRecord> {
        files::refuse_link(&self.folder)?;
        let lab = Lab { engine: lab.engine, seed: lab.seed.child("variants", self.seed), observer: lab.observer };
        let config = &self.recipe.config;
        let Some(first) = first else { return train::run_stage(data, config, &self.folder, &lab) };
        let config = in_precision(first.record.precision_choice.as_ref(), config, lab.engine.device)?;
        train::run_stage(data, &config, &self.folder, &lab)
    }
}

/// The trainings in their order: seed by seed, so that a machine that grows slower does so for all variants.
fn plan(
    data: &Prepared,
    usual: &TrainConfig,
    config: &VariantsConfig,
    set: &TrainingSet,
    dir: &VariantsDir,
) -> Result<Vec<Planned>> {
    let side = set.padding.side as i64;
    let rules = train::channel_rules(data.manifest());
    let looked_at = TrainConfig {
        kimg: config.kimg,
        tick_kimg: config.kimg / config.points as f64,
        frechet_ticks: 1,
        checkpoint_ticks: 1,
        preview_ticks: 0,
        ..usual.clone()
    };
    let recipes = Recipe::all(config, &looked_at, side)?;
    for Recipe { name, config, .. } in &recipes {
        config.resolve(side, &rules, &set.chosen.counts()).map_err(|problem| {
            Problem::usage(format!("variant \"{name}\" cannot be trained on these data"))
                .at(data.root())
                .advice(format!("leave \"{name}\" out of variants.names or variants.recipes"))
                .because(problem)
        })?;
    }
    let planned = |seed| {
        let of_seed = move |recipe: &Recipe| {
            let folder = dir.training(&recipe.name, seed);
            Planned { recipe: recipe.clone(), seed, folder }
        };
        recipes.iter().map(of_seed)
    };
    Ok((0..config.seeds).flat_map(planned).collect())
}

/// Distances of a run against images and seconds.
fn points(record: &TrainingRecord, folder: &Path) -> Result<Vec<CurvePoint>> {
    let timing = files::read_json_lines::<TimingRecord>(&GanDir::new(folder).timing())?;
    let seconds_until = |tick: u64| timing.iter().filter(|one| one.tick <= tick).map(|one| one.seconds).sum();
    let point = |tick: &crate::records::training::TickRecord| {
        let distance = tick.frechet_all_classes.or(tick.frechet)?;
        Some(CurvePoint { images: tick.images, seconds: seconds_until(tick.tick), distance })
    };
    Ok(record.curve.iter().filter_map(point).collect())
}
