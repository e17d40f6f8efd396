//! The pictures of the cohort that `prepare` left: a patient's slice with arrows, and lesions of each kind.

use std::path::PathBuf;

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
    let found =
        prepared(study, dir).into_iter().find_map(|(record, folder)| Some((record.patient_figure.as_ref()?, folder)));
    let Some((figure, folder)) = found else { return Ok(None) };
    let image = data_uri(dir.root(), &folder, &figure.file)?;
    Ok(Some(Figure { image, caption: caption(figure) }))
}

/// Lesions of each kind in all contrasts where there are several, else in the susceptibility map; a study of an earlier
/// version has the gallery of its cohort, where that was simulated.
///
/// # Errors
/// The picture is missing.
pub fn lesions(study: &StudyRecord, dir: &StudyDir) -> Result<Option<Figure>> {
    let found =
        prepared(study, dir).into_iter().find_map(|(record, folder)| Some((record.lesion_figure.as_ref()?, folder)));
    if let Some((figure, folder)) = found {
        let image = data_uri(dir.root(), &folder, &figure.file)?;
        let caption = format!(
            "The first training lesions of each kind, two of a patient at most, the largest slice of each, anterior up; from above {}. Not \
             chosen for their looks; a handful shows what the words mean, not how often a rim is that clear.",
            figure.contrasts.join(", then ")
        );
        return Ok(Some(Figure { image, caption }));
    }
    let Some(file) = &study.cohort.gallery else { return Ok(None) };
    let image = data_uri(dir.root(), &dir.cohort(), file)?;
    Ok(Some(Figure { image, caption: "Example lesions of the cohort (QSM, one slice each).".into() }))
}

/// The data sets of the study, that of several contrasts first.
fn prepared<'a>(study: &'a StudyRecord, dir: &StudyDir) -> Vec<(&'a PrepareRecord, PathBuf)> {
    let several = study.multi_contrast.as_ref().map(|multi| (&multi.prepare, dir.multi_contrast_data()));
    several.into_iter().chain([(&study.prepare, dir.data())]).collect()
}

fn caption(figure: &PatientFigure) -> String {
    let PatientFigure { patient, slice, rims, contested, others, .. } = figure;
    format!(
        "{patient}, the training patient with most agreed rims, axial slice {slice}, anterior up, the patient's left on the left: {}. Arrows: {rims} \
         rims (red), {contested} contested (orange), {others} that neither reader calls a rim (blue).",
        figure.contrasts.join(", ")
    )
}
