//! What projections need of a data set, whichever the network: so that a study can tell before one is trained.

use super::ProjectConfig;
use super::evidence::Evidence;
use super::session::{KnownRims, known_rims, learnt_score};
use super::targets::{self, Pick, Selection};
use crate::data::Prepared;
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// Refuses a data set whose lesions cannot be projected with these settings; reads them.
///
/// # Errors
/// Fewer than five training rims that can be measured, none that is to be projected, lesions without masks or of one
/// class alone where the settings need them, a patch that cannot be read.
pub fn require_lesions(prepared: &Prepared, config: &ProjectConfig, seed: RunSeed) -> Result<()> {
    let (gauge, _) = targets::gauge(prepared);
    learnt_score(prepared, config, &gauge, seed)?;
    let KnownRims { masked, .. } = known_rims(prepared, &gauge, seed, config.slices)?;
    require_masks(prepared, config, masked)?;
    let &ProjectConfig { ref class, split, limit, slices, .. } = config;
    let pick = Pick { class: class.clone(), split, limit, slices, evidence: Evidence::Slice };
    require_some(prepared, config, &targets::select(prepared, pick, &gauge, seed)?)
}

/// Refuses lesions without masks where what lies outside them is to weigh less.
pub(super) fn require_masks(prepared: &Prepared, config: &ProjectConfig, masked: bool) -> Result<()> {
    if config.background == 1.0 || masked {
        return Ok(());
    }
    Err(Problem::input(prepared.root(), "lesions without masks")
        .expected("a mask for each, where project.background weighs what lies outside")
        .advice("set project.background to 1, or prepare with lesion masks"))
}

/// Refuses a selection of nothing.
pub(super) fn require_some(prepared: &Prepared, config: &ProjectConfig, found: &Selection) -> Result<()> {
    if !found.targets.is_empty() {
        return Ok(());
    }
    let found = format!("no {} lesion on this side of the split that can be measured", config.class.name());
    Err(Problem::input(prepared.root(), found).advice("choose another --class or --split"))
}
