//! How well scores rank positives above the rest: AUROC, average precision, sensitivity at a specificity.
//!
//! Ties count as one threshold, as in scikit-learn. Scores are sorted once; a resample is a number of copies of each
//! item, so that thousands of bootstrap draws cost one pass each. Thresholds read "positive if score >= threshold".

use super::check_scores;
use crate::problem::Result;

/// Scores with their labels, sorted once.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Items by falling score.
    order: Vec<u32>,
    /// One past the last position in `order` of each group of equal scores.
    ends: Vec<u32>,
    scores: Vec<f64>,
    labels: Vec<bool>,
}

/// Running counts after one group of equal scores.
#[derive(Clone, Copy)]
struct Step {
    positives: f64,
    negatives: f64,
}

impl Ranking {
    /// `labels`: true = positive.
    ///
    /// # Errors
    /// Lengths that differ, or a score that is NaN.
    pub fn new(scores: &[f64], labels: &[bool]) -> Result<Self> {
        check_scores(scores, labels)?;
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
        // -0.0 and 0.0 are the same threshold, so groups are cut by ==.
        let ends = (1..=order.len() as u32)
            .filter(|&at| {
                order
                    .get(at as usize)
                    .is_none_or(|&next| scores[next as usize] != scores[order[at as usize - 1] as usize])
            })
            .collect();
        Ok(Self { order, ends, scores: scores.to_vec(), labels: labels.to_vec() })
    }

    /// In the order given.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// In the order given, true = positive.
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// Area under the ROC curve, ties counted half, with each item counted `copies[item]` times (a bootstrap resample;
    /// once without); `None` unless both classes are there.
    pub fn auroc_of(&self, copies: Option<&[u32]>) -> Option<f64> {
        let (mut area, mut last) = (0.0, (0.0, 0.0));
        self.walk(copies, |step| {
            area += (step.negatives - last.1) * (step.positives + last.0) / 2.0;
            last = (step.positives, step.negatives);
        });
        (last.0 > 0.0 && last.1 > 0.0).then(|| area / (last.0 * last.1))
    }

    /// Area under the precision-recall curve as average precision (sum of precision x recall gained, no interpolation),
    /// of a resample as in [`Ranking::auroc_of`]; `None` without positives. With the classes reweighted to `prevalence`
    /// (share of positives where the scores will be used) instead of the sample's own it is `None` also where a class
    /// is missing.
    pub fn average_precision_of(&self, copies: Option<&[u32]>, prevalence: Option<f64>) -> Option<f64> {
        let (positives, negatives) = self.totals(copies);
        let weight = negative_weight(positives, negatives, prevalence)?;
        let (mut sum, mut last) = (0.0, 0.0);
        self.walk(copies, |step| {
            if step.positives > last {
                sum += (step.positives - last) * step.positives / (step.positives + weight * step.negatives);
                last = step.positives;
            }
        });
        Some(sum / positives)
    }

    /// Highest sensitivity of any threshold whose specificity is at least `specificity`; `None` unless both classes
    /// are there.
    pub fn sensitivity_at_specificity(&self, specificity: f64, copies: Option<&[u32]>) -> Option<f64> {
        let (positives, negatives) = self.totals(copies);
        if positives == 0.0 || negatives == 0.0 {
            return None;
        }
        let allowed = (1.0 - specificity) * negatives * (1.0 + 1e-12);
        let mut best = 0.0;
        self.walk(copies, |step| {
            if step.negatives <= allowed {
                best = step.positives / positives;
            }
        });
        Some(best)
    }

    fn totals(&self, copies: Option<&[u32]>) -> (f64, f64) {
        let mut totals = (0.0, 0.0);
        for (item, &label) in self.labels.iter().enumerate() {
            let copies = copies.map_or(1.0, |copies| f64::from(copies[item]));
            if label { totals.0 += copies } else { totals.1 += copies }
        }
        totals
    }

    /// Calls `visit` after each group of equal scores that the resample holds, from the highest.
    fn walk(&self, copies: Option<&[u32]>, mut visit: impl FnMut(Step)) {
        let (mut positives, mut negatives, mut start) = (0.0, 0.0, 0);
        for &end in &self.ends {
            let group = &self.order[start..end as usize];
            let before = positives + negatives;
            for &item in group {
                let item = item as usize;
                let copies = copies.map_or(1.0, |copies| f64::from(copies[item]));
                if self.labels[item] { positives += copies } else { negatives += copies }
            }
            if positives + negatives > before {
                visit(Step { positives, negatives });
            }
            start = end as usize;
        }
    }
}

/// Weight of one negative beside a positive of weight 1 that makes positives `prevalence` of all.
fn negative_weight(positives: f64, negatives: f64, prevalence: Option<f64>) -> Option<f64> {
    match prevalence {
        _ if positives == 0.0 => None,
        None => Some(1.0),
        Some(share) => {
            (negatives > 0.0 && share > 0.0 && share < 1.0).then(|| positives * (1.0 - share) / (share * negatives))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    fn ranking(scores: &[f64], labels: &[u8]) -> Ranking {
        Ranking::new(scores, &labels.iter().map(|&l| l == 1).collect::<Vec<_>>()).unwrap()
    }

    /// By hand: of the four (positive, negative) pairs three are in order: AUROC .75. Precision at the positives is 1/1
    /// and 2/3, each gains half the recall: average precision (1 + 2/3) / 2 = .8333.
    #[test]
    fn four_items_by_hand() {
        let four = ranking(&[0.9, 0.8, 0.7, 0.1], &[1, 0, 1, 0]);
        assert_abs_diff_eq!(four.auroc_of(None).unwrap(), 0.75, epsilon = 1e-12);
        assert_abs_diff_eq!(four.average_precision_of(None, None).unwrap(), 5.0 / 6.0, epsilon = 1e-12);
        assert_eq!(four.sensitivity_at_specificity(0.95, None), Some(0.5));
        assert_eq!(four.sensitivity_at_specificity(0.5, None), Some(1.0));
    }

    #[test]
    fn equal_scores_know_nothing() {
        let flat = ranking(&[0.5; 10], &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(flat.auroc_of(None), Some(0.5));
        assert_abs_diff_eq!(flat.average_precision_of(None, None).unwrap(), 0.1, epsilon = 1e-12);
        assert_eq!(flat.sensitivity_at_specificity(0.95, None), Some(0.0));
    }

    #[test]
    fn undefined_with_one_class() {
        assert_eq!(ranking(&[0.1, 0.2], &[0, 0]).average_precision_of(None, None), None);
        assert_eq!(ranking(&[0.1, 0.2], &[1, 1]).auroc_of(None), None);
        assert!(Ranking::new(&[f64::NAN], &[true]).is_err());
        assert!(Ranking::new(&[0.0], &[]).is_err());
    }

    /// Reweighting to a prevalence is what copying the negatives would give.
    #[test]
    fn prevalence_is_as_if_negatives_were_copied() {
        let (scores, labels) = ([0.9, 0.8, 0.7, 0.4, 0.1], [1, 0, 1, 0, 0]);
        let enriched = ranking(&scores, &labels);
        // 2 positives and 3 negatives, each negative 19 times: prevalence 2 / 59.
        let copies: Vec<u32> = labels.iter().map(|&l| if l == 1 { 1 } else { 19 }).collect();
        assert_abs_diff_eq!(
            enriched.average_precision_of(None, Some(2.0 / 59.0)).unwrap(),
            enriched.average_precision_of(Some(&copies), None).unwrap(),
            epsilon = 1e-12
        );
    }

    /// scikit-learn's roc_auc_score, average_precision_score and roc_curve.
    #[test]
    fn matches_scikit_learn() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        for case in reference["ranking"].as_array().unwrap() {
            let floats =
                |key: &str| -> Vec<f64> { case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
            let labels: Vec<bool> = floats("labels").iter().map(|&l| l == 1.0).collect();
            let ranking = Ranking::new(&floats("scores"), &labels).unwrap();
            let number = |key: &str| case[key].as_f64().unwrap();
            assert_abs_diff_eq!(ranking.auroc_of(None).unwrap(), number("auroc"), epsilon = 1e-12);
            assert_abs_diff_eq!(
                ranking.average_precision_of(None, None).unwrap(),
                number("average_precision"),
                epsilon = 1e-12
            );
            assert_abs_diff_eq!(
                ranking.sensitivity_at_specificity(0.95, None).unwrap(),
                number("sensitivity_at_95"),
                epsilon = 1e-12
            );
            let copies: Vec<u32> = floats("copies").iter().map(|&c| c as u32).collect();
            assert_abs_diff_eq!(ranking.auroc_of(Some(&copies)).unwrap(), number("auroc_copies"), epsilon = 1e-12);
            assert_abs_diff_eq!(
                ranking.average_precision_of(Some(&copies), None).unwrap(),
                number("average_precision_copies"),
                epsilon = 1e-12
            );
            assert_abs_diff_eq!(
                ranking.average_precision_of(None, Some(0.033)).unwrap(),
                number("average_precision_at_prevalence"),
                epsilon = 1e-12
            );
        }
    }
}
