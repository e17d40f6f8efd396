//! `results.json` of a study of the kind "dermatoscopy".

use serde::{Deserialize, Serialize};

use super::classify::ClassifyRecord;
use super::directions::DirectionsRecord;
use super::edit::EditRecord;
use super::invert::InversionRecord;
use super::prepare::PrepareRecord;
use super::skin::SkinRecord;
use super::study::StageRun;
use super::synthesis::SynthesisRecord;
use super::training::{TimingRecord, TrainingRecord};

/// Everything that such a study found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DermatoscopyRecord {
    /// [`DermatoscopyRecord::KIND`].
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
    /// What was simulated; absent for the user's own photographs.
    pub images: Option<SkinRecord>,
    /// The data set made of them.
    pub prepare: PrepareRecord,
    /// The generator of every class.
    pub training: TrainingRecord,
    /// Its training, tick by tick.
    pub timing: Vec<TimingRecord>,
    /// What it draws.
    pub synthesis: SynthesisRecord,
    /// Photographs in its latent space.
    pub inversion: InversionRecord,
    /// What its directions move.
    pub directions: DirectionsRecord,
    /// Photographs edited along them; absent where no direction was accepted.
    #[serde(default)]
    pub edits: Option<EditRecord>,
    /// The arms.
    pub classify: ClassifyRecord,
}

impl DermatoscopyRecord {
    /// As a study file spells it.
    pub const KIND: &str = "dermatoscopy";
}
