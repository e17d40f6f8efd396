//! The arms: which examples each adds to, or takes from, the lesions whose class is agreed.
//!
//! Contested training lesions belong to no class of the None arm (labels that both readers share); an arm that wants
//! them says how. Most add to a class of interest or are about contested lesions, and fit only data sets that have both
//! ([`Arm::fits`]).
//!
//! A new arm is a variant here and a [`Recipe`] in the file of its kind: its name, what it does in words with and
//! without a class of interest, the material that it needs, its training set. Material of a new kind is a
//! [`Source`], for which the compiler asks wherever material is checked, read, made, counted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::augment::Augment;
use super::fit::Manner;
use super::material::{Selection, Unit};
use super::source::Source;
use super::training_set::{ClassSet, Example, InterestSet, TrainingSet};
use crate::problem::{Problem, Result};
use crate::records::classes::Classes;
use crate::records::spelling;
use crate::settings::Settings;
use recipe::Recipe;

pub use by_class::Share;

mod by_class;

mod contested;

mod denoised;

mod generated;

mod interpolated;

mod real;

mod recipe;

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
    /// All lesions of the other class at their natural share, the logit adjusted by it.
    AllNonRims,
    /// Points between lesions of interest, in pixels.
    Smote,
    /// Points between lesions of interest, among codes of an autoencoder.
    DeepSmote,
    /// The same with the penalty of the published program.
    DeepSmoteCode,
    /// Points between projected lesions of interest, in W.
    LatentSmote,
    /// Contested lesions with the probability that classifier and readers give them.
    Em,
    /// Contested lesions with the probability that projections as of either class give them.
    TwoSided,
    /// The same probabilities, with the projection that fits better.
    TwoSidedImage,
    /// Synthetic lesions that cross-fitted classifiers are surest of.
    AdaGanAgreement,
    /// Synthetic lesions of the highest realism.
    AdaGanRealism,
    /// Contested lesions mixed with their projections.
    Mixup,
    /// Mirrored, turned and shifted anew each time, whatever the other arms do.
    Classical,
    /// Drawn images of every class, a fifth as many as lesions.
    #[serde(rename = "synthetic-2k")]
    Synthetic2k,
    /// The same, .6 times as many.
    #[serde(rename = "synthetic-6k")]
    Synthetic6k,
    /// The same, 1.2 times as many.
    #[serde(rename = "synthetic-12k")]
    Synthetic12k,
    /// Nothing but drawn images.
    SyntheticOnly,
    /// Training lesions edited along accepted directions, a fifth as many as lesions.
    #[serde(rename = "sa-2k")]
    Sa2k,
    /// The same, .6 times as many.
    #[serde(rename = "sa-6k")]
    Sa6k,
    /// The same, 1.2 times as many.
    #[serde(rename = "sa-12k")]
    Sa12k,
    /// The edits within the gate, a fifth as many as lesions.
    #[serde(rename = "sa-2k-filtered")]
    Sa2kFiltered,
    /// The same, .6 times as many.
    #[serde(rename = "sa-6k-filtered")]
    Sa6kFiltered,
    /// The same, 1.2 times as many.
    #[serde(rename = "sa-12k-filtered")]
    Sa12kFiltered,
    /// Nothing but edits.
    SaOnly,
    /// Edits along the first accepted direction alone, a fifth as many as lesions.
    #[serde(rename = "sa-2k-along-1")]
    Sa2kAlong1,
    /// Along the second.
    #[serde(rename = "sa-2k-along-2")]
    Sa2kAlong2,
    /// Along the third.
    #[serde(rename = "sa-2k-along-3")]
    Sa2kAlong3,
    /// Along the fourth.
    #[serde(rename = "sa-2k-along-4")]
    Sa2kAlong4,
    /// Along the fifth.
    #[serde(rename = "sa-2k-along-5")]
    Sa2kAlong5,
    /// Of the quarter of edits that moved least, a fifth as many as lesions.
    #[serde(rename = "sa-2k-nearest-25")]
    Sa2kNearest25,
    /// Of the half.
    #[serde(rename = "sa-2k-nearest-50")]
    Sa2kNearest50,
    /// Of three quarters.
    #[serde(rename = "sa-2k-nearest-75")]
    Sa2kNearest75,
    /// Control: contested lesions with their true label.
    Oracle,
    /// Control: images of as many random latents as lesions were projected.
    RandomLatents,
    /// Control: the generator's mean image.
    GeneratorMean,
    /// Control: projections of the other class, called of interest.
    ProjectedNonRims,
    /// Control: projections of both classes beside those of contested lesions.
    SourceMatched,
    /// Control: labels dealt out anew.
    ShuffledLabels,
}

/// What the arms need, each source once.
pub fn sources(arms: &[Arm]) -> BTreeSet<Source> {
    arms.iter().flat_map(|arm| arm.needs()).copied().collect()
}

/// Refuses a list of arms, the setting `arms` of a section, that is empty or names one twice.
///
/// # Errors
/// In the section's name.
pub fn require_each_once<S: Settings>(arms: &[Arm]) -> Result<()> {
    let found = || format!("{:?}", arms.iter().map(|arm| arm.key()).collect::<Vec<_>>());
    if arms.is_empty() {
        return Err(S::refuse("arms", found(), "at least one arm"));
    }
    match (1..arms.len()).find(|&at| arms[..at].contains(&arms[at])) {
        Some(at) => {
            let expected = format!("each arm once: arm {} is named twice", arms[at].name());
            Err(S::refuse("arms", found(), expected))
        }
        None => Ok(()),
    }
}

impl Arm {
    /// The arms of the paper's main table that rimforge had first, in its order; ADA-cGAN of its second one needs a
    /// second generator, DeepSMOTE a network of its own.
    pub const PAPER: [Arm; 6] = [Arm::None, Arm::Ambiguous, Arm::Affine, Arm::AdaGan, Arm::AdaGanLd, Arm::AdaGanPlusLd];

    fn recipe(self) -> &'static Recipe {
        match self {
            Self::None => &real::NONE,
            Self::ClassWeight => &real::CLASS_WEIGHT,
            Self::Oversample => &real::OVERSAMPLE,
            Self::AllNonRims => &real::ALL_NON_RIMS,
            Self::ShuffledLabels => &real::SHUFFLED_LABELS,
            Self::Ambiguous => &contested::AMBIGUOUS,
            Self::SoftLabel => &contested::SOFT_LABEL,
            Self::AmbiguousAsNonRim => &contested::AMBIGUOUS_AS_NON_RIM,
            Self::Em => &contested::EM,
            Self::TwoSided => &contested::TWO_SIDED,
            Self::TwoSidedImage => &contested::TWO_SIDED_IMAGE,
            Self::Oracle => &contested::ORACLE,
            Self::Affine => &interpolated::AFFINE,
            Self::Smote => &interpolated::SMOTE,
            Self::DeepSmote => &interpolated::DEEP_SMOTE,
            Self::DeepSmoteCode => &interpolated::DEEP_SMOTE_CODE,
            Self::LatentSmote => &interpolated::LATENT_SMOTE,
            Self::Classical => &real::CLASSICAL,
            Self::AdaGan => &generated::ADA_GAN,
            Self::AdaCgan => &generated::ADA_CGAN,
            Self::AdaGanAgreement => &generated::AGREEMENT,
            Self::AdaGanRealism => &generated::REALISM,
            Self::AdaGanLd => &denoised::ADA_GAN_LD,
            Self::AdaGanPlusLd => &denoised::ADA_GAN_PLUS_LD,
            Self::Mixup => &denoised::MIXUP,
            Self::SourceMatched => &denoised::SOURCE_MATCHED,
            Self::ProjectedNonRims => &denoised::PROJECTED_NON_RIMS,
            Self::RandomLatents => &denoised::RANDOM_LATENTS,
            Self::GeneratorMean => &denoised::GENERATOR_MEAN,
            of_every_class => by_class::recipe(of_every_class),
        }
    }

    /// As in the tables.
    pub fn name(self) -> &'static str {
        self.recipe().name
    }

    /// As on the command line and in file names.
    pub fn key(self) -> String {
        spelling::name(&self)
    }

    /// What it does to a data set of these classes, for the tables.
    ///
    /// # Errors
    /// As [`Arm::fits`].
    pub fn about(self, classes: &Classes) -> Result<&'static str> {
        let recipe = self.recipe();
        match (&classes.of_interest, &recipe.any_classes) {
            (Some(_), _) => Ok(recipe.about),
            (None, Some(any)) => Ok(any.about),
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
        let fits = |arm: Self| arm.recipe().any_classes.is_some();
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
        self.recipe().needs
    }

    /// True if the arm adds something, so that all such arms must agree on how much: each that needs material does.
    pub fn adds(self) -> bool {
        !self.needs().is_empty()
    }

    /// What it takes of images of every class, where it does.
    pub fn share(self) -> Option<Share> {
        by_class::share(self)
    }

    /// How its fits see slices: as `manner` says, except where it is the arm to change that.
    pub fn manner(self, manner: Manner) -> Manner {
        match self {
            Self::Classical => Manner { augment: Augment::DihedralShift, ..manner },
            _ => manner,
        }
    }

    /// The training set. Where there is a class of interest, what an arm adds stands beside the real lesions; where
    /// there is none, an arm that is not for such data ([`Arm::fits`]) is as None.
    pub fn compose(self, selection: &Selection, batch: u64) -> TrainingSet {
        let selection = Selection { batch, ..selection.clone() };
        match selection.interest {
            Some(interest) => TrainingSet::Interest(self.of_interest(&selection, interest)),
            None => TrainingSet::Classes(self.of_classes(&selection)),
        }
    }

    fn of_interest(self, selection: &Selection, interest: usize) -> InterestSet {
        let examples = |units: &[Unit], target: f32| -> Vec<Example> {
            units.iter().map(|unit| Example { unit: unit.clone(), target }).collect()
        };
        let (wanted, others) = (&selection.classes[interest], &selection.classes[1 - interest]);
        let mut set = InterestSet {
            interest: examples(wanted, 1.0),
            others: examples(others, 0.0),
            number: interest,
            ..InterestSet::default()
        };
        set.interest_per_batch = InterestSet::per_batch(set.share(), selection.batch);
        (self.recipe().compose)(selection, &mut set);
        set.interest.extend(examples(&selection.leaked[interest], 1.0));
        set.others.extend(examples(&selection.leaked[1 - interest], 0.0));
        set
    }

    fn of_classes(self, selection: &Selection) -> ClassSet {
        let mut set = ClassSet {
            classes: selection.classes.clone(),
            weights: vec![1.0; selection.classes.len()],
            balanced: false,
        };
        if let Some(any) = &self.recipe().any_classes {
            (any.compose)(selection, &mut set);
        }
        for (own, leaked) in set.classes.iter_mut().zip(&selection.leaked) {
            own.extend_from_slice(leaked);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::material::tests::{rims, small, three_classes, units};
    use crate::classify::material::{Origin, Supply};
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

    fn each() -> impl Iterator<Item = Arm> {
        spelling::names::<Arm>().iter().map(|name| serde_json::from_value((*name).into()).unwrap())
    }

    #[test]
    fn what_an_arm_adds_displaces_no_real_lesion_except_where_that_is_the_arm() {
        let none = composed(Arm::None);
        for arm in each() {
            let set = composed(arm);
            let alone = matches!(arm, Arm::SaOnly | Arm::SyntheticOnly);
            let own = alone || matches!(arm, Arm::Affine | Arm::AllNonRims | Arm::Oversample | Arm::ShuffledLabels);
            let same = (&set.interest, &set.others, set.interest_per_batch)
                == (&none.interest, &none.others, none.interest_per_batch);
            assert_eq!(same, !own, "{arm:?}");
            assert_eq!(set.interest_weight, if arm == Arm::ClassWeight { 2.0 } else { 1.0 }, "{arm:?}");
        }
        assert_eq!(composed(Arm::Oversample).interest_per_batch, 15);
        assert_eq!(composed(Arm::SoftLabel).added[2].target, 0.5);
        assert_eq!(composed(Arm::AmbiguousAsNonRim).added[2].target, 0.0);
    }

    #[test]
    fn in_place_added_rims_change_which_are_seen_and_not_how_many() {
        for arm in each() {
            let mut set = composed(arm);
            let per_batch = set.interest_per_batch;
            let lesions = TrainingSet::Interest(set.clone()).lesions_by_origin();
            set.in_place();
            assert!(set.added.is_empty());
            assert_eq!((set.interest_per_batch, TrainingSet::Interest(set).lesions_by_origin()), (per_batch, lesions));
        }
        let in_place = |arm: Arm| {
            let mut set = composed(arm);
            set.in_place();
            (set.interest.len(), set.others.len())
        };
        assert_eq!((in_place(Arm::AdaGan), in_place(Arm::SoftLabel)), ((15, 20), (15, 20)));
        assert_eq!((in_place(Arm::AmbiguousAsNonRim), in_place(Arm::Affine)), ((10, 25), (15, 15)));
    }

    #[test]
    fn all_non_rims_come_at_their_share_and_the_logit_is_adjusted_by_it() {
        let set = composed(Arm::AllNonRims);
        // 10 rims and all 30 non-rims: a quarter of 30 slices is 7.5, rounded to 8; ln 8/22.
        assert_eq!((set.interest.len(), set.others.len(), set.interest_per_batch), (10, 30, 8));
        approx::assert_abs_diff_eq!(set.logit_shift, (8f32 / 22.0).ln(), epsilon = 1e-6);
    }

    #[test]
    fn the_matched_arm_has_projections_of_both_classes_as_many_of_each() {
        let mut material = small();
        for (source, origin, count) in [
            (Source::ProjectedInterest, Origin::ProjectedInterest, 4),
            (Source::ProjectedOthers, Origin::ProjectedOther, 7),
        ] {
            material.supplies.insert(source, Supply::Drawn(rims(units(origin, count, 700, 1))));
        }
        let selection = material.select(0, RunSeed(0), 5, 2.0).unwrap();
        let TrainingSet::Interest(set) = Arm::SourceMatched.compose(&selection, 30) else { panic!("of interest") };
        let targets = |origin: Origin| -> Vec<f32> {
            set.added.iter().filter(|example| example.unit.origin == origin).map(|example| example.target).collect()
        };
        assert_eq!(targets(Origin::Denoised), [1.0; 5]);
        assert_eq!((targets(Origin::ProjectedInterest), targets(Origin::ProjectedOther)), (vec![1.0; 4], vec![0.0; 4]));
        let text = TrainingSet::Interest(set).lesions_text(&Classes::of_readers());
        assert_eq!(
            text,
            "10 real rim, 20 real non-rim, 5 denoised contested as rim, 4 projected rim as rim, 4 projected non-rim as \
             non-rim"
        );
        let TrainingSet::Interest(set) = Arm::ProjectedNonRims.compose(&selection, 30) else { panic!("of interest") };
        assert!(set.added.len() == 5 && set.added.iter().all(|example| example.target == 1.0));
    }

    #[test]
    fn shuffled_labels_are_the_same_lesions_in_classes_of_the_same_size() {
        let (none, shuffled) = (composed(Arm::None), composed(Arm::ShuffledLabels));
        assert_eq!((shuffled.interest.len(), shuffled.others.len()), (10, 20));
        assert_eq!(counts(Arm::ShuffledLabels), counts(Arm::None));
        assert_ne!(shuffled, none);
        assert!(shuffled.interest.iter().any(|example| example.unit.origin == Origin::Other));
    }

    #[test]
    fn every_key_is_as_in_the_tables_and_every_name_its_own() {
        let keys: Vec<String> = each().map(Arm::key).collect();
        for key in
            ["ada-gan+ld", "all-non-rims", "deep-smote", "latent-smote", "em", "oracle", "mixup", "random-latents"]
        {
            assert!(keys.iter().any(|own| own == key), "{key}");
        }
        let names: BTreeSet<&str> = each().map(Arm::name).collect();
        assert_eq!(names.len(), keys.len());
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
        assert!(Arm::Oversample.about(&classes).unwrap().starts_with("each class in turn"));
        assert_eq!(Arm::Oversample.about(&Classes::of_readers()).unwrap(), "half of every batch are rims");
    }
}
