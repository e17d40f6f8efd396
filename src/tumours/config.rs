//! What a person sets about the use of drawn pairs.

use serde::{Deserialize, Serialize};

use super::arms::Arm;
use crate::classify::config::MOST_SEEDS;
use crate::problem::Result;
use crate::segment::config::Width;
use crate::settings::Settings;
use crate::statistics::bootstrap::DRAWS;

/// Settings of `tumours`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TumoursConfig {
    /// Arms in the order of the tables, each once.
    pub arms: Vec<Arm>,
    /// The under-represented population, as classes name it; all others are the frequent one.
    pub rare: String,
    /// Repetitions; each draws its own initial weights, batches and pairs, the same for all arms.
    pub seeds: u64,
    /// Steps of the optimiser, the same for all arms.
    pub steps: u64,
    /// Slices in a batch.
    pub batch: u64,
    /// Of Adam at the first step; falls to 0 as (1 - share of the steps)^.9.
    pub learning_rate: f64,
    /// Channels of the network.
    pub width: Width,
    /// Drawn pairs that a repetition takes, at most.
    pub extra: u64,
    /// Weight of the loss of drawn pairs beside real slices, whose loss has the weight 1.
    pub extra_weight: f64,
    /// Takes pairs of networks that knew other or unknown data; that no test patient was among them is then taken on
    /// trust.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trust_origin: bool,
    /// Resamplings of the test patients for each interval.
    pub draws: usize,
    /// Test slices of the rare population in the figure.
    pub shown: usize,
}

impl Default for TumoursConfig {
    fn default() -> Self {
        Self {
            arms: Arm::ALL.to_vec(),
            rare: "SSA".into(),
            seeds: 3,
            steps: 1500,
            batch: 16,
            learning_rate: 2e-3,
            width: Width::Small,
            extra: 1000,
            extra_weight: 0.5,
            trust_origin: false,
            draws: DRAWS,
            shown: 4,
        }
    }
}

/// Counts that no run comes to an end with.
const MOST: u64 = 1_000_000;

impl Settings for TumoursConfig {
    const SECTION: &'static str = "tumours";

    fn check(&self) -> Result<()> {
        let arms = || format!("{:?}", self.arms.iter().map(|arm| arm.key()).collect::<Vec<_>>());
        if self.arms.is_empty() {
            return Err(Self::refuse("arms", arms(), "at least one arm"));
        }
        if let Some(at) = (1..self.arms.len()).find(|&at| self.arms[..at].contains(&self.arms[at])) {
            let expected = format!("each arm once: \"{}\" is named twice", self.arms[at].key());
            return Err(Self::refuse("arms", arms(), expected));
        }
        Self::named("rare", &self.rare)?;
        Self::within("seeds", self.seeds, 1, MOST_SEEDS)?;
        Self::within("steps", self.steps, 1, MOST)?;
        Self::within("batch", self.batch, 4, MOST)?;
        Self::positive("learning_rate", self.learning_rate, 1e3)?;
        Self::within("extra", self.extra, 1, MOST)?;
        Self::within("extra_weight", self.extra_weight, 0.0, 1e3)?;
        Self::within("draws", self.draws, 100, 10_000_000)?;
        Self::within("shown", self.shown, 0, 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_toml_and_no_arm_is_named_twice() {
        let config = TumoursConfig::default();
        config.check().unwrap();
        assert_eq!(toml::from_str::<TumoursConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
        let twice = TumoursConfig { arms: vec![Arm::FrequentRare, Arm::FrequentRare], ..config.clone() };
        assert!(twice.check().unwrap_err().to_string().contains("\"frequent+rare\" is named twice"));
        let nobody = TumoursConfig { rare: " ".into(), ..config };
        assert!(nobody.check().unwrap_err().to_string().contains("tumours.rare"));
    }
}
