//! The stage: settings in; a cohort in BIDS, judged, with its gallery and record, out.

use std::path::Path;

use super::bids_writer::GALLERY;
use super::pipeline::{Existing, simulate};
use super::{CohortConfig, anatomy};
use crate::files;
use crate::gates::examine::{asked_file, examine};
use crate::gates::meter::AskedCounts;
use crate::lab::Lab;
use crate::problem::{Problem, Result};
use crate::records::cohort::CohortRecord;
use crate::run_dir::RECORD;

/// How a cohort is written.
#[derive(Clone, Copy, Debug)]
pub struct Writing {
    /// What to do with a cohort of other settings that is there.
    pub existing: Existing,
    /// Patients at once; all cores where it does not say. The result does not depend on it.
    pub threads: Option<usize>,
}

impl Default for Writing {
    fn default() -> Self {
        Self { existing: Existing::Refuse, threads: None }
    }
}

/// Simulates into `out`, or finishes what an earlier run began there; judges what is on disk, and leaves the gallery and
/// `record.json`.
///
/// # Errors
/// Settings that make no cohort, a folder with something else in it, a full disk, or a request to stop.
pub fn run_stage<E>(writing: Writing, config: &CohortConfig, out: &Path, lab: &Lab<'_, E>) -> Result<CohortRecord> {
    let Writing { existing, threads } = writing;
    let observer = lab.observer;
    let design = config.design()?;
    let threads = match threads {
        Some(0) => return Err(Problem::usage("0 threads").expected("1 or more")),
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
    };
    let simulated = simulate(&design, out, &anatomy::build, threads, existing, observer)?;
    let asked = AskedCounts {
        lesions: u64::from(design.lesions),
        agreed: design.readers.agreed,
        ambiguous: design.readers.ambiguous,
    };
    files::write_json(asked_file(out), &asked)?;
    let (mut record, gallery) = examine(out, Some(asked), observer)?;
    (record.preset, record.seed) = (simulated.preset, simulated.seed);
    for gate in record.gates.iter().filter(|gate| !gate.passed) {
        observer.note(&format!(
            "gate not passed: {} {:.3}, wanted {:.3} to {:.3}",
            gate.name, gate.value, gate.low, gate.high
        ));
    }
    if let Some(canvas) = gallery.canvas() {
        let texts = gallery.texts();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(keyword, text)| (*keyword, text.as_str())).collect();
        canvas.write_png(out.join(GALLERY), &texts)?;
        record.gallery = Some(GALLERY.to_owned());
    }
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}
