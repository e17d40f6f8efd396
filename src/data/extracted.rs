//! What every source gives, and what all of them need while they give it.

use std::path::Path;

use super::manifest::{Classes, Lesion, Slice};
use super::split::PixelHash;
use super::thumbnail::Thumbnail;
use crate::digest;
use crate::files::npy::Element;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::records::label::Contrast;
use crate::records::prepare::{LesionFigure, PatientFigure, VolumeWindowed};

/// Folder of the patches below the data folder.
pub(super) const PATCHES: &str = "patches";

/// Whole brains that are read at once, each of some hundred megabytes.
const MOST_AT_ONCE: usize = 4;

/// What `work` gives on as many threads as may each have a brain in memory.
///
/// # Errors
/// Threads cannot be started.
pub(super) fn few_at_once<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let threads = rayon::current_num_threads().min(MOST_AT_ONCE);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Problem::new(Kind::Environment, format!("cannot start threads: {error}")))?;
    Ok(pool.install(work))
}

/// What a source gave; its patches lie in the data folder already.
#[derive(Debug)]
pub(super) struct Extracted {
    pub simulated: bool,
    pub contrasts: Vec<Contrast>,
    pub patch: [u32; 3],
    pub patient_source: String,
    pub voxel_mm: Option<[f64; 3]>,
    pub classes: Classes,
    pub lesions: Vec<Lesion>,
    pub slices: Vec<Slice>,
    pub hashes: Vec<PixelHash>,
    pub inputs: Vec<FileHash>,
    pub non_finite: u64,
    /// Whether votes of two readers are behind the classes.
    pub has_readers: bool,
    pub notes: Vec<String>,
    pub patient_figure: Option<PatientFigure>,
    pub lesion_figure: Option<LesionFigure>,
    /// Of brains: of each volume.
    pub windows: Vec<VolumeWindowed>,
    /// Of each lesion, where they are photographs whose groups are still to be found.
    pub thumbnails: Vec<Thumbnail>,
}

impl Default for Extracted {
    /// Nothing yet, of classes by readers.
    fn default() -> Self {
        Self {
            simulated: false,
            contrasts: vec![],
            patch: [0; 3],
            patient_source: String::new(),
            voxel_mm: None,
            classes: Classes::of_readers(),
            lesions: vec![],
            slices: vec![],
            hashes: vec![],
            inputs: vec![],
            non_finite: 0,
            has_readers: false,
            notes: vec![],
            patient_figure: None,
            lesion_figure: None,
            windows: vec![],
            thumbnails: vec![],
        }
    }
}

/// SHA-256 of float32 values.
pub(super) fn hash_pixels(values: &[f32]) -> String {
    let mut bytes = Vec::with_capacity(size_of_val(values));
    f32::append(values, &mut bytes);
    digest::sha256(bytes)
}

/// Stops where the user asked to; finished patients are kept.
pub(super) fn stop_if_asked(observer: &dyn Observer) -> Result<()> {
    if observer.stop_requested() {
        return Err(Problem::new(Kind::Interrupted, "stopped before the data set was complete")
            .advice("run the same command again; it goes on from there"));
    }
    Ok(())
}

/// Refuses volumes some of which say that they are simulated and others not: what is made of persons is patient data,
/// and a data set is one or the other.
pub(super) fn require_one_origin<'a>(root: &Path, all: impl Iterator<Item = (&'a str, bool)>) -> Result<()> {
    let (simulated, measured): (Vec<_>, Vec<_>) = all.partition(|(_, simulated)| *simulated);
    match (simulated.first(), measured.first()) {
        (Some((one, _)), Some((other, _))) => {
            Err(Problem::input(root, format!("{one} says that it is simulated, {other} does not"))
                .expected("volumes of one kind: what is made of persons is patient data, and must be known as such")
                .advice("keep simulated volumes in a folder of their own, and prepare each by itself"))
        }
        _ => Ok(()),
    }
}
