//! Training on whole volumes: the same loop, losses and checkpoints, other items.

mod set;

mod watch;

#[cfg(test)]
mod tests;

use std::path::Path;

use self::set::VolumeSet;
use self::watch::VolumeWatch;
use super::base::Base;
use super::identity::Identity;
use super::outcome::{Items, Outcome};
use super::reals;
use super::run_folder::OWNER;
use super::settled::{Settled, require_alike, settle};
use super::{RunFolder, TrainConfig, TrainState, Training, Unwatched, train_in_parts};
use crate::data::PreparedVolumes;
use crate::engine::{Engine, Group, Lab, Threads, conv3d};
use crate::files::{self, Input, OutFolder};
use crate::observer::Quiet;
use crate::optim::Alone;
use crate::problem::Result;
use crate::records::label::{NetworkLabel, Provenance};
use crate::records::training::TrainingRecord;
use crate::run_dir::GanDir;
use crate::seed::RunSeed;

/// Trains a network of volumes on the data set's training volumes, or on its classes, in `out` and leaves `record.json`
/// there; as one of the processes of `group`, where there are several, of which the first returns the record.
///
/// # Errors
/// As [`super::run_stage`]; volumes whose sides are not equal.
pub fn run_volume_stage(
    data: &PreparedVolumes,
    config: &TrainConfig,
    out: &Path,
    lab: &Lab<'_>,
    group: Option<Group>,
) -> Result<Option<TrainingRecord>> {
    let &Lab { engine, seed, observer } = lab;
    let base = config.base.file().map(Input::of);
    let writes = group.as_ref().is_none_or(|group| group.rank() == 0);
    if writes {
        OutFolder::new(OWNER, out).apart_from(std::iter::once(Input::of(data.root())).chain(base)).check()?;
    }
    let set = VolumeSet::load(data, config)?;
    let dir = GanDir::new(out);
    let (settled, fallen_back) = settled(data, config, &set, (&dir, engine, group.as_ref()))?;
    let settings = &settled.settings;
    if let Some(told) = fallen_back.filter(|_| writes) {
        observer.note(&told);
    }
    let contrasts = &data.manifest().contrasts;
    let base = Base::of_volumes(&config.base, contrasts, seed, engine.device)?;
    let start = || -> Result<(TrainState, Vec<String>)> {
        let mut state = TrainState::new(settings, seed, engine.device)?;
        let fresh = match &base {
            Some(base) => base.start(&mut state, contrasts, &set.names, settings.freeze_discriminator)?,
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
    let ancestors = base.as_ref().map_or_else(Vec::new, |base| base.ancestor_data(data.sha256()));
    let identity = Identity { seed, settings, data_sha256: &identity };
    let label = label(data, &set, seed, ancestors);
    let place = settled.place(engine);
    if let Some(group) = &group {
        require_alike(group, &identity, &place)?;
    }
    let _threads = Threads::enter(settled.threads);
    let start_state = || Ok(start()?.0);
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
    let mut watch = VolumeWatch::new(&folder, data, &set, settings.frechet_ticks > 0)?;
    let run = Training { reals, settings, total_images, seed, folder: &folder, graphs, observer, peers };
    let state = train_in_parts(&run, group, start_state, &mut watch)?;
    let items = Items { lesions: set.len(), images: set.len(), classes: &set.names };
    let outcome = Outcome { run: &run, state: &state, items, base: base_record };
    let record = outcome.record(watch.features_name(), watch.real_floor(data, &set)?)?;
    files::write_json(dir.record(), &record)?;
    Ok(Some(record))
}

/// All settings of the run, and what is to be told where low precision cannot be trusted.
fn settled(
    data: &PreparedVolumes,
    config: &TrainConfig,
    set: &VolumeSet,
    (dir, engine, group): (&GanDir, &Engine, Option<&Group>),
) -> Result<(Settled, Option<String>)> {
    let rules = reals::channel_rules(data.manifest());
    let settings = config.resolve_volumes(set.side, &rules, &set.counts())?;
    let mut settled = settle(settings, config, dir, (engine, group))?;
    let (precision, told) = conv3d::for_volumes(settled.settings.precision, engine.device);
    settled.settings.precision = precision;
    Ok((settled, told))
}

/// What the network files of the run say about it.
fn label(data: &PreparedVolumes, set: &VolumeSet, seed: RunSeed, ancestor_data: Vec<String>) -> NetworkLabel {
    let manifest = data.manifest();
    let provenance = Provenance {
        ancestor_data,
        rimforge: Some(env!("CARGO_PKG_VERSION").to_owned()),
        simulated: Some(manifest.simulated),
        voxel_mm: Some(manifest.voxel_mm),
        data_sha256: Some(data.sha256().to_owned()),
        train_lesions: Some(set.len()),
        train_slices: Some(set.len()),
        seed: Some(seed.0),
        classes: Some(set.names.clone()),
        rim_class: Some(None),
        ..Provenance::default()
    };
    NetworkLabel { contrasts: manifest.contrasts.clone(), provenance }
}
