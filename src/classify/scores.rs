//! Slices in, lesions out: pooling, the threshold, and the metrics of one set of lesion scores.

use super::config::{Pooling, ThresholdRule};
use crate::problem::Result;
use crate::records::Confusion;
use crate::records::classes::Classes;
use crate::statistics::confusion::{self, accuracy, balanced_accuracy, confusion_at, f1, matthews, ppv_at, precision};
use crate::statistics::ranking::Ranking;

/// Metrics in order, the same for every table.
pub const METRICS: [&str; 10] = [
    "auprc",
    "auroc",
    "accuracy",
    "precision",
    "sensitivity",
    "specificity",
    "balanced_accuracy",
    "f1",
    "mcc",
    "sensitivity_at_95_specificity",
];

/// Metrics that depend on the share of the class of interest, when that share is another than the test set's.
pub const REWEIGHTED: [&str; 2] = ["auprc", "precision"];

impl Pooling {
    /// One score from the logits of a lesion's slices; at least one.
    pub fn pool(self, logits: &mut [f32]) -> f64 {
        logits.sort_by(|a, b| b.total_cmp(a));
        let kept = match self {
            Self::Mean => logits.len(),
            Self::TopHalf => logits.len().div_ceil(2),
        };
        logits[..kept].iter().map(|&logit| f64::from(logit)).sum::<f64>() / kept as f64
    }

    /// In words, for the record; `classes` are those of the data set.
    pub fn description(self, classes: &Classes) -> String {
        let part = match self {
            Self::Mean => "",
            Self::TopHalf => "the higher half (rounded up) of ",
        };
        match classes.interest() {
            Some(interest) => {
                let (wanted, other) = (&classes.names[interest], &classes.names[1 - interest]);
                format!("A lesion's score is the mean of {part}its slices' logits ({wanted} minus {other}).")
            }
            None => format!("A lesion's score of a class is the mean of {part}its slices' log-odds of that class."),
        }
    }
}

impl ThresholdRule {
    /// In words, for the record.
    pub fn description(self) -> &'static str {
        match self {
            Self::Youden => {
                "Largest sensitivity + specificity - 1 on the validation lesions, midway between two scores, \
                 the highest of equals."
            }
            Self::F1 => "Largest F1 on the validation lesions, midway between two scores, the highest of equals.",
        }
    }

    /// The best threshold for lesion scores with their labels (true = of interest); `None` unless both classes are
    /// there.
    pub fn choose(self, scores: &[f64], labels: &[bool]) -> Result<Option<f64>> {
        if !labels.contains(&true) || !labels.contains(&false) {
            return Ok(None);
        }
        let mut sorted = scores.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        let mut best: Option<(f64, f64)> = None;
        for pair in sorted.windows(2).rev() {
            let threshold = pair[0] + (pair[1] - pair[0]) / 2.0;
            let counts = confusion_at(scores, labels, threshold, None)?;
            let value = match self {
                Self::Youden => balanced_accuracy(&counts),
                Self::F1 => f1(&counts),
            };
            if let Some(value) = value.filter(|value| best.is_none_or(|(most, _)| *value > most)) {
                best = Some((value, threshold));
            }
        }
        // All scores alike: nothing separates, and the logit's own zero is as good as any.
        Ok(Some(best.map_or(0.0, |(_, threshold)| threshold)))
    }
}

/// Lesion scores against one set of labels, at one threshold.
#[derive(Clone, Debug)]
pub struct Scored {
    ranking: Ranking,
    threshold: f64,
}

impl Scored {
    /// # Errors
    /// A score that is not a number.
    pub fn new(scores: &[f64], labels: &[bool], threshold: f64) -> Result<Self> {
        Ok(Self { ranking: Ranking::new(scores, labels)?, threshold })
    }

    /// [`METRICS`] of a resample (each lesion counted `copies` times).
    pub fn metrics(&self, copies: &[u32]) -> [Option<f64>; METRICS.len()] {
        let counts = self.confusion(copies);
        [
            self.ranking.average_precision_of(Some(copies), None),
            self.ranking.auroc_of(Some(copies)),
            accuracy(&counts),
            precision(&counts),
            confusion::sensitivity(&counts),
            confusion::specificity(&counts),
            balanced_accuracy(&counts),
            f1(&counts),
            matthews(&counts),
            self.ranking.sensitivity_at_specificity(0.95, Some(copies)),
        ]
    }

    /// [`REWEIGHTED`] at another share of the class of interest.
    pub fn metrics_at(&self, prevalence: f64, copies: &[u32]) -> [Option<f64>; REWEIGHTED.len()] {
        [self.ranking.average_precision_of(Some(copies), Some(prevalence)), ppv_at(&self.confusion(copies), prevalence)]
    }

    /// The four counts of a resample.
    pub fn confusion(&self, copies: &[u32]) -> Confusion {
        let mut counts = Confusion::default();
        let lesions = self.ranking.scores().iter().zip(self.ranking.labels()).zip(copies);
        for ((&score, &rim), &copies) in lesions {
            let cell = match (score >= self.threshold, rim) {
                (true, true) => &mut counts.true_positive,
                (true, false) => &mut counts.false_positive,
                (false, false) => &mut counts.true_negative,
                (false, true) => &mut counts.false_negative,
            };
            *cell += u64::from(copies);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_pool_by_hand() {
        assert_eq!(Pooling::Mean.pool(&mut [1.0, -1.0, 3.0]), 1.0);
        assert_eq!(Pooling::TopHalf.pool(&mut [1.0, -1.0, 3.0]), 2.0);
        assert_eq!(Pooling::TopHalf.pool(&mut [5.0]), 5.0);
    }

    #[test]
    fn the_threshold_lies_midway_where_the_classes_part() {
        let scores = [-2.0, -1.0, 0.0, 3.0, 5.0];
        let labels = [false, false, false, true, true];
        assert_eq!(ThresholdRule::Youden.choose(&scores, &labels).unwrap(), Some(1.5));
        assert_eq!(ThresholdRule::F1.choose(&scores, &labels).unwrap(), Some(1.5));
        assert_eq!(ThresholdRule::Youden.choose(&scores, &[true; 5]).unwrap(), None);
        assert_eq!(ThresholdRule::Youden.choose(&[1.0, 1.0], &[true, false]).unwrap(), Some(0.0));
    }

    #[test]
    fn youden_and_f1_may_differ() {
        // Thresholds from high: 1 of 2 rims at 0 of 6 others (Youden .5, F1 .67); 2 of 2 at 2 of 6 (Youden .67, F1
        // .67).
        let scores = [9.0, 8.0, 8.5, 5.0, 4.0, 3.0, 2.0, 1.0];
        let labels = [true, false, false, true, false, false, false, false];
        assert_eq!(ThresholdRule::Youden.choose(&scores, &labels).unwrap(), Some(4.5));
        assert_eq!(ThresholdRule::F1.choose(&scores, &labels).unwrap(), Some(8.75));
    }

    #[test]
    fn metrics_of_four_lesions_by_hand_and_copies_count() {
        // Called rim: 4 and 3; rims: 4 and 2. Precision at each rim: 1/1 and 2/3, so AUPRC 5/6; of 4 pairs 3 are in
        // order.
        let scored = Scored::new(&[4.0, 3.0, 2.0, 1.0], &[true, false, true, false], 2.5).unwrap();
        let value = |copies: &[u32], name: &str| {
            scored.metrics(copies)[METRICS.iter().position(|metric| *metric == name).unwrap()].unwrap()
        };
        let once = [1, 1, 1, 1];
        assert!((value(&once, "auprc") - 5.0 / 6.0).abs() < 1e-12);
        assert_eq!(value(&once, "auroc"), 0.75);
        assert_eq!(value(&once, "accuracy"), 0.5);
        assert_eq!(value(&once, "sensitivity"), 0.5);
        assert_eq!(value(&[1, 0, 1, 1], "auroc"), 1.0);
        assert_eq!(value(&[1, 1, 0, 3], "accuracy"), 0.8);
        // Sensitivity .5, false positive rate .5: at 10 % rims 1 in 10 of those called is one.
        assert!((scored.metrics_at(0.1, &once)[1].unwrap() - 0.1).abs() < 1e-12);
    }
}
