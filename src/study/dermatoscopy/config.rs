//! The dermatoscopy study's settings: the stages' own, composed, with the defaults that seven classes of photographs
//! ask for.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use crate::classify::augment::Augment;
use crate::classify::{Arm, ClassifyConfig};
use crate::data::prepare_config::ClassSource;
use crate::data::{Condition, PrepareConfig};
use crate::directions::DirectionsConfig;
use crate::edit::EditConfig;
use crate::engine::EngineConfig;
use crate::generate::GenerateConfig;
use crate::generate::config::EACH;
use crate::invert::InvertConfig;
use crate::nets::class::ClassChoice;
use crate::settings::over;
use crate::simulate::skin::SkinConfig;
use crate::study::StudyKind;
use crate::train::TrainConfig;

/// All that a study file of the kind "dermatoscopy" says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DermatoscopyStudy {
    /// The recipe.
    pub kind: StudyKind,
    /// Title of the report.
    pub name: String,
    /// Study folder; relative to where the command runs.
    pub out: PathBuf,
    /// Every random draw of the study derives from it.
    pub seed: u64,
    /// Device and threads.
    pub engine: EngineConfig,
    /// Where the photographs come from.
    pub images: ImageSource,
    /// Other photographs, on which the classifiers are tested once more; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ImageSource>,
    /// Photographs to arrays, and the split by lesions; each label is a class.
    #[serde(deserialize_with = "prepare")]
    pub prepare: PrepareConfig,
    /// The generator, which is told the classes.
    #[serde(deserialize_with = "train")]
    pub train: TrainConfig,
    /// Another generator, trained from other weights: are its directions the same? Absent for none.
    #[serde(deserialize_with = "second", skip_serializing_if = "Option::is_none")]
    pub second: Option<TrainConfig>,
    /// What it draws, each class in turn.
    #[serde(deserialize_with = "generate")]
    pub generate: GenerateConfig,
    /// Photographs into its latent space.
    pub invert: InvertConfig,
    /// Directions there, scored and named.
    pub directions: DirectionsConfig,
    /// Training lesions edited along those that are accepted.
    pub edit: EditConfig,
    /// One classifier an arm.
    #[serde(deserialize_with = "classify")]
    pub classify: ClassifyConfig,
}

/// Where the photographs come from: exactly one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageSource {
    /// Folder of HAM10000 as downloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ham10000: Option<PathBuf>,
    /// Folder of ISIC 2018 (task 3) or 2019 as downloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isic: Option<PathBuf>,
    /// A folder with a sub-folder a class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Simulated ones, written into the study folder as HAM10000 is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulate: Option<SkinConfig>,
}

/// Where a section leaves something out.
mod defaults {
    use super::*;

    pub fn prepare() -> PrepareConfig {
        PrepareConfig { classes: ClassSource::Labels, ..PrepareConfig::default() }
    }

    pub fn train() -> TrainConfig {
        TrainConfig { condition: Condition::Labels, ..TrainConfig::default() }
    }

    pub fn generate() -> GenerateConfig {
        let class = Some(ClassChoice::Name(EACH.into()));
        GenerateConfig { class, seeds: "0-999".into(), ..GenerateConfig::default() }
    }

    /// No fit changes what it sees, but that of the arm that is about it.
    pub fn classify() -> ClassifyConfig {
        let arms = vec![
            Arm::None,
            Arm::Oversample,
            Arm::Classical,
            Arm::Synthetic6k,
            Arm::SyntheticOnly,
            Arm::Sa2k,
            Arm::Sa6k,
            Arm::Sa12k,
            Arm::Sa2kFiltered,
            Arm::Sa6kFiltered,
            Arm::Sa12kFiltered,
            Arm::SaOnly,
        ];
        ClassifyConfig { arms, augment: Augment::None, ..ClassifyConfig::default() }
    }
}

fn prepare<'de, D: Deserializer<'de>>(written: D) -> Result<PrepareConfig, D::Error> {
    over(written, &defaults::prepare())
}

fn train<'de, D: Deserializer<'de>>(written: D) -> Result<TrainConfig, D::Error> {
    over(written, &defaults::train())
}

fn second<'de, D: Deserializer<'de>>(written: D) -> Result<Option<TrainConfig>, D::Error> {
    over(written, &defaults::train()).map(Some)
}

fn generate<'de, D: Deserializer<'de>>(written: D) -> Result<GenerateConfig, D::Error> {
    over(written, &defaults::generate())
}

fn classify<'de, D: Deserializer<'de>>(written: D) -> Result<ClassifyConfig, D::Error> {
    over(written, &defaults::classify())
}

impl Default for DermatoscopyStudy {
    fn default() -> Self {
        Self {
            kind: StudyKind::Dermatoscopy,
            name: "study".into(),
            out: PathBuf::from("out/study"),
            seed: 1,
            engine: EngineConfig::default(),
            images: ImageSource::default(),
            external: None,
            prepare: defaults::prepare(),
            train: defaults::train(),
            second: None,
            generate: defaults::generate(),
            invert: InvertConfig::default(),
            directions: DirectionsConfig::default(),
            edit: EditConfig::default(),
            classify: defaults::classify(),
        }
    }
}

impl DermatoscopyStudy {
    /// The settings as they will be used, defaults filled in; what a study leaves of itself.
    pub fn resolved(&self) -> String {
        toml::to_string_pretty(self).expect("settings are plain tables, lists, strings and numbers")
    }
}
