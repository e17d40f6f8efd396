//! The units of a stage of projections: the trial of feature nets, images that are projected together, points of the
//! curve.
//!
//! An image's last bits depend on those beside it ([`super::batches`]). So the unit is a batch, cut from the whole list
//! of targets, and not an image: with `project.batch` 1 they are the same.

use super::curve::Curve;
use super::feature_choice::chosen;
use super::job::files_of;
use super::session::Session;
use super::stage::{From, Inputs, channels, job, selected, tried};
use super::targets::Target;
use super::{ProjectConfig, needs};
use crate::engine::Lab;
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::run_dir::ProjectionDir;
use crate::settings::Settings;
use crate::units::{Ready, Share, Unit};

/// Files of the trial of feature nets.
pub(super) const TRIAL_FILES: [&str; 1] = ["feature_choice.json"];

/// File of a point of the curve.
const POINT_FILES: [&str; 1] = ["curve.json"];

/// The trial of feature nets, which all others need.
pub(super) fn trial() -> Name {
    "feature-nets".into()
}

/// Images that are projected together, by the number of their batch.
pub fn batch(number: usize) -> Name {
    Name::of_known(&format!("batch-{number:05}"))
}

/// A point of the curve, by its place in the settings.
pub(super) fn point(at: usize) -> Name {
    Name::of_known(&format!("towards-rim-{at:02}"))
}

/// All units of a stage that projects these targets, in their order.
pub(super) fn all(config: &ProjectConfig, targets: &[Target]) -> Vec<Unit> {
    let trial = (config.choose_features > 0).then(|| Unit::new(trial()));
    let points = (0..config.curve.len()).map(|at| Unit::new(point(at)));
    trial.into_iter().chain(batches(config.batch, targets.iter().map(|target| &target.id))).chain(points).collect()
}

/// The batches of items of these names, `size` together.
pub fn batches<'a>(size: u64, items: impl Iterator<Item = &'a Name>) -> Vec<Unit> {
    let items: Vec<String> = items.map(Name::to_string).collect();
    let unit = |(number, items): (usize, &[String])| Unit { name: batch(number), items: items.to_vec() };
    items.chunks(size as usize).enumerate().map(unit).collect()
}

/// Those that are not ready.
pub(super) fn missing(all: &[Unit], ready: &Ready) -> Result<Vec<Name>> {
    let mut missing = vec![];
    for unit in all {
        if !ready.has(&unit.name)? {
            missing.push(unit.name.clone());
        }
    }
    Ok(missing)
}

/// Makes a share of the units of [`super::stage::run_with`] on the lesions of a data set.
///
/// The trial of feature nets is made first wherever nobody has left it yet, whoever's it is: the others need it.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished units stay. Otherwise whatever is wrong with the data, the network
/// or the settings.
pub fn run_share(inputs: Inputs<'_>, config: &ProjectConfig, share: &Share, lab: &Lab<'_>) -> Result<()> {
    config.check()?;
    let From::Data(prepared) = inputs.from else {
        return Err(Problem::usage("a share of the projections of plain images").expected("lesions of a data set"));
    };
    let session = Session::open(inputs.network, prepared, config, lab)?;
    let known = session.known_rims(config.slices)?;
    needs::require_masks(prepared, config, known.masked)?;
    let targets = selected(&session, lab.observer)?.targets;
    let all = all(config, &targets);
    let to_do: Vec<Name> = share.to_do(all.clone())?.into_iter().map(|place| all[place].name.clone()).collect();
    if to_do.is_empty() {
        return Ok(());
    }
    let workplace = share.workplace()?;
    let dir = ProjectionDir::new(workplace.path());
    let tried_before = config.choose_features == 0 || share.take(&trial(), workplace.path())?;
    let (feature_choice, before) = tried(&session, &known.levels, &dir, lab.observer)?;
    if !tried_before {
        share.leave(&trial(), workplace.path(), TRIAL_FILES)?;
    }
    let features = session.features(chosen(&feature_choice)?.unwrap_or(session.projector.usual_features()))?;
    let channels = channels(prepared);
    let job = job(&session, &known.levels, &features, (&dir, &channels), &before);
    let count = targets.len().div_ceil(config.batch as usize);
    let numbers: Vec<usize> = (0..count).filter(|&number| to_do.contains(&batch(number))).collect();
    job.run_batches(&targets, &numbers, lab.observer, |number, places| {
        let names: Vec<String> = files_in_order(&targets[places], config.film > 0);
        share.leave(&batch(number), workplace.path(), names)
    })?;
    let curve = Curve::new(&session, &features, &targets, &known.levels);
    for at in (0..config.curve.len()).filter(|&at| to_do.contains(&point(at))) {
        curve.leave(at, &dir, lab.observer)?;
        share.leave(&point(at), workplace.path(), POINT_FILES)?;
    }
    Ok(())
}

/// Files of the targets, an item's own record behind its other files: it says that the item is done.
fn files_in_order(targets: &[Target], film: bool) -> Vec<String> {
    let mut names: Vec<String> = files_of(targets.iter(), film).collect();
    names.sort_by_key(|name| name.starts_with("items/"));
    names
}
