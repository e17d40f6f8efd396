//! The stage: a prepared data set in; trainings of each variant, and what they come to, out.

use std::path::{Path, PathBuf};

use tch::{Device, Tensor};

use super::compared;
use super::config::VariantsConfig;
use super::named::Variant;
use super::reader::{self, ClassReader};
use super::sheet::{self, Row};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::feed::batches::Images;
use crate::feed::padding;
use crate::files::{self, Input, OutFolder, Owner};
use crate::latent::draw::{BATCH, NoiseMode, draw, filled};
use crate::nets::class::one_hot;
use crate::nets::features::FrechetFeatures;
use crate::nets::{Generator, load_image_network};
use crate::problem::{Problem, Result};
use crate::records::label::Padding;
use crate::records::spelling;
use crate::records::training::{TimingRecord, TrainingRecord};
use crate::records::variants::{ClassReaderRecord, CurvePoint, VariantRun, VariantsRecord};
use crate::run_dir::{GanDir, VariantsDir};
use crate::settings::Settings;
use crate::train::{self, TrainConfig, TrainingSet};

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("variants", |_| Ok(None));

/// First words of classes that are planes.
const PLANES: [&str; 3] = ["axial", "coronal", "sagittal"];

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
        let (fidelity, planes) = eye.fidelity(&generator, config.drawn)?;
        if one.seed == 0 {
            rows.push(Row { name, images: sheet::images(&generator, &eye.padding)? });
        }
        let run = VariantRun {
            seed: one.seed,
            points: points(&record, &one.folder)?,
            fidelity,
            planes,
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

/// Reads classes.
struct Eye {
    features: FrechetFeatures,
    padding: Padding,
    classes: Vec<String>,
    planes: Option<Vec<usize>>,
    reader: Option<(ClassReader, ClassReaderRecord)>,
}

impl Eye {
    fn open(data: &Prepared, set: &TrainingSet, device: Device) -> Result<Self> {
        let features = FrechetFeatures::new(set.images.pixels.size()[1], device);
        let classes: Vec<String> = set.chosen.names.clone();
        let planes = reader::grouped(&classes, &PLANES);
        let mut eye = Self { features, padding: set.padding, planes, classes, reader: None };
        if eye.classes.is_empty() {
            return Ok(eye);
        }
        let numbers: Vec<i64> = set.chosen.classes.iter().map(|&class| class as i64).collect();
        let reader = ClassReader::fit(&eye.of(&set.images.pixels), &numbers, eye.classes.len())?;
        let mut held = Images::load(&data.validation(), Device::Cpu)?;
        held.pixels = padding::pad(&set.padding, &held.pixels);
        let number = |lesion: &u32| -> Option<i64> {
            let class = data.class_of(data.lesion(*lesion))?;
            let name = data.classes().names.get(class)?.to_string();
            eye.classes.iter().position(|known| *known == name).map(|at| at as i64)
        };
        let (rows, asked): (Vec<i64>, Vec<i64>) =
            (0i64..).zip(&held.lesions).filter_map(|(row, lesion)| Some((row, number(lesion)?))).unzip();
        if asked.is_empty() {
            return Ok(eye);
        }
        let found = reader.read(&eye.of(&held.pixels.index_select(0, &Tensor::from_slice(&rows))))?;
        let (accuracy, planes) = eye.shares(&found, &asked);
        let record = ClassReaderRecord {
            name: format!("a linear map from {}, fitted to the training slices", eye.features.name()),
            classes: eye.classes.clone(),
            held_out: asked.len() as u64,
            accuracy,
            planes,
        };
        eye.reader = Some((reader, record));
        Ok(eye)
    }

    /// Features of any number of images.
    fn of(&self, images: &Tensor) -> Tensor {
        let parts: Vec<Tensor> = images.split(50, 0).iter().map(|part| self.features.of(part)).collect();
        Tensor::cat(&parts, 0)
    }

    /// Shares read as asked, by class and by plane.
    fn shares(&self, found: &[i64], asked: &[i64]) -> (f64, Option<f64>) {
        let planes = self.planes.as_ref().map(|planes| reader::share(found, asked, |class| planes[class as usize]));
        (reader::share(found, asked, |class| class as usize), planes)
    }

    /// The same of so many drawn images, each class in turn; nothing without classes.
    fn fidelity(&self, generator: &Generator, drawn: u64) -> Result<(Option<f64>, Option<f64>)> {
        let Some((reader, _)) = self.reader.as_ref().filter(|_| drawn > 0) else {
            return Ok((None, None));
        };
        let count = self.classes.len() as i64;
        let asked: Vec<i64> = (0..drawn as i64).map(|image| image % count).collect();
        let mut found = Vec::new();
        for (at, classes) in asked.chunks(BATCH).enumerate() {
            let seeds: Vec<u32> = (0..classes.len()).map(|image| (at * BATCH + image) as u32).collect();
            let c = one_hot(&filled(classes), count, generator.device());
            found.extend(reader.read(&self.of(&draw(generator, &seeds, Some(&c), 1.0, NoiseMode::Const)))?);
        }
        let (fidelity, planes) = self.shares(&found, &asked);
        Ok((Some(fidelity), planes))
    }

    fn record(self) -> Option<ClassReaderRecord> {
        self.reader.map(|(_, record)| record)
    }
}
