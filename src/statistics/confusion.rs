//! Scores at one threshold, from the four counts.

use super::check_scores;
use crate::problem::Result;
use crate::records::Confusion;

/// Counts of "positive if score >= threshold" against `labels`, each item `copies[item]` times (once without).
///
/// # Errors
/// Lengths that differ, or a score that is NaN.
pub fn confusion_at(scores: &[f64], labels: &[bool], threshold: f64, copies: Option<&[u32]>) -> Result<Confusion> {
    check_scores(scores, labels)?;
    let mut counts = Confusion::default();
    for (item, (&score, &label)) in scores.iter().zip(labels).enumerate() {
        let cell = match (score >= threshold, label) {
            (true, true) => &mut counts.true_positive,
            (true, false) => &mut counts.false_positive,
            (false, false) => &mut counts.true_negative,
            (false, true) => &mut counts.false_negative,
        };
        *cell += copies.map_or(1, |copies| u64::from(copies[item]));
    }
    Ok(counts)
}

/// Real positives.
pub fn positives(c: &Confusion) -> u64 {
    c.true_positive + c.false_negative
}

/// Real negatives.
pub fn negatives(c: &Confusion) -> u64 {
    c.true_negative + c.false_positive
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Share of correct answers.
pub fn accuracy(c: &Confusion) -> Option<f64> {
    ratio(c.true_positive + c.true_negative, positives(c) + negatives(c))
}

/// Share of real positives among those called so, at the sample's own prevalence; `None` when nothing was called so.
pub fn precision(c: &Confusion) -> Option<f64> {
    ratio(c.true_positive, c.true_positive + c.false_positive)
}

/// Share of real positives that were called so.
pub fn sensitivity(c: &Confusion) -> Option<f64> {
    ratio(c.true_positive, positives(c))
}

/// Share of real negatives that were called so.
pub fn specificity(c: &Confusion) -> Option<f64> {
    ratio(c.true_negative, negatives(c))
}

/// Mean of sensitivity and specificity.
pub fn balanced_accuracy(c: &Confusion) -> Option<f64> {
    Some((sensitivity(c)? + specificity(c)?) / 2.0)
}

/// Harmonic mean of precision and sensitivity; `None` without positives, called or real.
pub fn f1(c: &Confusion) -> Option<f64> {
    ratio(2 * c.true_positive, 2 * c.true_positive + c.false_positive + c.false_negative)
}

/// Matthews correlation coefficient in \[-1, 1\]; `None` when a row or column of the table is empty (scikit-learn says
/// 0).
pub fn matthews(c: &Confusion) -> Option<f64> {
    let [tp, fp, tn, false_negative] =
        [c.true_positive, c.false_positive, c.true_negative, c.false_negative].map(|count| count as f64);
    let margins = (tp + fp) * (tp + false_negative) * (tn + fp) * (tn + false_negative);
    (margins > 0.0).then(|| (tp * tn - fp * false_negative) / margins.sqrt())
}

/// Positive predictive value where positives are `prevalence` of all items, from sensitivity and specificity (Bayes).
pub fn ppv_at(c: &Confusion, prevalence: f64) -> Option<f64> {
    let hits = sensitivity(c)? * prevalence;
    let called = hits + (1.0 - specificity(c)?) * (1.0 - prevalence);
    (called > 0.0).then(|| hits / called)
}

/// Negative predictive value where positives are `prevalence` of all items, from sensitivity and specificity (Bayes).
pub fn npv_at(c: &Confusion, prevalence: f64) -> Option<f64> {
    let right = specificity(c)? * (1.0 - prevalence);
    let not_called = right + (1.0 - sensitivity(c)?) * prevalence;
    (not_called > 0.0).then(|| right / not_called)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// By hand: 10 positives of which 8 found, 90 negatives of which 9 called positive.
    const COUNTS: Confusion = Confusion { true_positive: 8, false_positive: 9, true_negative: 81, false_negative: 2 };

    #[test]
    fn by_hand() {
        assert_eq!(accuracy(&COUNTS), Some(0.89));
        assert_eq!(precision(&COUNTS), Some(8.0 / 17.0));
        assert_eq!(sensitivity(&COUNTS), Some(0.8));
        assert_eq!(specificity(&COUNTS), Some(0.9));
        assert_abs_diff_eq!(balanced_accuracy(&COUNTS).unwrap(), 0.85, epsilon = 1e-12);
        // .8 * .5 / (.8 * .5 + .1 * .5) = 8 / 9
        assert_abs_diff_eq!(ppv_at(&COUNTS, 0.5).unwrap(), 8.0 / 9.0, epsilon = 1e-12);
        // At its own prevalence PPV is precision.
        assert_abs_diff_eq!(ppv_at(&COUNTS, 0.1).unwrap(), 8.0 / 17.0, epsilon = 1e-12);
        // So is the negative one: 81 of 83. At .5: .9 / (.9 + .2).
        assert_abs_diff_eq!(npv_at(&COUNTS, 0.1).unwrap(), 81.0 / 83.0, epsilon = 1e-12);
        assert_abs_diff_eq!(npv_at(&COUNTS, 0.5).unwrap(), 9.0 / 11.0, epsilon = 1e-12);
    }

    /// The paper's sensitivity .95 with precision .91 on 60 + 120 implies 5.64 false positives, so a PPV of .41
    /// at 3.3 %.
    #[test]
    fn the_published_precision_at_deployment_prevalence() {
        let published =
            Confusion { true_positive: 5700, false_negative: 300, false_positive: 564, true_negative: 12000 - 564 };
        assert_abs_diff_eq!(precision(&published).unwrap(), 0.91, epsilon = 1e-3);
        assert_abs_diff_eq!(ppv_at(&published, 0.033).unwrap(), 0.41, epsilon = 5e-3);
    }

    #[test]
    fn undefined_is_none() {
        let silent = Confusion { true_negative: 5, false_negative: 1, ..Default::default() };
        assert_eq!(precision(&silent), None);
        assert_eq!(matthews(&silent), None);
        assert_eq!(ppv_at(&silent, 0.03), None);
        assert_eq!(sensitivity(&silent), Some(0.0));
        assert_eq!(accuracy(&Confusion::default()), None);
    }

    #[test]
    fn the_threshold_itself_is_positive_and_copies_count() {
        let counts = confusion_at(&[0.5, 0.4, 0.9], &[true, true, false], 0.5, Some(&[2, 3, 1])).unwrap();
        assert_eq!(counts, Confusion { true_positive: 2, false_negative: 3, false_positive: 1, true_negative: 0 });
    }

    #[test]
    fn matches_scikit_learn() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        for case in reference["confusion"].as_array().unwrap() {
            let n = |i: usize| case["counts"][i].as_u64().unwrap();
            let c = Confusion { true_positive: n(0), false_positive: n(1), true_negative: n(2), false_negative: n(3) };
            for (name, value) in [
                ("accuracy", accuracy(&c)),
                ("precision", precision(&c)),
                ("sensitivity", sensitivity(&c)),
                ("balanced_accuracy", balanced_accuracy(&c)),
                ("f1", f1(&c)),
                ("matthews", matthews(&c)),
            ] {
                assert_abs_diff_eq!(value.unwrap(), case[name].as_f64().unwrap(), epsilon = 1e-12);
            }
        }
    }
}
