//! How a generator was trained: one line of `stats.jsonl` per tick, and the summary.

use serde::{Deserialize, Serialize};

/// One tick; a line of `stats.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TickRecord {
    pub tick: u64,
    /// Real images shown to the discriminator so far.
    pub images: u64,
    /// Means over the tick; `None` where the phase was not due.
    pub loss_g: f64,
    pub loss_d: f64,
    pub r1: Option<f64>,
    pub path_length: Option<f64>,
    /// Augmentation probability at the end of the tick.
    pub ada_p: f64,
    /// Overfitting signal E[sign D(real)], -1..1.
    pub ada_rt: f64,
    /// Frechet distance, generated to real training rims, on the features that `TrainingRecord::frechet_features` names.
    /// With classes: of the rim class to real training rims, where one class holds the rims.
    pub frechet: Option<f64>,
    /// The same over all classes, where `frechet` is of the rim class alone.
    #[serde(default)]
    pub frechet_all_classes: Option<f64>,
}

/// Wall-clock facts of a tick; kept apart (`timing.jsonl`) because they never repeat, and logs must.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimingRecord {
    pub tick: u64,
    pub seconds: f64,
    pub images_per_s: f64,
    pub peak_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// "64x64, 1 channel, channel_base 1024, ..."
    pub network: String,
    pub generator_parameters: u64,
    pub discriminator_parameters: u64,
    /// Lesions and slices it saw.
    pub train_lesions: u64,
    pub train_slices: u64,
    /// Classes of a conditional network; empty otherwise.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Of activations and kernels: "float32", "bfloat16", "tf32" or "float16".
    #[serde(default)]
    pub precision: String,
    pub images: u64,
    pub batch: u64,
    pub seed: u64,
    pub seconds: f64,
    pub images_per_s: f64,
    pub final_ada_p: f64,
    /// Images and Frechet distance of the kept best snapshot.
    pub best_images: u64,
    pub best_frechet: Option<f64>,
    /// What the Frechet distance is computed on; never called FID.
    pub frechet_features: String,
    /// The same distance between two halves of the real rims, by patient: the floor to read it against.
    pub frechet_real_floor: Option<f64>,
    /// Description and hash of the generator that training started from, if not from random weights.
    pub base: Option<BaseGenerator>,
    pub rollbacks: Vec<String>,
    pub curve: Vec<TickRecord>,
    /// Hash of the exported best network.
    pub network_sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseGenerator {
    pub description: String,
    pub sha256: String,
}
