//! What authors call accuracy, precision and so on.

use serde::Serialize;

use crate::records::Confusion;

/// A number that a table may state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Share of right answers.
    Accuracy,
    /// Share of real positives among those called so.
    Precision,
    /// Share of the real positives called so (recall).
    Sensitivity,
    /// Share of the real negatives called so.
    Specificity,
    /// Harmonic mean of precision and sensitivity.
    F1,
}

impl Metric {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Sensitivity => "sensitivity",
            Self::Specificity => "specificity",
            Self::F1 => "F1",
        }
    }
}

/// How a table of counts becomes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// Of the class that was named.
    Positive,
    /// Of the other class, as if it were the positive one.
    Other,
    /// Mean over both classes.
    Macro,
    /// Mean over both classes, each weighing as many items as it has.
    Weighted,
    /// Precision and sensitivity exchanged: rows of the table read as columns.
    Exchanged,
    /// As stated, but the accuracy is the balanced one, the mean of sensitivity and specificity.
    BalancedAccuracy,
}

impl Convention {
    /// All that are tried, the one that a reader expects first.
    pub const ALL: [Self; 6] =
        [Self::Positive, Self::Other, Self::Macro, Self::Weighted, Self::Exchanged, Self::BalancedAccuracy];

    /// In words that end a sentence on numbers.
    pub fn about(self) -> &'static str {
        match self {
            Self::Positive => "as stated, of the positive class",
            Self::Other => "with the negatives as the positive class",
            Self::Macro => "as means over both classes (macro)",
            Self::Weighted => "as means over both classes weighted by their size",
            Self::Exchanged => "with precision and sensitivity exchanged",
            Self::BalancedAccuracy => "with balanced accuracy for accuracy",
        }
    }

    /// The number of a table; 0 where it is undefined, as scikit-learn has it.
    pub fn value(self, metric: Metric, table: &Confusion) -> f64 {
        let turned = Confusion {
            true_positive: table.true_negative,
            false_positive: table.false_negative,
            true_negative: table.true_positive,
            false_negative: table.false_positive,
        };
        let (positives, negatives) =
            (table.true_positive + table.false_negative, table.true_negative + table.false_positive);
        let weigh = |share: f64| share * plain(metric, table) + (1.0 - share) * plain(metric, &turned);
        match (self, metric) {
            (Self::Positive, _) => plain(metric, table),
            (Self::Other, _) => plain(metric, &turned),
            (Self::Macro, _) => weigh(0.5),
            (Self::Weighted, _) => weigh(ratio(positives, positives + negatives)),
            (Self::Exchanged, Metric::Precision) => plain(Metric::Sensitivity, table),
            (Self::Exchanged, Metric::Sensitivity) => plain(Metric::Precision, table),
            (Self::BalancedAccuracy, Metric::Accuracy) => {
                0.5 * (plain(Metric::Sensitivity, table) + plain(Metric::Specificity, table))
            }
            (Self::Exchanged | Self::BalancedAccuracy, _) => plain(metric, table),
        }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole > 0 { part as f64 / whole as f64 } else { 0.0 }
}

fn plain(metric: Metric, c: &Confusion) -> f64 {
    let right = c.true_positive + c.true_negative;
    let wrong = c.false_positive + c.false_negative;
    match metric {
        Metric::Accuracy => ratio(right, right + wrong),
        Metric::Precision => ratio(c.true_positive, c.true_positive + c.false_positive),
        Metric::Sensitivity => ratio(c.true_positive, c.true_positive + c.false_negative),
        Metric::Specificity => ratio(c.true_negative, c.true_negative + c.false_positive),
        Metric::F1 => ratio(2 * c.true_positive, 2 * c.true_positive + wrong),
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    /// 8 of 10 positives found, 9 of 90 negatives called positive: precision 8 / 17, of the negatives 81 / 83.
    #[test]
    fn by_hand() {
        let counts = Confusion { true_positive: 8, false_positive: 9, true_negative: 81, false_negative: 2 };
        for (convention, precision, sensitivity, accuracy) in [
            (Convention::Positive, 8.0 / 17.0, 0.8, 0.89),
            (Convention::Other, 81.0 / 83.0, 0.9, 0.89),
            (Convention::Macro, (8.0 / 17.0 + 81.0 / 83.0) / 2.0, 0.85, 0.89),
            (Convention::Weighted, 0.1 * 8.0 / 17.0 + 0.9 * 81.0 / 83.0, 0.89, 0.89),
            (Convention::Exchanged, 0.8, 8.0 / 17.0, 0.89),
            (Convention::BalancedAccuracy, 8.0 / 17.0, 0.8, 0.85),
        ] {
            let value = |metric| convention.value(metric, &counts);
            assert_abs_diff_eq!(value(Metric::Precision), precision, epsilon = 1e-12);
            assert_abs_diff_eq!(value(Metric::Sensitivity), sensitivity, epsilon = 1e-12);
            assert_abs_diff_eq!(value(Metric::Accuracy), accuracy, epsilon = 1e-12);
        }
        assert_abs_diff_eq!(Convention::Positive.value(Metric::F1, &counts), 16.0 / 27.0, epsilon = 1e-12);
        let silent = Confusion { true_negative: 3, false_negative: 2, ..Default::default() };
        assert_eq!(Convention::Positive.value(Metric::Precision, &silent), 0.0);
    }
}
