//! `results.json`: every number that the report shows, with its file, seed and interval.

use serde::{Deserialize, Serialize};

use super::classify::ClassifyRecord;
use super::cohort::CohortRecord;
use super::evaluate::EvaluationRecord;
use super::explain::ExplanationRecord;
use super::perturbation::PerturbationRecord;
use super::prepare::PrepareRecord;
use super::projection::ProjectionRecord;
use super::segment::SegmentRecord;
use super::synthesis::SynthesisRecord;
use super::training::{TimingRecord, TrainingRecord};
use super::two_sided::TwoSidedRecord;

/// Everything that a study found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyRecord {
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
    /// The lesions and their readers.
    pub cohort: CohortRecord,
    /// The data set made of them.
    pub prepare: PrepareRecord,
    /// The generator of agreed rims.
    pub training: TrainingRecord,
    /// Its training, tick by tick.
    pub timing: Vec<TimingRecord>,
    /// What it draws.
    pub synthesis: SynthesisRecord,
    /// Contested lesions in its latent space.
    pub projection: ProjectionRecord,
    /// How far to trust that; absent where the settings leave it out.
    #[serde(default)]
    pub perturbation: Option<PerturbationRecord>,
    /// The arms.
    pub classify: ClassifyRecord,
    /// Absent where the settings have none.
    #[serde(default)]
    pub conditional: Option<ConditionalRecord>,
    /// Absent where the settings have none.
    #[serde(default)]
    pub multi_contrast: Option<MultiContrastRecord>,
    /// How far the sets of images lie from held-out ones; absent where the settings have no such section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<EvaluationRecord>,
    /// What the classifiers look at; absent where the settings have no such section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<ExplanationRecord>,
    /// Masks of rims; absent where the settings have no such section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmentation: Option<SegmentRecord>,
    /// Lesions projected as of either class; absent where the settings have no such section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_sided: Option<TwoSidedRecord>,
    /// Generators like the first, trained from other random numbers; none where the settings ask for one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_generators: Vec<FurtherGenerator>,
}

/// A generator like the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FurtherGenerator {
    /// Of agreed rims.
    pub training: TrainingRecord,
    /// What it draws.
    pub synthesis: SynthesisRecord,
    /// Contested lesions in its latent space.
    pub projection: ProjectionRecord,
}

/// The generator that is told rims from non-rims.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionalRecord {
    /// Of all classes.
    pub training: TrainingRecord,
    /// Of its rim class.
    pub synthesis: SynthesisRecord,
}

/// The generator of several contrasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiContrastRecord {
    /// The data set of all contrasts.
    pub prepare: PrepareRecord,
    /// The generator.
    pub training: TrainingRecord,
    /// What it draws.
    pub synthesis: SynthesisRecord,
    /// Contested lesions, all contrasts at once.
    pub projection: Option<ProjectionRecord>,
}

/// One stage of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRun {
    /// Its name.
    pub stage: String,
    /// Folder of its results, relative to the study folder.
    pub folder: String,
    /// Wall-clock time when it last ran.
    pub seconds: f64,
    /// Hash over its settings and inputs; the stage runs again only when this changes.
    pub key: String,
}
