//! Which phases are due at a step, and how lazy regularisation rescales the optimiser and the loss. Decides, does
//! nothing.

use serde::{Deserialize, Serialize};

use super::config::Resolved;
use crate::optim::AdamConfig;

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

    /// The network that it trains.
    pub fn trains(self) -> Trained {
        match self {
            Self::GeneratorMain | Self::GeneratorPathLength => Trained::Generator,
            Self::DiscriminatorMain | Self::DiscriminatorR1 => Trained::Discriminator,
        }
    }
}

/// A network that has an optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trained {
    /// Regularised by path lengths.
    Generator,
    /// Regularised by R1.
    Discriminator,
}

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

impl LazyConfig {
    /// Factor c on the learning rate of a network, and exponent of its optimiser's betas: with its regulariser every
    /// k steps the optimiser takes k + 1 steps where k were meant, so c = k / (k + 1) (StyleGAN2, appendix B); 1
    /// without regulariser.
    pub fn ratio(&self, network: Trained) -> f64 {
        let every = match network {
            Trained::Generator => self.path_length_every,
            Trained::Discriminator => self.r1_every,
        };
        if every == 0 { 1.0 } else { every as f64 / (every as f64 + 1.0) }
    }
}

/// Settings of the optimiser of `network`.
pub fn optimiser(settings: &Resolved, network: Trained) -> AdamConfig {
    let (ratio, betas) = (settings.lazy.ratio(network), settings.betas);
    AdamConfig { betas: (betas.0.powf(ratio), betas.1.powf(ratio)), epsilon: settings.epsilon }
}

/// Learning rate of `network`, `scale` times what the settings ask for.
pub fn learning_rate(settings: &Resolved, network: Trained, scale: f64) -> f64 {
    settings.learning_rate * scale * settings.lazy.ratio(network)
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
        let lazy = LazyConfig { path_length_every: 4, r1_every: 0 };
        let settings = Resolved { lazy, learning_rate: 2.5e-3, betas: (0.0, 0.99), ..Resolved::tiny(8, &[]) };
        approx::assert_relative_eq!(learning_rate(&settings, Trained::Generator, 1.0), 2e-3);
        let betas = optimiser(&settings, Trained::Generator).betas;
        assert_eq!(betas.0, 0.0);
        approx::assert_relative_eq!(betas.1, 0.99f64.powf(0.8));
        assert_eq!(learning_rate(&settings, Trained::Discriminator, 0.5), 1.25e-3);
        assert_eq!(optimiser(&settings, Trained::Discriminator).betas, (0.0, 0.99));
    }
}
