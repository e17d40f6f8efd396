//! Whether log-odds mean what they say: the line of Cox (Biometrika 45:562, 1958), calibration in the large, and the
//! Brier score, each the mean over repetitions with its interval over patients.
//!
//! logit P(positive) = intercept + slope x score. Slope 1 is right, below 1 the scores are too extreme. In the large
//! the slope is held at 1: an intercept above 0 says that positives are more frequent than the scores say. Van Calster
//! et al., BMC Med 17:230 (2019). Intervals are those of the sandwich estimator by patient with k / (k - 1), and
//! Student's t.

use std::collections::BTreeMap;

use super::few_clusters::t_quantile;
use super::{LEVEL, check_scores};
use crate::problem::Result;
use crate::records::Interval;

/// Calibration of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Of Cox's line; `None` where the scores separate the classes or are all alike, so that no line is the likeliest.
    pub slope: Option<Interval>,
    /// With the slope held at 1, in log-odds; `None` where a class is missing.
    pub in_the_large: Option<Interval>,
    /// Mean squared distance of probability and label.
    pub brier: Option<Interval>,
    /// Brier score of the share of positives as everybody's probability.
    pub brier_of_prevalence: f64,
}

/// Steps of Newton's method, at most; it needs fewer than ten.
const STEPS: usize = 100;

/// A number of every repetition beside what each item does to it.
struct Estimate {
    value: f64,
    influence: Vec<f64>,
}

/// `scores` are log-odds, \[repetitions\]\[items\].
///
/// # Errors
/// Lengths that differ, or a score that is NaN.
pub fn calibration<C: Ord>(scores: &[&[f64]], labels: &[bool], clusters: &[C]) -> Result<Calibration> {
    for scores in scores {
        check_scores(scores, labels)?;
    }
    let positives = labels.iter().filter(|&&label| label).count() as f64;
    let share = positives / labels.len().max(1) as f64;
    let over = |estimate: Estimator| {
        let each: Option<Vec<Estimate>> = scores.iter().map(|scores| estimate(scores, labels)).collect();
        interval(&each?, clusters)
    };
    Ok(Calibration {
        slope: over(line),
        in_the_large: over(in_the_large),
        brier: over(brier),
        brier_of_prevalence: share * (1.0 - share),
    })
}

/// Of one repetition, from its scores and the labels.
type Estimator = fn(&[f64], &[bool]) -> Option<Estimate>;

/// The mean over repetitions; its variance from the sums of influences in each cluster.
fn interval<C: Ord>(each: &[Estimate], clusters: &[C]) -> Option<Interval> {
    let n = each.len() as f64;
    let value = super::bootstrap::mean(each.iter().map(|estimate| Some(estimate.value)))?;
    let mut sums: BTreeMap<&C, f64> = BTreeMap::new();
    for (item, cluster) in clusters.iter().enumerate() {
        *sums.entry(cluster).or_default() += each.iter().map(|estimate| estimate.influence[item]).sum::<f64>() / n;
    }
    let k = sums.len() as f64;
    let variance = sums.values().map(|sum| sum * sum).sum::<f64>() * k / (k - 1.0);
    let half = t_quantile(LEVEL, k - 1.0)? * variance.sqrt();
    let method = format!("sandwich by patient, t with {} degrees of freedom", k - 1.0);
    Some(Interval { value, low: value - half, high: value + half, level: LEVEL, n: sums.len() as u64, method })
}

/// Probability of log-odds.
pub fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Slope of Cox's line.
fn line(scores: &[f64], labels: &[bool]) -> Option<Estimate> {
    if separated(scores, labels) {
        return None;
    }
    // Newton on centred and scaled scores, so that the curvature is well conditioned whatever the scores' size.
    let n = scores.len() as f64;
    let centre = scores.iter().sum::<f64>() / n;
    let scale = (scores.iter().map(|score| (score - centre).powi(2)).sum::<f64>() / n).sqrt();
    let x: Vec<f64> = scores.iter().map(|score| (score - centre) / scale).collect();
    let likelihood = |a: f64, b: f64| -> f64 {
        let each = x.iter().zip(labels).map(|(x, &label)| {
            let odds = if label { a + b * x } else { -a - b * x };
            // log of the logistic function, without overflow.
            -(odds.min(0.0).abs() + (-odds.abs()).exp().ln_1p())
        });
        each.sum()
    };
    let (mut a, mut b) = (0.0, 0.0);
    for _ in 0..STEPS {
        let step = Curvature::at(&x, labels, a, b)?.step();
        let mut share = 1.0;
        while share > 1e-9 && likelihood(a + share * step[0], b + share * step[1]) < likelihood(a, b) {
            share /= 2.0;
        }
        a += share * step[0];
        b += share * step[1];
        if step[0].abs().max(step[1].abs()) < 1e-10 {
            break;
        }
    }
    let found = Curvature::at(&x, labels, a, b)?;
    let influence = x.iter().zip(labels).map(|(x, &label)| {
        let off = f64::from(u8::from(label)) - probability(a + b * x);
        found.solve([off, off * x])[1] / scale
    });
    let influence: Vec<f64> = influence.collect();
    Some(Estimate { value: b / scale, influence }).filter(|estimate| estimate.value.is_finite())
}

/// Whether some threshold parts the classes, ties on it allowed, or there is nothing to part.
fn separated(scores: &[f64], labels: &[bool]) -> bool {
    let ends = |wanted: bool| {
        let own = scores.iter().zip(labels).filter(|(_, label)| **label == wanted).map(|(score, _)| *score);
        own.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| (low.min(score), high.max(score)))
    };
    let (positives, negatives) = (ends(true), ends(false));
    // Without a class its ends are infinite the wrong way round, so that this holds, too.
    positives.0 >= negatives.1 || negatives.0 >= positives.1
}

/// Gradient and information of the line's likelihood.
struct Curvature {
    gradient: [f64; 2],
    information: [f64; 3],
}

impl Curvature {
    /// `None` where the information is singular.
    fn at(x: &[f64], labels: &[bool], a: f64, b: f64) -> Option<Self> {
        let mut found = Self { gradient: [0.0; 2], information: [0.0; 3] };
        for (x, &label) in x.iter().zip(labels) {
            let p = probability(a + b * x);
            let (off, weight) = (f64::from(u8::from(label)) - p, p * (1.0 - p));
            found.gradient[0] += off;
            found.gradient[1] += off * x;
            found.information[0] += weight;
            found.information[1] += weight * x;
            found.information[2] += weight * x * x;
        }
        (found.determinant() > 1e-300).then_some(found)
    }

    fn determinant(&self) -> f64 {
        self.information[0] * self.information[2] - self.information[1] * self.information[1]
    }

    fn solve(&self, right: [f64; 2]) -> [f64; 2] {
        let [a, b, c] = self.information;
        [c * right[0] - b * right[1], a * right[1] - b * right[0]].map(|value| value / self.determinant())
    }

    fn step(&self) -> [f64; 2] {
        self.solve(self.gradient)
    }
}

/// Intercept with slope 1: the shift of all scores at which their probabilities add up to the positives, by bisection.
fn in_the_large(scores: &[f64], labels: &[bool]) -> Option<Estimate> {
    let positives = labels.iter().filter(|&&label| label).count();
    if positives == 0 || positives == labels.len() {
        return None;
    }
    let missing = |shift: f64| positives as f64 - scores.iter().map(|s| probability(s + shift)).sum::<f64>();
    let furthest = scores.iter().fold(0.0, |most: f64, score| most.max(score.abs()));
    let odds = (positives as f64 / (labels.len() - positives) as f64).ln();
    let (mut low, mut high) = (odds - furthest - 1.0, odds + furthest + 1.0);
    for _ in 0..200 {
        let middle = low + (high - low) / 2.0;
        if missing(middle) > 0.0 { low = middle } else { high = middle }
    }
    let value = low + (high - low) / 2.0;
    let information: f64 = scores.iter().map(|s| probability(s + value)).map(|p| p * (1.0 - p)).sum();
    let off = |(score, &label): (&f64, &bool)| f64::from(u8::from(label)) - probability(score + value);
    let influence = scores.iter().zip(labels).map(|item| off(item) / information).collect();
    (information > 0.0 && value.is_finite()).then_some(Estimate { value, influence })
}

fn brier(scores: &[f64], labels: &[bool]) -> Option<Estimate> {
    let n = scores.len() as f64;
    let squares = scores.iter().zip(labels).map(|(&s, &label)| (probability(s) - f64::from(u8::from(label))).powi(2));
    let squares: Vec<f64> = squares.collect();
    let value = squares.iter().sum::<f64>() / n;
    (n > 0.0).then(|| Estimate { value, influence: squares.iter().map(|square| (square - value) / n).collect() })
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    /// Four items at log-odds 0 of which three are positive, four at -2 of which one is: in the large both groups are
    /// to be shifted until their probabilities add up to four of eight, which is 1 (probabilities .731 and .269). The
    /// line through log-odds ln 3 at 0 and -ln 3 at -2 has the slope ln 3.
    #[test]
    fn two_groups_by_hand() {
        let scores = [0.0, 0.0, 0.0, 0.0, -2.0, -2.0, -2.0, -2.0];
        let labels = [true, true, true, false, true, false, false, false];
        let found = calibration(&[&scores], &labels, &[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
        assert_abs_diff_eq!(found.slope.unwrap().value, 3.0_f64.ln(), epsilon = 1e-9);
        assert_abs_diff_eq!(found.in_the_large.unwrap().value, 1.0, epsilon = 1e-9);
        assert_eq!(found.brier_of_prevalence, 0.25);
        let rare = 1.0 / (1.0 + 2.0_f64.exp());
        let expected = (4.0 * 0.25 + (1.0 - rare).powi(2) + 3.0 * rare * rare) / 8.0;
        assert_abs_diff_eq!(found.brier.unwrap().value, expected, epsilon = 1e-12);
    }

    #[test]
    fn separated_alike_and_one_sided_scores_have_no_line() {
        let of = |scores: &[f64], labels: &[bool]| {
            let clusters: Vec<usize> = (0..labels.len()).collect();
            calibration(&[scores], labels, &clusters).unwrap()
        };
        let separated = of(&[1.0, 2.0, 3.0, 3.0], &[false, false, false, true]);
        assert_eq!(separated.slope, None);
        assert!(separated.in_the_large.is_some());
        assert_eq!(of(&[1.0; 4], &[false, true, false, true]).slope, None);
        let one = of(&[1.0, 2.0], &[true, true]);
        assert_eq!((one.slope, one.in_the_large), (None, None));
        assert!(one.brier.unwrap().low.is_finite());
        let far = of(&[-900.0, 800.0, -700.0, 900.0], &[true, false, false, true]);
        assert!(far.in_the_large.is_none_or(|i| i.value.is_finite() && i.low.is_finite()));
        let empty = calibration::<u8>(&[&[]], &[], &[]).unwrap();
        assert_eq!((empty.brier, empty.brier_of_prevalence), (None, 0.0));
        let one_patient = calibration(&[&[0.1, 0.4, 0.2]], &[true, false, true], &["a", "a", "a"]).unwrap();
        assert_eq!((one_patient.slope, one_patient.brier), (None, None), "one patient has no interval");
    }

    /// Scores a thousand times as large have a slope a thousandth as large.
    #[test]
    fn the_slope_goes_with_the_scale() {
        let scores: Vec<f64> = (0..40).map(|i| f64::from(i % 7) - 3.0).collect();
        let labels: Vec<bool> = (0..40).map(|i| (i * i) % 7 > 2 || i % 11 == 0).collect();
        let clusters: Vec<usize> = (0..40).map(|i| i / 4).collect();
        let large: Vec<f64> = scores.iter().map(|s| 1000.0 * s).collect();
        let [small, large] =
            [&scores, &large].map(|scores| calibration(&[scores], &labels, &clusters).unwrap().slope.unwrap());
        assert_abs_diff_eq!(small.value, 1000.0 * large.value, epsilon = 1e-8);
        assert_abs_diff_eq!(small.low, 1000.0 * large.low, epsilon = 1e-8);
    }

    /// statsmodels: GLM with errors by cluster (its variance without correction, times k / (k - 1)), scipy's t.
    #[test]
    fn matches_statsmodels() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/comparisons.json")).unwrap();
        let cases = reference["recalibration"].as_array().unwrap();
        assert!(cases.len() >= 2);
        for case in cases {
            let floats =
                |key: &str| -> Vec<f64> { case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
            let labels: Vec<bool> = floats("labels").iter().map(|&l| l == 1.0).collect();
            let clusters: Vec<u64> = floats("clusters").iter().map(|&c| c as u64).collect();
            let found = calibration(&[&floats("scores")], &labels, &clusters).unwrap();
            for (ours, key) in [(found.slope, "slope"), (found.in_the_large, "in_the_large"), (found.brier, "brier")] {
                let ours = ours.unwrap();
                let expected: [f64; 3] = serde_json::from_value(case[key].clone()).unwrap();
                assert_abs_diff_eq!(ours.value, expected[0], epsilon = 1e-7);
                assert_abs_diff_eq!(ours.low, expected[1], epsilon = 1e-6);
                assert_abs_diff_eq!(ours.high, expected[2], epsilon = 1e-6);
            }
        }
    }
}
