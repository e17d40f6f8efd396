//! The arms: which examples each adds to, or takes from, the agreed rims and non-rims.
//!
//! Contested training lesions belong to neither class of the None arm (labels that both readers share); an arm that wants them
//! says how. A new arm is one variant here: its name, what it needs, its training set.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::material::{Origin, Selection, Unit};
use crate::records::classify::{DENOISED, NONE};
use crate::records::spelling;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    None,
    /// Contested lesions as rims.
    Ambiguous,
    /// Affine copies of rims in place of as many non-rims.
    Affine,
    /// Synthetic rims.
    AdaGan,
    /// Projections of contested lesions, as rims.
    AdaGanLd,
    /// Half projections, half synthetic.
    #[serde(rename = "ada-gan+ld")]
    AdaGanPlusLd,
    /// Synthetic rims of a generator that also knows non-rims.
    #[serde(rename = "ada-cgan")]
    AdaCgan,
    /// Nothing added; a rim's loss counts as much more as rims are fewer.
    ClassWeight,
    /// Nothing added; half of every batch are rims.
    Oversample,
    /// Contested lesions with probability one half.
    SoftLabel,
    /// Contested lesions as non-rims, as the readers' rule has it.
    AmbiguousAsNonRim,
}

/// Material that an arm cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Ambiguous,
    Denoised,
    Synthetic,
    Conditional,
}

/// An example with its probability of being a rim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    pub unit: Unit,
    pub target: f32,
}

/// What one fit learns from. A batch holds a fixed number of `rims` and fills up with `others`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingSet {
    pub rims: Vec<Example>,
    pub others: Vec<Example>,
    /// Rims in every batch.
    pub rims_per_batch: u64,
    /// Weight of a rim's loss beside 1 for the others.
    pub rim_weight: f32,
}

impl Arm {
    /// The arms of the paper's main table that rimforge has, in its order; ADA-cGAN of its second one needs a second generator.
    pub const PAPER: [Arm; 6] = [Arm::None, Arm::Ambiguous, Arm::Affine, Arm::AdaGan, Arm::AdaGanLd, Arm::AdaGanPlusLd];

    /// As in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => NONE,
            Self::Ambiguous => "Ambiguous",
            Self::Affine => "Affine",
            Self::AdaGan => "ADA-GAN",
            Self::AdaGanLd => DENOISED[0],
            Self::AdaGanPlusLd => DENOISED[1],
            Self::AdaCgan => "ADA-cGAN",
            Self::ClassWeight => "Class weight",
            Self::Oversample => "Oversample",
            Self::SoftLabel => "Soft label",
            Self::AmbiguousAsNonRim => "Ambiguous as non-rim",
        }
    }

    /// As on the command line and in file names.
    pub fn key(self) -> String {
        spelling::name(&self)
    }

    pub fn needs(self) -> &'static [Source] {
        match self {
            Self::None | Self::Affine | Self::ClassWeight | Self::Oversample => &[],
            Self::Ambiguous | Self::SoftLabel | Self::AmbiguousAsNonRim => &[Source::Ambiguous],
            Self::AdaGan => &[Source::Synthetic],
            Self::AdaGanLd => &[Source::Denoised],
            Self::AdaGanPlusLd => &[Source::Denoised, Source::Synthetic],
            Self::AdaCgan => &[Source::Conditional],
        }
    }

    /// True if the arm adds something, so that all such arms must agree on how much.
    pub fn adds(self) -> bool {
        !matches!(self, Self::None | Self::ClassWeight | Self::Oversample)
    }

    /// The training set. Rims per batch follow the None arm's share of rims, so that added rims change which rims a fit
    /// sees and not how many; only [`Arm::Oversample`] departs from that.
    pub fn compose(self, selection: &Selection, batch: u64) -> TrainingSet {
        let examples = |units: &[Unit], target: f32| -> Vec<Example> {
            units.iter().map(|unit| Example { unit: unit.clone(), target }).collect()
        };
        let (rims, non_rims) = (selection.rims.len(), selection.non_rims.len());
        let share = rims as f64 / (rims + non_rims) as f64;
        let mut set = TrainingSet {
            rims: examples(&selection.rims, 1.0),
            others: examples(&selection.non_rims, 0.0),
            rims_per_batch: ((share * batch as f64).round() as u64).clamp(1, batch - 1),
            rim_weight: 1.0,
        };
        match self {
            Self::None => {}
            Self::Ambiguous => set.rims.extend(examples(&selection.ambiguous, 1.0)),
            Self::Affine => {
                set.others.truncate(non_rims.saturating_sub(selection.affine.len()).max(1));
                set.rims.extend(examples(&selection.affine, 1.0));
            }
            Self::AdaGan => set.rims.extend(examples(&selection.synthetic, 1.0)),
            Self::AdaGanLd => set.rims.extend(examples(&selection.denoised, 1.0)),
            Self::AdaGanPlusLd => {
                let denoised = selection.denoised.len().div_ceil(2);
                let synthetic = selection.denoised.len() - denoised;
                set.rims.extend(examples(&selection.denoised[..denoised], 1.0));
                set.rims.extend(examples(&selection.synthetic[..synthetic.min(selection.synthetic.len())], 1.0));
            }
            Self::AdaCgan => set.rims.extend(examples(&selection.conditional, 1.0)),
            Self::ClassWeight => set.rim_weight = ((1.0 - share) / share) as f32,
            Self::Oversample => set.rims_per_batch = batch / 2,
            Self::SoftLabel => set.rims.extend(examples(&selection.ambiguous, 0.5)),
            Self::AmbiguousAsNonRim => set.others.extend(examples(&selection.ambiguous, 0.0)),
        }
        set.rims.extend(examples(&selection.leaked.0, 1.0));
        set.others.extend(examples(&selection.leaked.1, 0.0));
        set
    }
}

impl TrainingSet {
    pub fn examples(&self) -> impl Iterator<Item = &Example> {
        self.rims.iter().chain(&self.others)
    }

    pub fn slices(&self) -> u64 {
        self.examples().map(|example| example.unit.rows.len() as u64).sum()
    }

    /// Slices by origin, in the origins' order.
    pub fn slices_by_origin(&self) -> Vec<(Origin, u64)> {
        self.by_origin(|unit| unit.rows.len() as u64)
    }

    /// "10 real rim, 20 real non-rim": lesions by origin.
    pub fn lesions_text(&self) -> String {
        let parts = self.by_origin(|_| 1).into_iter().map(|(origin, count)| format!("{count} {}", origin.name()));
        parts.collect::<Vec<_>>().join(", ")
    }

    fn by_origin(&self, count: impl Fn(&Unit) -> u64) -> Vec<(Origin, u64)> {
        let mut counts = BTreeMap::new();
        for example in self.examples() {
            *counts.entry(example.unit.origin).or_insert(0) += count(&example.unit);
        }
        counts.into_iter().collect()
    }

    /// Deals the targets out anew among all examples; the class sizes stay.
    pub fn shuffle_labels(&mut self, rng: &mut impl rand::Rng) {
        use rand::seq::SliceRandom;
        let mut units: Vec<Unit> = self.examples().map(|example| example.unit.clone()).collect();
        units.shuffle(rng);
        for (example, unit) in self.rims.iter_mut().chain(&mut self.others).zip(units) {
            example.unit = unit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::material::tests::small;
    use crate::seed::RunSeed;

    fn counts(arm: Arm) -> Vec<(Origin, u64)> {
        let selection = small().select(0, RunSeed(0), 5, 2.0).unwrap();
        arm.compose(&selection, 30).by_origin(|_| 1)
    }

    #[test]
    fn every_arm_of_the_paper_adds_the_same_number_of_rims() {
        use Origin::{Affine, Ambiguous, Conditional, Denoised, NonRim, Rim, Synthetic};
        assert_eq!(counts(Arm::None), [(Rim, 10), (NonRim, 20)]);
        assert_eq!(counts(Arm::Ambiguous), [(Rim, 10), (NonRim, 20), (Ambiguous, 5)]);
        assert_eq!(counts(Arm::Affine), [(Rim, 10), (NonRim, 15), (Affine, 5)]);
        assert_eq!(counts(Arm::AdaGan), [(Rim, 10), (NonRim, 20), (Synthetic, 5)]);
        assert_eq!(counts(Arm::AdaGanLd), [(Rim, 10), (NonRim, 20), (Denoised, 5)]);
        assert_eq!(counts(Arm::AdaGanPlusLd), [(Rim, 10), (NonRim, 20), (Synthetic, 2), (Denoised, 3)]);
        assert_eq!(counts(Arm::AdaCgan), [(Rim, 10), (NonRim, 20), (Conditional, 5)]);
    }

    #[test]
    fn rims_per_batch_do_not_depend_on_the_arm_except_where_that_is_the_arm() {
        let selection = small().select(0, RunSeed(0), 5, 2.0).unwrap();
        for name in spelling::names::<Arm>() {
            let arm: Arm = serde_json::from_value((*name).into()).unwrap();
            let expected = if arm == Arm::Oversample { 15 } else { 10 };
            assert_eq!(arm.compose(&selection, 30).rims_per_batch, expected, "{arm:?}");
        }
        assert_eq!(Arm::ClassWeight.compose(&selection, 30).rim_weight, 2.0);
        assert_eq!(Arm::SoftLabel.compose(&selection, 30).rims[12].target, 0.5);
    }

    #[test]
    fn shuffled_labels_keep_the_class_sizes_and_mix_the_origins() {
        let selection = small().select(0, RunSeed(0), 5, 2.0).unwrap();
        let mut set = Arm::None.compose(&selection, 30);
        let before = set.slices_by_origin();
        set.shuffle_labels(&mut RunSeed(0).stream("shuffle", 0));
        assert_eq!((set.rims.len(), set.others.len()), (10, 20));
        assert_eq!(set.slices_by_origin(), before);
        assert!(set.rims.iter().any(|example| example.unit.origin == Origin::NonRim && example.target == 1.0));
    }
}
