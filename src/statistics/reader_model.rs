//! What several readers' votes and a score say together about classes that nobody knows: sensitivity and specificity
//! of each reader and the probability of each item, estimated at once (Raykar et al. 2010, JMLR 11, section 3; without
//! the score it is Dawid and Skene 1979). The classifier is a logistic regression on one score.

use crate::problem::{Kind, Problem, Result};

/// Half of it times the squared slope is added to the sum of the losses: without it the slope is not defined where the
/// score parts the classes.
pub const RIDGE: f64 = 1.0;

/// Rounds at most; the last change of any probability is then far below what anyone can see.
const ROUNDS: usize = 5000;

/// Rounds end when no probability changes by more.
const SETTLED: f64 = 1e-10;

/// Probabilities and rates keep this distance from 0 and 1, so that one vote never decides alone.
const EDGE: f64 = 1e-6;

/// What was estimated.
#[derive(Clone, Debug, PartialEq)]
pub struct ReaderModel {
    /// Probability of each item to be of interest, 0 to 1.
    pub posterior: Vec<f64>,
    /// Share of those of interest that each reader sees.
    pub sensitivity: Vec<f64>,
    /// Share of the others that each reader calls others.
    pub specificity: Vec<f64>,
    /// Log-odds at a score of 0, before any vote.
    pub intercept: f64,
    /// Log-odds a unit of the score.
    pub slope: f64,
}

/// Estimates from a score and the votes of each item; every item has a vote of each reader. Starts from the share of
/// votes for it.
///
/// # Errors
/// No items, scores and votes that do not pair up, or a score that is not finite.
pub fn fit(scores: &[f64], votes: &[Vec<bool>]) -> Result<ReaderModel> {
    let readers = votes.first().map_or(0, Vec::len);
    let paired = scores.len() == votes.len() && votes.iter().all(|votes| votes.len() == readers);
    if readers == 0 || !paired || scores.iter().any(|score| !score.is_finite()) {
        return Err(Problem::new(Kind::Internal, format!("{} scores and {} votes", scores.len(), votes.len()))
            .expected("a finite score and a vote of each reader for every item"));
    }
    let share = |votes: &Vec<bool>| votes.iter().filter(|vote| **vote).count() as f64 / readers as f64;
    let mut model = ReaderModel {
        posterior: votes.iter().map(share).collect(),
        sensitivity: vec![],
        specificity: vec![],
        intercept: 0.0,
        slope: 0.0,
    };
    for _ in 0..ROUNDS {
        let before = model.posterior.clone();
        model.maximise(scores, votes);
        model.posterior = scores.iter().zip(votes).map(|(&score, votes)| model.probability(score, votes)).collect();
        let change = model.posterior.iter().zip(&before).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        if change < SETTLED {
            break;
        }
    }
    Ok(model)
}

impl ReaderModel {
    /// Of an item with this score and these votes.
    pub fn probability(&self, score: f64, votes: &[bool]) -> f64 {
        let mut odds = self.intercept + self.slope * score;
        for (reader, &vote) in votes.iter().enumerate() {
            let (sensitivity, specificity) = (self.sensitivity[reader], self.specificity[reader]);
            odds +=
                if vote { (sensitivity / (1.0 - specificity)).ln() } else { ((1.0 - sensitivity) / specificity).ln() };
        }
        1.0 / (1.0 + (-odds).exp())
    }

    /// Rates and regression that fit the posterior best.
    fn maximise(&mut self, scores: &[f64], votes: &[Vec<bool>]) {
        let readers = votes[0].len();
        let rate = |weight: &dyn Fn(f64) -> f64, wanted: bool, reader: usize| {
            let all: f64 = self.posterior.iter().map(|&p| weight(p)).sum();
            let chosen = self.posterior.iter().zip(votes).filter(|(_, votes)| votes[reader] == wanted);
            let part: f64 = chosen.map(|(&p, _)| weight(p)).sum();
            (part / all.max(EDGE)).clamp(EDGE, 1.0 - EDGE)
        };
        let sensitivity = (0..readers).map(|reader| rate(&|p| p, true, reader)).collect();
        let specificity = (0..readers).map(|reader| rate(&|p| 1.0 - p, false, reader)).collect();
        (self.sensitivity, self.specificity) = (sensitivity, specificity);
        (self.intercept, self.slope) = logistic(scores, &self.posterior, (self.intercept, self.slope));
    }
}

/// Intercept and slope of the logistic regression of probabilities on a score, with [`RIDGE`] on the slope: Newton's
/// method, halved where a step does not lower the loss.
fn logistic(scores: &[f64], targets: &[f64], start: (f64, f64)) -> (f64, f64) {
    let loss = |(a, b): (f64, f64)| -> f64 {
        let each = |(score, target): (&f64, &f64)| {
            let z = a + b * score;
            // ln(1 + e^z) without overflow.
            z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
        };
        scores.iter().zip(targets).map(each).sum::<f64>() + RIDGE / 2.0 * b * b
    };
    let (mut at, mut value) = (start, loss(start));
    for _ in 0..100 {
        let (mut g, mut h) = ([0.0, RIDGE * at.1], [0.0, 0.0, RIDGE]);
        for (score, target) in scores.iter().zip(targets) {
            let p = 1.0 / (1.0 + (-(at.0 + at.1 * score)).exp());
            let (residual, weight) = (p - target, p * (1.0 - p));
            g[0] += residual;
            g[1] += residual * score;
            h[0] += weight;
            h[1] += weight * score;
            h[2] += weight * score * score;
        }
        // The intercept alone has no ridge: where all is settled its curvature vanishes.
        h[0] += EDGE;
        let determinant = h[0] * h[2] - h[1] * h[1];
        let step = [(h[2] * g[0] - h[1] * g[1]) / determinant, (h[0] * g[1] - h[1] * g[0]) / determinant];
        let mut length = 1.0;
        let next = loop {
            let next = (at.0 - length * step[0], at.1 - length * step[1]);
            if loss(next) <= value || length < 1e-9 {
                break next;
            }
            length /= 2.0;
        };
        let moved = (next.0 - at.0).abs().max((next.1 - at.1).abs());
        (at, value) = (next, loss(next));
        if moved < 1e-13 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    #[derive(serde::Deserialize)]
    struct Reference {
        scores: Vec<f64>,
        votes: Vec<Vec<u8>>,
        intercept: f64,
        slope: f64,
        sensitivity: Vec<f64>,
        specificity: Vec<f64>,
        posterior: Vec<f64>,
    }

    #[test]
    fn agrees_with_an_estimate_by_scipy() {
        let reference: Reference =
            serde_json::from_str(include_str!("../../tests/fixtures/reader_model.json")).unwrap();
        let votes: Vec<Vec<bool>> =
            reference.votes.iter().map(|votes| votes.iter().map(|&vote| vote == 1).collect()).collect();
        let model = fit(&reference.scores, &votes).unwrap();
        assert_abs_diff_eq!(model.intercept, reference.intercept, epsilon = 1e-5);
        assert_abs_diff_eq!(model.slope, reference.slope, epsilon = 1e-5);
        for (own, theirs) in [
            (&model.sensitivity, &reference.sensitivity),
            (&model.specificity, &reference.specificity),
            (&model.posterior, &reference.posterior),
        ] {
            assert_eq!(own.len(), theirs.len());
            own.iter().zip(theirs).for_each(|(own, theirs)| assert_abs_diff_eq!(own, theirs, epsilon = 1e-5));
        }
    }

    #[derive(serde::Deserialize)]
    struct Votes {
        votes: Vec<Vec<u8>>,
        prior: f64,
        sensitivity: Vec<f64>,
        specificity: Vec<f64>,
        posterior: Vec<f64>,
    }

    /// Five readers, one of them misleading, and a score that says nothing.
    #[test]
    fn without_a_score_it_is_dawid_and_skene_as_crowd_kit_has_them() {
        let reference: Votes = serde_json::from_str(include_str!("../../tests/fixtures/dawid_skene.json")).unwrap();
        let votes: Vec<Vec<bool>> =
            reference.votes.iter().map(|votes| votes.iter().map(|&vote| vote == 1).collect()).collect();
        let model = fit(&vec![0.0; votes.len()], &votes).unwrap();
        assert_eq!(model.slope, 0.0);
        assert_abs_diff_eq!(1.0 / (1.0 + (-model.intercept).exp()), reference.prior, epsilon = 1e-6);
        for (own, theirs) in [
            (&model.sensitivity, &reference.sensitivity),
            (&model.specificity, &reference.specificity),
            (&model.posterior, &reference.posterior),
        ] {
            assert_eq!(own.len(), theirs.len());
            own.iter().zip(theirs).for_each(|(own, theirs)| assert_abs_diff_eq!(own, theirs, epsilon = 1e-6));
        }
    }

    #[test]
    fn a_posterior_by_hand() {
        let model = ReaderModel {
            posterior: vec![],
            sensitivity: vec![0.8, 0.5],
            specificity: vec![0.9, 0.75],
            intercept: 0.0,
            slope: 1.0,
        };
        // Even odds; the first says yes: .8 / .1 = 8; the second no: .5 / .75 = 2/3; together 16/3.
        assert_abs_diff_eq!(model.probability(0.0, &[true, false]), 16.0 / 19.0, epsilon = 1e-12);
        // Odds of 3 before the votes: 16.
        assert_abs_diff_eq!(model.probability(3f64.ln(), &[true, false]), 16.0 / 17.0, epsilon = 1e-12);
    }

    #[test]
    fn a_score_that_decides_settles_contested_items_and_odd_input_is_refused() {
        // 20 agreed of each kind far apart, and two contested that lie with one or the other.
        let mut scores: Vec<f64> = (0..40).map(|at| if at < 20 { 5.0 } else { -5.0 }).collect();
        let mut votes: Vec<Vec<bool>> = (0..40).map(|at| vec![at < 20; 2]).collect();
        scores.extend([5.0, -5.0]);
        votes.extend([vec![true, false], vec![true, false]]);
        let model = fit(&scores, &votes).unwrap();
        assert!(model.posterior[40] > 0.9 && model.posterior[41] < 0.1, "{:?}", &model.posterior[40..]);
        // The second misses one of 21, the first calls one of 21 others.
        assert_abs_diff_eq!(model.sensitivity[1], 20.0 / 21.0, epsilon = 0.02);
        assert_abs_diff_eq!(model.specificity[0], 20.0 / 21.0, epsilon = 0.02);
        assert!(fit(&[f64::NAN], &[vec![true]]).is_err() && fit(&[1.0], &[]).is_err());
    }
}
