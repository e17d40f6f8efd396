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
        let record = GanDir::new(folder).record();
        let taken = ready.take_folder(&unit(), folder)?;
        let lies_ready = taken || ready.has(&unit())?;
        match files::read_note::<TrainingRecord>(&record)? {
            // Made by a machine that may be another than this: not judged by what this one can do.
            Some(record) if lies_ready => Ok(record),
            None if lies_ready => Err(Problem::new(Kind::Gate, "a training that was begun here and is not done")
                .at(folder)
                .expected("nothing where the finished one of a shard is to be put")
                .advice("move the folder away to take the shard's, or the unit away to go on with this one")),
            found => {
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
        let workplace = share.workplace()?;
        let folder = workplace.path().join(unit().as_str());
        train::run_stage(prepared, config, &folder, lab).map_err(begins_anew)?;
        share.leave_folder(&unit(), &folder)
    };
    stages.run_in_units(stage, |_| true, here, elsewhere)
}

/// What training says of a stop is true where its folder stays.
fn begins_anew(problem: Problem) -> Problem {
    if problem.kind() != Kind::Interrupted {
        return problem;
    }
    Problem::new(Kind::Interrupted, "stopped; what a shard has trained so far is not kept")
        .expected("the time of a whole training")
        .advice("the same command begins anew; `rimforge run STUDY --until STAGE` keeps checkpoints when it is stopped")
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
