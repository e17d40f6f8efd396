//! The stage: the training rims, or the classes, in; a trained network and its record out.

use std::path::Path;

use serde_json::json;

use super::base::Base;
use super::reals::{self, TrainingSet};
use super::state::Identity;
use super::watch::Watch;
use super::{Label, RunFolder, Symmetry, TrainConfig, TrainState, Training, train};
use crate::data::Prepared;
use crate::digest;
use crate::engine::Lab;
use crate::files;
use crate::nets::Network;
use crate::problem::{Problem, Result};
use crate::records::training::{TickRecord, TimingRecord, TrainingRecord};
use crate::run_dir::GanDir;
use crate::seed::RunSeed;

/// Trains on the data set's training rims, or on its classes, in `out` and leaves `record.json` there.
///
/// # Errors
/// No rims to learn from, a folder in use or with another run's settings, divergence, a full disk, or stopped on request.
pub fn run_stage(data: &Prepared, config: &TrainConfig, out: &Path, lab: &Lab<'_>) -> Result<TrainingRecord> {
    let &Lab { engine, seed, observer } = lab;
    let set = TrainingSet::load(data, config, seed)?;
    let side = set.padding.side as i64;
    let mut settings = config.resolve(side, &reals::channel_rules(data.manifest()), &set.chosen.counts())?;
    if config.symmetry == Symmetry::Dihedral && set.padding.height != set.padding.width {
        return Err(Problem::usage(format!(
            "symmetry dihedral on images of {} x {} pixels",
            set.padding.height, set.padding.width
        ))
        .at(data.root())
        .expected("square images, which a quarter turn leaves in their frame")
        .advice("train with symmetry = \"mirror\" or \"none\""));
    }
    settings.precision = settings.precision.resolve(engine.device, settings.generator.conv_clamp.is_some())?;
    let base = Base::open(&config.base, data.contrasts(), engine.device)?;
    let start = || -> Result<(TrainState, Vec<String>)> {
        let mut state = TrainState::new(&settings, seed, engine.device)?;
        let fresh = match &base {
            Some(base) => base.start(&mut state, data.contrasts(), &set.chosen.names, settings.freeze_discriminator)?,
            None => vec![],
        };
        Ok((state, fresh))
    };
    let base_record = match &base {
        Some(base) => Some(base.describe(&start()?.1)),
        None => None,
    };
    let identity = set.sha256(base.as_ref().map(Base::sha256))?;
    let batches = set.batches(settings.batch, seed)?;

    let dir = GanDir::new(out);
    let label = label(data, &set, seed)?;
    let identity = Identity { seed, settings: &settings, data_sha256: &identity };
    let folder = RunFolder::open(dir.clone(), identity, label, engine.device)?;
    let mut watch = Watch::new(&dir, data, &set, settings.frechet_ticks > 0, engine.device)?;
    let run = Training {
        reals: &batches,
        settings: &settings,
        total_images: config.total_images(),
        seed,
        folder: &folder,
        observer,
    };
    let state = train(&run, || Ok(start()?.0), &mut |event| watch.on(event))?;

    let curve = read_lines::<TickRecord>(&dir.stats())?;
    let timing = read_lines::<TimingRecord>(&dir.timing())?;
    let seconds: f64 = timing.iter().map(|tick| tick.seconds).sum();
    let shown: f64 = timing.iter().map(|tick| tick.seconds * tick.images_per_s).sum();
    let best_images = state.counters.best_images.unwrap_or(state.images(&settings));
    let generator = &settings.generator;
    let channels = generator.channels;
    let record = TrainingRecord {
        network: format!(
            "{side}x{side}, {channels} {}{}, channel base {}, at most {} channels, z {}, w {}, mapping {}",
            if channels == 1 { "contrast" } else { "contrasts" },
            if set.c_dim() > 0 { format!(", classes {}", set.chosen.names.join(", ")) } else { String::new() },
            generator.channel_base,
            generator.channel_max,
            generator.z_dim,
            generator.w_dim,
            generator.mapping_layers
        ),
        generator_parameters: state.generator.parameter_count(),
        discriminator_parameters: state.discriminator.parameter_count(),
        train_lesions: set.lesions(),
        train_slices: set.images.len() as u64,
        classes: set.chosen.names.clone(),
        precision: settings.precision.name().to_owned(),
        images: state.images(&settings),
        batch: settings.batch,
        seed: seed.0,
        seconds,
        images_per_s: if seconds > 0.0 { shown / seconds } else { 0.0 },
        final_ada_p: state.ada.p,
        best_images,
        best_frechet: state.best_distance,
        frechet_features: watch.features_name(),
        frechet_real_floor: watch.real_floor(data, &set)?,
        base: base_record,
        rollbacks: state.counters.rollbacks.clone(),
        curve,
        network_sha256: hash_file(&dir.best_network())?,
    };
    files::write_json(dir.record(), &record)?;
    Ok(record)
}

/// What the network files of the run say about it; [`Source`](crate::feed::network_source::Source) reads it.
fn label(data: &Prepared, set: &TrainingSet, seed: RunSeed) -> Result<Label> {
    let manifest = data.manifest();
    let channels = serde_json::to_value(&manifest.contrasts)
        .map_err(|error| Problem::new(crate::problem::Kind::Internal, format!("cannot express contrasts: {error}")))?;
    let facts = [
        ("rimforge", json!(env!("CARGO_PKG_VERSION"))),
        ("simulated", json!(manifest.simulated)),
        ("voxel_mm", json!(manifest.voxel_mm)),
        ("data_sha256", json!(data.sha256())),
        ("train_lesions", json!(set.lesions())),
        ("train_slices", json!(set.images.len())),
        ("seed", json!(seed.0)),
        ("classes", json!(set.chosen.names)),
        ("rim_class", json!(set.chosen.interest)),
        ("padding", json!(set.padding)),
    ];
    Ok(Label { channels, provenance: facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() })
}

fn hash_file(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|e| Problem::io(path, "reading", e))?;
    Ok(digest::sha256(&bytes))
}

/// The lines of a log; none where it does not exist.
fn read_lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        text => text.map_err(|e| Problem::io(path, "reading", e))?,
    };
    // A line that a kill cut short is a lost measurement, not an error.
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
