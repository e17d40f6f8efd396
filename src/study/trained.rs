//! The stages of all kinds of study that train a generator.

use std::path::Path;

use super::cache::{Done, Stage, Stages};
use super::errand::Units;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::files;
use crate::name::Name;
use crate::problem::Result;
use crate::records::training::TrainingRecord;
use crate::run_dir::GanDir;
use crate::train::{self, TrainConfig};
use crate::units::{Ready, Share, Unit};

/// Trains, or takes in the training that a shard made elsewhere.
///
/// # Errors
/// Those of [`train::run_stage`] and of the stage.
pub(super) fn train(
    stages: &mut Stages<'_>,
    stage: Stage,
    (prepared, config): (&Prepared, &TrainConfig),
    lab: &Lab<'_>,
) -> Result<Done<TrainingRecord>> {
    let here = |folder: &Path, ready: &Ready| {
        let begun = files::is_there(&GanDir::new(folder).record())?;
        if !begun && !ready.take_folder(&unit(), folder)? {
            ready.require_none(&[unit()])?;
        }
        train::run_stage(prepared, config, folder, lab)
    };
    let elsewhere = |share: &Share| {
        if share.to_do(all())?.is_empty() {
            return Ok(());
        }
        let workplace = share.workplace()?;
        let folder = workplace.path().join(unit().as_str());
        train::run_stage(prepared, config, &folder, lab)?;
        share.leave_folder(&unit(), &folder)
    };
    stages.run_in_units(stage, |_| true, here, elsewhere)
}

/// One: the whole training, so that several generators of a study can be trained on as many machines.
pub(super) fn whole() -> Units {
    Units::Known(all())
}

fn all() -> Vec<Unit> {
    vec![Unit::new(unit())]
}

fn unit() -> Name {
    Name::of_known("training")
}
