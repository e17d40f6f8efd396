//! The arms: which examples each adds to, or takes from, the lesions whose class is agreed.
//!
//! Contested training lesions belong to no class of the None arm (labels that both readers share); an arm that wants
//! them says how. Most add to a class of interest or are about contested lesions, and fit only data sets that have both
//! ([`Arm::fits`]).
//!
//! All that an arm says about itself stands here. A new one is a variant, and the compiler asks for the rest: its name,
//! what it does in words with and without a class of interest, the material that it needs, whether it adds, its
//! training set. Material of a new kind is a [`Source`], for which it asks wherever material is checked, read, counted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::material::{Selection, Unit};
use super::training_set::{ClassSet, Example, InterestSet, TrainingSet};
use crate::problem::{Problem, Result};
use crate::records::classes::Classes;
use crate::records::classify::{DENOISED, NONE};
use crate::records::spelling;

/// One way to compose a training set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// The lesions whose class is agreed, as they are.
    None,
    /// Contested lesions as of interest.
    Ambiguous,
    /// Affine copies of lesions of interest in place of as many others.
    Affine,
    /// Synthetic lesions of interest.
    AdaGan,
    /// Projections of contested lesions, as of interest.
    AdaGanLd,
    /// Half projections, half synthetic.
    #[serde(rename = "ada-gan+ld")]
    AdaGanPlusLd,
    /// Synthetic lesions of interest of a generator that knows both classes.
    #[serde(rename = "ada-cgan")]
    AdaCgan,
    /// Nothing added; the loss of a class counts as much more as it has fewer lesions.
    ClassWeight,
    /// Nothing added; every class has the same share of a batch.
    Oversample,
    /// Contested lesions with probability one half.
    SoftLabel,
    /// Contested lesions as of the other class, as the readers' rule has it.
    AmbiguousAsNonRim,
}

/// Material that an arm cannot do without, in the order in which it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Images of a generator of the class of interest.
    Synthetic,
    /// Images of a conditional generator.
    Conditional,
    /// Projections of contested training lesions.
    Denoised,
    /// Contested training lesions.
    Ambiguous,
    /// Affine copies of lesions of interest, as many as may take the place of others.
    Affine,
}

/// What the arms need, each source once.
pub fn sources(arms: &[Arm]) -> BTreeSet<Source> {
    arms.iter().flat_map(|arm| arm.needs()).copied().collect()
}

impl Arm {
    /// The arms of the paper's main table that rimforge has, in its order; ADA-cGAN of its second one needs a second
    /// generator.
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

    /// What it does where a class is of interest, in the words of the rim study.
    fn about_interest(self) -> &'static str {
        match self {
            Self::None => "lesions on whose label both readers agree",
            Self::Ambiguous => "contested lesions put straight into the rim class",
            Self::Affine => "random affine copies of rims in place of as many non-rims",
            Self::AdaGan => "synthetic rims added",
            Self::AdaGanLd => "contested lesions added as their projections onto the rim generator",
            Self::AdaGanPlusLd => "projections and synthetic rims added, half each",
            Self::AdaCgan => "synthetic rims of the conditional generator added",
            Self::ClassWeight => "rims weighted by the inverse of their share",
            Self::Oversample => "half of every batch are rims",
            Self::SoftLabel => "contested lesions added with probability one half, in the rims' place in a batch",
            Self::AmbiguousAsNonRim => "contested lesions added as non-rims, as the readers' rule has it",
        }
    }

    /// What it does where no class is of more interest than another; `None` where it makes no sense there.
    fn about_any_classes(self) -> Option<&'static str> {
        match self {
            Self::None => Some("every lesion whose class is agreed, as often as any other"),
            Self::ClassWeight => Some("each class weighted by the inverse of its share"),
            Self::Oversample => Some("each class in turn, so that batches hold as many of each"),
            Self::Ambiguous
            | Self::Affine
            | Self::AdaGan
            | Self::AdaGanLd
            | Self::AdaGanPlusLd
            | Self::AdaCgan
            | Self::SoftLabel
            | Self::AmbiguousAsNonRim => None,
        }
    }

    /// What it does to a data set of these classes, for the tables.
    ///
    /// # Errors
    /// As [`Arm::fits`].
    pub fn about(self, classes: &Classes) -> Result<&'static str> {
        match (&classes.of_interest, self.about_any_classes()) {
            (Some(_), _) => Ok(self.about_interest()),
            (None, Some(about)) => Ok(about),
            (None, None) => Err(self.misfit(classes)),
        }
    }

    /// Refuses an arm for a data set that lacks what it is about.
    ///
    /// # Errors
    /// An arm that adds to a class of interest, and no such class.
    pub fn fits(self, classes: &Classes) -> Result<()> {
        self.about(classes).map(drop)
    }

    fn misfit(self, classes: &Classes) -> Problem {
        let fits = |arm: Self| arm.about_any_classes().is_some();
        let fitting = spelling::names::<Self>()
            .iter()
            .filter(|name| serde_json::from_value::<Self>((**name).into()).is_ok_and(fits));
        let fitting: Vec<&str> = fitting.copied().collect();
        let found =
            format!("arm {} is about a class of interest, and among {} there is none", self.name(), classes.listed());
        Problem::usage(found)
            .expected(format!("arms from {}", fitting.join(", ")))
            .advice("name such in classify.arms (--arms), or the label of interest in prepare.rim_label (--rim-label)")
    }

    /// What it cannot do without.
    pub fn needs(self) -> &'static [Source] {
        match self {
            Self::None | Self::ClassWeight | Self::Oversample => &[],
            Self::Affine => &[Source::Affine],
            Self::Ambiguous | Self::SoftLabel | Self::AmbiguousAsNonRim => &[Source::Ambiguous],
            Self::AdaGan => &[Source::Synthetic],
            Self::AdaGanLd => &[Source::Denoised],
            Self::AdaGanPlusLd => &[Source::Denoised, Source::Synthetic],
            Self::AdaCgan => &[Source::Conditional],
        }
    }

    /// True if the arm adds something, so that all such arms must agree on how much: each that needs material does.
    pub fn adds(self) -> bool {
        !self.needs().is_empty()
    }

    /// The training set. Where there is a class of interest, its lesions per batch follow the None arm's share of them,
    /// so that added ones change which a fit sees and not how many; only [`Arm::Oversample`] departs from that. Where
    /// there is none, an arm that is not for such data ([`Arm::fits`]) is as None.
    pub fn compose(self, selection: &Selection, batch: u64) -> TrainingSet {
        match selection.interest {
            Some(interest) => TrainingSet::Interest(self.of_interest(selection, interest, batch)),
            None => TrainingSet::Classes(self.of_classes(selection)),
        }
    }

    fn of_interest(self, selection: &Selection, interest: usize, batch: u64) -> InterestSet {
        let examples = |units: &[Unit], target: f32| -> Vec<Example> {
            units.iter().map(|unit| Example { unit: unit.clone(), target }).collect()
        };
        let (wanted, others) = (&selection.classes[interest], &selection.classes[1 - interest]);
        let share = wanted.len() as f64 / (wanted.len() + others.len()) as f64;
        let mut set = InterestSet {
            interest: examples(wanted, 1.0),
            others: examples(others, 0.0),
            interest_per_batch: ((share * batch as f64).round() as u64).clamp(1, batch - 1),
            interest_weight: 1.0,
            number: interest,
        };
        match self {
            Self::None => {}
            Self::Ambiguous => set.interest.extend(examples(&selection.contested, 1.0)),
            Self::Affine => {
                set.others.truncate(others.len().saturating_sub(selection.affine.len()).max(1));
                set.interest.extend(examples(&selection.affine, 1.0));
            }
            Self::AdaGan => set.interest.extend(examples(&selection.synthetic, 1.0)),
            Self::AdaGanLd => set.interest.extend(examples(&selection.denoised, 1.0)),
            Self::AdaGanPlusLd => {
                let denoised = selection.denoised.len().div_ceil(2);
                let synthetic = selection.denoised.len() - denoised;
                let synthetic = &selection.synthetic[..synthetic.min(selection.synthetic.len())];
                set.interest.extend(examples(&selection.denoised[..denoised], 1.0));
                set.interest.extend(examples(synthetic, 1.0));
            }
            Self::AdaCgan => set.interest.extend(examples(&selection.conditional, 1.0)),
            Self::ClassWeight => set.interest_weight = ((1.0 - share) / share) as f32,
            Self::Oversample => set.interest_per_batch = batch / 2,
            Self::SoftLabel => set.interest.extend(examples(&selection.contested, 0.5)),
            Self::AmbiguousAsNonRim => set.others.extend(examples(&selection.contested, 0.0)),
        }
        set.interest.extend(examples(&selection.leaked[interest], 1.0));
        set.others.extend(examples(&selection.leaked[1 - interest], 0.0));
        set
    }

    fn of_classes(self, selection: &Selection) -> ClassSet {
        let all: usize = selection.classes.iter().map(Vec::len).sum();
        let inverse = |units: &Vec<Unit>| all as f32 / (selection.classes.len() * units.len()) as f32;
        let weights = match self {
            Self::ClassWeight => selection.classes.iter().map(inverse).collect(),
            _ => vec![1.0; selection.classes.len()],
        };
        let with_leaked = |(own, leaked): (&Vec<Unit>, &Vec<Unit>)| own.iter().chain(leaked).cloned().collect();
        ClassSet {
            classes: selection.classes.iter().zip(&selection.leaked).map(with_leaked).collect(),
            weights,
            balanced: self == Self::Oversample,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::material::Origin;
    use crate::classify::material::tests::{small, three_classes};
    use crate::records::classes::Class;
    use crate::seed::RunSeed;

    fn composed(arm: Arm) -> InterestSet {
        match arm.compose(&small().select(0, RunSeed(0), 5, 2.0).unwrap(), 30) {
            TrainingSet::Interest(set) => set,
            TrainingSet::Classes(_) => panic!("there is a class of interest"),
        }
    }

    fn counts(arm: Arm) -> Vec<(Origin, u64)> {
        TrainingSet::Interest(composed(arm)).lesions_by_origin()
    }

    #[test]
    fn every_arm_of_the_paper_adds_the_same_number_of_rims() {
        use Origin::{Affine, Conditional, Contested, Denoised, Interest, Other, Synthetic};
        assert_eq!(counts(Arm::None), [(Interest, 10), (Other, 20)]);
        assert_eq!(counts(Arm::Ambiguous), [(Interest, 10), (Other, 20), (Contested, 5)]);
        assert_eq!(counts(Arm::Affine), [(Interest, 10), (Other, 15), (Affine, 5)]);
        assert_eq!(counts(Arm::AdaGan), [(Interest, 10), (Other, 20), (Synthetic, 5)]);
        assert_eq!(counts(Arm::AdaGanLd), [(Interest, 10), (Other, 20), (Denoised, 5)]);
        assert_eq!(counts(Arm::AdaGanPlusLd), [(Interest, 10), (Other, 20), (Synthetic, 2), (Denoised, 3)]);
        assert_eq!(counts(Arm::AdaCgan), [(Interest, 10), (Other, 20), (Conditional, 5)]);
    }

    #[test]
    fn rims_per_batch_do_not_depend_on_the_arm_except_where_that_is_the_arm() {
        for name in spelling::names::<Arm>() {
            let arm: Arm = serde_json::from_value((*name).into()).unwrap();
            let expected = if arm == Arm::Oversample { 15 } else { 10 };
            assert_eq!(composed(arm).interest_per_batch, expected, "{arm:?}");
        }
        assert_eq!(composed(Arm::ClassWeight).interest_weight, 2.0);
        assert_eq!(composed(Arm::SoftLabel).interest[12].target, 0.5);
    }

    #[test]
    fn without_a_class_of_interest_an_arm_weighs_or_deals_the_classes_or_is_refused_by_name() {
        let selection = three_classes().select(0, RunSeed(0), 0, 2.0).unwrap();
        let set = |arm: Arm| match arm.compose(&selection, 12) {
            TrainingSet::Classes(set) => set,
            TrainingSet::Interest(_) => panic!("no class is of interest"),
        };
        assert_eq!((set(Arm::None).weights, set(Arm::None).balanced), (vec![1.0; 3], false));
        // 20 lesions of 3 classes: 20 / (3 x 12), 20 / (3 x 6), 20 / (3 x 2).
        assert_eq!(set(Arm::ClassWeight).weights, [20.0 / 36.0, 20.0 / 18.0, 20.0 / 6.0]);
        assert!(set(Arm::Oversample).balanced);
        let classes = Classes { names: ["a", "b"].map(Class::new).to_vec(), contested: None, of_interest: None };
        assert!(Arm::Oversample.fits(&classes).is_ok() && Arm::AdaGan.fits(&Classes::of_readers()).is_ok());
        let problem = Arm::AdaGan.fits(&classes).unwrap_err().to_string();
        assert!(
            problem.contains("arm ADA-GAN is about a class of interest, and among a, b there is none"),
            "{problem}"
        );
        assert!(problem.contains("none, class-weight, oversample"), "{problem}");
        assert_eq!(Arm::Oversample.about(&classes).unwrap(), Arm::Oversample.about_any_classes().unwrap());
        assert_eq!(Arm::Oversample.about(&Classes::of_readers()).unwrap(), "half of every batch are rims");
    }
}
