//! The slice of a patient with arrows that `prepare` left.

use std::path::Path;

use super::images::{Figure, data_uri};
use crate::problem::Result;
use crate::records::prepare::{PatientFigure, PrepareRecord};
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

/// That of all contrasts where there are several, else that of the susceptibility maps; `None` where a study of an
/// earlier version has none.
///
/// # Errors
/// The picture is missing.
pub fn figure(study: &StudyRecord, dir: &StudyDir) -> Result<Option<Figure>> {
    let several = study.multi_contrast.as_ref().map(|multi| (&multi.prepare, dir.multi_contrast_data()));
    let own = (&study.prepare, dir.data());
    let found = several.into_iter().chain([own]).find_map(|(record, folder)| of(record, folder));
    let Some((figure, folder)) = found else { return Ok(None) };
    let image = data_uri(dir.root(), &folder, &figure.file)?;
    Ok(Some(Figure { image, caption: caption(figure) }))
}

fn of<F: AsRef<Path>>(record: &PrepareRecord, folder: F) -> Option<(&PatientFigure, F)> {
    Some((record.patient_figure.as_ref()?, folder))
}

fn caption(figure: &PatientFigure) -> String {
    let PatientFigure { patient, slice, rims, contested, others, .. } = figure;
    format!(
        "{patient}, the training patient with most agreed rims, axial slice {slice}, anterior up, the patient's left on the left: {}. Arrows: {rims} \
         rims (red), {contested} contested (orange), {others} that neither reader calls a rim (blue).",
        figure.contrasts.join(", ")
    )
}
