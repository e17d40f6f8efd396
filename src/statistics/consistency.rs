//! Whether published scores can come from the test set that is stated: a search over every confusion matrix.
//!
//! For the paper of the home case no row of its tables does (60 rims, 120 non-rims, rim positive).

use serde::{Deserialize, Serialize};

use super::confusion::{accuracy, precision, sensitivity, specificity};
use crate::records::Confusion;

/// Scores as printed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    pub accuracy: f64,
    pub precision: f64,
    pub sensitivity: f64,
    /// Digits after the point.
    pub decimals: u32,
}

/// How precision and sensitivity were averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Averaging {
    /// Of the positive class.
    Positive,
    /// Mean over both classes.
    Macro,
}

/// The confusion matrix that comes closest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closest {
    pub confusion: Confusion,
    /// Largest distance of the three scores from the printed ones.
    pub error: f64,
    /// All three round to what was printed.
    pub consistent: bool,
}

/// Searches all matrices of `positives` and `negatives` items; `None` without one that has all three scores.
pub fn closest(published: Published, positives: u64, negatives: u64, averaging: Averaging) -> Option<Closest> {
    let mut best: Option<Closest> = None;
    for true_positive in 0..=positives {
        for false_positive in 0..=negatives {
            let confusion = Confusion {
                true_positive,
                false_positive,
                true_negative: negatives - false_positive,
                false_negative: positives - true_positive,
            };
            let Some(error) = error(published, &confusion, averaging) else { continue };
            if best.is_none_or(|best| error < best.error) {
                // Half a unit of the last digit, with room for the decimal fraction's own representation.
                let consistent = error <= 0.5 * 10f64.powi(-(published.decimals as i32)) + 1e-9;
                best = Some(Closest { confusion, error, consistent });
            }
        }
    }
    best
}

/// Share of positives in the test set that the three scores imply together, exact arithmetic; `None` where they do not
/// fix it (perfect scores).
pub fn implied_prevalence(published: Published) -> Option<f64> {
    // False positives per positive are s (1 - p) / p; the error rate 1 - a is prevalence x (misses + false positives).
    let Published { accuracy, precision, sensitivity, .. } = published;
    let errors_per_positive = (1.0 - sensitivity) + sensitivity * (1.0 - precision) / precision;
    (errors_per_positive > 0.0).then(|| (1.0 - accuracy) / errors_per_positive)
}

fn error(published: Published, c: &Confusion, averaging: Averaging) -> Option<f64> {
    let (p, s) = match averaging {
        Averaging::Positive => (precision(c)?, sensitivity(c)?),
        Averaging::Macro => {
            let other = Confusion {
                true_positive: c.true_negative,
                false_positive: c.false_negative,
                true_negative: c.true_positive,
                false_negative: c.false_positive,
            };
            ((precision(c)? + precision(&other)?) / 2.0, (sensitivity(c)? + specificity(c)?) / 2.0)
        }
    };
    let gaps = [accuracy(c)? - published.accuracy, p - published.precision, s - published.sensitivity];
    Some(gaps.into_iter().fold(0.0, |largest, gap| largest.max(gap.abs())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    const fn row(accuracy: f64, precision: f64, sensitivity: f64) -> Published {
        Published { accuracy, precision, sensitivity, decimals: 2 }
    }

    /// Tables 3 and 4 of arXiv 2505.23353: Ambiguous, None, Affine, DeepSMOTE, LD, ADA-GAN, GAN+LD, cGAN.
    const ROWS: [Published; 8] = [
        row(0.78, 0.93, 0.83),
        row(0.79, 0.93, 0.85),
        row(0.83, 0.92, 0.83),
        row(0.84, 0.92, 0.91),
        row(0.87, 0.91, 0.95),
        row(0.85, 0.91, 0.93),
        row(0.85, 0.92, 0.92),
        row(0.86, 0.91, 0.93),
    ];

    /// By hand: 8 of 10 rims found, 1 of 10 others called rim: accuracy 17/20, precision 8/9, sensitivity 8/10.
    #[test]
    fn finds_a_matrix_that_exists() {
        let found = closest(row(0.85, 0.89, 0.80), 10, 10, Averaging::Positive).unwrap();
        assert!(found.consistent);
        assert_eq!((found.confusion.true_positive, found.confusion.false_positive), (8, 1));
    }

    #[test]
    fn no_published_row_fits_60_rims_and_120_others() {
        let errors: Vec<f64> = ROWS
            .iter()
            .map(|&published| {
                let best = closest(published, 60, 120, Averaging::Positive).unwrap();
                assert!(!best.consistent && !closest(published, 60, 120, Averaging::Macro).unwrap().consistent);
                best.error
            })
            .collect();
        let (low, high) = errors.iter().fold((1.0f64, 0.0f64), |(l, h), &e| (l.min(e), h.max(e)));
        assert_abs_diff_eq!(low, 0.052, epsilon = 5e-4);
        assert_abs_diff_eq!(high, 0.092, epsilon = 5e-4);
    }

    #[test]
    fn with_the_others_positive_only_affine_fits() {
        let fits: Vec<Closest> = ROWS.iter().map(|&p| closest(p, 120, 60, Averaging::Positive).unwrap()).collect();
        let consistent: Vec<bool> = fits.iter().map(|fit| fit.consistent).collect();
        assert_eq!(consistent, [false, false, true, false, false, false, false, false]);
        let c = fits[2].confusion;
        assert_eq!((c.true_negative, c.false_positive, c.false_negative, c.true_positive), (51, 9, 21, 99));
    }

    #[test]
    fn the_prevalence_that_the_rows_imply() {
        for (at, expected) in [(1, 0.98), (2, 0.70), (3, 0.95), (4, 0.90)] {
            assert_abs_diff_eq!(implied_prevalence(ROWS[at]).unwrap(), expected, epsilon = 0.01);
        }
        assert_eq!(implied_prevalence(row(1.0, 1.0, 1.0)), None);
    }
}
