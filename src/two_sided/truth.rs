//! What only a simulation knows, put beside the probabilities. Scoring: the stage does not see it.

use std::path::Path;

use super::score::auroc;
use crate::data::{Prepared, truth};
use crate::problem::Result;
use crate::records::two_sided::{TwoSidedLesion, TwoSidedRecord, TwoSidedTruth};
use crate::seed::RunSeed;
use crate::statistics::calibration::{brier, expected_calibration_error};

/// Bins of the calibration error.
pub(super) const BINS: usize = 10;

/// Adds to each lesion whether it truly is of interest, and how well the contested ones are told.
///
/// Beside the losses stand what needs no generator: the lesion's own rim contrast, and which of the two readers it was
/// that saw a rim.
///
/// # Errors
/// A truth table that cannot be read, or that is of other lesions.
pub fn with_truth(
    mut record: TwoSidedRecord,
    data: &Prepared,
    table: Option<&Path>,
    seed: RunSeed,
) -> Result<TwoSidedRecord> {
    let Some(table) = table else { return Ok(record) };
    let is_rim = truth::read(table, data.manifest())?;
    let place = |lesion: &TwoSidedLesion| data.manifest().lesions.iter().position(|own| own.id == lesion.lesion_id);
    for lesion in &mut record.lesions {
        lesion.true_rim = place(lesion).map(|at| is_rim[at]);
    }
    let contested: Vec<(&TwoSidedLesion, bool, f64)> = record
        .lesions
        .iter()
        .filter(|lesion| lesion.is_contested(&record.classes))
        .filter_map(|lesion| Some((lesion, lesion.true_rim?, lesion.probability?)))
        .collect();
    if contested.is_empty() {
        return Ok(record);
    }
    let labels: Vec<bool> = contested.iter().map(|(_, truth, _)| *truth).collect();
    let p: Vec<f64> = contested.iter().map(|(.., p)| *p).collect();
    let patients: Vec<String> = contested.iter().map(|(lesion, ..)| lesion.patient.clone()).collect();
    let of = |score: &dyn Fn(&TwoSidedLesion) -> f64| -> Result<_> {
        let scores: Vec<f64> = contested.iter().map(|(lesion, ..)| score(lesion)).collect();
        auroc(&scores, &labels, &patients, seed.child("two-sided patients", 0))
    };
    let first_reader = |lesion: &TwoSidedLesion| {
        let vote = place(lesion).and_then(|at| data.manifest().lesions[at].reader1);
        f64::from(u8::from(vote == Some(true)))
    };
    let prior = vec![record.prior; labels.len()];
    record.truth = Some(TwoSidedTruth {
        lesions: labels.len() as u64,
        of_interest: labels.iter().filter(|label| **label).count() as u64,
        expected: p.iter().sum(),
        brier: brier(&p, &labels)?,
        brier_of_prior: brier(&prior, &labels)?.unwrap_or_default(),
        calibration_error: expected_calibration_error(&p, &labels, BINS)?,
        auroc: vec![
            ("difference of the losses".into(), of(&|lesion| lesion.difference)?),
            ("calibrated probability".into(), of(&|lesion| lesion.probability.unwrap_or_default())?),
            ("the lesion's own rim contrast".into(), of(&|lesion| lesion.contrast)?),
            ("the first reader's vote (1 less it is the second's)".into(), of(&first_reader)?),
        ],
    });
    Ok(record)
}
