//! Run folder to one self-contained HTML file. Reads records and pictures; cannot start a computation.

use std::path::PathBuf;

use crate::files;
use crate::problem::Result;
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

mod accuracy;

mod arms;

mod conditional;

mod denoising;

mod figures;

mod images;

mod multi_contrast;

mod numbers;

mod page;

mod svg;

/// Bytes of `results.json`, at most: a study of ten thousand projected lesions has some ten megabytes.
const LARGEST: u64 = 256 << 20;

/// Reads `results.json` of a study and writes `report/index.html`.
///
/// # Errors
/// `results.json` is missing or not one of this version's, or a picture that it names is missing.
pub fn write(dir: &StudyDir) -> Result<PathBuf> {
    let study = read_results(dir)?;
    let html = page::render(&study, dir)?;
    let path = dir.report();
    let folder = dir.root().join("report");
    files::make_folder(&folder)?;
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
