//! The stages of a study that project images into a generator's latent space.

use std::path::Path;

use super::cache::{Done, Stage, Stages};
use crate::engine::Lab;
use crate::problem::Result;
use crate::project::{self, ProjectConfig};
use crate::records::projection::ProjectionRecord;
use crate::units::{Ready, Share};

/// Projects, or takes in the batches that shards projected.
///
/// # Errors
/// Those of [`project::run_with`] and of the stage.
pub(super) fn project(
    stages: &mut Stages<'_>,
    stage: Stage,
    (inputs, config): (project::Inputs<'_>, &ProjectConfig),
    lab: &Lab<'_>,
) -> Result<Done<ProjectionRecord>> {
    let project = |folder: &Path, ready: &Ready| project::run_with(inputs, config, (folder, ready), lab);
    let share = |share: &Share| project::units::run_share(inputs, config, share, lab);
    stages.run_in_units(stage, ProjectionRecord::has_hashes, project, share)
}
