//! What the page shows of the generator that is told rims from non-rims.

use super::figures;
use super::images::data_uri;
use super::numbers::thousands;
use crate::problem::Result;
use crate::records::study::{ConditionalRecord, StudyRecord};
use crate::run_dir::StudyDir;

/// What the section shows.
pub struct Conditional<'a> {
    /// As the stages left it.
    pub record: &'a ConditionalRecord,
    /// Thousands of real images shown to the discriminator.
    pub kimg: String,
    /// Frechet distance beside the standard generator's.
    pub curve: String,
    /// Drawn rims.
    pub grid: String,
}

/// Reads the record and the grid; `None` where the study has no such generator.
pub fn section<'a>(study: &'a StudyRecord, dir: &StudyDir) -> Result<Option<Conditional<'a>>> {
    let Some(record) = &study.conditional else { return Ok(None) };
    Ok(Some(Conditional {
        record,
        kimg: thousands(record.training.images),
        curve: figures::conditional_curve(&study.training, &record.training),
        grid: data_uri(dir.root(), &dir.conditional_synthetic(), &record.synthesis.synthetic_grid)?,
    }))
}
