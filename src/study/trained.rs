//! The stages of all kinds of study that train a generator.

use std::path::Path;

use super::cache::{Done, Stage, Stages};
use super::errand::Units;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::files;
use crate::name::Name;
use crate::problem::{Kind, Problem, Result};
use crate::records::training::TrainingRecord;
use crate::run_dir::GanDir;
use crate::train::{self, TrainConfig};
use crate::units::{Ready, Share, Taken, Unit};

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
        let taken = ready.take_folder(&unit(), folder)?;
        match (taken, files::read_note::<TrainingRecord>(GanDir::new(folder).record())?) {
            // Made by a machine that may be another than this: not judged by what this one can do.
            (Taken::Put | Taken::InTheWay, Some(record)) => Ok(record),
            (Taken::Put | Taken::InTheWay, None) => {
                Err(Problem::new(Kind::Gate, "a training that was begun here and is not done")
                    .at(folder)
                    .expected("nothing where the finished one of a shard is to be put")
                    .advice("move the folder away to take the shard's, or the unit away to go on with this one"))
            }
            (Taken::NotReady, found) => {
                if found.is_none() {
                    ready.require_none(&[unit()])?;
                }
                train::run_stage(prepared, config, folder, lab)
            }
        }
    };
    let elsewhere = |share: &Share| {
        if share.to_do(all())?.is_empty() {
            return Ok(());
        }
        let workplace = share.lasting_workplace(&unit())?;
        let folder = workplace.path().join(unit().as_str());
        train::run_stage(prepared, config, &folder, lab).map_err(|problem| workplace.of_stop(problem))?;
        share.leave_folder(&unit(), &folder)?;
        workplace.clear()
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
