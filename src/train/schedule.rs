//! Which phases are due at a step, and how lazy regularisation rescales the optimiser and the loss. Decides, does nothing.

use serde::{Deserialize, Serialize};

use crate::problem::Result;
use crate::settings::Settings;

/// One optimiser step of a training step, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Non-saturating logistic loss of the generator.
    GeneratorMain,
    /// Path-length regularisation of the generator.
    GeneratorPathLength,
    /// Logistic loss of the discriminator on generated and real images.
    DiscriminatorMain,
    /// R1 gradient penalty of the discriminator on real images.
    DiscriminatorR1,
}

impl Phase {
    /// In the order of their numbers.
    pub const ALL: [Self; 4] =
        [Self::GeneratorMain, Self::GeneratorPathLength, Self::DiscriminatorMain, Self::DiscriminatorR1];
}

/// Steps between two phases, at most: the factor on the loss grows with them.
const MOST_STEPS: u64 = 1_000_000;

/// Intervals of lazy regularisation, in steps (StyleGAN2, Karras et al. 2020, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LazyConfig {
    /// Steps between two path-length phases; 0 turns path-length regularisation off.
    pub path_length_every: u64,
    /// Steps between two R1 phases; 0 turns R1 off.
    pub r1_every: u64,
}

impl Default for LazyConfig {
    fn default() -> Self {
        Self { path_length_every: 4, r1_every: 16 }
    }
}

impl Settings for LazyConfig {
    const SECTION: &'static str = "train.lazy";

    fn check(&self) -> Result<()> {
        Self::within("path_length_every", self.path_length_every, 0, MOST_STEPS)?;
        Self::within("r1_every", self.r1_every, 0, MOST_STEPS)
    }
}

impl LazyConfig {
    /// The phases due at `step` (counted from 0; every interval is due at 0), in order.
    pub fn due(&self, step: u64) -> Vec<Phase> {
        let on = |every: u64| every > 0 && step.is_multiple_of(every);
        let mut phases = vec![Phase::GeneratorMain];
        if on(self.path_length_every) {
            phases.push(Phase::GeneratorPathLength);
        }
        phases.push(Phase::DiscriminatorMain);
        if on(self.r1_every) {
            phases.push(Phase::DiscriminatorR1);
        }
        phases
    }

    /// Factor on the regularisation loss of `phase`: its interval, so that its mean strength stays as asked.
    pub fn gain(&self, phase: Phase) -> f64 {
        match phase {
            Phase::GeneratorMain | Phase::DiscriminatorMain => 1.0,
            Phase::GeneratorPathLength => self.path_length_every as f64,
            Phase::DiscriminatorR1 => self.r1_every as f64,
        }
    }
}

/// Learning rate and decay rates of a network whose regulariser runs every `every` steps.
///
/// The optimiser then takes k + 1 steps where k were meant, so the rate is scaled by c = k / (k + 1) and both
/// betas are raised to the power c (StyleGAN2, appendix B). `every` = 0 (no regulariser) changes nothing.
pub fn lazy_optimiser(learning_rate: f64, betas: (f64, f64), every: u64) -> (f64, (f64, f64)) {
    if every == 0 {
        return (learning_rate, betas);
    }
    let ratio = every as f64 / (every as f64 + 1.0);
    (learning_rate * ratio, (betas.0.powf(ratio), betas.1.powf(ratio)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_steps_hold_four_path_length_phases_and_one_r1() {
        let lazy = LazyConfig::default();
        let phases: Vec<Phase> = (0..16).flat_map(|step| lazy.due(step)).collect();
        let count = |phase| phases.iter().filter(|&&p| p == phase).count();
        assert_eq!(count(Phase::GeneratorMain), 16);
        assert_eq!(count(Phase::GeneratorPathLength), 4);
        assert_eq!(count(Phase::DiscriminatorMain), 16);
        assert_eq!(count(Phase::DiscriminatorR1), 1);
        assert_eq!(
            lazy.due(0),
            [Phase::GeneratorMain, Phase::GeneratorPathLength, Phase::DiscriminatorMain, Phase::DiscriminatorR1]
        );
        assert_eq!(lazy.due(1), [Phase::GeneratorMain, Phase::DiscriminatorMain]);
    }

    #[test]
    fn lazy_rates_are_the_papers() {
        let (rate, betas) = lazy_optimiser(2.5e-3, (0.0, 0.99), 4);
        approx::assert_relative_eq!(rate, 2e-3);
        assert_eq!(betas.0, 0.0);
        approx::assert_relative_eq!(betas.1, 0.99f64.powf(0.8));
        assert_eq!(lazy_optimiser(1.0, (0.5, 0.9), 0), (1.0, (0.5, 0.9)));
    }
}
