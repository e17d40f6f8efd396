//! What classifiers look at, and what their maps are worth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FileHash, Interval};
use crate::name::Inside;

/// `record.json` of `explain`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplanationRecord {
    /// Everything real is simulated.
    pub simulated: bool,
    /// Manifest of the data set.
    pub data_sha256: String,
    /// Of every draw.
    pub seed: u64,
    /// The class that all maps speak for.
    pub class: String,
    /// The layer behind which Grad-CAM and HiResCAM look.
    pub layer: String,
    /// Rows and columns of a map of the class activation and of the other two.
    pub grids: [[u64; 2]; 2],
    /// Height and width of a slice.
    pub image: [u64; 2],
    /// What was looked at, in the data set's order.
    pub lesions: Vec<ExplainedLesion>,
    /// Whose they are.
    pub patients: u64,
    /// What was measured, in the order of the tables.
    pub measures: Vec<ExplanationMeasure>,
    /// By measure: what a map that knows nothing comes to; a measure whose chance depends on the arm is not there.
    pub chance: BTreeMap<String, Interval>,
    /// Before and after augmentation, in the order asked for.
    pub arms: Vec<ExplainedArm>,
    /// Absent where the lesions cannot be simulated without their rims; the notes say why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<TruthRecord>,
    /// The picture of some lesions with their maps, in the stage's folder; absent where none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Inside>,
    /// What a reader of the numbers should know.
    pub notes: Vec<String>,
}

/// A test lesion by its largest slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedLesion {
    /// "sub-001_lesion-003".
    pub lesion_id: String,
    /// Whose.
    pub patient: String,
    /// Of the slice within the patch.
    pub z: u32,
    /// Pixels that were traced as rim; 0 where nothing was.
    pub traced: u64,
    /// Largest change of a pixel by the rim, in the data set's unit; absent where that is not known or nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rim_changes: Option<f64>,
    /// One an arm, in the arms' order.
    pub scores: Vec<LesionScore>,
}

/// What an arm's classifiers say of a slice, a mean over the repetitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LesionScore {
    /// Log-odds of the class.
    pub log_odds: f64,
    /// Of the same slice without the rim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_rim: Option<f64>,
}

/// A number that maps are told apart by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplanationMeasure {
    /// As in [`MapRecord::scores`].
    pub key: String,
    /// In tables.
    pub name: String,
    /// "higher" or "lower".
    pub better: String,
    /// What it shows and does not show.
    pub about: String,
}

/// The classifiers of one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedArm {
    /// As in the comparison.
    pub name: String,
    /// The repetitions that were explained, relative to the comparison's folder.
    pub fits: Vec<FileHash>,
    /// Those of the classifiers, then those that know none.
    pub maps: Vec<MapRecord>,
    /// Deletion and insertion in random orders.
    pub random: BTreeMap<String, Interval>,
    /// What the answer loses without the rim; absent without truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<RimEffect>,
}

/// One kind of map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapRecord {
    /// "cam", "grad-cam", "hires-cam"; "edges", "middle", "truth", "truth-on-grid".
    pub key: String,
    /// In tables.
    pub title: String,
    /// Whether a classifier had a hand in it.
    pub of_classifier: bool,
    /// By measure, means over the lesions for which it is defined.
    pub scores: BTreeMap<String, Interval>,
    /// By measure: these scores minus those of the first arm's map, lesion by lesion; empty for the first arm and for
    /// maps of no classifier.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub minus_first_arm: BTreeMap<String, Interval>,
    /// What is left of the map when layers become random, from the head downward; empty for maps of no classifier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cascade: Vec<CascadeRecord>,
}

/// A step of the cascade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CascadeRecord {
    /// Made random in this step, as all behind it are already.
    pub layer: String,
    /// Mean rank correlation with the map of the trained classifier; absent where no map has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Interval>,
}

/// The same lesions without their rims, all else the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthRecord {
    /// That have a rim which could be taken away.
    pub lesions: u64,
    /// Largest difference between the data set's maps and those that are simulated again with all rims, in ppb, over
    /// the lesions of one patient.
    pub apart_ppb: f64,
}

/// How much of an answer rests on the rim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RimEffect {
    /// Mean log-odds with the rim.
    pub with_rim: Interval,
    /// And without.
    pub without_rim: Interval,
    /// The first minus the second.
    pub difference: Interval,
    /// Share of lesions whose log-odds fall.
    pub falls: Interval,
    /// Share of the lesions with log-odds above 0 that fall to 0 or below; absent where there is none above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crosses: Option<Interval>,
}
