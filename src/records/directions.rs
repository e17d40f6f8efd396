//! Directions of a latent space: what each moves, what random ones move, and how far an edited image may lie.

use serde::{Deserialize, Serialize};

use super::arithmetic::Arithmetic;
use crate::name::{Inside, Name};

/// `record.json` of `directions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectionsRecord {
    /// Whether the network learnt from a simulation, or the data set is one.
    pub simulated: bool,
    /// Of the network's file.
    pub network_sha256: String,
    /// Manifest of the data set that deviations of factors and the gate's pairs are of.
    pub data_sha256: String,
    /// Of every draw.
    pub seed: u64,
    /// Channels, height, width of the images.
    pub image: [u64; 3],
    /// Set of factors: "plain".
    pub meters: String,
    /// What was measured, in the order of every list of effects.
    pub factors: Vec<FactorRecord>,
    /// Name of the distance between images.
    pub distance: String,
    /// Who told the leak into the class; absent where nobody does.
    pub class_scores: Option<String>,
    /// Mapped latents that a deviation is of.
    pub samples: u64,
    /// Classes that codes were drawn of, with their shares; empty without classes.
    pub classes: Vec<ClassShare>,
    /// The codes that were moved.
    pub codes: Vec<CodeRecord>,
    /// How many of them, the first ones, are in the pictures.
    pub shown: u64,
    /// In deviations, from the lower end to the upper.
    pub steps: Vec<f64>,
    /// Deviations at the ends of the pictures' rows.
    pub reach: f64,
    /// Which layers take which w.
    pub layers: Vec<LayerRecord>,
    /// One for each method and group of layers.
    pub sets: Vec<DirectionSet>,
    /// How far an edit may go.
    pub gate: GateRecord,
    /// Another network's directions beside these; absent where there was none.
    pub second: Option<StabilityRecord>,
    /// Unit vectors, deviations and layers.
    pub vectors: Inside,
    /// SHA-256 of that file.
    pub vectors_sha256: String,
    /// Rows of directions, columns of steps.
    pub atlas: Inside,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// How it was computed.
    pub computed_with: Arithmetic,
}

/// A measured factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactorRecord {
    /// "brightness".
    pub name: String,
    /// Of its values; "" where they have none.
    pub unit: String,
    /// Standard deviation among training images: the unit of effects.
    pub deviation: f64,
    /// Standard deviation among the images of the codes.
    pub drawn_deviation: f64,
}

/// A class that codes were drawn of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassShare {
    /// As the network calls it; its number where it has no name.
    pub name: String,
    /// Of the codes, 0 to 1.
    pub share: f64,
}

/// A code that was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRecord {
    /// Of its latent, as `generate --seeds` takes it.
    pub seed: u32,
    /// Name of its class; absent without classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// A w and what it feeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// Of the w, from 0.
    pub index: u64,
    /// "b8.conv0", "b4.torgb": the convolution, and the image layer of the block before.
    pub feeds: Vec<String>,
}

/// Directions of one method for one group of layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectionSet {
    /// "closed-form" or "ganspace".
    pub method: String,
    /// "normalised" or "published"; absent for "ganspace".
    pub variant: Option<String>,
    /// "all", "coarse", "middle", "fine".
    pub layers: String,
    /// The first and the last w that are moved.
    pub indices: [u64; 2],
    /// Layers whose style weights were stacked; empty for "ganspace".
    pub stacked: Vec<String>,
    /// In falling order of their values.
    pub directions: Vec<DirectionRecord>,
    /// What random directions reach that are moved as far.
    pub null: NullRecord,
}

/// Share of the images at a direction's ends that must pass the gate where nobody looks at it.
pub const PASSING: f64 = 0.5;

impl DirectionSet {
    /// Whether one of the set's directions is accepted where nobody looks at it: beyond the null, at least half of the
    /// ends within the gate, and no more leak into the class than random directions have, as an edited image keeps its
    /// class.
    pub fn accepts(&self, one: &DirectionRecord) -> bool {
        let leaks = one.leak.zip(self.null.leak).is_some_and(|(leak, most)| leak > most);
        one.beats_null && one.passing >= PASSING && !leaks
    }
}

/// One direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectionRecord {
    /// "closed-form_all_01"; the name of its vector.
    pub id: Name,
    /// The factor that it moves most; it rises along the direction.
    pub name: String,
    /// Eigenvalue of A^T A, or variance of the component.
    pub value: f64,
    /// Of the sum of all values of its set, 0 to 1.
    pub share: f64,
    /// Number of the subspace that it shares with neighbours whose values differ by less than 5 %: any rotation of them
    /// would do as well. Absent where it stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subspace: Option<u64>,
    /// Deviation of the codes along it: the length of a step of one deviation.
    pub sigma: f64,
    /// Of that of the component with the largest, 0 to 1: a small one leads out of what the network learnt.
    pub sigma_share: f64,
    /// Mean change of each factor for a step of one deviation, in deviations among training images.
    pub effects: Vec<f64>,
    /// Spearman's correlation of each factor with the step.
    pub monotonicity: Vec<f64>,
    /// Share of the largest effect in the sum of all.
    pub purity: f64,
    /// Total variation of the class shares between both ends; absent where nobody tells classes.
    pub leak: Option<f64>,
    /// Distance to the image of the code itself at each step.
    pub distances: Vec<f64>,
    /// Distance of the moved code to the cloud of codes at each step, about 1 for codes of the network's own.
    pub cloud: Vec<f64>,
    /// Of the images at both ends, the share that passes the gate.
    pub passing: f64,
    /// Whether purity and the leading effect are above the random directions' 95 % quantiles.
    pub beats_null: bool,
    /// The same codes at seven steps.
    pub strip: Inside,
    /// SHA-256 of the picture.
    pub strip_sha256: String,
}

/// 95 % quantiles of the scores of random unit vectors that are moved as far as the directions, each as far as one of
/// them in turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NullRecord {
    /// How many there were.
    pub directions: u64,
    /// Of the size of the largest effect.
    pub strongest: f64,
    /// Of the size of each factor's effect.
    pub effects: Vec<f64>,
    /// Of the purity.
    pub purity: f64,
    /// Of the size of the leading factor's correlation with the step.
    pub monotonicity: f64,
    /// Of the leak; absent where nobody tells classes.
    pub leak: Option<f64>,
    /// Of the mean distance at the ends.
    pub distance: f64,
    /// Of the mean distance to the cloud at the ends.
    pub cloud: f64,
}

/// How far an edited image may lie from what it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateRecord {
    /// Absent where every image passes.
    pub threshold: Option<f64>,
    /// "none", "calibrated" or "set".
    pub from: String,
    /// "inverted" or "original": what an edited image is held to.
    pub against: String,
    /// What the distance says of photographs of one lesion; absent where there are too few.
    pub calibration: Option<Calibration>,
    /// Images of all directions at both ends that each threshold keeps.
    pub sweep: Vec<SweepRow>,
}

/// Distances of pairs of training images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Pairs of one lesion.
    pub same_pairs: u64,
    /// Pairs of other lesions of the same class.
    pub other_pairs: u64,
    /// Which quantiles follow.
    pub shares: Vec<f64>,
    /// Of pairs of one lesion.
    pub same: Vec<f64>,
    /// Of pairs of other lesions.
    pub other: Vec<f64>,
    /// Which quantile of pairs of one lesion a calibrated threshold is.
    pub quantile: f64,
    /// That quantile.
    pub threshold: f64,
    /// Share of pairs of other lesions within it: what it cannot tell.
    pub others_within: f64,
}

/// What a threshold keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// Absent where every image passes.
    pub threshold: Option<f64>,
    /// Images within it.
    pub kept: u64,
    /// Images in all.
    pub images: u64,
}

/// Directions of two networks that were trained from other weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StabilityRecord {
    /// Of the second network's file.
    pub network_sha256: String,
    /// Random shufflings that each p is of.
    pub shuffles: u64,
    /// One for each set of directions.
    pub sets: Vec<StableSet>,
    /// Codes of the first network mapped onto the second's; absent where that was not asked for.
    pub alignment: Option<AlignmentRecord>,
}

/// One set of directions in both networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StableSet {
    /// As in the set.
    pub method: String,
    /// As in the set.
    pub layers: String,
    /// Partners by what they do: the assignment with the largest sum of |cos| of effects.
    pub pairs: Vec<StablePair>,
    /// Mean |cos|.
    pub mean: f64,
    /// 95 % quantile of that mean with the second network's factors shuffled.
    pub chance: f64,
    /// Share of the shufflings that reach the mean.
    pub p: f64,
    /// The same behind the linear map between codes; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aligned: Option<AlignedSet>,
}

/// A direction and its partner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StablePair {
    /// Of the first network.
    pub id: Name,
    /// Of the second network's set, from 1.
    pub partner: u64,
    /// The factor that the partner moves.
    pub partner_name: String,
    /// |cos| of both effects.
    pub cosine: f64,
}

/// A linear map between the codes of two networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlignmentRecord {
    /// Images of the first network that were projected into the second, for the fit and held out.
    pub pairs: [u64; 2],
    /// Steps of each projection.
    pub steps: u64,
    /// Share of the held-out codes' variance that the map explains.
    pub r_squared: f64,
}

/// Directions behind the linear map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlignedSet {
    /// |cos| of each direction and its partner, the sum as large as possible.
    pub cosines: Vec<f64>,
    /// Mean |cos|.
    pub mean: f64,
    /// 95 % quantile of that mean with random directions in the second network.
    pub chance: f64,
    /// Share of such random sets that reach the mean.
    pub p: f64,
    /// Cosines of the principal angles between the spans of both sets.
    pub principal: Vec<f64>,
}
