//! The stage: settings in; a cohort in BIDS, judged, with its gallery and record, out.

use std::path::Path;

use super::layout::GALLERY;
use super::pipeline::simulate;
use super::{CohortConfig, anatomy};
use crate::data::PrepareConfig;
use crate::files;
use crate::gates::examine::{asked_file, examine};
use crate::gates::meter::AskedCounts;
use crate::gates::verdict::tell_failed;
use crate::lab::Lab;
use crate::problem::Result;
use crate::records::cohort::CohortRecord;
use crate::records::label::SUSCEPTIBILITY;
use crate::run_dir::RECORD;
use crate::simulate::writing::Writing;

/// Simulates into `out`, or finishes what an earlier run began there; judges what is on disk, and leaves the gallery
/// and `record.json`.
///
/// # Errors
/// Settings that make no cohort, a folder with something else in it, a full disk, or a request to stop.
pub fn run_stage<E>(writing: Writing, config: &CohortConfig, out: &Path, lab: &Lab<'_, E>) -> Result<CohortRecord> {
    let observer = lab.observer;
    let design = config.design()?;
    let simulated = simulate(&design, out, &anatomy::build, writing, observer)?;
    let asked = AskedCounts {
        lesions: u64::from(design.lesions),
        agreed: design.readers.agreed,
        ambiguous: design.readers.ambiguous,
    };
    files::write_json(asked_file(out), &asked)?;
    let (mut record, gallery) = examine(out, SUSCEPTIBILITY, &PrepareConfig::default(), Some(asked), observer)?;
    (record.preset, record.seed) = (simulated.preset, simulated.seed);
    tell_failed(&record.gates, observer);
    if let Some(canvas) = gallery.canvas() {
        let texts = gallery.texts();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(keyword, text)| (*keyword, text.as_str())).collect();
        canvas.write_png(out.join(GALLERY), &texts)?;
        record.gallery = Some(GALLERY.into());
    }
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}
