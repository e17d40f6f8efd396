//! The stage: a prepared data set in; trainings of each variant, and what they come to, out.

use std::path::{Path, PathBuf};

use super::compared;
use super::config::VariantsConfig;
use super::eye::Eye;
use super::named::Variant;
use super::sheet::{self, Row};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::files::{self, Input, OutFolder, Owner};
use crate::nets::load_image_network;
use crate::problem::{Problem, Result};
use crate::records::spelling;
use crate::records::training::{TimingRecord, TrainingRecord};
use crate::records::variants::{CurvePoint, VariantRun, VariantsRecord};
use crate::run_dir::{GanDir, VariantsDir};
use crate::settings::Settings;
use crate::train::{self, TrainConfig, TrainingSet};

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("variants", |_| Ok(None));

/// One training to do.
struct Planned {
    variant: Variant,
    seed: u64,
    config: TrainConfig,
    folder: PathBuf,
}

/// One that is done.
pub(super) struct Trained {
    /// Of which variant.
    pub variant: Variant,
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
    config.check()?;
    let dir = VariantsDir::new(out);
    let mut claim = OutFolder::new(OWNER, out).apart_from([Input::of(data.root())]).claim()?;
    claim.will_write([VariantsDir::RECORD, VariantsDir::SHEET])?;
    let set = TrainingSet::load(data, usual, lab.seed)?;
    let planned = plan(data, usual, config, &set, &dir)?;
    let eye = Eye::open(data, &set, lab.engine.device)?;
    let mut trained = Vec::new();
    let mut rows = Vec::new();
    for one in &planned {
        let name = spelling::name(&one.variant);
        lab.observer.note(&format!("{name}, training {} of {}", one.seed + 1, config.seeds));
        let lab = Lab { engine: lab.engine, seed: lab.seed.child("variants", one.seed), observer: lab.observer };
        let record = train::run_stage(data, &one.config, &one.folder, &lab)?;
        let generator = load_image_network(GanDir::new(&one.folder).last_network(), lab.engine.device)?.generator;
        let seen = eye.look(&generator, config.drawn)?;
        if one.seed == 0 {
            rows.push(Row { name, images: sheet::images(&generator, &eye.padding)? });
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
        trained.push(Trained { variant: one.variant, record, run });
    }
    sheet::write(&rows, data, &set.chosen.names, &dir)?;
    let record = compared::record(data, config, &trained, eye.record(), lab)?;
    files::write_json(dir.record(), &record)?;
    Ok(record)
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
    let mut planned = Vec::new();
    for seed in 0..config.seeds {
        for &variant in &config.names {
            let config = variant.of(&looked_at, side);
            config.resolve(side, &rules, &set.chosen.counts()).map_err(|problem| {
                let name = spelling::name(&variant);
                Problem::usage(format!("variant \"{name}\" cannot be trained on these data"))
                    .at(data.root())
                    .advice(format!("leave \"{name}\" out of variants.names"))
                    .because(problem)
            })?;
            let folder = dir.training(&spelling::name(&variant), seed);
            planned.push(Planned { variant, seed, config, folder });
        }
    }
    Ok(planned)
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
