//! Classifiers that have not seen what they judge: the patients in three parts, one network fitted without each.

use tch::Tensor;

use super::{Workshop, realism};
use crate::classify::Arm;
use crate::classify::fit::{self, Fit};
use crate::classify::material::{Material, Supply, Unit};
use crate::classify::rows::Rows;
use crate::classify::runs;
use crate::classify::source::Source;
use crate::classify::start;
use crate::classify::training_set::Example;
use crate::data::Prepared;
use crate::nets::network::Named;
use crate::problem::{Kind, Problem, Result};
use rand::seq::SliceRandom;
use serde_json::json;

/// Parts of the patients.
const FOLDS: usize = 3;

/// Log-odds of every row by every network.
pub(super) struct CrossFit {
    /// Part of each lesion's patient, by the manifest's lesions.
    parts: Vec<usize>,
    /// By the part that the network has not seen, then by row.
    odds: Vec<Vec<f32>>,
}

impl CrossFit {
    /// A lesion's score by the network that has not seen its patient.
    pub fn of_lesion(&self, shop: &Workshop<'_>, unit: &Unit) -> f64 {
        let odds = &self.odds[self.parts[unit.lesion.unwrap_or_default() as usize]];
        shop.config.pooling.pool(&mut unit.rows.iter().map(|&row| odds[row as usize]).collect::<Vec<_>>())
    }

    /// The mean of all networks, for what no patient stands behind.
    fn of_all(&self, unit: &Unit) -> f64 {
        let rows = || unit.rows.iter().map(|&row| row as usize);
        let sum: f64 = self.odds.iter().flat_map(|odds| rows().map(|row| f64::from(odds[row]))).sum();
        sum / (self.odds.len() * unit.rows.len()) as f64
    }
}

/// Part of each lesion of the manifest, by patient; drawn.
fn parts(data: &Prepared, shop: &Workshop<'_>) -> Vec<usize> {
    let lesions = &data.manifest().lesions;
    let mut patients: Vec<&str> = lesions.iter().map(|lesion| lesion.patient.as_str()).collect();
    patients.sort_unstable();
    patients.dedup();
    patients.shuffle(&mut shop.seed.stream("cross-fit", 0));
    let place = |patient: &str| patients.iter().position(|other| *other == patient).unwrap_or_default();
    lesions.iter().map(|lesion| place(&lesion.patient) % FOLDS).collect()
}

/// Fits on the agreed lesions and, where there are any, on `soft` beside them; `round` 0 or 1 names the file.
///
/// # Errors
/// A class that only one part of the patients has, a diverged fit, a full disk, or stopped on request.
pub(super) fn fit(
    shop: &Workshop<'_>,
    rows: &Rows,
    material: &Material,
    soft: &[Example],
    round: usize,
) -> Result<CrossFit> {
    let parts = parts(shop.data, shop);
    let pixels = rows.stack();
    let mut settings = json!([
        runs::pixels_sha256(&[&pixels])?,
        shop.config.manner(),
        shop.config.epochs,
        shop.config.batch,
        shop.config.learning_rate,
        shop.config.width,
        shop.config.non_rims_per_rim,
        parts,
        soft
    ]);
    // Those of the units' network are known as ever.
    if let (Some(settings), false) = (settings.as_array_mut(), shop.config.network.is_cnn()) {
        settings.push(json!(start::classifier(shop.data, shop.config, material.classes.len())?));
    }
    let name = super::FILES[round];
    let made = shop.kept(name, &settings, || {
        shop.observer.begin(&format!("cross-fit, round {}", round + 1), "steps", 0);
        let all = (0..FOLDS).map(|part| without(shop, &pixels, material, soft, (part, &parts)));
        let odds: Vec<Tensor> = all.map(|odds| Ok(Tensor::from_slice(&odds?))).collect::<Result<_>>()?;
        shop.observer.end();
        Ok(Named::from([("odds".to_owned(), Tensor::stack(&odds, 0))]))
    })?;
    let odds: Vec<f32> = Vec::try_from(made["odds"].reshape([-1]))?;
    Ok(CrossFit { parts, odds: odds.chunks_exact(pixels.size()[0] as usize).map(<[f32]>::to_vec).collect() })
}

/// Log-odds of every row by a network that has not seen the patients of a part.
fn without(
    shop: &Workshop<'_>,
    pixels: &Tensor,
    material: &Material,
    soft: &[Example],
    (part, parts): (usize, &[usize]),
) -> Result<Vec<f32>> {
    let seen = |unit: &&Unit| unit.lesion.is_none_or(|lesion| parts[lesion as usize] != part);
    let own = |units: &Vec<Unit>| units.iter().filter(seen).cloned().collect();
    let mut others = Material {
        classes: material.classes.iter().map(own).collect(),
        interest: material.interest,
        leaked: vec![vec![]; material.classes.len()],
        ..Material::default()
    };
    let soft: Vec<Example> = soft.iter().filter(|example| seen(&&example.unit)).cloned().collect();
    let count = soft.len();
    others.supplies.insert(Source::Posterior, Supply::Ranked(soft));
    let seed = shop.seed.child("cross-fit", part as u64);
    let config = shop.config;
    let selection = others.select(0, seed.child("draws", 0), count, config.non_rims_per_rim).map_err(|problem| {
        problem
            .at(shop.data.root())
            .advice("leave the arms \"em\" and \"ada-gan-agreement\" out of classify.arms (--arms)")
    })?;
    let arm = if count > 0 { Arm::Em } else { Arm::None };
    let plan = runs::plan(shop.data, config, &Arm::None.compose(&selection, config.batch))?;
    let set = arm.compose(&selection, config.batch);
    let interest = material.interest.unwrap_or_default() as i64;
    let network = start::network(&plan.classifier, config.weights.as_deref(), seed, pixels.device())?;
    let fit = Fit { set: &set, pixels, plan: &plan, manner: config.manner(), seed };
    let (network, _) = fit.from(network, shop.observer)?;
    let mut odds = fit::score(network.as_ref(), pixels, &[interest])?;
    odds.pop().ok_or_else(|| Problem::new(Kind::Internal, "no scores"))
}

/// The synthetic lesions, those first that the networks are surest to be of interest.
pub(super) fn agreeing(shop: &Workshop<'_>, rows: &Rows, material: &Material) -> Result<Supply> {
    let found = fit(shop, rows, material, &[], 0)?;
    let sure = |drawn: Vec<Example>| {
        let scores: Vec<f64> = drawn.iter().map(|example| found.of_all(&example.unit)).collect();
        Ok(realism::ranked(drawn, &scores))
    };
    material.ranked_by_generator(Source::Synthetic, sure)
}
