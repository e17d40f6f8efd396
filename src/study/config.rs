//! A study's settings: the stages' own, composed; read from TOML, overridden by `--set`, printed as resolved.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::classify::{Arm, ClassifyConfig};
use crate::data::{Condition, PrepareConfig};
use crate::engine::EngineConfig;
use crate::generate::GenerateConfig;
use crate::perturb::corruption::PerturbConfig;
use crate::problem::{Problem, Result};
use crate::project::ProjectConfig;
use crate::simulate::rim_lesions::CohortConfig;
use crate::train::TrainConfig;

/// The whole experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StudyConfig {
    /// Title of the report.
    pub name: String,
    /// Study folder; relative to where the command runs.
    pub out: PathBuf,
    /// Every random draw of the study derives from it.
    pub seed: u64,
    pub engine: EngineConfig,
    pub cohort: CohortSource,
    pub prepare: PrepareConfig,
    pub train: TrainConfig,
    pub generate: GenerateConfig,
    pub project: ProjectConfig,
    /// Known lesions spoiled and projected back.
    pub perturb: PerturbConfig,
    pub classify: ClassifyConfig,
    /// A second generator that is told rims from non-rims (the paper's ADA-cGAN), beside the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditional: Option<ConditionalConfig>,
    /// A generator of several contrasts at once (the paper's QSM, rim map and FLAIR).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_contrast: Option<MultiContrastConfig>,
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
        Self { contrasts: ["chimap", "rim", "flair"].map(str::to_owned).into(), kimg: None, denoise: 8 }
    }
}

impl StudyConfig {
    /// Settings of the conditional generator's training.
    pub fn conditional_train(&self, conditional: &ConditionalConfig) -> TrainConfig {
        let kimg = conditional.kimg.unwrap_or(self.train.kimg);
        TrainConfig { condition: Condition::Readers, kimg, ..self.train.clone() }
    }

    /// Settings of the stages with several contrasts.
    pub fn multi_contrast_stages(&self, multi: &MultiContrastConfig) -> (PrepareConfig, TrainConfig, ProjectConfig) {
        let prepare = PrepareConfig { contrasts: multi.contrasts.clone(), ..self.prepare.clone() };
        let train = TrainConfig { kimg: multi.kimg.unwrap_or(self.train.kimg), ..self.train.clone() };
        let project = ProjectConfig { limit: multi.denoise, controls: 0, choose_features: 0, ..self.project.clone() };
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

impl Default for StudyConfig {
    fn default() -> Self {
        Self {
            name: "study".into(),
            out: PathBuf::from("out/study"),
            seed: 1,
            engine: EngineConfig::default(),
            cohort: CohortSource::default(),
            prepare: PrepareConfig::default(),
            train: TrainConfig::default(),
            generate: GenerateConfig::default(),
            project: ProjectConfig::default(),
            perturb: PerturbConfig::default(),
            classify: ClassifyConfig::default(),
            conditional: None,
            multi_contrast: None,
        }
    }
}

impl StudyConfig {
    /// Reads `path` and applies `overrides` of the form `train.kimg=20`.
    ///
    /// # Errors
    /// The file is missing or not TOML, a key is unknown (the nearest known one is suggested), a value has the
    /// wrong type, or the cohort is given twice or not at all.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        tracing::info!("reading {}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| Problem::io(path, "reading the study", error))?;
        let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
            Problem::usage(error.message().to_owned()).at(path).advice(place(&text, &error))
        })?;
        for entry in overrides {
            set(&mut table, entry)?;
        }
        let study: Self = table.try_into().map_err(|error: toml::de::Error| unknown_key(&error).at(path))?;
        study.validate().map_err(|problem| problem.at(path))?;
        Ok(study)
    }

    /// The settings as they will be used, defaults filled in.
    pub fn resolved(&self) -> String {
        toml::to_string_pretty(self).expect("settings are plain tables, lists, strings and numbers")
    }

    fn validate(&self) -> Result<()> {
        self.perturb.strengths().validate()?;
        if self.classify.arms.contains(&Arm::AdaCgan) && self.conditional.is_none() {
            return Err(Problem::usage("the arm \"ada-cgan\" without a conditional generator")
                .expected("a section [conditional]")
                .advice("add it, or leave the arm out of classify.arms"));
        }
        match (&self.cohort.path, &self.cohort.simulate) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (None, None) => Err(Problem::usage("no cohort")
                .expected("`path` or `simulate` under [cohort]")
                .advice("write [cohort] path = \"my/bids/folder\", or [cohort.simulate] preset = \"demo\"")),
            (Some(_), Some(_)) => Err(Problem::usage("both a cohort on disk and a simulated one")
                .expected("`path` or `simulate` under [cohort], not both")
                .advice("remove one of them")),
        }
    }
}

/// "line 3: `stpes = 4`".
fn place(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else { return "correct the file".into() };
    let before = &text[..span.start.min(text.len())];
    let line = before.matches('\n').count();
    format!("look at line {}: {}", line + 1, text.lines().nth(line).unwrap_or_default().trim())
}

/// Sets a dotted key in a table; the value is TOML, or a plain string where it is not.
fn set(table: &mut Table, entry: &str) -> Result<()> {
    let (key, value) = entry
        .split_once('=')
        .ok_or_else(|| Problem::usage(format!("--set {entry}")).expected("key=value, e.g. train.kimg=20"))?;
    let value = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut inner = table;
    for part in parts {
        let next = inner.entry(part).or_insert_with(|| Value::Table(Table::new()));
        inner =
            next.as_table_mut().ok_or_else(|| Problem::usage(format!("--set {entry}: `{part}` is not a section")))?;
    }
    inner.insert(last.to_owned(), value);
    Ok(())
}

/// Turns serde's "unknown field `x`, expected one of `a`, `b`" into one line with the nearest known key.
fn unknown_key(error: &toml::de::Error) -> Problem {
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (quoted.next(), message.starts_with("unknown field")) else {
        return Problem::usage(message.to_owned()).advice("`rimforge config show STUDY.toml` prints all settings");
    };
    let known: Vec<&str> = quoted.collect();
    let nearest =
        known.iter().max_by(|a, b| strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown)));
    let advice = match nearest {
        Some(name) => format!("did you mean `{name}`? Known here: {}", known.join(", ")),
        None => "remove it".into(),
    };
    Problem::usage(format!("unknown key `{unknown}`")).advice(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, overrides: &[&str]) -> Result<StudyConfig> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("study.toml");
        std::fs::write(&path, text).unwrap();
        StudyConfig::load(&path, &overrides.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest() {
        let error = load("sed = 3\n[cohort]\npath = \"x\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("unknown key `sed`") && error.contains("did you mean `seed`?"), "{error}");
    }

    #[test]
    fn an_unknown_key_of_any_table_suggests_the_nearest() {
        let Value::Table(tables) = Value::try_from(StudyConfig::default()).unwrap() else { panic!("not a table") };
        let tables = tables.iter().filter_map(|(name, table)| Some((name, table.as_table()?)));
        for (table, keys) in tables {
            // An option that is not set is not printed.
            let Some(key) = keys.keys().next() else { continue };
            let error = load(&format!("[{table}]\n{key}x = 1\n"), &[]).unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean `{key}`?")), "[{table}]: {error}");
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
