//! Tests between two models on the same items: exact McNemar, DeLong for AUROC, Holm over several comparisons.
//!
//! They take items as independent. Interface of the library for comparisons outside the program; for lesions of
//! patients there are [`super::clustered_auroc`] and [`super::sign_flip`] beside them:
//!
//! ```
//! use rimforge::statistics::compare::{delong, holm, mcnemar_exact};
//!
//! let positive = [true, true, true, false, false, false];
//! let (first, second) = ([0.9, 0.8, 0.6, 0.3, 0.2, 0.1], [0.9, 0.2, 0.6, 0.3, 0.8, 0.1]);
//! let found = delong(&first, &second, &positive)?.expect("two of each class");
//! // The first model has all nine pairs in order; in the second .9 lies above three of the others, .6 above two and
//! // .2 above one.
//! assert_eq!(found.first, 1.0);
//! assert!((found.second - 6.0 / 9.0).abs() < 1e-12);
//! // Six items that only the one gets right, none that only the other does: 2 / 2^6.
//! assert!((mcnemar_exact(6, 0) - 0.03125).abs() < 1e-12);
//! // The smaller of two p values counts twice.
//! assert_eq!(holm(&[0.03, 0.01]), [0.03, 0.02]);
//! # Ok::<(), rimforge::problem::Problem>(())
//! ```

use serde::{Deserialize, Serialize};

use super::{LEVEL, check_scores, normal_quantile, two_sided_p};
use crate::problem::Result;
use crate::records::Interval;

/// Two-sided exact McNemar p (binomial, one half) from the two kinds of discordant items: those that only the first
/// model gets right and those that only the second does. 1 without discordant items.
pub fn mcnemar_exact(first_only: u64, second_only: u64) -> f64 {
    use statrs::distribution::{Binomial, DiscreteCDF};
    let n = first_only + second_only;
    // p = .5 is a valid parameter for every n.
    let Ok(binomial) = Binomial::new(0.5, n) else { return 1.0 };
    (2.0 * binomial.cdf(first_only.min(second_only))).min(1.0)
}

/// Two AUROCs on the same items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeLong {
    /// AUROC of the first model.
    pub first: f64,
    /// AUROC of the second model.
    pub second: f64,
    /// `first - second` with its normal interval.
    pub difference: Interval,
    /// Two-sided; 1 where the two rank alike.
    pub p: f64,
}

/// DeLong, DeLong & Clarke-Pearson, Biometrics 44:837 (1988), by mid-ranks (Sun & Xu, IEEE SPL 21:1389, 2014).
///
/// Takes items as independent; with many lesions a patient prefer the cluster bootstrap. `None` with fewer than two
/// positives or negatives.
///
/// # Errors
/// Lengths that differ, or a score that is NaN.
pub fn delong(first: &[f64], second: &[f64], labels: &[bool]) -> Result<Option<DeLong>> {
    check_scores(first, labels)?;
    check_scores(second, labels)?;
    let positives = labels.iter().filter(|&&label| label).count();
    let negatives = labels.len() - positives;
    if positives < 2 || negatives < 2 {
        return Ok(None);
    }
    let a = Placements::of(first, labels);
    let b = Placements::of(second, labels);
    let variance_of = |left: fn(&Placements) -> &Vec<f64>, n: usize| {
        let difference: Vec<f64> = left(&a).iter().zip(left(&b)).map(|(x, y)| x - y).collect();
        let mean = difference.iter().sum::<f64>() / n as f64;
        difference.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / ((n - 1) as f64 * n as f64)
    };
    let deviation = (variance_of(|p| &p.positives, positives) + variance_of(|p| &p.negatives, negatives)).sqrt();
    let difference = a.auroc - b.auroc;
    let half = normal_quantile(LEVEL) * deviation;
    Ok(Some(DeLong {
        first: a.auroc,
        second: b.auroc,
        difference: Interval {
            value: difference,
            low: difference - half,
            high: difference + half,
            level: LEVEL,
            n: labels.len() as u64,
            method: "DeLong".to_owned(),
        },
        p: if deviation > 0.0 { two_sided_p(difference / deviation) } else { f64::from(u8::from(difference == 0.0)) },
    }))
}

/// Structural components: per positive the share of negatives below it, per negative the share of positives above it,
/// ties half.
pub(crate) struct Placements {
    /// Their mean.
    pub(crate) auroc: f64,
    /// Of the positives in order.
    pub(crate) positives: Vec<f64>,
    /// Of the negatives in order.
    pub(crate) negatives: Vec<f64>,
}

impl Placements {
    pub(crate) fn of(scores: &[f64], labels: &[bool]) -> Self {
        let select = |wanted: bool| -> Vec<f64> {
            scores.iter().zip(labels).filter(|(_, label)| **label == wanted).map(|(score, _)| *score).collect()
        };
        let (above, below) = (select(true), select(false));
        let (in_all, in_above, in_below) = (midranks(scores), midranks(&above), midranks(&below));
        let (mut positives, mut negatives) = (Vec::new(), Vec::new());
        for (&rank, &label) in in_all.iter().zip(labels) {
            if label {
                positives.push((rank - in_above[positives.len()]) / below.len() as f64);
            } else {
                negatives.push(1.0 - (rank - in_below[negatives.len()]) / above.len() as f64);
            }
        }
        Self { auroc: positives.iter().sum::<f64>() / above.len() as f64, positives, negatives }
    }
}

/// Rank of each value from 1, equal values sharing the mean of their ranks.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let first = order.partition_point(|&item| values[item] < values[group[0]]);
        for &item in group {
            ranks[item] = first as f64 + (group.len() as f64 + 1.0) / 2.0;
        }
    }
    ranks
}

/// Holm's adjusted p values in the order given: reject those at or below alpha, with the family-wise error held.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut highest: f64 = 0.0;
    for (rank, &which) in order.iter().enumerate() {
        highest = highest.max(((p.len() - rank) as f64 * p[which]).min(1.0));
        adjusted[which] = highest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// By hand: 6 against 0 is 2 / 2^6 = .03125; 9 against 3 of 12 is 2 * 299 / 4096 = .146 (51 vs 57 of 60 correct).
    #[test]
    fn mcnemar_by_hand() {
        assert_abs_diff_eq!(mcnemar_exact(6, 0), 0.03125, epsilon = 1e-12);
        assert_abs_diff_eq!(mcnemar_exact(3, 9), 598.0 / 4096.0, epsilon = 1e-12);
        assert_eq!(mcnemar_exact(0, 0), 1.0);
        assert_eq!(mcnemar_exact(4, 4), 1.0);
    }

    /// By hand: sorted .01, .02, .04 -> .03, .04, .04.
    #[test]
    fn holm_by_hand() {
        let adjusted = holm(&[0.04, 0.01, 0.02]);
        for (value, expected) in adjusted.iter().zip([0.04, 0.03, 0.04]) {
            assert_abs_diff_eq!(*value, expected, epsilon = 1e-12);
        }
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn ties_share_a_rank() {
        assert_eq!(midranks(&[5.0, 1.0, 5.0, 9.0]), [2.5, 1.0, 2.5, 4.0]);
    }

    #[test]
    fn a_model_against_itself() {
        let (scores, labels) = ([0.9, 0.2, 0.7, 0.4], [true, false, false, true]);
        let same = delong(&scores, &scores, &labels).unwrap().unwrap();
        assert_eq!((same.difference.value, same.p), (0.0, 1.0));
        assert_eq!(same.first, 0.75);
        assert_eq!(delong(&scores[..2], &scores[..2], &labels[..2]).unwrap(), None);
    }

    /// McNemar: statsmodels; DeLong: direct double sums over pairs in NumPy; Holm: statsmodels multipletests.
    #[test]
    fn matches_references() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        let floats = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        for case in reference["mcnemar"].as_array().unwrap() {
            let [b, c] = [&case["b"], &case["c"]].map(|v| v.as_u64().unwrap());
            assert_abs_diff_eq!(mcnemar_exact(b, c), case["p"].as_f64().unwrap(), epsilon = 1e-10);
        }
        for case in reference["delong"].as_array().unwrap() {
            let labels: Vec<bool> = floats(&case["labels"]).iter().map(|&l| l == 1.0).collect();
            let ours = delong(&floats(&case["first"]), &floats(&case["second"]), &labels).unwrap().unwrap();
            assert_abs_diff_eq!(ours.first, case["auroc_first"].as_f64().unwrap(), epsilon = 1e-12);
            assert_abs_diff_eq!(ours.p, case["p"].as_f64().unwrap(), epsilon = 1e-9);
            assert_abs_diff_eq!(ours.difference.low, case["low"].as_f64().unwrap(), epsilon = 1e-9);
        }
        for case in reference["holm"].as_array().unwrap() {
            for (ours, theirs) in holm(&floats(&case["p"])).iter().zip(floats(&case["adjusted"])) {
                assert_abs_diff_eq!(*ours, theirs, epsilon = 1e-12);
            }
        }
    }
}
