//! What the arms learn from.

use serde::{Deserialize, Serialize};

use crate::classify::Arm as ClassifierArm;
use crate::classify::source::Source;
use crate::records::spelling;

/// A training set of image and mask pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// Real lesions alone.
    Real,
    /// Beside them pairs that a generator drew.
    Synthetic,
    /// Beside them projections of contested lesions, mask and image at once.
    Denoised,
    /// Beside them both.
    Both,
}

impl Arm {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Real, Self::Synthetic, Self::Denoised, Self::Both];

    /// As written in a study file.
    pub fn key(self) -> String {
        spelling::name(&self)
    }

    /// In tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "Real",
            Self::Synthetic => "Real + synthetic pairs",
            Self::Denoised => "Real + denoised",
            Self::Both => "Real + both",
        }
    }

    /// What it adds.
    pub fn about(self) -> &'static str {
        match self {
            Self::Real => "agreed rims with their traced masks, and rim-free lesions",
            Self::Synthetic => "beside them images that the generator of several contrasts drew together with a mask",
            Self::Denoised => {
                "beside them contested lesions as their projections onto that generator, image and mask at once"
            }
            Self::Both => "beside them drawn pairs and projections, from one deck",
        }
    }

    /// Where it takes what it adds.
    pub fn sources(self) -> &'static [Source] {
        match self {
            Self::Real => &[],
            Self::Synthetic => &[Source::Synthetic],
            Self::Denoised => &[Source::Denoised],
            Self::Both => &[Source::Denoised, Source::Synthetic],
        }
    }

    /// The arm of classifiers that reads the same sources.
    pub(super) fn of_classifiers(self) -> ClassifierArm {
        match self {
            Self::Real => ClassifierArm::None,
            Self::Synthetic => ClassifierArm::AdaGan,
            Self::Denoised => ClassifierArm::AdaGanLd,
            Self::Both => ClassifierArm::AdaGanPlusLd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn an_arm_reads_what_its_twin_among_the_classifiers_reads() {
        for arm in Arm::ALL {
            let set = |sources: &[Source]| sources.iter().copied().collect::<BTreeSet<_>>();
            assert_eq!(set(arm.sources()), set(arm.of_classifiers().needs()), "{arm:?}");
        }
        assert_eq!(Arm::ALL.map(Arm::key), ["real", "synthetic", "denoised", "both"]);
    }
}
