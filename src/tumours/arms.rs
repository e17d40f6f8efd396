//! What the arms learn from.

use serde::{Deserialize, Serialize};

use crate::records::spelling;

/// A training set of slices with their regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// Real slices of the frequent populations.
    Frequent,
    /// Beside them drawn pairs of the rare one.
    #[serde(rename = "frequent+synthetic")]
    FrequentSynthetic,
    /// Drawn pairs of the rare one alone.
    SyntheticOnly,
    /// Real slices of all populations: what more examinations of the rare one would give.
    #[serde(rename = "frequent+rare")]
    FrequentRare,
    /// Beside them drawn pairs of the rare one.
    #[serde(rename = "frequent+rare+synthetic")]
    FrequentRareSynthetic,
}

impl Arm {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 5] =
        [Self::Frequent, Self::FrequentSynthetic, Self::SyntheticOnly, Self::FrequentRare, Self::FrequentRareSynthetic];

    /// As written in a study file.
    pub fn key(self) -> String {
        spelling::name(&self)
    }

    /// In tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frequent => "Frequent",
            Self::FrequentSynthetic => "Frequent + drawn rare",
            Self::SyntheticOnly => "Drawn rare alone",
            Self::FrequentRare => "Frequent + rare",
            Self::FrequentRareSynthetic => "Frequent + rare + drawn",
        }
    }

    /// What it learns from.
    pub fn about(self) -> &'static str {
        match self {
            Self::Frequent => "real slices of the frequent population alone",
            Self::FrequentSynthetic => {
                "beside them drawn slice-mask pairs of the rare population, with a sampler and a weight of their own"
            }
            Self::SyntheticOnly => "drawn pairs of the rare population and nothing real",
            Self::FrequentRare => "real slices of both populations, each as often as any other: the ceiling",
            Self::FrequentRareSynthetic => "beside these drawn pairs of the rare population",
        }
    }

    /// Whether it sees real slices of the frequent populations.
    pub fn takes_frequent(self) -> bool {
        self != Self::SyntheticOnly
    }

    /// Whether it sees real slices of the rare population.
    pub fn takes_rare(self) -> bool {
        matches!(self, Self::FrequentRare | Self::FrequentRareSynthetic)
    }

    /// Whether it sees drawn pairs.
    pub fn takes_drawn(self) -> bool {
        matches!(self, Self::FrequentSynthetic | Self::SyntheticOnly | Self::FrequentRareSynthetic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_what_an_arm_takes() {
        let keys = ["frequent", "frequent+synthetic", "synthetic-only", "frequent+rare", "frequent+rare+synthetic"];
        assert_eq!(Arm::ALL.map(Arm::key), keys);
        for arm in Arm::ALL {
            let said = |word: &str| arm.key().contains(word);
            let takes = (arm.takes_frequent(), arm.takes_rare(), arm.takes_drawn());
            assert_eq!(takes, (said("frequent"), said("rare"), said("synthetic")), "{arm:?}");
        }
    }
}
