//! Scores to probabilities by a logistic regression that has not seen the group (patient) that it judges, moved to the
//! share of positives where it is used.
//!
//! A fit on a sample with the share pi of positives gives the odds of that sample. Where the share is q, they change by
//! the factor q / (1 - q) x (1 - pi) / pi, and the slopes stay: King & Zeng, Political Analysis 9:137 (2001), equation
//! 7. Without that the sizes of the classes of the sample would be taken for evidence.

use std::collections::BTreeMap;

use super::logistic::Logistic;
use super::recalibration::probability;

/// Items with known labels.
#[derive(Clone, Debug)]
pub struct Sample<'a, G> {
    /// Inputs of each item, of one length.
    pub rows: &'a [Vec<f64>],
    /// True is positive.
    pub labels: &'a [bool],
    /// Of each item.
    pub groups: &'a [G],
}

/// A logistic regression on inputs of unit deviation, and the share of positives that it was fitted at.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Of the inputs.
    pub centres: Vec<f64>,
    /// Of the inputs; 1 where all are alike.
    pub scales: Vec<f64>,
    /// On (inputs - centres) / scales, with the ridge of [`Logistic::fit`].
    pub line: Logistic,
    /// Positives of the sample, 0 to 1.
    pub share: f64,
}

impl Calibration {
    /// `None` as [`Logistic::fit`].
    pub fn fit(rows: &[Vec<f64>], labels: &[bool]) -> Option<Self> {
        let n = rows.len() as f64;
        let inputs = 0..rows.first()?.len();
        let centres: Vec<f64> = inputs.clone().map(|at| rows.iter().map(|row| row[at]).sum::<f64>() / n).collect();
        let scale = |at: usize| {
            let variance = rows.iter().map(|row| (row[at] - centres[at]).powi(2)).sum::<f64>() / n;
            if variance > 0.0 { variance.sqrt() } else { 1.0 }
        };
        let scales: Vec<f64> = inputs.map(scale).collect();
        let scaled: Vec<Vec<f64>> = rows.iter().map(|row| standard(row, &centres, &scales)).collect();
        let line = Logistic::fit(&scaled, labels)?;
        let share = labels.iter().filter(|label| **label).count() as f64 / n;
        Some(Self { centres, scales, line, share })
    }

    /// Probability of an item, where `prior` of all are positive; the sample's own share where it is absent.
    pub fn probability(&self, row: &[f64], prior: Option<f64>) -> f64 {
        let odds = |share: f64| (share / (1.0 - share)).ln();
        let moved = prior.map_or(0.0, |prior| odds(prior) - odds(self.share));
        probability(self.line.log_odds(&standard(row, &self.centres, &self.scales)) + moved)
    }
}

fn standard(row: &[f64], centres: &[f64], scales: &[f64]) -> Vec<f64> {
    row.iter().zip(centres).zip(scales).map(|((value, centre), scale)| (value - centre) / scale).collect()
}

/// Probability of each of `judged`, inputs with their group, by the regression on all items of other groups, where
/// `prior` are positive; `None` where those have one class alone.
pub fn without_own_group<G: Ord + Clone>(
    sample: &Sample<'_, G>,
    judged: &[(Vec<f64>, G)],
    prior: Option<f64>,
) -> Vec<Option<f64>> {
    let mut fits: BTreeMap<Option<&G>, Option<Calibration>> = BTreeMap::new();
    let fit = |group: Option<&G>| {
        let others = (0..sample.rows.len()).filter(|&at| Some(&sample.groups[at]) != group);
        let (rows, labels): (Vec<_>, Vec<_>) = others.map(|at| (sample.rows[at].clone(), sample.labels[at])).unzip();
        Calibration::fit(&rows, &labels)
    };
    let mut of = |(row, group): &(Vec<f64>, G)| {
        // Groups that the sample does not have share the fit on all of it.
        let own = sample.groups.iter().find(|other| *other == group);
        let fitted = fits.entry(own).or_insert_with(|| fit(own));
        fitted.as_ref().map(|fitted| fitted.probability(row, prior))
    };
    judged.iter().map(&mut of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// By hand: an input that says nothing leaves the share of the sample, 1 of 4; at a prior of one half it leaves one
    /// half, at 1 of 10 a tenth.
    #[test]
    fn class_sizes_are_no_evidence() {
        let rows: Vec<Vec<f64>> = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0].map(|x| vec![x]).into();
        let labels = [true, true, false, false, false, false, false, false];
        let fitted = Calibration::fit(&rows, &labels).unwrap();
        assert_abs_diff_eq!(fitted.probability(&[0.0], None), 0.25, epsilon = 1e-9);
        assert_abs_diff_eq!(fitted.probability(&[0.0], Some(0.5)), 0.5, epsilon = 1e-9);
        assert_abs_diff_eq!(fitted.probability(&[0.0], Some(0.1)), 0.1, epsilon = 1e-9);
    }

    #[test]
    fn who_is_judged_is_not_learnt_from() {
        // One group alone says that high is positive; without it low is.
        let rows: Vec<Vec<f64>> = [1.0, 2.0, 9.0, 9.5, -9.0, -9.5].map(|x| vec![x]).into();
        let labels = [true, false, true, true, false, false];
        let groups = ["a", "a", "b", "b", "b", "b"];
        let sample = Sample { rows: &rows, labels: &labels, groups: &groups };
        let found = without_own_group(&sample, &[(vec![9.0], "b"), (vec![9.0], "a"), (vec![9.0], "c")], None);
        assert!(found[0].unwrap() < 0.1 && found[1].unwrap() > 0.7 && found[2].unwrap() > 0.7, "{found:?}");
        let one = Sample { rows: &rows[..2], labels: &labels[..2], groups: &groups[..2] };
        assert_eq!(without_own_group(&one, &[(vec![1.0], "a")], None), [None]);
    }

    #[test]
    fn probabilities_agree_with_scikit_learn() {
        let text = include_str!("../../tests/fixtures/grouped_calibration.json");
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        let numbers = |value: &serde_json::Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };
        let table = |key: &str| -> Vec<Vec<f64>> { expected[key].as_array().unwrap().iter().map(numbers).collect() };
        let (rows, labels) = (table("rows"), numbers(&expected["labels"]));
        let labels: Vec<bool> = labels.into_iter().map(|label| label == 1.0).collect();
        let groups: Vec<u64> = serde_json::from_value(expected["groups"].clone()).unwrap();
        let sample = Sample { rows: &rows, labels: &labels, groups: &groups };
        let own: Vec<(Vec<f64>, u64)> = rows.iter().cloned().zip(groups.iter().copied()).collect();
        let others: Vec<(Vec<f64>, u64)> = table("new").into_iter().map(|row| (row, 1000)).collect();
        let prior = expected["prior"].as_f64();
        for (found, key) in [
            (without_own_group(&sample, &own, None), "left_out"),
            (without_own_group(&sample, &others, prior), "at_prior"),
        ] {
            let wanted = numbers(&expected[key]);
            assert_eq!(found.len(), wanted.len());
            for (found, wanted) in found.iter().zip(&wanted) {
                assert_abs_diff_eq!(found.unwrap(), *wanted, epsilon = 1e-7);
            }
        }
    }
}
