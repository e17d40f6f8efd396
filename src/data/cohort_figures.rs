//! The pictures that `prepare` leaves beside the patches of a cohort.

use std::collections::HashMap;
use std::path::Path;

use super::cohort_patient::Work;
use super::extracted::Extracted;
use super::manifest::Split;
use super::{lesion_figure, patient_figure};
use crate::problem::Result;
use crate::raster::Canvas;
use crate::records::prepare::PrepareRecord;

/// All of them.
pub(super) const FILES: [&str; 2] = [patient_figure::FILE, lesion_figure::FILE];

/// Draws what the cohort has material for, into the folder of the patches.
///
/// # Errors
/// A volume or patch that cannot be read any more, a full disk.
pub(super) fn draw(work: &Work<'_>, sides: &HashMap<String, Split>, all: &mut Extracted) -> Result<()> {
    let simulated = all.simulated;
    if let Some((canvas, figure)) = patient_figure::draw(work, sides)? {
        write(&canvas, work.out, patient_figure::FILE, &patient_figure::texts(&figure, simulated))?;
        all.patient_figure = Some(figure);
    }
    let cut = lesion_figure::Cut {
        out: work.out,
        contrasts: &all.contrasts,
        patch: all.patch,
        lesions: &all.lesions,
        simulated,
    };
    if let Some((canvas, figure)) = lesion_figure::draw(&cut)? {
        write(&canvas, work.out, lesion_figure::FILE, &lesion_figure::texts(&figure, simulated))?;
        all.lesion_figure = Some(figure);
    }
    Ok(())
}

/// Those that a record names.
pub(super) fn of(record: &PrepareRecord) -> impl Iterator<Item = String> {
    let patient = record.patient_figure.as_ref().map(|figure| figure.file.to_string());
    let lesions = record.lesion_figure.as_ref().map(|figure| figure.file.to_string());
    patient.into_iter().chain(lesions)
}

fn write(canvas: &Canvas, out: &Path, file: &str, texts: &[(&'static str, String)]) -> Result<()> {
    let texts: Vec<_> = texts.iter().map(|(key, text)| (*key, text.as_str())).collect();
    canvas.write_png(out.join(file), &texts)
}
