//! `results.json` of a study of the kind "projection-accuracy".

use serde::{Deserialize, Serialize};

use super::diffusion::DiffusionRecord;
use super::prepare::PrepareRecord;
use super::residuals::ResidualsRecord;
use super::study::StageRun;
use super::synthesis::SynthesisRecord;
use super::training::{TimingRecord, TrainingRecord};

/// Everything that such a study found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectionAccuracyRecord {
    /// [`ProjectionAccuracyRecord::KIND`].
    pub kind: String,
    /// As in its settings.
    pub name: String,
    /// Of the program.
    pub rimforge_version: String,
    /// Of the engine.
    pub libtorch_version: String,
    /// "CPU", "Cuda(0)".
    pub device: String,
    /// Of the CPU.
    pub threads: u64,
    /// Of the study; each stage derives its own.
    pub seed: u64,
    /// Everything shown is simulated; the report says so on its face.
    pub simulated: bool,
    /// The resolved settings, as TOML.
    pub settings: String,
    /// In the order in which they ran.
    pub stages: Vec<StageRun>,
    /// What was simulated; absent for the user's own maps.
    pub maps: Option<DiffusionRecord>,
    /// The data set made of them.
    pub prepare: PrepareRecord,
    /// The generator.
    pub training: TrainingRecord,
    /// Its training, tick by tick.
    pub timing: Vec<TimingRecord>,
    /// What it draws.
    pub synthesis: SynthesisRecord,
    /// What it makes of images, and whether what it leaves out tells lesions.
    pub residuals: ResidualsRecord,
}

impl ProjectionAccuracyRecord {
    /// As a study file spells it.
    pub const KIND: &str = "projection-accuracy";
}
