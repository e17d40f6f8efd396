//! Where arms take what they add, and what each place asks for.

use super::arms::Arm;
use super::config::ClassifyConfig;
use super::material::Material;
use crate::problem::Problem;

/// Material that an arm cannot do without, in the order in which it is read or made.
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
    /// Projections of agreed training lesions of interest.
    ProjectedInterest,
    /// Projections of agreed training lesions of the other class.
    ProjectedOthers,
    /// Images of random latents, as many as slices of the contested lesions.
    RandomLatents,
    /// The image of the generator's mean w.
    GeneratorMean,
    /// Images of points between the w of projected lesions of interest.
    LatentSmote,
    /// Points between slices of lesions of interest.
    Smote,
    /// Decoded points between codes, the penalty as in the paper.
    DeepSmote,
    /// Decoded points between codes, the penalty as in the published program.
    DeepSmoteCode,
    /// Synthetic ones that cross-fitted classifiers agree on, surest first.
    Agreeing,
    /// Synthetic ones by their realism, highest first.
    Realistic,
    /// Contested lesions with the probability that features and readers give them.
    Posterior,
    /// Contested lesions with their true label.
    Oracle,
    /// Contested lesions mixed with their projections.
    Mixed,
    /// Contested lesions with the probability that projections as of either class give them.
    TwoSided,
    /// The projections that fit better, with the same probability.
    TwoSidedImage,
    /// Images of every class of a conditional generator.
    DrawnByClass,
    /// Training lesions of every class, edited.
    Edited,
    /// Those of them that are within the gate.
    EditedKept,
    /// Those along the accepted direction of this number, the first is 1.
    EditedAlong(u8),
    /// This share of them, %, that moved least by the gate's distance.
    EditedNearest(u8),
}

/// A thing that the stage is handed, without which some sources are dry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Given {
    /// Folder of `generate`.
    Synthetic,
    /// Folder of `generate` with a conditional generator.
    Conditional,
    /// Folder of `project`, of contested lesions.
    Denoised,
    /// Folder of `project`, of agreed training lesions of interest.
    ProjectedInterest,
    /// Folder of `project`, of agreed training lesions of the other class.
    ProjectedOthers,
    /// The generator that lesions are projected into.
    Network,
    /// Folder of `two-sided`.
    TwoSided,
    /// Folder of `edit`.
    Edited,
    /// Table of true labels.
    Truth,
}

impl Given {
    /// What of it is missing where it is not given, and how to give it.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Synthetic => ("synthetic lesions", "give slices that generate drew (--synthetic)"),
            Self::Conditional => {
                ("images of a conditional generator", "give slices that generate drew of a class (--conditional)")
            }
            Self::Denoised => ("denoised lesions", "give lesions that project found (--denoised)"),
            Self::ProjectedInterest => (
                "projections of agreed rims",
                "project the training side's rims with `rimforge project --class rim` and give the folder \
                 (--projected-rims)",
            ),
            Self::ProjectedOthers => (
                "projections of agreed non-rims",
                "project the training side's non-rims with `rimforge project --class non-rim` and give the folder \
                 (--projected-non-rims)",
            ),
            Self::Network => {
                ("images of a generator", "give the generator that lesions were projected into (--network)")
            }
            Self::TwoSided => (
                "lesions projected as rims and as non-rims",
                "compare such projections with `rimforge two-sided` and give the folder (--two-sided)",
            ),
            Self::Edited => {
                ("edited lesions", "edit training lesions with `rimforge edit` and give the folder (--edited)")
            }
            Self::Truth => {
                ("true labels", "give the truth of a simulated cohort, derivatives/truth/truth.tsv (--truth)")
            }
        }
    }
}

impl Source {
    /// Accepted directions that have an arm of their own.
    pub const ALONG: [u8; 5] = [1, 2, 3, 4, 5];

    /// Shares of those that moved least, %.
    pub const NEAREST: [u8; 3] = [25, 50, 75];

    /// What must be handed over for it; the data set itself always is.
    pub fn asks_for(self) -> &'static [Given] {
        match self {
            Self::Synthetic | Self::Agreeing | Self::Realistic | Self::DrawnByClass => &[Given::Synthetic],
            Self::Edited | Self::EditedKept | Self::EditedAlong(_) | Self::EditedNearest(_) => &[Given::Edited],
            Self::Conditional => &[Given::Conditional],
            Self::Denoised | Self::Mixed => &[Given::Denoised],
            Self::ProjectedInterest => &[Given::ProjectedInterest],
            Self::ProjectedOthers => &[Given::ProjectedOthers],
            Self::RandomLatents | Self::GeneratorMean => &[Given::Network],
            Self::LatentSmote => &[Given::ProjectedInterest, Given::Network],
            Self::TwoSided | Self::TwoSidedImage => &[Given::TwoSided],
            Self::Oracle => &[Given::Truth],
            Self::Ambiguous | Self::Affine | Self::Smote | Self::DeepSmote | Self::DeepSmoteCode | Self::Posterior => {
                &[]
            }
        }
    }

    /// Whether a generator drew it or lesions were projected into one.
    pub fn is_of_a_generator(self) -> bool {
        !self.is_made_of_rims() && !matches!(self, Self::Ambiguous | Self::Posterior | Self::Oracle)
    }

    /// Whether it is made of agreed lesions of interest and nothing else.
    pub fn is_made_of_rims(self) -> bool {
        matches!(self, Self::Affine | Self::Smote | Self::DeepSmote | Self::DeepSmoteCode)
    }

    /// Whether it speaks of the contested lesions: those take the slices that were projected where projections are
    /// given, so that arms of them and of their projections differ in nothing else.
    pub fn of_contested(self) -> bool {
        matches!(
            self,
            Self::Denoised
                | Self::Ambiguous
                | Self::RandomLatents
                | Self::Posterior
                | Self::Oracle
                | Self::Mixed
                | Self::TwoSided
                | Self::TwoSidedImage
        )
    }

    /// Whether it has images of every class: an arm says itself how many it takes of them ([`Arm::share`]).
    pub fn is_of_every_class(self) -> bool {
        matches!(
            self,
            Self::DrawnByClass | Self::Edited | Self::EditedKept | Self::EditedAlong(_) | Self::EditedNearest(_)
        )
    }

    /// Random stream by which a repetition draws from it; one for all that stands lesion by lesion beside the contested
    /// ones, so that they are drawn together.
    pub fn stream(self) -> &'static str {
        match self {
            Self::Synthetic => "synthetic",
            Self::Conditional => "conditional",
            Self::ProjectedInterest => "projected interest",
            Self::ProjectedOthers => "projected others",
            Self::DrawnByClass => "drawn by class",
            Self::Edited | Self::EditedKept | Self::EditedAlong(_) | Self::EditedNearest(_) => "edited",
            _ => "contested",
        }
    }

    /// How many lesions it can give to a repetition; `None` where there is no limit.
    pub fn available(self, material: &Material, config: &ClassifyConfig) -> Option<usize> {
        let given = |source: Self| material.supply(source).map_or(0, |supply| supply.count());
        match self {
            Self::Synthetic | Self::Conditional | Self::Denoised | Self::ProjectedInterest | Self::ProjectedOthers => {
                Some(given(self))
            }
            // Whoever chooses needs more than is taken.
            Self::Agreeing | Self::Realistic => Some(given(Self::Synthetic) / 2),
            Self::Ambiguous | Self::RandomLatents | Self::Posterior | Self::Oracle => Some(material.contested.len()),
            Self::Mixed => Some(given(Self::Denoised)),
            Self::TwoSided | Self::TwoSidedImage => Some(material.contested.len()),
            // They take as many of the other class away, and must leave some.
            Self::Affine => Some(material.others_count(config.non_rims_per_rim).saturating_sub(1).max(1)),
            Self::GeneratorMean | Self::LatentSmote | Self::Smote | Self::DeepSmote | Self::DeepSmoteCode => None,
            // How much is taken is the arm's affair.
            Self::DrawnByClass | Self::Edited | Self::EditedKept | Self::EditedAlong(_) | Self::EditedNearest(_) => {
                None
            }
        }
    }

    /// Refuses an arm that finds none of it.
    pub fn lacking(self, arm: Arm) -> Problem {
        match self {
            Self::Ambiguous | Self::RandomLatents | Self::Posterior | Self::Oracle => {
                lacking(arm, "contested training lesions", "")
            }
            Self::Affine => lacking(arm, "affine copies", ""),
            Self::Agreeing | Self::Realistic => {
                lacking(arm, "two synthetic lesions to choose from", "draw more (generate.seeds, --seeds)")
            }
            other => other.asks_for().first().map_or_else(|| lacking(arm, "material", ""), |given| given.lacking(arm)),
        }
    }
}

impl Given {
    /// Refuses an arm that is not given it.
    pub fn lacking(self, arm: Arm) -> Problem {
        let (what, give) = self.words();
        lacking(arm, what, give)
    }
}

fn lacking(arm: Arm, what: &str, give: &str) -> Problem {
    let or = if give.is_empty() { String::new() } else { format!("{give}, or ") };
    Problem::usage(format!("arm {} has no {what} to add", arm.name()))
        .advice(format!("{or}leave \"{}\" out of classify.arms (--arms)", arm.key()))
}
