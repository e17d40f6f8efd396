//! The stage: the training items of interest, or of all classes, in; a trained network and its record out.

use std::path::Path;

use tch::Device;

use super::base::Base;
use super::identity::Identity;
use super::outcome::{Items, Outcome};
use super::reals::{self, TrainingSet};
use super::run_folder::OWNER;
use super::settled::{Settled, require_alike, settle};
use super::watch::Watch;
use super::{Resolved, RunFolder, Symmetry, TrainConfig, TrainState, Training, Unwatched, train_in_parts};
use crate::data::Prepared;
use crate::engine::{Group, Lab, Threads};
use crate::files::{self, Input, OutFolder};
use crate::observer::Quiet;
use crate::optim::Alone;
use crate::problem::{Kind, Problem, Result};
use crate::records::label::{NetworkLabel, Provenance};
use crate::records::training::TrainingRecord;
use crate::run_dir::GanDir;
use crate::seed::RunSeed;

/// Trains on the data set's training items of interest, or on its classes, in `out` and leaves `record.json` there.
///
/// # Errors
/// No items to learn from, a folder with something else in it, in use or with another run's settings, divergence, a
/// full disk, or stopped on request.
pub fn run_stage(data: &Prepared, config: &TrainConfig, out: &Path, lab: &Lab<'_>) -> Result<TrainingRecord> {
    let record = run_stage_among(data, config, out, lab, None)?;
    record.ok_or_else(|| Problem::new(Kind::Internal, "a process alone leaves a record"))
}

/// The same as one of the processes of `group`, where there are several: the first leaves and returns the record.
///
/// # Errors
/// As [`run_stage`]; another process has gone.
pub fn run_stage_among(
    data: &Prepared,
    config: &TrainConfig,
    out: &Path,
    lab: &Lab<'_>,
    group: Option<Group>,
) -> Result<Option<TrainingRecord>> {
    let &Lab { engine, seed, observer } = lab;
    let base = config.base.file().map(Input::of);
    let inputs = std::iter::once(Input::of(data.root())).chain(base);
    let writes = group.as_ref().is_none_or(|group| group.rank() == 0);
    if writes {
        OutFolder::new(OWNER, out).apart_from(inputs).check()?;
    }
    let set = TrainingSet::load(data, config, seed)?;
    let dir = GanDir::new(out);
    let settled = settle(settings(data, config, &set)?, config, &dir, (engine, group.as_ref()))?;
    let settings = &settled.settings;
    let base = Base::open(&config.base, data.contrasts(), engine.device)?;
    let start = Start { data, set: &set, settled: &settled, base: base.as_ref(), seed, device: engine.device };
    let base_record = match &base {
        Some(base) => Some(base.describe(&start.state()?.1)),
        None => None,
    };
    let identity = set.sha256(base.as_ref().map(Base::sha256))?;
    let batches = set.batches(settings.batch, seed)?;

    let ancestors = base.as_ref().map_or_else(Vec::new, |base| base.ancestor_data(data.sha256()));
    let label = label(data, &set, seed, ancestors);
    let identity = Identity { seed, settings, data_sha256: &identity };
    let place = settled.place(engine);
    if let Some(group) = &group {
        require_alike(group, &identity, &place)?;
    }
    let _threads = Threads::enter(settled.threads);
    let start_state = || Ok(start.state()?.0);
    let total_images = config.total_images();
    // What cards exchange is waited for on the host, which a recording cannot have.
    let (reals, graphs, peers) = (&batches, engine.graphs && group.is_none(), &Alone);
    if !writes {
        let (folder, observer) = (&RunFolder::joined(dir, identity, engine.device, place), &Quiet(observer));
        let run = Training { reals, settings, total_images, seed, folder, graphs, observer, peers };
        return train_in_parts(&run, group, start_state, &mut Unwatched).map(|_| None);
    }
    let folder = RunFolder::open(dir.clone(), identity, label, engine.device, place)?;
    settled.note(&folder)?;
    let mut watch = Watch::new(&folder, data, &set, settings.frechet_ticks > 0)?;
    let run = Training { reals, settings, total_images, seed, folder: &folder, graphs, observer, peers };
    let state = train_in_parts(&run, group, start_state, &mut watch)?;
    let items = Items { lesions: set.lesions(), images: set.images.len() as u64, classes: &set.chosen.names };
    let outcome = Outcome { run: &run, state: &state, items, base: base_record };
    let record = outcome.record(watch.features_name(), watch.real_floor(data, &set)?)?;
    files::write_json(dir.record(), &record)?;
    Ok(Some(record))
}

/// The settings of the run, now that the images are known.
fn settings(data: &Prepared, config: &TrainConfig, set: &TrainingSet) -> Result<Resolved> {
    let side = set.padding.side as i64;
    let settings = config.resolve(side, &reals::channel_rules(data.manifest()), &set.chosen.counts())?;
    if config.symmetry == Symmetry::Dihedral && set.padding.height != set.padding.width {
        return Err(Problem::usage(format!(
            "symmetry dihedral on images of {} x {} pixels",
            set.padding.height, set.padding.width
        ))
        .at(data.root())
        .expected("square images, which a quarter turn leaves in their frame")
        .advice("train with symmetry = \"mirror\" or \"none\""));
    }
    Ok(settings)
}

/// What training starts from.
struct Start<'a> {
    data: &'a Prepared,
    set: &'a TrainingSet,
    settled: &'a Settled,
    base: Option<&'a Base>,
    seed: RunSeed,
    device: Device,
}

impl Start<'_> {
    /// The state before the first step, and what of it the base network did not know.
    fn state(&self) -> Result<(TrainState, Vec<String>)> {
        let settings = &self.settled.settings;
        let mut state = TrainState::new(settings, self.seed, self.device)?;

        let fresh = match self.base {
            Some(base) => {
                let frozen = settings.freeze_discriminator;
                base.start(&mut state, self.data.contrasts(), &self.set.chosen.names, frozen)?
            }
            None => vec![],
        };
        Ok((state, fresh))
    }
}

/// What the network files of the run say about it; [`NetworkImages`](crate::feed::network_source::NetworkImages)
/// reads it.
fn label(data: &Prepared, set: &TrainingSet, seed: RunSeed, ancestor_data: Vec<String>) -> NetworkLabel {
    let manifest = data.manifest();
    let provenance = Provenance {
        ancestor_data,
        rimforge: Some(env!("CARGO_PKG_VERSION").to_owned()),
        simulated: Some(manifest.simulated),
        voxel_mm: Some(manifest.voxel_mm),
        data_sha256: Some(data.sha256().to_owned()),
        train_lesions: Some(set.lesions()),
        train_slices: Some(set.images.len() as u64),
        seed: Some(seed.0),
        classes: Some(set.chosen.names.clone()),
        rim_class: Some(set.chosen.interest),
        padding: Some(set.padding),
        ..Provenance::default()
    };
    NetworkLabel { contrasts: manifest.contrasts.clone(), provenance }
}
