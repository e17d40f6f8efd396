//! `rimforge perturb`: how far to trust a projection. Known rims are spoiled and projected back; rims that the generator
//! learnt from (identity) and known non-rims (hallucination) are projected as they are.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::progress::Progress;
use super::project::{self, NothingKept, Pick, Projector, Target};
use crate::atomic_file;
use crate::commands::engine_args::EngineArgs;
use crate::data::Prepared;
use crate::engine::Engine;
use crate::metrics::ssim::ssim;
use crate::nets::class::ClassChoice;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::project::acceptance::{Gauge, Levels};
use crate::project::config::{Class, Side};
use crate::project::corruption::{Corruption, Strengths, corrupt};
use crate::project::store;
use crate::project::{PerturbConfig, ProjectConfig};
use crate::records::perturbation::{Likeness, PerturbationRecord, PerturbedCase, Sheet};
use crate::run_dir::PerturbationDir;
use crate::seed::RunSeed;

mod sheet;

mod summary;

#[derive(Args, Debug)]
pub struct PerturbArgs {
    /// Trained network: a .safetensors file, or the folder of a training run or an import.
    #[arg(long)]
    network: PathBuf,
    /// Prepared data set.
    #[arg(long)]
    data: PathBuf,
    /// Folder for the results; a second run goes on where the first stopped.
    #[arg(long)]
    out: PathBuf,
    /// Lesions of each role: held-out rims, training rims, non-rims.
    #[arg(long, default_value_t = 8)]
    lesions: u64,
    /// Standard deviation of the Gaussian noise, in the network's range of -1..1.
    #[arg(long, default_value_t = Strengths::default().noise)]
    noise: f64,
    /// Share of pixels that become black or white.
    #[arg(long, default_value_t = Strengths::default().salt_and_pepper)]
    salt_and_pepper: f64,
    /// Standard deviation of the blur in pixels.
    #[arg(long, default_value_t = Strengths::default().blur)]
    blur: f64,
    /// Side of the square that is filled, as a share of the image's.
    #[arg(long, default_value_t = Strengths::default().inpainting)]
    inpainting: f64,
    /// Optimiser steps of each image.
    #[arg(long, default_value_t = ProjectConfig::default().steps)]
    steps: u64,
    /// auto, random-vgg, pixels, discriminator, or a TorchScript file.
    #[arg(long, default_value = "auto")]
    features: String,
    /// Class of a conditional network: its name, its number from 0, or "estimate".
    #[arg(long, value_name = "K|estimate", allow_hyphen_values = true)]
    condition: Option<ClassChoice>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    engine: EngineArgs,
}

pub fn run(args: &PerturbArgs) -> Result<()> {
    let engine = args.engine.start()?;
    let strengths = Strengths {
        noise: args.noise,
        salt_and_pepper: args.salt_and_pepper,
        blur: args.blur,
        inpainting: args.inpainting,
    };
    let config = PerturbConfig::new(args.lesions, strengths);
    let project = ProjectConfig {
        steps: args.steps,
        features: args.features.clone(),
        condition: args.condition.clone(),
        ..ProjectConfig::default()
    };
    let observer = Progress::new()?;
    let seed = RunSeed(args.seed);
    let record = run_stage(&args.data, &args.network, &args.out, (&config, &project), seed, &engine, &observer)?;
    print!("{}", summary::table(&record));
    println!("{}", PerturbationDir::new(&args.out).record().display());
    Ok(())
}

/// Spoils, projects and measures; writes images, sheets and `record.json` into `out`.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished batches stay. No rim on the validation side to hold out, or whatever is
/// wrong with the data, the network or the settings.
pub fn run_stage(
    data: &Path,
    network: &Path,
    out: &Path,
    (config, project): (&PerturbConfig, &ProjectConfig),
    seed: RunSeed,
    engine: &Engine,
    observer: &dyn Observer,
) -> Result<PerturbationRecord> {
    let strengths = config.strengths();
    strengths.validate()?;
    project.validate()?;
    if config.lesions == 0 {
        return Err(Problem::usage("lesions = 0").expected("at least 1 lesion of each role"));
    }
    let dir = PerturbationDir::new(out);
    let _lock = atomic_file::lock(dir.lock())?;
    let prepared = Prepared::open(data)?;
    let projector = Projector::open(network, project, engine.device)?;
    project::check_channels(&prepared, &projector, data)?;
    let (gauge, unit) = project::gauge(&prepared);
    let select = |class, split, limit| {
        project::select(&prepared, Pick { class, split, limit, slices: 1 }, &gauge, seed).map(|found| found.targets)
    };
    let known = select(Class::Rim, Side::Train, 0)?;
    let contrasts = known.iter().filter_map(|target| target.lesion.as_ref()).map(|lesion| lesion.contrast).collect();
    let levels = Levels::of_rims(contrasts).map_err(|problem| problem.at(data))?;
    let rims = select(Class::Rim, Side::Validation, config.lesions)?;
    if rims.is_empty() {
        return Err(Problem::input(data, "no rim on the validation side")
            .expected("rims that the generator has not seen")
            .advice("prepare with a larger --validation-fraction"));
    }
    let roles = [
        ("rim", rims, &Corruption::ALL[..]),
        ("training rim", select(Class::Rim, Side::Train, config.lesions)?, &Corruption::ALL[..1]),
        ("non-rim", select(Class::NonRim, Side::Validation, config.lesions)?, &Corruption::ALL[..1]),
    ];
    let features = project::features(&projector, &project.features, projector.usual_features())?;
    let settings = json!([project::settings(project, &projector, seed), features.identity, strengths]);
    let bench = Workbench { dir: &dir, gauge: &gauge, unit: &unit, strengths };
    let spoiled: Vec<Spoiled> = roles
        .iter()
        .flat_map(|(role, targets, corruptions)| {
            targets
                .iter()
                .flat_map(move |target| corruptions.iter().map(move |&corruption| (*role, target, corruption)))
        })
        .map(|(role, target, corruption)| bench.spoil(role, target, corruption, seed))
        .collect();

    observer.begin("perturb", "image steps", spoiled.len() as u64 * project.steps);
    let mut cases: Vec<Option<PerturbedCase>> = Vec::new();
    for item in &spoiled {
        cases.push(bench.finished(item, &settings)?);
    }
    let pending: Vec<usize> = (0..spoiled.len()).filter(|&at| cases[at].is_none()).collect();
    observer.advance((spoiled.len() - pending.len()) as u64 * project.steps);
    let batches = pending.chunks(project.batch as usize);
    let mut comparison = projector.comparison(features.net.as_ref(), batches.len());
    for batch in batches {
        let targets: Vec<Target> = batch.iter().map(|&at| spoiled[at].target.clone()).collect();
        let descent = project.descent();
        let projected = projector.project(&mut comparison, &targets, &descent, seed, observer, &mut NothingKept)?;
        let images = project::pixels_of(&projected.projected.images)?;
        for ((row, &at), image) in batch.iter().enumerate().zip(images) {
            let tensor = projected.projected.images.get(row as i64);
            cases[at] = Some(bench.judge(&spoiled[at], &image, &tensor, projected.w_distance[row], &settings)?);
        }
    }
    observer.end();
    let cases: Vec<PerturbedCase> = cases.into_iter().flatten().collect();
    let sheets = bench.sheets(&spoiled, &cases, prepared.manifest().simulated)?;
    let record = PerturbationRecord {
        network_sha256: projector.network_sha256.clone(),
        features: features.net.name().to_owned(),
        steps: project.steps,
        seed: seed.0,
        unit,
        present: levels.present,
        absent: levels.absent,
        summary: summary::rows(&cases),
        erased: summary::share(&cases, "rim", |case| levels.erased(case.contrast, case.projected.contrast)),
        hallucinated: summary::share(&cases, "non-rim", |case| levels.invented(case.contrast, case.projected.contrast)),
        cases,
        sheets,
    };
    atomic_file::write_json(dir.record(), &record)?;
    Ok(record)
}

/// A slice as it was and as it is given to the projector.
struct Spoiled {
    role: &'static str,
    corruption: Corruption,
    original: Target,
    target: Target,
}

/// A finished case and the hash of what it depends on.
#[derive(Serialize, Deserialize)]
struct Kept {
    fingerprint: String,
    case: PerturbedCase,
}

struct Workbench<'a> {
    dir: &'a PerturbationDir,
    gauge: &'a Gauge,
    unit: &'a str,
    strengths: Strengths,
}

impl Workbench<'_> {
    fn spoil(&self, role: &'static str, original: &Target, corruption: Corruption, seed: RunSeed) -> Spoiled {
        let id = format!("{}_{}_{}", original.id, role.replace(' ', "-"), corruption.slug());
        let mut draws = seed.stream(&format!("perturb {id}"), 0);
        let size = (self.gauge.height, self.gauge.width);
        let mask = original.mask.as_deref();
        let pixels = corrupt(&original.pixels, size, mask, corruption, &self.strengths, &mut draws);
        let target = Target { id, pixels, ..original.clone() };
        Spoiled { role, corruption, original: original.clone(), target }
    }

    fn finished(&self, item: &Spoiled, settings: &serde_json::Value) -> Result<Option<PerturbedCase>> {
        let path = self.dir.case(&item.target.id);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| Problem::io(&path, "reading", error))?,
        };
        let print = project::fingerprint(settings, &item.target);
        // One of other settings, or that cannot be read, is made again.
        let kept = serde_json::from_slice::<Kept>(&text).ok().filter(|kept| kept.fingerprint == print);
        Ok(kept.map(|kept| kept.case).filter(|case| self.dir.root().join(&case.image).exists()))
    }

    fn judge(
        &self,
        item: &Spoiled,
        image: &[f32],
        tensor: &tch::Tensor,
        w_distance: f64,
        settings: &serde_json::Value,
    ) -> Result<PerturbedCase> {
        let lesion = item.original.lesion.as_ref().expect("lesions of a data set are known");
        let name = PerturbationDir::image(&item.target.id);
        store::write_npy(&self.dir.root().join(&name), tensor)?;
        let case = PerturbedCase {
            lesion_id: lesion.lesion_id.clone(),
            slice: lesion.slice,
            role: item.role.to_owned(),
            corruption: item.corruption.name().to_owned(),
            strength: item.corruption.strength(&self.strengths, self.gauge.scale, self.unit),
            corrupted: self.likeness(&item.original, &item.target.pixels)?,
            projected: self.likeness(&item.original, image)?,
            contrast: lesion.contrast,
            w_distance,
            image: name,
        };
        let fingerprint = project::fingerprint(settings, &item.target);
        atomic_file::write_json(self.dir.case(&item.target.id), &Kept { fingerprint, case: case.clone() })?;
        Ok(case)
    }

    /// How `image` \[C, H, W\] compares with a slice as it was.
    fn likeness(&self, original: &Target, image: &[f32]) -> Result<Likeness> {
        let plane = self.gauge.height * self.gauge.width;
        let scaled = |pixels: &[f32]| -> Vec<f64> {
            let channel = &pixels[self.gauge.channel * plane..][..plane];
            channel.iter().map(|&value| (f64::from(value) + 1.0) / 2.0).collect()
        };
        let (before, after) = (scaled(&original.pixels), scaled(image));
        let squares = before.iter().zip(&after).map(|(a, b)| (a - b).powi(2));
        let mask = original.mask.as_deref();
        Ok(Likeness {
            ssim: ssim(&before, &after, (self.gauge.height, self.gauge.width), 1.0)?,
            mse: squares.sum::<f64>() / plane as f64,
            lesion_rms: self.gauge.root_mean_squares(&original.pixels, image, mask).0,
            contrast: project::measured(self.gauge.contrast(image, mask), &original.id)?,
        })
    }

    /// The first rims with each corruption, and the first training rims and non-rims.
    fn sheets(&self, spoiled: &[Spoiled], cases: &[PerturbedCase], simulated: bool) -> Result<Vec<Sheet>> {
        let mut rows = Vec::new();
        for (item, case) in spoiled.iter().zip(cases) {
            let image = store::read_plain(&self.dir.root().join(&case.image), item.target.pixels.len())?;
            rows.push(sheet::Row { item, case, image });
        }
        sheet::write_all(self.dir, &rows, self.gauge, self.unit, simulated)
    }
}
