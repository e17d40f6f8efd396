//! AUROC of one model and the difference of two where items come in clusters (lesions of patients): DeLong's variance
//! with what the items of a cluster have in common (Obuchowski, Biometrics 53:567, 1997).
//!
//! Where each item is a cluster of its own this is DeLong's ([`super::compare::delong`]). There is no such variance for
//! the area under the precision-recall curve; its interval is that of the bootstrap.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::compare::Placements;
use super::few_clusters::{t_quantile, two_sided_t};
use super::{LEVEL, check_scores};
use crate::problem::Result;
use crate::records::Interval;

/// Two AUROCs on the same clustered items, each the mean over the repetitions of its model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusteredDeLong {
    /// AUROC of the first model.
    pub first: Interval,
    /// AUROC of the second model.
    pub second: Interval,
    /// `first - second`.
    pub difference: Interval,
    /// Two-sided, by Student's t; `None` where the two differ without any spread over clusters.
    pub p: Option<f64>,
    /// Of t: the clusters that hold a positive, or those that hold a negative, whichever are fewer, less one.
    pub degrees_of_freedom: u64,
}

/// Compares two models. `first` and `second` are \[repetitions\]\[items\], as many repetitions or not; an AUROC is the
/// mean over repetitions, and so are its structural components, so that its variance is that over clusters for these
/// repetitions, which need not be independent. `clusters` names the cluster of each item.
///
/// `None` where fewer than two clusters hold a positive, or a negative, or where a model has no repetition.
///
/// # Errors
/// Lengths that differ, or a score that is NaN.
pub fn compare<C: Ord>(
    first: &[&[f64]],
    second: &[&[f64]],
    labels: &[bool],
    clusters: &[C],
) -> Result<Option<ClusteredDeLong>> {
    for scores in first.iter().chain(second) {
        check_scores(scores, labels)?;
    }
    let Some(table) = Clusters::new(labels, clusters) else { return Ok(None) };
    let (Some(a), Some(b)) = (table.components(first, labels), table.components(second, labels)) else {
        return Ok(None);
    };
    let between = a.minus(&b);
    let df = table.with_positive.min(table.with_negative) - 1;
    let deviation = table.variance(&between).sqrt();
    let p = if deviation > 0.0 {
        two_sided_t(between.auroc / deviation, df as f64)
    } else {
        (between.auroc == 0.0).then_some(1.0)
    };
    let interval = |components: &Components, range: [f64; 2]| {
        let half = t_quantile(LEVEL, df as f64)? * table.variance(components).sqrt();
        let value = components.auroc;
        let [low, high] = [value - half, value + half].map(|limit| limit.clamp(range[0], range[1]));
        let method = format!("DeLong by patient (Obuchowski 1997), t with {df} degrees of freedom");
        Some(Interval { value, low, high, level: LEVEL, n: table.count as u64, method })
    };
    let intervals = (interval(&a, [0.0, 1.0]), interval(&b, [0.0, 1.0]), interval(&between, [-1.0, 1.0]));
    let (Some(first), Some(second), Some(difference)) = intervals else { return Ok(None) };
    Ok(Some(ClusteredDeLong { first, second, difference, p, degrees_of_freedom: df as u64 }))
}

/// Which items belong together.
struct Clusters {
    /// Number of each item's cluster.
    of: Vec<usize>,
    count: usize,
    /// Positives and negatives of each cluster.
    sizes: Vec<[f64; 2]>,
    with_positive: usize,
    with_negative: usize,
    positives: f64,
    negatives: f64,
}

impl Clusters {
    fn new<C: Ord>(labels: &[bool], clusters: &[C]) -> Option<Self> {
        let mut numbers: BTreeMap<&C, usize> = BTreeMap::new();
        for cluster in clusters {
            let next = numbers.len();
            numbers.entry(cluster).or_insert(next);
        }
        let of: Vec<usize> = clusters.iter().map(|cluster| numbers[cluster]).collect();
        let mut sizes = vec![[0.0; 2]; numbers.len()];
        for (&cluster, &label) in of.iter().zip(labels) {
            sizes[cluster][usize::from(!label)] += 1.0;
        }
        let holding = |side: usize| sizes.iter().filter(|size| size[side] > 0.0).count();
        let total = |side: usize| sizes.iter().map(|size| size[side]).sum();
        let [with_positive, with_negative] = [holding(0), holding(1)];
        let found = Self {
            count: numbers.len(),
            with_positive,
            with_negative,
            positives: total(0),
            negatives: total(1),
            of,
            sizes,
        };
        (with_positive > 1 && with_negative > 1).then_some(found)
    }

    /// Mean over repetitions of the AUROC and of the sums of structural components in each cluster.
    fn components(&self, repetitions: &[&[f64]], labels: &[bool]) -> Option<Components> {
        let mut mean = Components { auroc: 0.0, sums: vec![[0.0; 2]; self.count] };
        let n = repetitions.len() as f64;
        for scores in repetitions {
            let found = Placements::of(scores, labels);
            mean.auroc += found.auroc / n;
            let (mut positives, mut negatives) = (found.positives.iter(), found.negatives.iter());
            for (&cluster, &label) in self.of.iter().zip(labels) {
                let next = if label { positives.next() } else { negatives.next() };
                mean.sums[cluster][usize::from(!label)] += next? / n;
            }
        }
        (!repetitions.is_empty()).then_some(mean)
    }

    /// Obuchowski's equation for one AUROC, which is linear in the components: of those of a difference it is the
    /// variance of the difference.
    fn variance(&self, components: &Components) -> f64 {
        let off =
            |cluster: usize, side: usize| components.sums[cluster][side] - self.sizes[cluster][side] * components.auroc;
        let sum = |left: usize, right: usize| (0..self.count).map(|c| off(c, left) * off(c, right)).sum::<f64>();
        let few = |clusters: usize| clusters as f64 / (clusters as f64 - 1.0);
        let [m, n] = [self.positives, self.negatives];
        let of_positives = few(self.with_positive) * sum(0, 0) / (m * m);
        let of_negatives = few(self.with_negative) * sum(1, 1) / (n * n);
        (of_positives + of_negatives + 2.0 * few(self.count) * sum(0, 1) / (m * n)).max(0.0)
    }
}

struct Components {
    auroc: f64,
    /// Of each cluster: over its positives, over its negatives.
    sums: Vec<[f64; 2]>,
}

impl Components {
    fn minus(&self, other: &Self) -> Self {
        let sums = self.sums.iter().zip(&other.sums).map(|(a, b)| [a[0] - b[0], a[1] - b[1]]).collect();
        Self { auroc: self.auroc - other.auroc, sums }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::statistics::compare::delong;
    use crate::statistics::normal_quantile;

    /// Two patients, each with a rim and another lesion. The first model has all four pairs in order (AUROC 1, no
    /// spread). In the second, patient a's rim (.9) lies above both others and b's (.2) above none: .5. Placements of
    /// the rims 1 and 0, of the others .5 and .5: deviations of the sums .5 and -.5 for the rims, 0 for the others;
    /// variance 2 / 1 x (.25 + .25) / 2^2 = .25.
    #[test]
    fn two_patients_by_hand() {
        let labels = [true, false, true, false];
        let first = [0.9, 0.3, 0.8, 0.3];
        let second = [0.9, 0.3, 0.2, 0.3];
        let found = compare(&[&first], &[&second], &labels, &["a", "a", "b", "b"]).unwrap().unwrap();
        assert_eq!((found.first.value, found.second.value, found.degrees_of_freedom), (1.0, 0.5, 1));
        assert_eq!((found.first.low, found.first.high), (1.0, 1.0));
        // Difference .5, standard error .5: t = 1 with one degree of freedom (Cauchy) has p = .5.
        assert_abs_diff_eq!(found.p.unwrap(), 0.5, epsilon = 1e-9);
        // t of one degree of freedom is 12.7, beyond the range.
        assert_eq!((found.difference.low, found.difference.high), (-1.0, 1.0));
    }

    #[test]
    fn too_few_patients_of_a_class_have_no_variance() {
        let labels = [true, false, true, false];
        let scores = [0.9, 0.3, 0.8, 0.1];
        let with = |clusters: [u8; 4]| compare(&[&scores], &[&scores], &labels, &clusters).unwrap();
        assert_eq!(with([1, 1, 1, 2]), None);
        assert_eq!(with([1, 1, 1, 1]), None);
        let same = with([1, 1, 2, 2]).unwrap();
        assert_eq!((same.difference.value, same.p), (0.0, Some(1.0)));
        assert_eq!(compare(&[], &[&scores], &labels, &[1, 1, 2, 2]).unwrap(), None);
        assert!(compare(&[&scores[..3]], &[&scores], &labels, &[1, 1, 2, 2]).is_err());
    }

    /// A model that all patients agree on beside one that ranks nothing: a difference without spread has no p.
    #[test]
    fn a_difference_without_spread_has_no_p() {
        let labels = [true, false, true, false];
        let found = compare(&[&[2.0, 1.0, 2.0, 1.0]], &[&[0.0; 4]], &labels, &[1, 1, 2, 2]).unwrap().unwrap();
        assert_eq!((found.difference.value, found.difference.low, found.p), (0.5, 0.5, None));
    }

    #[test]
    fn a_repetition_twice_is_as_once() {
        let labels = [true, false, true, false, true, false];
        let (a, b) = ([5.0, 3.0, 4.0, 2.0, 1.0, 6.0], [1.0, 3.0, 4.0, 2.0, 5.0, 0.0]);
        let clusters = [1, 1, 2, 2, 3, 3];
        let once = compare(&[&a], &[&b], &labels, &clusters).unwrap().unwrap();
        let twice = compare(&[&a, &a], &[&b, &b, &b], &labels, &clusters).unwrap().unwrap();
        assert_abs_diff_eq!(once.difference.low, twice.difference.low, epsilon = 1e-12);
    }

    /// Written out over all pairs in NumPy; without corrections for few clusters that script's variance is held to
    /// statsmodels' sandwich by cluster. Each item its own cluster: DeLong.
    #[test]
    fn matches_references() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/comparisons.json")).unwrap();
        let floats = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        let cases = reference["obuchowski"].as_array().unwrap();
        assert!(cases.len() >= 3);
        for case in cases {
            let labels: Vec<bool> = floats(&case["labels"]).iter().map(|&l| l == 1.0).collect();
            let [first, second] = [&case["first"], &case["second"]].map(floats);
            let clusters: Vec<u64> = floats(&case["clusters"]).iter().map(|&c| c as u64).collect();
            let found = compare(&[&first], &[&second], &labels, &clusters).unwrap().unwrap();
            assert_abs_diff_eq!(found.first.value, case["auroc_first"].as_f64().unwrap(), epsilon = 1e-12);
            assert_abs_diff_eq!(found.difference.low, case["low"].as_f64().unwrap(), epsilon = 1e-6);
            assert_abs_diff_eq!(found.first.low, case["first_low"].as_f64().unwrap(), epsilon = 1e-6);
            assert_abs_diff_eq!(found.p.unwrap(), case["p"].as_f64().unwrap(), epsilon = 1e-8);
            let alone: Vec<usize> = (0..labels.len()).collect();
            let alone = compare(&[&first], &[&second], &labels, &alone).unwrap().unwrap();
            let plain = delong(&first, &second, &labels).unwrap().unwrap();
            let t = t_quantile(LEVEL, alone.degrees_of_freedom as f64).unwrap();
            let half = |i: &Interval| i.high - i.value;
            assert_abs_diff_eq!(
                half(&alone.difference) / t,
                half(&plain.difference) / normal_quantile(LEVEL),
                epsilon = 1e-9
            );
        }
    }
}
