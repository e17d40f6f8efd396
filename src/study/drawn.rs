//! The stages of all kinds of study that draw images of seeds.

use std::path::Path;

use super::cache::{Done, Stage, Stages};
use super::errand::Units;
use crate::engine::Lab;
use crate::generate::{self, GenerateConfig};
use crate::problem::Result;
use crate::records::synthesis::SynthesisRecord;
use crate::units::{Ready, Share};

/// Draws, or takes in the ranges of seeds that shards drew.
///
/// # Errors
/// Those of [`generate::run_with`] and of the stage.
pub(super) fn draw(
    stages: &mut Stages<'_>,
    stage: Stage,
    (inputs, config): (generate::Inputs<'_>, &GenerateConfig),
    lab: &Lab<'_>,
) -> Result<Done<SynthesisRecord>> {
    let draw = |folder: &Path, ready: &Ready| generate::run_with(inputs, config, (folder, ready), lab);
    let share = |share: &Share| generate::run_share(inputs, config, share, lab);
    stages.run_in_units(stage, SynthesisRecord::has_hashes, draw, share)
}

/// The ranges of seeds, which follow from the settings alone; a list that is none is told when it is drawn.
pub(super) fn ranges(config: &GenerateConfig) -> Units {
    generate::units(config).map_or(Units::Found, Units::Known)
}
