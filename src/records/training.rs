//! How a generator was trained: one line of `stats.jsonl` per tick, and the summary.

use serde::{Deserialize, Serialize};

use super::arithmetic::Stretch;
use super::precision::ChosenPrecision;

/// One tick; a line of `stats.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TickRecord {
    /// Counted from 1.
    pub tick: u64,
    /// Real images shown to the discriminator so far.
    pub images: u64,
    /// The generator's, mean over the tick.
    pub loss_g: f64,
    /// The discriminator's, mean over the tick.
    pub loss_d: f64,
    /// R1 penalty, mean over the steps that had it; `None` where none had.
    pub r1: Option<f64>,
    /// The path lengths themselves (not their penalty), mean over the steps that looked at them; `None` where none did.
    pub path_length: Option<f64>,
    /// Augmentation probability at the end of the tick.
    pub ada_p: f64,
    /// Overfitting signal E[sign D(real)], -1..1.
    pub ada_rt: f64,
    /// Frechet distance, generated to real training rims, on the features that `TrainingRecord::frechet_features`
    /// names. With classes: of the rim class to real training rims, where one class holds the rims.
    pub frechet: Option<f64>,
    /// The same over all classes, where `frechet` is of the rim class alone.
    #[serde(default)]
    pub frechet_all_classes: Option<f64>,
}

/// Wall-clock facts of a tick; kept apart (`timing.jsonl`) because they never repeat, and logs must.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimingRecord {
    /// Counted from 1.
    pub tick: u64,
    /// Wall-clock time of the tick.
    pub seconds: f64,
    /// Real images shown to the discriminator in a second.
    pub images_per_s: f64,
    /// Most memory in use so far.
    pub peak_bytes: u64,
}

/// `record.json` of `train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// "64x64, 1 channel, channel_base 1024, ..."
    pub network: String,
    /// Trainable numbers.
    pub generator_parameters: u64,
    /// Trainable numbers.
    pub discriminator_parameters: u64,
    /// Lesions that it saw.
    pub train_lesions: u64,
    /// Slices that it saw.
    pub train_slices: u64,
    /// Classes of a conditional network; empty otherwise.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Of activations and kernels: "float32", "bfloat16", "tf32" or "float16".
    #[serde(default)]
    pub precision: String,
    /// What the precision was chosen by; absent where it was given, or not a CPU's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision_choice: Option<ChosenPrecision>,
    /// Parts of a batch, each computed on a thread of its own.
    #[serde(default = "one")]
    pub replicas: u64,
    /// Real images shown to the discriminator, repeats counted.
    pub images: u64,
    /// Images of a step.
    pub batch: u64,
    /// Of every draw.
    pub seed: u64,
    /// Wall-clock time of all ticks.
    pub seconds: f64,
    /// Mean over that time.
    pub images_per_s: f64,
    /// Augmentation probability at the end.
    pub final_ada_p: f64,
    /// Images that the kept best snapshot had seen.
    pub best_images: u64,
    /// Frechet distance of the kept best snapshot; absent where none was measured.
    pub best_frechet: Option<f64>,
    /// What the Frechet distance is computed on; never called FID.
    pub frechet_features: String,
    /// The same distance between two halves of the real rims, by patient: the floor to read it against.
    pub frechet_real_floor: Option<f64>,
    /// Description and hash of the generator that training started from, if not from random weights.
    pub base: Option<BaseGenerator>,
    /// Where training diverged and went back, in words.
    pub rollbacks: Vec<String>,
    /// Every tick.
    pub curve: Vec<TickRecord>,
    /// Hash of the exported best network.
    pub network_sha256: String,
    /// How it was computed: one entry where all of it was computed in one way; empty where an older version trained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub computed_with: Vec<Stretch>,
}

/// Older versions divided no batch.
fn one() -> u64 {
    1
}

/// The network that training started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseGenerator {
    /// Its name, what it was trained on, and what started anew.
    pub description: String,
    /// Of its file.
    pub sha256: String,
}
