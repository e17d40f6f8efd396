//! The arms at several weights of what they add, with the None arm beside them: where does it begin to help, and where
//! to harm?

use std::path::PathBuf;

use super::Arm;
use super::config::ClassifyConfig;
use super::fit_files;
use super::runs::{self, Asked, Elsewhere, Runs, Workplace};
use super::stage::Fits;
use crate::files::Claim;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::classify::{ArmRecord, DifferenceRecord, WeightPoint};
use crate::units::Ready;

/// Metrics of the curve.
const METRICS: [&str; 2] = ["auprc", "auroc"];

/// Folder of the fits at a weight inside the stage's.
pub(super) fn folder(weight: f64) -> PathBuf {
    PathBuf::from("weights").join(weight.to_string())
}

/// Arms whose additions are weighed: all but those that add nothing.
pub(super) fn arms(config: &ClassifyConfig) -> Vec<Arm> {
    config.arms.iter().copied().filter(|arm| arm.adds()).collect()
}

/// Files of the fits, relative to the stage's folder.
pub(super) fn written(config: &ClassifyConfig) -> Vec<String> {
    let fit = |weight: f64, arm, seed| format!("{}/{}", folder(weight).display(), fit_files::name(arm, seed));
    let of_arm = |arm: Arm| {
        let of_weight = move |&weight: &f64| (0..config.seeds).map(move |seed| fit(weight, arm, seed));
        config.extra_weights.iter().flat_map(of_weight).collect::<Vec<_>>()
    };
    arms(config).into_iter().flat_map(of_arm).collect()
}

/// The other settings at one weight.
pub(super) fn at_weight(config: &ClassifyConfig, weight: f64, arms: Vec<Arm>) -> ClassifyConfig {
    ClassifyConfig { arms, extra_weight: weight, extra_weights: vec![], ..config.clone() }
}

/// Fits every arm that adds at every weight asked for and scores it beside the None arm's fits.
///
/// # Errors
/// As the comparison itself.
pub(super) fn curve(
    fits: &Fits<'_>,
    truth: Option<&[bool]>,
    place: Workplace<'_>,
    (claim, ready): (&mut Claim, &Ready),
    observer: &dyn Observer,
) -> Result<Vec<WeightPoint>> {
    let mut points = vec![];
    let Some(none) = fits.runs.arms.iter().find(|arm| arm.arm == Arm::None) else { return Ok(points) };
    for &weight in &fits.config.extra_weights {
        let adding = at_weight(fits.config, weight, arms(fits.config));
        let out = place.out.join(folder(weight));
        let asked = Asked { data: fits.data, pool: fits.pool, config: &adding, seed: fits.seed };
        let elsewhere = Elsewhere { ready, weight: Some(weight) };
        let found = runs::run(asked, Workplace { out: &out, ..place }, (claim, elsewhere), observer)?;
        let all: Vec<_> = [none.clone()].into_iter().chain(found.arms).collect();
        let config = at_weight(fits.config, weight, all.iter().map(|arm| arm.arm).collect());
        let runs = Runs { plan: found.plan, arms: all, computed_with: found.computed_with, files: found.files };
        let beside = Fits { runs: &runs, config: &config, ..*fits };
        let outcome = beside.against_the_other(truth, &mut vec![], observer)?;
        let [_, adding @ ..] = outcome.found.arms.as_slice() else {
            return Err(Problem::new(Kind::Internal, "a comparison without arms"));
        };
        points.extend(adding.iter().flat_map(|arm| of_arm(weight, arm, &outcome.found.differences)));
    }
    Ok(points)
}

/// A point for each metric and kind of label that the arm has.
fn of_arm(weight: f64, arm: &ArmRecord, differences: &[DifferenceRecord]) -> Vec<WeightPoint> {
    let mut points = vec![];
    for (against, values) in [("readers", &arm.against_readers), ("truth", &arm.against_truth)] {
        for metric in METRICS {
            let Some(value) = values.get(metric) else { continue };
            let own = |row: &&DifferenceRecord| row.arm == arm.name && row.metric == metric && row.against == against;
            points.push(WeightPoint {
                extra_weight: weight,
                arm: arm.name.clone(),
                metric: metric.to_owned(),
                against: against.to_owned(),
                value: value.clone(),
                difference: differences.iter().find(own).map(|row| row.difference.clone()),
            });
        }
    }
    points
}
