//! How well scores tell any number of classes apart: each class against the rest, and the answer with the highest
//! score.

use super::ranking::Ranking;
use crate::problem::{Kind, Problem, Result};

/// What is told of each class against the rest, in order.
pub const ONE_AGAINST_REST: [&str; 6] = ["auroc", "auprc", "sensitivity", "specificity", "precision", "f1"];

/// What is told of all classes together, in order: means over the classes, the mean sensitivity, the share of right
/// answers.
pub const OVERALL: [&str; 4] = ["macro_auroc", "macro_auprc", "balanced_accuracy", "accuracy"];

/// Scores of items for each of `k` classes, with the items' own classes.
#[derive(Clone, Debug)]
pub struct ByClass {
    /// Of each class against the rest.
    rankings: Vec<Ranking>,
    labels: Vec<usize>,
    /// The class with the highest score, the first of equals.
    answers: Vec<usize>,
}

impl ByClass {
    /// `scores[class][item]` against `labels[item]`, class numbers from 0.
    ///
    /// # Errors
    /// Lengths that differ, a label that is no class, or a score that is not a number.
    pub fn new(scores: &[Vec<f64>], labels: &[usize]) -> Result<Self> {
        if let Some(strange) = labels.iter().find(|label| **label >= scores.len()) {
            return Err(Problem::new(Kind::Internal, format!("class {strange} of {}", scores.len())));
        }
        let own = |class: usize| labels.iter().map(|&label| label == class).collect::<Vec<bool>>();
        let rankings = scores.iter().enumerate().map(|(class, scores)| Ranking::new(scores, &own(class)));
        let rankings = rankings.collect::<Result<Vec<_>>>()?;
        let highest = |item: usize| {
            let better = |best: usize, class: usize| scores[class][item] > scores[best][item];
            (1..scores.len()).fold(0, |best, class| if better(best, class) { class } else { best })
        };
        Ok(Self { rankings, labels: labels.to_vec(), answers: (0..labels.len()).map(highest).collect() })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.rankings.len()
    }

    /// Whether each item has the highest score for its own class.
    pub fn right(&self) -> Vec<bool> {
        self.labels.iter().zip(&self.answers).map(|(label, answer)| label == answer).collect()
    }

    /// Items by their class (rows) and the answer (columns), each item counted `copies[item]` times.
    pub fn confusion(&self, copies: &[u32]) -> Vec<Vec<u64>> {
        let mut counts = vec![vec![0; self.classes()]; self.classes()];
        for ((&label, &answer), &copies) in self.labels.iter().zip(&self.answers).zip(copies) {
            counts[label][answer] += u64::from(copies);
        }
        counts
    }

    /// [`ONE_AGAINST_REST`] for each class of a resample (each item counted `copies` times); undefined where the class,
    /// the rest or such an answer is not there.
    pub fn one_against_rest(&self, copies: &[u32]) -> Vec<[Option<f64>; ONE_AGAINST_REST.len()]> {
        let confusion = self.confusion(copies);
        let all: u64 = confusion.iter().flatten().sum();
        let of_class = |(class, ranking): (usize, &Ranking)| {
            let own: u64 = confusion[class].iter().sum();
            let answered: u64 = confusion.iter().map(|row| row[class]).sum();
            let right = confusion[class][class];
            [
                ranking.auroc_of(Some(copies)),
                ranking.average_precision_of(Some(copies), None),
                ratio(right, own),
                ratio(all + right - own - answered, all - own),
                ratio(right, answered),
                ratio(2 * right, own + answered),
            ]
        };
        self.rankings.iter().enumerate().map(of_class).collect()
    }

    /// [`OVERALL`] of the same resample, from its [`ByClass::one_against_rest`]; a mean is undefined where one class's
    /// is.
    pub fn overall(
        &self,
        each: &[[Option<f64>; ONE_AGAINST_REST.len()]],
        copies: &[u32],
    ) -> [Option<f64>; OVERALL.len()] {
        let confusion = self.confusion(copies);
        let right = (0..self.classes()).map(|class| confusion[class][class]).sum();
        let macro_of = |metric: usize| super::bootstrap::mean(each.iter().map(|class| class[metric]));
        [macro_of(0), macro_of(1), macro_of(2), ratio(right, confusion.iter().flatten().sum())]
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// Items of the classes 0, 0, 1, 2; the second is taken for class 1, the rest are right.
    fn four() -> ByClass {
        let scores = [vec![3.0, 1.0, 0.0, -1.0], vec![0.0, 2.0, 1.0, 0.5], vec![-1.0, 0.0, 0.5, 4.0]];
        ByClass::new(&scores, &[0, 0, 1, 2]).unwrap()
    }

    #[test]
    fn four_items_of_three_classes_by_hand() {
        let (found, once) = (four(), [1; 4]);
        assert_eq!(found.confusion(&once), [[1, 1, 0], [0, 1, 0], [0, 0, 1]]);
        assert_eq!(found.right(), [true, false, true, true]);
        let each = found.one_against_rest(&once);
        // Class 0: its two items rank first and second. One of two found, no false alarm.
        assert_eq!(each[0], [Some(1.0), Some(1.0), Some(0.5), Some(1.0), Some(1.0), Some(2.0 / 3.0)]);
        // Class 1: its item ranks second of four behind one other: two of three pairs, precision 1/2; one false alarm
        // of three.
        assert_eq!(each[1], [Some(2.0 / 3.0), Some(0.5), Some(1.0), Some(2.0 / 3.0), Some(0.5), Some(2.0 / 3.0)]);
        assert_eq!(each[2], [Some(1.0); 6]);
        let [auroc, auprc, balanced, accuracy] = found.overall(&each, &once).map(Option::unwrap);
        assert_abs_diff_eq!(auroc, 8.0 / 9.0, epsilon = 1e-12);
        assert_abs_diff_eq!(auprc, 2.5 / 3.0, epsilon = 1e-12);
        assert_abs_diff_eq!(balanced, 2.5 / 3.0, epsilon = 1e-12);
        assert_eq!(accuracy, 0.75);
    }

    #[test]
    fn a_class_that_a_resample_lacks_leaves_the_means_undefined() {
        let (found, without_third) = (four(), [1, 2, 1, 0]);
        assert_eq!(found.confusion(&without_third), [[1, 2, 0], [0, 1, 0], [0, 0, 0]]);
        let each = found.one_against_rest(&without_third);
        assert_eq!((each[2][0], each[2][2], each[2][3], each[2][4]), (None, None, Some(1.0), None));
        assert_eq!(found.overall(&each, &without_third), [None, None, None, Some(0.5)]);
    }

    #[test]
    fn equal_scores_are_answered_with_the_first_class_and_nonsense_is_refused() {
        let flat = ByClass::new(&[vec![1.0; 2], vec![1.0; 2]], &[0, 1]).unwrap();
        assert_eq!(flat.confusion(&[1, 1]), [[1, 0], [1, 0]]);
        assert!(ByClass::new(&[vec![1.0], vec![1.0]], &[2]).is_err());
        assert!(ByClass::new(&[vec![1.0], vec![f64::NAN]], &[0]).is_err());
        assert!(ByClass::new(&[vec![1.0], vec![]], &[0]).is_err());
    }

    /// scikit-learn's roc_auc_score and average_precision_score (macro, of one-hot labels), balanced_accuracy_score,
    /// precision_recall_fscore_support and confusion_matrix, with and without sample weights.
    #[test]
    fn matches_scikit_learn() {
        let cases: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("../../tests/fixtures/multiclass.json")).unwrap();
        assert_eq!(cases.len(), 3);
        for case in cases {
            let of = |value: &serde_json::Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };
            let labels: Vec<usize> = of(&case["labels"]).iter().map(|&label| label as usize).collect();
            let scores: Vec<Vec<f64>> = case["scores"].as_array().unwrap().iter().map(of).collect();
            let found = ByClass::new(&scores, &labels).unwrap();
            for part in case["parts"].as_array().unwrap() {
                let copies: Vec<u32> = of(&part["copies"]).iter().map(|&copies| copies as u32).collect();
                let confusion: Vec<Vec<u64>> = serde_json::from_value(part["confusion"].clone()).unwrap();
                assert_eq!(found.confusion(&copies), confusion);
                let each = found.one_against_rest(&copies);
                for (at, name) in ONE_AGAINST_REST.iter().enumerate() {
                    for (class, expected) in of(&part[*name]).into_iter().enumerate() {
                        assert_abs_diff_eq!(each[class][at].unwrap(), expected, epsilon = 1e-12);
                    }
                }
                for (value, name) in found.overall(&each, &copies).into_iter().zip(OVERALL) {
                    assert_abs_diff_eq!(value.unwrap(), part[name].as_f64().unwrap(), epsilon = 1e-12);
                }
            }
        }
    }
}
