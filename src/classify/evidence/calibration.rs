//! Whether an arm's log-odds mean what they say where the test side has the cohort's own share of positives.
//!
//! Fits see a share c of the negatives, which adds log(1 / c) to their log-odds: log(c) is taken back for every arm
//! alike (King & Zeng, Political Analysis 9:137, 2001). What an arm itself does to the balance of the classes is not:
//! it is the arm's, and shows in the intercept.

use super::Ground;
use crate::problem::Result;
use crate::records::evidence::CalibrationRecord;
use crate::statistics::recalibration::calibration;

/// Every arm and label.
///
/// # Errors
/// A score that is not a number.
pub fn of_arms(ground: &Ground<'_>) -> Result<Vec<CalibrationRecord>> {
    let mut records = Vec::new();
    for side in ground.sides() {
        for (at, arm) in ground.runs.arms.iter().enumerate() {
            let moved = |scores: &[f64]| scores.iter().map(|score| score + ground.log_kept).collect::<Vec<f64>>();
            let shifted: Vec<Vec<f64>> = ground.scores(at).into_iter().map(moved).collect();
            let shifted: Vec<&[f64]> = shifted.iter().map(Vec::as_slice).collect();
            let found = calibration(&shifted, &side.labels, &ground.lesions.patients)?;
            records.push(CalibrationRecord {
                arm: arm.arm.name().to_owned(),
                against: side.name.to_owned(),
                shift: ground.log_kept,
                slope: found.slope,
                intercept: found.in_the_large,
                brier: found.brier,
                brier_of_prevalence: found.brier_of_prevalence,
            });
        }
    }
    Ok(records)
}
