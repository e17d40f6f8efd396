//! The arms of the experiment and their scores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arithmetic::Arithmetic;
use super::classes::Class;
use super::evidence::EvidenceRecord;
use super::prepare::ClassCount;
use super::synthesis::RimContrastSummary;
use super::{Confusion, FileHash, Interval};

/// What a comparison of arms found.
///
/// Where the data set has a class of interest ("rim"), the numbers are of that class against the other, at a threshold;
/// where it has none, of every class against the rest ([`ArmRecord::by_class`]), and what speaks of rims is 0 or empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifyRecord {
    /// How slice scores become a lesion's.
    pub pooling: String,
    /// Of every fit.
    pub optimiser_steps: u64,
    /// Slices in a batch.
    pub batch: u64,
    /// Repetitions.
    pub seeds: Vec<u64>,
    /// Where the threshold comes from.
    pub threshold_rule: String,
    /// What was scored.
    pub test: TestSetRecord,
    /// In the order asked for.
    pub arms: Vec<ArmRecord>,
    /// Arm minus "None", paired over the same test lesions.
    pub differences: Vec<DifferenceRecord>,
    /// Trainable numbers of one classifier.
    pub parameters: u64,
    /// Rims that each arm but "None" adds (0 where no class is of interest); fewer than asked for where the training
    /// side has fewer contested lesions.
    #[serde(default)]
    pub extra_rims: u64,
    /// Rims in every batch, the same for all arms unless an arm's description says otherwise.
    #[serde(default)]
    pub rims_per_batch: u64,
    /// "shuffle-labels" or "duplicate-leak": the numbers test the machinery and say nothing about the arms.
    #[serde(default)]
    pub control: Option<String>,
    /// What a reader of the numbers should know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The classes that were told apart, in the order of rows and columns; empty where one of two is of interest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
    /// How the fits were computed, each way once; empty where an older version did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub computed_with: Vec<Arithmetic>,
    /// Tests and what goes with them; absent where no class is of interest and in records of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceRecord>,
    /// The file of every fit, arm by arm; empty where an older version did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fits: Vec<FileHash>,
    /// Of the manifest that the arms were compared on; absent in records of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// The arms at other weights of what they add, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<WeightPoint>,
    /// How much rim is left in what arms make of rims; empty where none does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<MadeContrast>,
    /// The same fits on another data set; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalRecord>,
    /// Generators whose images repetitions take in turn, where arms take of any; absent where there is one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub generators: u64,
}

fn one() -> u64 {
    1
}

/// For what is written only where it is more.
// Serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(crate) fn is_one(count: &u64) -> bool {
    *count == 1
}

/// Fits on a data set that nobody knew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalRecord {
    /// Its manifest.
    pub data_sha256: String,
    /// Whether it is a simulation.
    pub simulated: bool,
    /// All of it; items of classes that the fits do not know count as contested.
    pub test: TestSetRecord,
    /// In the order asked for.
    pub arms: Vec<ExternalArm>,
    /// Arm minus "None", paired over the same items.
    pub differences: Vec<DifferenceRecord>,
}

/// One arm on an external data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalArm {
    /// Its name.
    pub name: String,
    /// Every class against the rest.
    pub by_class: ArmByClass,
}

/// Slices that an arm makes of real ones of interest, beside those.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MadeContrast {
    /// Its name.
    pub arm: String,
    /// Made slices that were measured.
    pub slices: u64,
    /// Of the made ones ("synthetic"), the real ones and the others.
    pub rim_contrast: RimContrastSummary,
}

/// An arm at one weight of what it adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightPoint {
    /// Weight of the mean loss of what is added, beside 1 for the real lesions.
    pub extra_weight: f64,
    /// Its name.
    pub arm: String,
    /// "auprc" or "auroc".
    pub metric: String,
    /// "readers" or "truth".
    pub against: String,
    /// Mean over repetitions.
    pub value: Interval,
    /// From the None arm, paired over the same test lesions.
    pub difference: Option<Interval>,
}

/// The test side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestSetRecord {
    /// Groups that stay together.
    pub patients: u64,
    /// Contested ones too.
    pub lesions: u64,
    /// Of the class of interest; 0 where none is.
    pub rims: u64,
    /// Contested.
    pub ambiguous: u64,
    /// Of the other class; 0 where none is of interest.
    pub non_rims: u64,
    /// Agreed rims / lesions.
    pub prevalence: f64,
    /// True rims / lesions, in a simulated cohort.
    pub true_prevalence: Option<f64>,
    /// Items of each class, where none is of interest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassCount>,
}

/// One arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmRecord {
    /// "None", "Ambiguous", "Affine", "ADA-GAN", "ADA-GAN-LD", "ADA-GAN+LD".
    pub name: String,
    /// What it does, and its first training set.
    pub description: String,
    /// Training slices by origin: ("real rim", 200), ("synthetic", 100), ...
    pub training_slices: Vec<(String, u64)>,
    /// Each repetition on its own.
    pub per_seed: Vec<SeedScores>,
    /// Metric name -> mean over seeds with its interval, against the readers' agreed label (a contested lesion is no
    /// rim). "certain_..." leaves contested test lesions out; "..._at_3.3_percent" is reweighted to that share of rims.
    pub against_readers: BTreeMap<String, Interval>,
    /// The same against the true label; empty unless simulated. Keys as in `against_readers`; "ambiguous_..." among the
    /// contested test lesions alone.
    pub against_truth: BTreeMap<String, Interval>,
    /// Share of the added rims' originals that truly are rims (Wilson, over all repetitions' draws of real lesions);
    /// absent without truth or where nothing real was added.
    #[serde(default)]
    pub extra_label_precision: Option<Interval>,
    /// Every class against the rest, where none is of interest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_class: Option<ArmByClass>,
}

/// One arm's scores where no class is of interest; contested test items are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmByClass {
    /// "macro_auroc", "macro_auprc" (means over the classes, each against the rest), "balanced_accuracy" (mean
    /// sensitivity), "accuracy" -> mean over seeds with its interval over patients.
    pub overall: BTreeMap<String, Interval>,
    /// In the order of the classes.
    pub classes: Vec<OneAgainstRest>,
    /// Each repetition on its own.
    pub per_seed: Vec<ClassSeedScores>,
}

/// One class against all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneAgainstRest {
    /// The positive one; the items of all others are the negatives.
    pub class: Class,
    /// "auroc", "auprc", and of the highest score as the answer "sensitivity", "specificity", "precision", "f1" -> mean
    /// over seeds with its interval over patients.
    pub metrics: BTreeMap<String, Interval>,
    /// The sensitivity once more, with Wilson's interval: few items of a rare class, of which a bootstrap sees none
    /// that it does not have. Items of one group count as fewer, repetitions not as more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<Interval>,
}

/// One repetition where no class is of interest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassSeedScores {
    /// Number of the repetition.
    pub seed: u64,
    /// As [`ArmByClass::overall`].
    pub overall: BTreeMap<String, f64>,
    /// Items by their class (rows) and the answer (columns), in the order of the classes.
    pub confusion: Vec<Vec<u64>>,
}

/// One repetition of the class of interest against the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedScores {
    /// Number of the repetition.
    pub seed: u64,
    /// Log-odds from which a lesion is called a rim.
    pub threshold: f64,
    /// As in [`ArmRecord`].
    pub against_readers: BTreeMap<String, f64>,
    /// As in [`ArmRecord`].
    pub against_truth: BTreeMap<String, f64>,
    /// Against the readers' label.
    pub confusion: Confusion,
    /// Against the true label, in a simulated cohort.
    pub confusion_truth: Option<Confusion>,
}

/// An arm minus "None".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DifferenceRecord {
    /// Name of the arm.
    pub arm: String,
    /// Of what.
    pub metric: String,
    /// "readers" or "truth"; "labels" where no class is of interest.
    pub against: String,
    /// Paired over the same test patients.
    pub difference: Interval,
}

/// Name of the arm of real lesions alone, which all others are compared with.
pub const NONE: &str = "None";

/// Names of the arms that add denoised lesions: alone, and with synthetic ones.
pub const DENOISED: [&str; 2] = ["ADA-GAN-LD", "ADA-GAN+LD"];

impl ClassifyRecord {
    /// The arm of real lesions alone, wherever it stands; `None` where it was not run.
    pub fn none(&self) -> Option<&ArmRecord> {
        self.arms.iter().find(|arm| arm.name == NONE)
    }
}
