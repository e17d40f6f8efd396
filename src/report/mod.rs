//! Run folder to one self-contained HTML file. Reads records and pictures; cannot start a computation.

use std::path::PathBuf;

use crate::files::{self, OutFolder};
use crate::name::shown_lines;
use crate::problem::Result;
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

pub mod folder;

mod accuracy;

mod arms;

mod conditional;

mod denoising;

mod denoising_curve;

mod diagram;

mod evidence;

mod evaluation;
mod explanation;

mod figures;

mod images;

mod multi_contrast;

mod numbers;

mod page;

mod paper;

mod patient;

mod reading;

mod schematics;

mod segmentation;

mod svg;

mod two_sided;

/// Bytes of `results.json`, at most: a study of ten thousand projected lesions has some ten megabytes.
const LARGEST: u64 = 256 << 20;

/// Reads `results.json` of a study and writes `report/index.html`.
///
/// # Errors
/// `results.json` is missing or not one of this version's, or a picture that it names is missing; a run is working in
/// the folder, or a page lies there that is not the program's.
pub fn write(dir: &StudyDir) -> Result<PathBuf> {
    read_results(dir)?;
    let mut claim = OutFolder::new(folder::OWNER, dir.root()).claim()?;
    claim.will_write([folder::PAGE])?;
    write_held(dir)
}

/// As [`write`] in a folder that is held and whose page is known to be the program's.
///
/// # Errors
/// `results.json` is missing or not one of this version's, or a picture that it names is missing.
pub fn write_held(dir: &StudyDir) -> Result<PathBuf> {
    let study = read_results(dir)?;
    // A record is data: what turns the reading direction, or moves the cursor of a terminal, is shown and does nothing.
    let html = shown_lines(&page::render(&study, dir)?);
    let path = dir.report();
    files::write(&path, html.as_bytes())?;
    Ok(path)
}

/// The study's results as the last complete run left them.
///
/// # Errors
/// `results.json` is missing or not one of this version's.
pub fn read_results(dir: &StudyDir) -> Result<StudyRecord> {
    let path = dir.results();
    tracing::info!("reading {}", path.display());
    let text = files::read(&path, LARGEST, "the results of a study")
        .map_err(|problem| problem.advice("run `rimforge run STUDY.toml` to the end first"))?;
    files::parse_json(&path, &text, "readable as results").map_err(|problem| {
        problem
            .expected("a results.json that this version of rimforge wrote")
            .advice("run the study again; finished stages are kept")
    })
}
