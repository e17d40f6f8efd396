//! The stage: select, decide the feature net, project batch by batch, judge, record.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::feature_choice::{Trial, candidates};
use super::items::Outcome;
use super::job::Job;
use super::projector::Projector;
use super::targets::{self, Pick, Selection, Target};
use crate::data::Prepared;
use crate::digest;
use crate::engine::Lab;
use crate::files;
use crate::nets::features::FeatureNet;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::project::acceptance::{Gauge, Levels, flag_rates};
use crate::project::config::ProjectConfig;
use crate::project::store;
use crate::records::classes::{Class, Split};
use crate::records::label::Contrast;
use crate::records::projection::{ProjectedLesion, ProjectionRecord, RimMeasure};
use crate::run_dir::ProjectionDir;
use crate::seed::RunSeed;

/// What is projected into, and what is.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// A network file, or the folder of a training run or an import.
    pub network: &'a Path,
    pub from: From<'a>,
}

/// Where the images come from that are projected.
#[derive(Clone, Copy)]
pub enum From<'a> {
    /// Lesions of a prepared data set, as the settings choose them.
    Data(&'a Prepared),
    /// Plain images: float32 npy \[C, H, W\] in the network's range.
    Images(&'a [PathBuf]),
}

/// Projects lesions or plain images into a network's latent space; results in `out`.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished batches stay and are not redone. Otherwise whatever is wrong with the
/// data, the network or the settings.
pub fn run_stage(inputs: Inputs<'_>, config: &ProjectConfig, out: &Path, lab: &Lab<'_>) -> Result<ProjectionRecord> {
    config.validate()?;
    let dir = ProjectionDir::new(out);
    let _lock = files::lock(dir.lock())?;
    let projector = Projector::open(inputs.network, config, lab.engine.device)?;
    match inputs.from {
        From::Data(prepared) => lesions(prepared, &projector, config, &dir, lab),
        From::Images(files) => images(files, &projector, config, &dir, lab),
    }
}

/// Lesions of one class and side, and their controls.
fn lesions(
    prepared: &Prepared,
    projector: &Projector,
    config: &ProjectConfig,
    dir: &ProjectionDir,
    lab: &Lab<'_>,
) -> Result<ProjectionRecord> {
    let &Lab { seed, observer, .. } = lab;
    let data = prepared.root();
    check_channels(prepared, projector, data)?;
    let (gauge, unit) = targets::gauge(prepared);
    let pick = |class, split, limit| Pick { class, split, limit, slices: config.slices };
    let rims = targets::select(prepared, pick(Class::RIM, Split::Train, 0), &gauge, seed)?;
    let levels = Levels::of_rims(contrasts(&rims.targets)).map_err(|problem| problem.at(data))?;
    let masked = rims.targets.iter().all(|target| target.mask.is_some());

    let mut selection =
        targets::select(prepared, pick(config.class.clone(), config.split, config.limit), &gauge, seed)?;
    if selection.targets.is_empty() {
        let found = format!("no {} lesion on this side of the split that can be measured", config.class.name());
        return Err(Problem::input(data, found).advice("choose another --class or --split"));
    }
    for class in [Class::RIM, Class::NON_RIM].into_iter().filter(|_| config.controls > 0) {
        let control = targets::select(prepared, pick(class.clone(), Split::Validation, config.controls), &gauge, seed)?;
        add_controls(&mut selection, control, &class, config.controls, observer);
    }

    let settings = settings(config, projector, seed);
    let held_out = pick(Class::RIM, Split::Validation, config.choose_features);
    let feature_choice = match config.choose_features {
        0 => Vec::new(),
        _ => {
            let rims = targets::select(prepared, held_out, &gauge, seed)?;
            let trial = Trial { projector, gauge: &gauge, levels: &levels, config, settings: &settings, seed };
            trial.run(&rims.targets, dir, observer)?
        }
    };
    let chosen = feature_choice.iter().position(|choice| choice.chosen).map(|at| candidates(projector)[at]);
    let features = features(projector, &config.features, chosen.unwrap_or(projector.usual_features()))?;
    let channels: Vec<_> =
        prepared.contrasts().iter().map(|c| (c.name.clone(), c.unit.clone(), c.window.scale())).collect();
    let job = Job {
        projector,
        features: features.net.as_ref(),
        settings: json!([settings, features.identity, levels.present, levels.absent]),
        config,
        seed,
        dir,
        gauge: &gauge,
        levels: Some(levels),
        channels: &channels,
        simulated: prepared.manifest().simulated,
    };
    let items = job.run(&selection.targets, observer)?;
    let lesions = items.iter().filter_map(|item| match &item.outcome {
        Outcome::Lesion(lesion) => Some(lesion.clone()),
        Outcome::Image(_) => None,
    });
    let lesions: Vec<ProjectedLesion> = lesions.collect();
    let record = ProjectionRecord {
        network_sha256: projector.network_sha256.clone(),
        data_sha256: projector.data_sha256.clone(),
        features: job.features.name().to_owned(),
        steps: config.steps,
        space: config.space.name().to_owned(),
        seed: seed.0,
        flag_rates: flag_rates(&lesions),
        lesions,
        feature_choice,
        rim_measure: Some(RimMeasure {
            method: Gauge::method(masked).to_owned(),
            unit,
            training_rims: levels.rims as u64,
            present: levels.present,
            absent: levels.absent,
            w_unit: w_unit(config),
        }),
        without_core: selection.without_core,
        images: Vec::new(),
    };
    job.finish(&items, &record)?;
    Ok(record)
}

/// Plain images, float32 npy \[C, H, W\] in the network's range.
fn images(
    files: &[PathBuf],
    projector: &Projector,
    config: &ProjectConfig,
    dir: &ProjectionDir,
    lab: &Lab<'_>,
) -> Result<ProjectionRecord> {
    let &Lab { seed, observer, .. } = lab;
    let shape = projector.shape();
    let mut targets: Vec<Target> = Vec::new();
    for file in files {
        let id = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if targets.iter().any(|target| target.id == id) {
            return Err(Problem::input(file, format!("a second image called {id}")).advice("rename one of them"));
        }
        targets.push(Target { id, pixels: store::read_image(file, shape)?, mask: None, lesion: None });
    }
    let features = features(projector, &config.features, projector.usual_features())?;
    let channels: Vec<_> = match projector.source.contrasts.as_slice() {
        [] => (0..shape[0]).map(|c| (format!("channel {c}"), "network units".to_owned(), 1.0)).collect(),
        known => known.iter().map(|c| (c.name.clone(), "network units".to_owned(), 1.0)).collect(),
    };
    let gauge = Gauge { channel: 0, height: shape[1] as usize, width: shape[2] as usize, scale: 1.0 };
    let job = Job {
        projector,
        features: features.net.as_ref(),
        settings: json!([settings(config, projector, seed), features.identity]),
        config,
        seed,
        dir,
        gauge: &gauge,
        levels: None,
        channels: &channels,
        simulated: false,
    };
    let items = job.run(&targets, observer)?;
    let images = items.iter().filter_map(|item| match &item.outcome {
        Outcome::Image(image) => Some(image.clone()),
        Outcome::Lesion(_) => None,
    });
    let record = ProjectionRecord {
        network_sha256: projector.network_sha256.clone(),
        data_sha256: projector.data_sha256.clone(),
        features: job.features.name().to_owned(),
        steps: config.steps,
        space: config.space.name().to_owned(),
        seed: seed.0,
        lesions: Vec::new(),
        feature_choice: Vec::new(),
        rim_measure: None,
        without_core: 0,
        flag_rates: Vec::new(),
        images: images.collect(),
    };
    job.finish(&items, &record)?;
    Ok(record)
}

fn contrasts(targets: &[Target]) -> Vec<f64> {
    targets.iter().filter_map(|target| target.lesion.as_ref()).map(|lesion| lesion.contrast).collect()
}

/// The data must be what the network draws: shape, and where it says so, channels and windows.
pub fn check_channels(prepared: &Prepared, projector: &Projector, data: &Path) -> Result<()> {
    let found = prepared.image_shape().map(|n| n as i64);
    let expected = projector.shape();
    if found != expected {
        return Err(Problem::input(data, format!("slices of shape {found:?} (channels, height, width)"))
            .expected(format!("{expected:?}, as the network draws"))
            .advice("train a network on this data set, or prepare with the contrasts it was trained on"));
    }
    let known = &projector.source.contrasts;
    if !known.is_empty() && known.as_slice() != prepared.contrasts() {
        let list = |contrasts: &[Contrast]| {
            let one = |c: &Contrast| format!("{} {}..{} {}", c.name, c.window.low, c.window.high, c.unit);
            contrasts.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        return Err(Problem::input(data, format!("channels {}", list(prepared.contrasts())))
            .expected(format!("{}, as the network was trained", list(known)))
            .advice("prepare the data with the network's contrasts and windows"));
    }
    Ok(())
}

/// Adds control lesions that are not already among the targets, and says so where there are fewer than asked.
fn add_controls(selection: &mut Selection, control: Selection, class: &Class, asked: u64, observer: &dyn Observer) {
    let lesions: std::collections::BTreeSet<_> =
        control.targets.iter().filter_map(|t| t.lesion.as_ref()).map(|l| l.lesion_id.clone()).collect();
    if (lesions.len() as u64) < asked {
        observer.note(&format!(
            "only {} validation {} lesions for the controls ({asked} asked)",
            lesions.len(),
            class.name()
        ));
    }
    for target in control.targets {
        if selection.targets.iter().all(|other| other.id != target.id) {
            selection.targets.push(target);
        }
    }
}

/// What every projection of a run depends on, feature net aside.
pub fn settings(config: &ProjectConfig, projector: &Projector, seed: RunSeed) -> serde_json::Value {
    json!({
        "version": 1,
        "network": projector.network_sha256,
        "steps": config.steps,
        "learning_rate": config.learning_rate,
        "w_noise": config.w_noise,
        "noise_regularisation": config.noise_regularisation,
        "w_samples": config.w_samples,
        "condition": config.condition,
        "space": config.space,
        "start": config.start,
        "candidates": config.candidates,
        "precision": projector.precision,
        "seed": seed.0,
    })
}

fn w_unit(config: &ProjectConfig) -> String {
    format!(
        "median distance of a w to its nearest neighbour among the w of {} random latents; the distance is that of the \
         projected w to its nearest among them",
        config.w_samples
    )
}

/// A feature net and what tells it from every other.
pub struct Features<'a> {
    pub net: Box<dyn FeatureNet + 'a>,
    pub identity: String,
}

pub fn features<'a>(projector: &'a Projector, asked: &str, auto: &str) -> Result<Features<'a>> {
    let name = if asked == "auto" { auto } else { asked };
    let net = projector.features(name)?;
    let identity = match name.ends_with(".pt") {
        true => {
            let bytes = std::fs::read(name).map_err(|error| Problem::io(name, "reading", error))?;
            digest::sha256(&bytes)
        }
        false => net.name().to_owned(),
    };
    Ok(Features { net, identity })
}
