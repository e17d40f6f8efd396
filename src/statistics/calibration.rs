//! Whether a score of .8 means positive in 80 % of cases: Brier score and expected calibration error.
//!
//! Interface of the library for probabilities made outside the program, whose own classifiers give logits:
//!
//! ```
//! use rimforge::statistics::calibration::{brier, expected_calibration_error};
//!
//! let (probabilities, positive) = ([0.75, 0.75, 0.25, 0.25], [true, true, true, false]);
//! // (3 * .25^2 + .75^2) / 4
//! assert_eq!(brier(&probabilities, &positive)?, Some(0.1875));
//! // Two items at .75, both positive, and two at .25, one positive: both gaps are .25.
//! assert_eq!(expected_calibration_error(&probabilities, &positive, 10)?, Some(0.25));
//! # Ok::<(), rimforge::problem::Problem>(())
//! ```

use super::check_scores;
use crate::problem::{Kind, Problem, Result};

fn check_probabilities(scores: &[f64], labels: &[bool]) -> Result<()> {
    check_scores(scores, labels)?;
    match scores.iter().find(|&&score| !(0.0..=1.0).contains(&score)) {
        Some(score) => Err(Problem::new(Kind::Internal, format!("score {score}")).expected("probabilities in [0, 1]")),
        None => Ok(()),
    }
}

/// Mean squared distance of probability and label, 0 is perfect; `None` without items (Brier, Mon Weather Rev 78:1,
/// 1950).
///
/// # Errors
/// Lengths that differ, or a score outside 0..1.
pub fn brier(probabilities: &[f64], labels: &[bool]) -> Result<Option<f64>> {
    check_probabilities(probabilities, labels)?;
    let sum: f64 = probabilities.iter().zip(labels).map(|(p, &l)| (p - f64::from(u8::from(l))).powi(2)).sum();
    Ok((!labels.is_empty()).then(|| sum / labels.len() as f64))
}

/// Expected calibration error over `bins` bins of equal width (Naeini 2015): the gap of mean probability and share of
/// positives, weighted by the items of each bin; `None` without items.
///
/// # Errors
/// As [`brier`].
pub fn expected_calibration_error(probabilities: &[f64], labels: &[bool], bins: usize) -> Result<Option<f64>> {
    check_probabilities(probabilities, labels)?;
    // Sum of (probability - label) in each bin: the gap times the bin's items.
    let mut gaps = vec![0.0; bins.max(1)];
    for (&p, &label) in probabilities.iter().zip(labels) {
        let bin = ((p * gaps.len() as f64) as usize).min(gaps.len() - 1);
        gaps[bin] += p - f64::from(u8::from(label));
    }
    Ok((!labels.is_empty()).then(|| gaps.iter().map(|gap| gap.abs()).sum::<f64>() / labels.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// By hand: (.1^2 + .2^2) / 2 = .025.
    #[test]
    fn brier_by_hand() {
        assert_abs_diff_eq!(brier(&[0.9, 0.2], &[true, false]).unwrap().unwrap(), 0.025, epsilon = 1e-12);
        assert_eq!(brier(&[], &[]).unwrap(), None);
        assert!(brier(&[1.2], &[true]).is_err());
    }

    /// By hand: ten items at .75, six of them positive: gap .15; two at .05, none positive: gap .05.
    /// (10 * .15 + 2 * .05) / 12.
    #[test]
    fn calibration_error_by_hand() {
        let mut p = vec![0.75; 10];
        p.extend([0.05; 2]);
        let labels: Vec<bool> = (0..12).map(|i| i < 6).collect();
        assert_abs_diff_eq!(expected_calibration_error(&p, &labels, 10).unwrap().unwrap(), 1.6 / 12.0, epsilon = 1e-12);
    }

    #[test]
    fn matches_scikit_learn() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        for case in reference["calibration"].as_array().unwrap() {
            let floats =
                |key: &str| -> Vec<f64> { case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
            let labels: Vec<bool> = floats("labels").iter().map(|&l| l == 1.0).collect();
            let p = floats("probabilities");
            assert_abs_diff_eq!(brier(&p, &labels).unwrap().unwrap(), case["brier"].as_f64().unwrap(), epsilon = 1e-12);
            assert_abs_diff_eq!(
                expected_calibration_error(&p, &labels, 10).unwrap().unwrap(),
                case["expected_calibration_error"].as_f64().unwrap(),
                epsilon = 1e-12
            );
        }
    }
}
