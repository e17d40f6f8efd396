//! What only a simulation knows, put beside the results. Scoring: no stage sees it.

use std::path::Path;

use crate::data::{Prepared, truth};
use crate::problem::Result;
use crate::records::projection::ProjectionRecord;
use crate::statistics::proportion::clustered;

/// Adds to each projected lesion whether it truly has a rim, where `truth` says so, and the share of the ambiguous
/// ones that do.
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
    let ambiguous = projection.lesions.iter().filter(|lesion| lesion.role == "ambiguous");
    projection.true_among_ambiguous =
        clustered(ambiguous.filter_map(|lesion| Some((&lesion.patient, lesion.true_rim?))));
    Ok(projection)
}
