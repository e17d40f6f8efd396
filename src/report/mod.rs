//! Run folder to one self-contained HTML file. Reads records and pictures; cannot start a computation.

use std::path::PathBuf;

use serde::Deserialize;

use crate::files::{self, OutFolder};
use crate::name::shown_lines;
use crate::problem::{Problem, Result};
use crate::records::dermatoscopy::DermatoscopyRecord;
use crate::records::glioma::GliomaRecord;
use crate::records::projection_accuracy::ProjectionAccuracyRecord;
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

pub mod folder;

mod accuracy;

mod arms;

mod conditional;

mod denoising;

mod dermatoscopy;

mod denoising_curve;

mod diagram;

mod evidence;

mod evaluation;
mod explanation;

mod figures;

mod generators;

mod glioma;

mod images;

mod multi_contrast;

mod numbers;

mod page;

mod paper;

mod patient;

mod projection_accuracy;

mod reading;

mod residuals;

mod schematics;

mod segmentation;

mod svg;

mod tumours;

mod two_sided;

mod variants;

/// Bytes of `results.json`, at most: a study of ten thousand projected lesions has some ten megabytes.
const LARGEST: u64 = 256 << 20;

/// Bytes of a page beyond which it is called heavy; those of the demos have 1 to 4 MB.
const HEAVY: usize = 6_000_000;

/// What a study found, of whichever kind it is.
enum Results {
    RimLesions(Box<StudyRecord>),
    Dermatoscopy(Box<DermatoscopyRecord>),
    Glioma(Box<GliomaRecord>),
    ProjectionAccuracy(Box<ProjectionAccuracyRecord>),
}

/// The one key that tells a record's kind; a study of rim lesions has none.
#[derive(Deserialize)]
struct OfKind {
    kind: Option<String>,
}

/// Reads `results.json` of a study and writes `report/index.html`.
///
/// # Errors
/// `results.json` is missing or not one of this version's, or a picture that it names is missing; a run is working in
/// the folder, or a page lies there that is not the program's.
pub fn write(dir: &StudyDir) -> Result<PathBuf> {
    read_any(dir)?;
    let mut claim = OutFolder::new(folder::OWNER, dir.root()).claim()?;
    claim.will_write([folder::PAGE])?;
    write_held(dir)
}

/// As [`write`] in a folder that is held and whose page is known to be the program's.
///
/// # Errors
/// `results.json` is missing or not one of this version's, or a picture that it names is missing.
pub fn write_held(dir: &StudyDir) -> Result<PathBuf> {
    let page = match read_any(dir)? {
        Results::RimLesions(study) => page::render(&study, dir)?,
        Results::Dermatoscopy(study) => dermatoscopy::render(&study, dir)?,
        Results::Glioma(study) => glioma::render(&study, dir)?,
        Results::ProjectionAccuracy(study) => projection_accuracy::render(&study, dir)?,
    };
    // A record is data: what turns the reading direction, or moves the cursor of a terminal, is shown and does nothing.
    let html = shown_lines(&page);
    let path = dir.report();
    if html.len() > HEAVY {
        tracing::warn!("{}: {:.1} MB, heavy for mail and slow to open", path.display(), html.len() as f64 / 1e6);
    }
    files::write(&path, html.as_bytes())?;
    Ok(path)
}

/// The results of a study of rim lesions as the last complete run left them.
///
/// # Errors
/// `results.json` is missing, not one of this version's, or of a study of another kind.
pub fn read_results(dir: &StudyDir) -> Result<StudyRecord> {
    match read_any(dir)? {
        Results::RimLesions(study) => Ok(*study),
        Results::Dermatoscopy(_) => Err(of_another_kind(dir, DermatoscopyRecord::KIND)),
        Results::Glioma(_) => Err(of_another_kind(dir, GliomaRecord::KIND)),
        Results::ProjectionAccuracy(_) => Err(of_another_kind(dir, ProjectionAccuracyRecord::KIND)),
    }
}

fn of_another_kind(dir: &StudyDir, kind: &str) -> Problem {
    Problem::input(dir.results(), format!("results of a study of the kind {kind}"))
        .expected("those of a study of rim lesions")
}

fn read_any(dir: &StudyDir) -> Result<Results> {
    let path = dir.results();
    tracing::info!("reading {}", path.display());
    let text = files::read(&path, LARGEST, "the results of a study")
        .map_err(|problem| problem.advice("run `rimforge run STUDY.toml` to the end first"))?;
    let old = |problem: Problem| {
        problem
            .expected("a results.json that this version of rimforge wrote")
            .advice("run the study again; finished stages are kept")
    };
    let what = "readable as results";
    let kind = files::parse_json::<OfKind>(&path, &text, what).map_err(old)?.kind;
    match kind.as_deref() {
        Some(DermatoscopyRecord::KIND) => {
            files::parse_json(&path, &text, what).map(|study| Results::Dermatoscopy(Box::new(study))).map_err(old)
        }
        Some(GliomaRecord::KIND) => {
            files::parse_json(&path, &text, what).map(|study| Results::Glioma(Box::new(study))).map_err(old)
        }
        Some(ProjectionAccuracyRecord::KIND) => {
            files::parse_json(&path, &text, what).map(|study| Results::ProjectionAccuracy(Box::new(study))).map_err(old)
        }
        _ => files::parse_json(&path, &text, what).map(|study| Results::RimLesions(Box::new(study))).map_err(old),
    }
}
