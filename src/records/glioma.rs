//! `results.json` of a study of the kind "glioma".

use serde::{Deserialize, Serialize};

use super::brain::BrainRecord;
use super::prepare::PrepareRecord;
use super::study::StageRun;
use super::synthesis::SynthesisRecord;
use super::training::{TimingRecord, TrainingRecord};
use super::tumours::TumoursRecord;
use super::variants::VariantsRecord;

/// Everything that such a study found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GliomaRecord {
    /// [`GliomaRecord::KIND`].
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
    /// What was simulated; absent for the user's own volumes.
    pub brains: Option<BrainRecord>,
    /// The data set made of them.
    pub prepare: PrepareRecord,
    /// The generator of every class.
    pub training: TrainingRecord,
    /// Its training, tick by tick.
    pub timing: Vec<TimingRecord>,
    /// What it draws.
    pub synthesis: SynthesisRecord,
    /// What its pairs are worth to a segmentation; absent where not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tumours: Option<TumoursRecord>,
    /// Variants of it at equal budget; absent where not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variants: Option<VariantsRecord>,
}

impl GliomaRecord {
    /// As a study file spells it.
    pub const KIND: &str = "glioma";
}
