//! The glioma study's settings: the stages' own, composed, with the defaults that slices of three planes ask for.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use crate::data::brats::config::{BratsConfig, SliceClasses};
use crate::data::prepare_config::ClassSource;
use crate::data::{Condition, PrepareConfig};
use crate::engine::EngineConfig;
use crate::generate::GenerateConfig;
use crate::generate::config::EACH;
use crate::nets::class::ClassChoice;
use crate::settings::over;
use crate::simulate::brain::BrainConfig;
use crate::study::StudyKind;
use crate::train::TrainConfig;
use crate::train::config::{Loss, ObjectiveConfig, Symmetry};
use crate::tumours::TumoursConfig;
use crate::variants::VariantsConfig;

/// All that a study file of the kind "glioma" says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GliomaStudy {
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
    /// Where the volumes come from.
    pub brains: BrainSource,
    /// Volumes to slices, and the split by patients.
    #[serde(deserialize_with = "prepare")]
    pub prepare: PrepareConfig,
    /// The generator, which is told plane, tumour and population.
    #[serde(deserialize_with = "train")]
    pub train: TrainConfig,
    /// What it draws, each class in turn.
    #[serde(deserialize_with = "generate")]
    pub generate: GenerateConfig,
    /// What drawn pairs of the rare population are worth to a segmentation of tumours; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tumours: Option<TumoursConfig>,
    /// Variants of it at equal budget, trained as it is but from random weights; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variants: Option<VariantsConfig>,
}

/// Where the volumes come from: exactly one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrainSource {
    /// Folder of BraTS-Africa, BraTS of another year, or several of them, as downloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brats: Option<PathBuf>,
    /// Simulated ones, written into the study folder in that layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulate: Option<BrainConfig>,
}

/// Where a section leaves something out.
mod defaults {
    use super::*;

    pub fn prepare() -> PrepareConfig {
        PrepareConfig {
            contrasts: ["t1c", "t2f", "seg"].map(str::to_owned).to_vec(),
            classes: ClassSource::Labels,
            brats: BratsConfig { classes: SliceClasses::PlaneTumourPopulation, ..BratsConfig::default() },
            ..PrepareConfig::default()
        }
    }

    /// No mirror images: in a sagittal slice they would exchange front and back. The relativistic loss, because with
    /// StyleGAN2's own each class came to show one tumour (docs/brains.md).
    pub fn train() -> TrainConfig {
        let objective = ObjectiveConfig { loss: Loss::Relativistic, r2: true, ..ObjectiveConfig::default() };
        TrainConfig { condition: Condition::Labels, symmetry: Symmetry::None, objective, ..TrainConfig::default() }
    }

    pub fn generate() -> GenerateConfig {
        let class = Some(ClassChoice::Name(EACH.into()));
        GenerateConfig { class, seeds: "0-1199".into(), ..GenerateConfig::default() }
    }
}

fn prepare<'de, D: Deserializer<'de>>(written: D) -> Result<PrepareConfig, D::Error> {
    over(written, &defaults::prepare())
}

fn train<'de, D: Deserializer<'de>>(written: D) -> Result<TrainConfig, D::Error> {
    over(written, &defaults::train())
}

fn generate<'de, D: Deserializer<'de>>(written: D) -> Result<GenerateConfig, D::Error> {
    over(written, &defaults::generate())
}

impl Default for GliomaStudy {
    fn default() -> Self {
        Self {
            kind: StudyKind::Glioma,
            name: "study".into(),
            out: PathBuf::from("out/study"),
            seed: 1,
            engine: EngineConfig::default(),
            brains: BrainSource::default(),
            prepare: defaults::prepare(),
            train: defaults::train(),
            generate: defaults::generate(),
            tumours: None,
            variants: None,
        }
    }
}

impl GliomaStudy {
    /// The settings as they will be used, defaults filled in; what a study leaves of itself.
    pub fn resolved(&self) -> String {
        toml::to_string_pretty(self).expect("settings are plain tables, lists, strings and numbers")
    }
}
