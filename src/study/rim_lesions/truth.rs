//! What only a simulation knows, put beside the results. Scoring: no stage sees it.

use std::path::{Path, PathBuf};

use crate::classify::truth;
use crate::data::Prepared;
use crate::problem::Result;
use crate::records::projection::ProjectionRecord;

/// The truth table of a simulated cohort, where there is one.
pub fn file(cohort: &Path) -> Option<PathBuf> {
    let path = cohort.join("derivatives/truth/truth.tsv");
    path.exists().then_some(path)
}

/// Adds to each projected lesion whether it truly has a rim, where `truth` says so.
///
/// # Errors
/// A truth table that cannot be read, or that is of other lesions.
pub fn with_truth(
    mut projection: ProjectionRecord,
    prepared: &Prepared,
    truth: Option<&Path>,
) -> Result<ProjectionRecord> {
    let Some(path) = truth else { return Ok(projection) };
    let manifest = prepared.manifest();
    let is_rim = truth::read(path, manifest)?;
    for projected in &mut projection.lesions {
        let at = manifest.lesions.iter().position(|lesion| lesion.id == projected.lesion_id);
        projected.true_rim = at.map(|at| is_rim[at]);
    }
    Ok(projection)
}
