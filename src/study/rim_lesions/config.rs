//! The rim study's settings: the stages' own, composed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::classify::ClassifyConfig;
use crate::data::{Condition, PrepareConfig};
use crate::engine::EngineConfig;
use crate::evaluate::EvaluateConfig;
use crate::explain::ExplainConfig;
use crate::generate::GenerateConfig;
use crate::perturb::PerturbConfig;
use crate::problem::Result;
use crate::project::ProjectConfig;
use crate::records::classify::is_one;
use crate::records::label::SUSCEPTIBILITY;
use crate::segment::SegmentConfig;
use crate::simulate::rim_lesions::CohortConfig;
use crate::study::{StudyFile, StudyKind};
use crate::train::TrainConfig;
use crate::two_sided::TwoSidedConfig;

/// The whole experiment: all that a study file of the kind "rim-lesions" says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RimStudy {
    /// The recipe.
    // A kind that is the default is not written: `StudyKind::is_default`.
    #[serde(skip_serializing_if = "StudyKind::is_default")]
    pub kind: StudyKind,
    /// Title of the report.
    pub name: String,
    /// Study folder; relative to where the command runs.
    pub out: PathBuf,
    /// Every random draw of the study derives from it.
    pub seed: u64,
    /// Trainings of the generator, alike but for their random numbers, 1 to 5: repetitions of the classifiers take them
    /// in turn, so that intervals know a generator's chance.
    // What was made before there was the setting keeps its keys.
    #[serde(skip_serializing_if = "is_one")]
    pub generators: u64,
    /// Device and threads.
    pub engine: EngineConfig,
    /// Where the lesions come from.
    pub cohort: CohortSource,
    /// Volumes to patches, and the split.
    pub prepare: PrepareConfig,
    /// The generator.
    pub train: TrainConfig,
    /// Its synthetic rims.
    pub generate: GenerateConfig,
    /// Contested lesions denoised by it.
    pub project: ProjectConfig,
    /// Known lesions spoiled and projected back.
    pub perturb: PerturbConfig,
    /// One classifier an arm.
    pub classify: ClassifyConfig,
    /// A second generator that is told rims from non-rims (the paper's ADA-cGAN), beside the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditional: Option<ConditionalConfig>,
    /// Lesions projected into the conditional generator as of either class: a probability of the contested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub two_sided: Option<TwoSidedConfig>,
    /// A generator of several contrasts at once (the paper's QSM, rim map and FLAIR).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_contrast: Option<MultiContrastConfig>,
    /// Distances of all sets of images to held-out rims (the paper's table 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluate: Option<EvaluateConfig>,
    /// What the classifiers look at, and whether it is the rim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<ExplainConfig>,
    /// Masks of rims, learnt from the data set of several contrasts and from what its generator draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentConfig>,
}

/// What departs from `train` for the conditional generator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConditionalConfig {
    /// Thousands of images; as `train.kimg` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kimg: Option<f64>,
}

/// What departs from `prepare`, `train`, `generate` and `project` for several contrasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiContrastConfig {
    /// The first is the one that rims are measured on.
    pub contrasts: Vec<String>,
    /// Thousands of images; as `train.kimg` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kimg: Option<f64>,
    /// Contested lesions to denoise, at most; 0 denoises none.
    pub denoise: u64,
}

impl Default for MultiContrastConfig {
    fn default() -> Self {
        Self { contrasts: [SUSCEPTIBILITY, "rim", "flair"].map(str::to_owned).into(), kimg: None, denoise: 8 }
    }
}

impl RimStudy {
    /// Settings of the conditional generator's training.
    pub fn conditional_train(&self, conditional: &ConditionalConfig) -> TrainConfig {
        let kimg = conditional.kimg.unwrap_or(self.train.kimg);
        TrainConfig { condition: Condition::Readers, kimg, ..self.train.clone() }
    }

    /// Settings of the stages with several contrasts.
    pub fn multi_contrast_stages(&self, multi: &MultiContrastConfig) -> (PrepareConfig, TrainConfig, ProjectConfig) {
        let prepare = PrepareConfig { contrasts: multi.contrasts.clone(), ..self.prepare.clone() };
        let train = TrainConfig { kimg: multi.kimg.unwrap_or(self.train.kimg), ..self.train.clone() };
        let project = ProjectConfig {
            limit: multi.denoise,
            controls: 0,
            choose_features: 0,
            curve: vec![],
            ..self.project.clone()
        };
        (prepare, train, project)
    }
}

/// Where the lesions come from: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CohortSource {
    /// A BIDS cohort on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// A simulated one, written into the study folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulate: Option<CohortConfig>,
}

impl Default for RimStudy {
    fn default() -> Self {
        Self {
            kind: StudyKind::default(),
            name: "study".into(),
            out: PathBuf::from("out/study"),
            seed: 1,
            generators: 1,
            engine: EngineConfig::default(),
            cohort: CohortSource::default(),
            prepare: PrepareConfig::default(),
            train: TrainConfig::default(),
            generate: GenerateConfig::default(),
            project: ProjectConfig::default(),
            perturb: PerturbConfig::default(),
            classify: ClassifyConfig::default(),
            conditional: None,
            two_sided: None,
            multi_contrast: None,
            evaluate: None,
            explain: None,
            segment: None,
        }
    }
}

impl RimStudy {
    /// Reads `path` and applies `overrides` of the form `train.kimg=20`.
    ///
    /// # Errors
    /// The file is missing or not TOML, a key is unknown (the nearest known one is suggested), a value has the wrong
    /// type or can be used by no run, or two settings contradict each other.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        StudyFile::open(path, overrides)?.settings()
    }

    /// The settings as they will be used, defaults filled in; what a study leaves of itself.
    pub fn resolved(&self) -> String {
        toml::to_string_pretty(self).expect("settings are plain tables, lists, strings and numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::Value;

    fn load(text: &str, overrides: &[&str]) -> Result<RimStudy> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("study.toml");
        std::fs::write(&path, text).unwrap();
        RimStudy::load(&path, &overrides.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest() {
        let error = load("sed = 3\n[cohort]\npath = \"x\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("unknown key `sed`") && error.contains("did you mean `seed`?"), "{error}");
    }

    #[test]
    fn a_key_without_its_section_suggests_the_sections_that_have_it() {
        let error = load("steps = 3\n[cohort]\npath = \"x\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("did you mean `project.steps`?"), "{error}");
        let error = load("[cohort]\npath = \"x\"\n", &["batch=4"]).unwrap_err().to_string();
        assert!(error.contains("did you mean `classify.batch` or `project.batch` or `train.batch`?"), "{error}");
    }

    #[test]
    fn an_unknown_key_of_any_table_suggests_the_nearest() {
        let Value::Table(tables) = Value::try_from(RimStudy::default()).unwrap() else { panic!("not a table") };
        let tables = tables.iter().filter_map(|(name, table)| Some((name, table.as_table()?)));
        for (table, keys) in tables {
            // An option that is not set is not printed.
            let Some(key) = keys.keys().next() else { continue };
            let error = load(&format!("[{table}]\n{key}x = 1\n"), &[]).unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean `{table}.{key}`?")), "[{table}]: {error}");
        }
    }

    #[test]
    fn overrides_win_and_are_typed() {
        let study = load("seed = 3\n[cohort]\npath = \"x\"\n", &["seed=7", "name=a b", "engine.threads=1"]).unwrap();
        assert_eq!((study.seed, study.name.as_str(), study.engine.threads), (7, "a b", 1));
    }

    #[test]
    fn what_is_printed_reads_back_the_same() {
        let study = load("[cohort]\npath = \"x\"\n", &[]).unwrap();
        assert_eq!(load(&study.resolved(), &[]).unwrap(), study);
    }

    #[test]
    fn a_study_needs_exactly_one_cohort() {
        assert!(load("seed = 1\n", &[]).unwrap_err().to_string().contains("no cohort"));
        assert!(load("[cohort]\npath = \"x\"\n[cohort.simulate]\n", &[]).is_err());
    }

    #[test]
    fn broken_toml_names_the_line() {
        let error = load("seed = 1\nname = \n", &[]).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
