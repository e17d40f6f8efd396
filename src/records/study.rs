//! `results.json`: every number that the report shows, with its file, seed and interval.

use serde::{Deserialize, Serialize};

use super::classify::ClassifyRecord;
use super::cohort::CohortRecord;
use super::perturbation::PerturbationRecord;
use super::prepare::PrepareRecord;
use super::projection::ProjectionRecord;
use super::synthesis::SynthesisRecord;
use super::training::{TimingRecord, TrainingRecord};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyRecord {
    pub name: String,
    pub rimforge_version: String,
    pub libtorch_version: String,
    pub device: String,
    pub threads: u64,
    pub seed: u64,
    /// Everything shown is simulated; the report says so on its face.
    pub simulated: bool,
    /// The resolved settings, as TOML.
    pub settings: String,
    pub stages: Vec<StageRun>,
    pub cohort: CohortRecord,
    pub prepare: PrepareRecord,
    pub training: TrainingRecord,
    pub timing: Vec<TimingRecord>,
    pub synthesis: SynthesisRecord,
    pub projection: ProjectionRecord,
    #[serde(default)]
    pub perturbation: Option<PerturbationRecord>,
    pub classify: ClassifyRecord,
    #[serde(default)]
    pub conditional: Option<ConditionalRecord>,
    #[serde(default)]
    pub multi_contrast: Option<MultiContrastRecord>,
}

/// The generator that is told rims from non-rims.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionalRecord {
    pub training: TrainingRecord,
    /// Of its rim class.
    pub synthesis: SynthesisRecord,
}

/// The generator of several contrasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiContrastRecord {
    pub prepare: PrepareRecord,
    pub training: TrainingRecord,
    pub synthesis: SynthesisRecord,
    /// Contested lesions, all contrasts at once.
    pub projection: Option<ProjectionRecord>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRun {
    pub stage: String,
    /// Folder of its results, relative to the study folder.
    pub folder: String,
    pub seconds: f64,
    /// Hash over its settings and inputs; the stage runs again only when this changes.
    pub key: String,
}
