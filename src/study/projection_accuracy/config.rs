//! The projection accuracy study's settings: the stages' own, composed, with the defaults that maps of anisotropy ask
//! for.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use crate::data::PrepareConfig;
use crate::engine::EngineConfig;
use crate::generate::GenerateConfig;
use crate::project::ProjectConfig;
use crate::residuals::ResidualsConfig;
use crate::settings::over;
use crate::simulate::diffusion::DiffusionConfig;
use crate::study::StudyKind;
use crate::train::TrainConfig;

/// All that a study file of the kind "projection-accuracy" says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectionAccuracyStudy {
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
    /// Where the maps come from.
    pub maps: MapSource,
    /// Maps to slices, and the split by persons.
    #[serde(deserialize_with = "prepare")]
    pub prepare: PrepareConfig,
    /// The generator, of healthy persons unless `prepare.fa.learns` says all.
    pub train: TrainConfig,
    /// What it draws.
    #[serde(deserialize_with = "generate")]
    pub generate: GenerateConfig,
    /// How images are projected.
    #[serde(deserialize_with = "project")]
    pub project: ProjectConfig,
    /// Which are, and what is asked of their residuals.
    pub residuals: ResidualsConfig,
}

/// Where the maps come from: exactly one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MapSource {
    /// Folder of maps of fractional anisotropy in one space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fa: Option<PathBuf>,
    /// Simulated ones, written into the study folder as BIDS derivatives of diffusion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulate: Option<DiffusionConfig>,
}

/// Where a section leaves something out.
mod defaults {
    use super::*;

    pub fn prepare() -> PrepareConfig {
        PrepareConfig { contrasts: vec![crate::data::fa_maps::FA.into()], ..PrepareConfig::default() }
    }

    pub fn generate() -> GenerateConfig {
        GenerateConfig { seeds: "0-99".into(), ..GenerateConfig::default() }
    }

    pub fn project() -> ProjectConfig {
        ProjectConfig { steps: 200, ..ProjectConfig::default() }
    }
}

fn prepare<'de, D: Deserializer<'de>>(written: D) -> Result<PrepareConfig, D::Error> {
    over(written, &defaults::prepare())
}

fn generate<'de, D: Deserializer<'de>>(written: D) -> Result<GenerateConfig, D::Error> {
    over(written, &defaults::generate())
}

fn project<'de, D: Deserializer<'de>>(written: D) -> Result<ProjectConfig, D::Error> {
    over(written, &defaults::project())
}

impl Default for ProjectionAccuracyStudy {
    fn default() -> Self {
        Self {
            kind: StudyKind::ProjectionAccuracy,
            name: "study".into(),
            out: PathBuf::from("out/study"),
            seed: 1,
            engine: EngineConfig::default(),
            maps: MapSource::default(),
            prepare: defaults::prepare(),
            train: TrainConfig::default(),
            generate: defaults::generate(),
            project: defaults::project(),
            residuals: ResidualsConfig::default(),
        }
    }
}

impl ProjectionAccuracyStudy {
    /// The settings as they will be used, defaults filled in; what a study leaves of itself.
    pub fn resolved(&self) -> String {
        toml::to_string_pretty(self).expect("settings are plain tables, lists, strings and numbers")
    }
}
