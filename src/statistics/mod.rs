//! Numbers to numbers: agreement, ranking scores, intervals, tests. No images, no engine.
//!
//! A quantity that the data leave undefined is `None`, never 0.

use crate::problem::{Kind, Problem, Result};

pub mod agreement;

pub mod ranking;

pub mod confusion;

pub mod multiclass;

pub mod calibration;

pub mod proportion;

pub mod bootstrap;

pub mod medians;

pub mod few_clusters;

pub mod hierarchy;

pub mod compare;

pub mod clustered_auroc;

pub mod sign_flip;

pub mod recalibration;

pub mod power;

pub mod stated_table;

pub mod order;

pub mod correlation;

pub mod linear_system;

pub mod logistic;

pub mod grouped_calibration;

pub mod reader_model;

/// Level of every interval unless told.
pub const LEVEL: f64 = 0.95;

/// The standard normal quantile that leaves (1 - level) / 2 above it: 1.96 for 0.95.
pub(crate) fn normal_quantile(level: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, Normal};
    Normal::standard().inverse_cdf(0.5 + level / 2.0)
}

/// Two-sided p of a standard normal `z`.
pub(crate) fn two_sided_p(z: f64) -> f64 {
    statrs::function::erf::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Scores and labels must pair up and be numbers; a diverged model's NaN must not become a rank.
pub(crate) fn check_scores(scores: &[f64], labels: &[bool]) -> Result<()> {
    if scores.len() != labels.len() {
        return Err(Problem::new(Kind::Internal, format!("{} scores for {} labels", scores.len(), labels.len())));
    }
    match scores.iter().position(|score| score.is_nan()) {
        Some(at) => Err(Problem::new(Kind::Gate, format!("score {at} of {} is not a number", scores.len()))
            .expected("finite scores")
            .advice("the model that gave them has diverged: lower its learning rate or look at its log")),
        None => Ok(()),
    }
}
