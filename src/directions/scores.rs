//! What a direction does, in numbers, from what was measured along it.

use super::bench::{MIDDLE, Measured, STEPS, steps};
use crate::statistics::correlation::spearman;

/// Scores of one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Of each factor: mean change from end to end for a step of one deviation, in the factor's deviations; 0 of a
    /// factor that does not vary.
    pub effects: Vec<f64>,
    /// Of each factor: Spearman's correlation with the step, mean over the codes, -1 to 1.
    pub monotonicity: Vec<f64>,
    /// Number of the factor with the largest effect.
    pub leading: usize,
    /// Share of the largest effect in the sum of all, 1 / factors to 1; 0 where nothing moves.
    pub purity: f64,
    /// Total variation of the class shares between both ends, mean over the codes.
    pub leak: Option<f64>,
    /// Distance to the image of the code itself at each watched step, mean over the codes.
    pub distances: Vec<f64>,
    /// Distance of the moved code to the cloud at each watched step, mean over the codes.
    pub cloud: Vec<f64>,
    /// Distance of every code's image at both ends, the lower end first.
    pub ends: Vec<f64>,
}

impl Scores {
    /// From what was measured with steps up to `reach`; `deviations` are those of the factors among real images.
    pub fn of(measured: &Measured, reach: f64, deviations: &[f64]) -> Self {
        let count = measured.factors.len() as f64;
        let over_codes = |value: &dyn Fn(usize) -> f64| (0..measured.factors.len()).map(value).sum::<f64>() / count;
        let steps = steps(reach);
        let effect = |(factor, deviation): (usize, &f64)| {
            let change = |code: usize| {
                let of_code = &measured.factors[code];
                of_code[STEPS - 1][factor] - of_code[0][factor]
            };
            if *deviation > 0.0 { over_codes(&change) / (2.0 * reach * deviation) } else { 0.0 }
        };
        let effects: Vec<f64> = deviations.iter().enumerate().map(effect).collect();
        let monotonicity = |factor: usize| {
            over_codes(&|code| {
                let values: Vec<f64> = measured.factors[code].iter().map(|values| values[factor]).collect();
                spearman(&steps, &values).unwrap_or(0.0)
            })
        };
        let at_step = |values: &[Vec<f64>]| {
            let watched = values.first().map_or(0, Vec::len);
            (0..watched).map(|step| over_codes(&|code| values[code][step])).collect::<Vec<f64>>()
        };
        let leading = (0..effects.len()).max_by(|a, b| effects[*a].abs().total_cmp(&effects[*b].abs()));
        let leading = leading.unwrap_or_default();
        Self {
            monotonicity: (0..effects.len()).map(monotonicity).collect(),
            purity: purity(&effects),
            leading,
            effects,
            leak: measured.leaks.as_ref().map(|leaks| leaks.iter().sum::<f64>() / count),
            distances: at_step(&measured.distances),
            cloud: at_step(&measured.cloud),
            ends: measured.distances.iter().flat_map(|steps| [steps[0], steps[steps.len() - 1]]).collect(),
        }
    }

    /// Size of the largest effect.
    pub fn strongest(&self) -> f64 {
        self.effects.get(self.leading).map_or(0.0, |effect| effect.abs())
    }

    /// How steadily the leading factor follows the step, 0 to 1.
    pub fn steadiness(&self) -> f64 {
        self.monotonicity.get(self.leading).map_or(0.0, |value| value.abs())
    }

    /// Mean of both ends of what stands at each watched step.
    pub fn at_ends(of_steps: &[f64]) -> f64 {
        (of_steps[0] + of_steps[of_steps.len() - 1]) / 2.0
    }

    /// Whether the leading factor falls along the direction, so that its opposite is meant.
    pub fn falls(&self) -> bool {
        self.effects.get(self.leading).is_some_and(|effect| *effect < 0.0)
    }

    /// Those of the opposite direction, which need not be measured again.
    pub fn opposite(mut self) -> Self {
        self.effects.iter_mut().chain(&mut self.monotonicity).for_each(|value| *value = -*value);
        self.distances.reverse();
        self.cloud.reverse();
        self.ends.chunks_exact_mut(2).for_each(<[f64]>::reverse);
        self
    }
}

/// max |e| / sum |e|.
fn purity(effects: &[f64]) -> f64 {
    let sizes = effects.iter().map(|effect| effect.abs());
    let sum: f64 = sizes.clone().sum();
    if sum > 0.0 { sizes.fold(0.0, f64::max) / sum } else { 0.0 }
}

/// The code itself must be where its step is 0.
const _: () = assert!(MIDDLE * 2 + 1 == STEPS);

#[cfg(test)]
mod tests {
    use super::*;

    /// One code: the first factor falls by 1 a step, the second goes up and down.
    fn measured() -> Measured {
        let of_step = |step: usize| vec![10.0 - step as f64, if step.is_multiple_of(2) { 1.0 } else { 2.0 }];
        Measured {
            factors: vec![(0..STEPS).map(of_step).collect()],
            leaks: Some(vec![0.25]),
            distances: vec![(0..STEPS).map(|step| step as f64).collect()],
            cloud: vec![(0..STEPS).map(|step| 2.0 * step as f64).collect()],
        }
    }

    /// By hand: the first falls by 8 over 2 x 3 deviations of size 2, so by 8 / 12 a deviation; the second not at all.
    #[test]
    fn effects_by_hand() {
        let found = Scores::of(&measured(), 3.0, &[2.0, 1.0]);
        approx::assert_abs_diff_eq!(found.effects[..], [-8.0 / 12.0, 0.0], epsilon = 1e-12);
        approx::assert_abs_diff_eq!(found.monotonicity[..], [-1.0, 0.0], epsilon = 1e-12);
        assert_eq!((found.leading, found.purity, found.leak), (0, 1.0, Some(0.25)));
        assert!(found.falls());
        let up = found.clone().opposite();
        assert!(!up.falls() && up.strongest() == found.strongest() && up.steadiness() == 1.0);
        assert_eq!((up.distances[0], up.cloud[0], up.ends.clone()), (8.0, 16.0, vec![8.0, 0.0]));
        assert_eq!(up.opposite(), found);
        approx::assert_abs_diff_eq!(Scores::at_ends(&found.distances), 4.0);
    }

    #[test]
    fn what_does_not_vary_has_no_effect_and_nothing_has_no_purity() {
        let found = Scores::of(&measured(), 3.0, &[0.0, 0.0]);
        assert_eq!((found.effects.clone(), found.purity, found.strongest()), (vec![0.0, 0.0], 0.0, 0.0));
        approx::assert_abs_diff_eq!(purity(&[3.0, -1.0, 0.0]), 0.75, epsilon = 1e-12);
    }
}
