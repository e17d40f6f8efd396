//! The stage: known lesions in; what projection makes of them, spoiled and as they are, out.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::corruption::{Corruption, PerturbConfig, Strengths, corrupt};
use super::{sheet, summary};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::files;
use crate::metrics::ssim::ssim;
use crate::problem::{Problem, Result};
use crate::project::acceptance::{Gauge, Levels};
use crate::project::config::ProjectConfig;
use crate::project::items::fingerprint;
use crate::project::job::{measured, pixels_of};
use crate::project::projector::{NothingKept, Projector};
use crate::project::stage::{check_channels, features, settings as settings_of};
use crate::project::store;
use crate::project::targets::{Pick, Target, gauge as gauge_of, select};
use crate::records::classes::{Class, Split};
use crate::records::perturbation::{Likeness, PerturbationRecord, PerturbedCase, Sheet};
use crate::run_dir::PerturbationDir;
use crate::seed::RunSeed;

/// What is projected into, and the data set whose lesions are spoiled.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// A network file, or the folder of a training run or an import.
    pub network: &'a Path,
    pub data: &'a Prepared,
}

/// How lesions are spoiled, and how they are projected.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    pub perturb: &'a PerturbConfig,
    pub project: &'a ProjectConfig,
}

/// Spoils, projects and measures; writes images, sheets and `record.json` into `out`.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished batches stay. No rim on the validation side to hold out, or whatever is
/// wrong with the data, the network or the settings.
pub fn run_stage(inputs: Inputs<'_>, settings: Settings<'_>, out: &Path, lab: &Lab<'_>) -> Result<PerturbationRecord> {
    let Inputs { network, data: prepared } = inputs;
    let Settings { perturb: config, project } = settings;
    let &Lab { engine, seed, observer } = lab;
    let data = prepared.root();
    let strengths = config.strengths();
    strengths.validate()?;
    project.validate()?;
    if config.lesions == 0 {
        return Err(Problem::usage("lesions = 0").expected("at least 1 lesion of each role"));
    }
    let dir = PerturbationDir::new(out);
    let _lock = files::lock(dir.lock())?;
    let projector = Projector::open(network, project, engine.device)?;
    check_channels(prepared, &projector, data)?;
    let (gauge, unit) = gauge_of(prepared);
    let chosen = |class, split, limit| {
        select(prepared, Pick { class, split, limit, slices: 1 }, &gauge, seed).map(|found| found.targets)
    };
    let known = chosen(Class::RIM, Split::Train, 0)?;
    let contrasts = known.iter().filter_map(|target| target.lesion.as_ref()).map(|lesion| lesion.contrast).collect();
    let levels = Levels::of_rims(contrasts).map_err(|problem| problem.at(data))?;
    let rims = chosen(Class::RIM, Split::Validation, config.lesions)?;
    if rims.is_empty() {
        return Err(Problem::input(data, "no rim on the validation side")
            .expected("rims that the generator has not seen")
            .advice("prepare with a larger --validation-fraction"));
    }
    let roles = [
        ("rim", rims, &Corruption::ALL[..]),
        ("training rim", chosen(Class::RIM, Split::Train, config.lesions)?, &Corruption::ALL[..1]),
        ("non-rim", chosen(Class::NON_RIM, Split::Validation, config.lesions)?, &Corruption::ALL[..1]),
    ];
    let net = features(&projector, &project.features, projector.usual_features())?;
    let dependencies = json!([settings_of(project, &projector, seed), net.identity, strengths]);
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
        cases.push(bench.finished(item, &dependencies)?);
    }
    let pending: Vec<usize> = (0..spoiled.len()).filter(|&at| cases[at].is_none()).collect();
    observer.advance((spoiled.len() - pending.len()) as u64 * project.steps);
    let batches = pending.chunks(project.batch as usize);
    let mut comparison = projector.comparison(net.net.as_ref(), batches.len());
    for batch in batches {
        let targets: Vec<Target> = batch.iter().map(|&at| spoiled[at].target.clone()).collect();
        let descent = project.descent();
        let projected = projector.project(&mut comparison, &targets, &descent, seed, observer, &mut NothingKept)?;
        let images = pixels_of(&projected.projected.images)?;
        for ((row, &at), image) in batch.iter().enumerate().zip(images) {
            let tensor = projected.projected.images.get(row as i64);
            cases[at] = Some(bench.judge(&spoiled[at], &image, &tensor, projected.w_distance[row], &dependencies)?);
        }
    }
    observer.end();
    let cases: Vec<PerturbedCase> = cases.into_iter().flatten().collect();
    let sheets = bench.sheets(&spoiled, &cases, prepared.manifest().simulated)?;
    let record = PerturbationRecord {
        network_sha256: projector.network_sha256.clone(),
        features: net.net.name().to_owned(),
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
    files::write_json(dir.record(), &record)?;
    Ok(record)
}

/// A slice as it was and as it is given to the projector.
pub(super) struct Spoiled {
    pub(super) role: &'static str,
    pub(super) corruption: Corruption,
    pub(super) original: Target,
    pub(super) target: Target,
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
        let print = fingerprint(settings, &item.target);
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
        let fingerprint = fingerprint(settings, &item.target);
        files::write_json(self.dir.case(&item.target.id), &Kept { fingerprint, case: case.clone() })?;
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
            contrast: measured(self.gauge.contrast(image, mask), &original.id)?,
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
