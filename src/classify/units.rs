//! The units of a comparison: one fit each, of an arm in a repetition, at the settings' weight of what it adds or at
//! one of the curve.

use super::arms::Arm;
use super::config::ClassifyConfig;
use super::runs::{self, Asked, Workplace};
use super::stage::{Inputs, check_inputs, pool, workplace};
use super::weights;
use crate::data::truth;
use crate::engine::Lab;
use crate::name::Name;
use crate::problem::Result;
use crate::settings::Settings;
use crate::units::{Share, Unit};

/// A fit, at a weight of the curve or the settings' own: "none-seed0", "weight-0.5-ada-gan-seed0".
pub(super) fn fit(weight: Option<f64>, arm: Arm, repetition: u64) -> Name {
    let weight = weight.map_or_else(String::new, |weight| format!("weight-{weight}-"));
    Name::of_known(&format!("{weight}{}-seed{repetition}", arm.key()))
}

/// Weights at which there are fits, with the arms at each.
fn weighed(config: &ClassifyConfig) -> Vec<(Option<f64>, Vec<Arm>)> {
    // The curve stands beside the arm that adds nothing.
    let curve = config.extra_weights.iter().filter(|_| config.arms.contains(&Arm::None));
    let curve = curve.map(|&weight| (Some(weight), weights::arms(config)));
    [(None, config.arms.clone())].into_iter().chain(curve).collect()
}

/// All units of the comparison, in their order: they follow from the settings alone.
pub fn all(config: &ClassifyConfig) -> Vec<Unit> {
    let of_arm = |weight, arm| (0..config.seeds).map(move |seed| Unit::new(fit(weight, arm, seed)));
    let of_weight = |(weight, arms): (_, Vec<Arm>)| arms.into_iter().flat_map(move |arm| of_arm(weight, arm));
    weighed(config).into_iter().flat_map(of_weight).collect()
}

/// Makes a share of the fits of [`super::run_with`].
///
/// What all fits learn from is read and made in each share: nets that arms train for themselves (DeepSMOTE, the
/// cross-fitted arms) are trained once a share.
///
/// # Errors
/// As [`super::run_stage`].
pub fn run_share(inputs: Inputs<'_>, config: &ClassifyConfig, share: &Share, lab: &Lab<'_>) -> Result<()> {
    config.check()?;
    check_inputs(&inputs, config).map_err(|problem| problem.at(inputs.data.root()))?;
    let all = all(config);
    let to_do: Vec<Name> = share.to_do(all.clone())?.into_iter().map(|place| all[place].name.clone()).collect();
    if to_do.is_empty() {
        return Ok(());
    }
    let data = inputs.data;
    let truth = inputs.truth.map(|path| truth::read(path, data.manifest())).transpose()?;
    let folder = share.workplace()?;
    let place = workplace(folder.path(), lab);
    lab.engine.set_deterministic(true)?;
    let pool = pool(inputs, config, (place, truth.as_deref(), lab), &mut vec![])?;
    for (weight, arms) in weighed(config) {
        let (config, out) = match weight {
            None => (config.clone(), folder.path().to_owned()),
            Some(weight) => (weights::at_weight(config, weight, arms), folder.path().join(weights::folder(weight))),
        };
        let asked = Asked { data, pool: &pool, config: &config, seed: lab.seed };
        let is_to_do = |arm, repetition| to_do.contains(&fit(weight, arm, repetition));
        let done = |arm, repetition, name: &str| share.leave(&fit(weight, arm, repetition), &out, [name]);
        runs::run_some(asked, Workplace { out: &out, ..place }, is_to_do, done, lab.observer)?;
    }
    Ok(())
}
