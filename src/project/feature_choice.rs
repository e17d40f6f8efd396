//! Tries the built-in feature nets on held-out rims at equal steps, so that the one used is a measured choice.

use std::time::Instant;

use serde_json::json;

use super::fingerprint::fingerprint;
use super::projector::{BUILT_IN, Projector, Run};
use super::targets::Target;
use crate::digest;
use crate::files;
use crate::nets::features::FeatureNet;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::project::acceptance::{Gauge, Levels};
use crate::project::{ProjectConfig, choice};
use crate::records::projection::{FeatureChoice, ProjectionRecord};
use crate::run_dir::ProjectionDir;
use crate::seed::RunSeed;

/// Built-in feature nets that this network can be projected with.
pub fn candidates(projector: &Projector) -> Vec<&'static str> {
    let usable = |name: &&str| *name != "discriminator" || projector.discriminator.is_some();
    BUILT_IN.into_iter().filter(usable).collect()
}

/// `config` with the feature net that the trial of `record` chose, where there was one and "auto" was asked.
pub fn with_chosen_features(config: &ProjectConfig, record: &ProjectionRecord) -> ProjectConfig {
    let chosen = record.feature_choice.iter().position(|choice| choice.chosen);
    // Candidates come in the order of the built-in nets, the discriminator's, which may be missing, last.
    let features = match chosen {
        Some(at) if config.features == "auto" => BUILT_IN[at].to_owned(),
        _ => config.features.clone(),
    };
    ProjectConfig { features, ..config.clone() }
}

/// A feature net and what tells it from every other.
pub struct Features<'a> {
    /// The net.
    pub net: Box<dyn FeatureNet + 'a>,
    /// Its name, or the SHA-256 of its file.
    pub identity: String,
}

/// The feature net `asked` for in the settings; `auto` is what "auto" means.
///
/// # Errors
/// No net of that name, or one that this network cannot have.
pub fn named<'a>(projector: &'a Projector, asked: &str, auto: &str) -> Result<Features<'a>> {
    let name = if asked == "auto" { auto } else { asked };
    let net = projector.features(name)?;
    let identity = match name.ends_with(".pt") {
        true => {
            let bytes = std::fs::read(name).map_err(|error| Problem::io(name, "reading", error))?;
            digest::sha256(&bytes)
        }
        false => net.name().to_owned(),
    };
    Ok(Features { net, identity })
}

/// What the trial depends on.
pub struct Trial<'a> {
    /// The network.
    pub projector: &'a Projector,
    /// How rims are measured.
    pub gauge: &'a Gauge,
    /// Which rims show enough contrast to lose some.
    pub levels: &'a Levels,
    /// How to project.
    pub config: &'a ProjectConfig,
    /// What every projection depends on, feature net aside.
    pub settings: &'a serde_json::Value,
    /// Of every draw.
    pub seed: RunSeed,
}

impl Trial<'_> {
    /// One entry per candidate, one of them chosen; kept in `feature_choice.json`, so that a resumed run does not
    /// repeat it.
    ///
    /// # Errors
    /// No rim to try them on, `Kind::Interrupted` once asked to stop, or a failed write.
    pub fn run(&self, rims: &[Target], dir: &ProjectionDir, observer: &dyn Observer) -> Result<Vec<FeatureChoice>> {
        // A share of next to nothing says nothing.
        let lowest = self.levels.absent.max(f64::MIN_POSITIVE);
        let shows_rim = |target: &&Target| target.lesion.as_ref().is_some_and(|lesion| lesion.contrast >= lowest);
        let rims: Vec<Target> = rims.iter().filter(shows_rim).cloned().collect();
        let names = candidates(self.projector);
        let prints: Vec<String> = rims.iter().map(|target| fingerprint(self.settings, target)).collect();
        let key = json!([names, prints]).to_string();
        let path = dir.feature_choice();
        let kept = std::fs::read(&path).ok();
        let kept = kept.and_then(|text| serde_json::from_slice::<(String, Vec<FeatureChoice>)>(&text).ok());
        if let Some((_, choices)) = kept.filter(|(of, _)| *of == key) {
            tracing::info!("{}: feature nets compared before, kept", path.display());
            return Ok(choices);
        }
        observer.begin("feature nets", "image steps", (names.len() * rims.len()) as u64 * self.config.steps);
        let mut choices = Vec::new();
        for name in names {
            observer.status(name);
            choices.push(self.candidate(name, &rims, observer)?);
        }
        observer.end();
        choice::choose(&mut choices);
        files::write_json(&path, &(key, &choices))?;
        Ok(choices)
    }

    fn candidate(&self, name: &str, rims: &[Target], observer: &dyn Observer) -> Result<FeatureChoice> {
        let net = self.projector.features(name)?;
        let start = Instant::now();
        let mut pairs = Vec::new();
        let run = Run::new(self.config, self.seed, observer);
        let targets: Vec<&Target> = rims.iter().collect();
        self.projector.project_all(net.as_ref(), &targets, &run, &mut |at, projected| {
            let after = self.gauge.contrast_after(&projected.pixels, targets[at])?;
            pairs.extend(targets[at].lesion.as_ref().map(|lesion| (lesion.contrast, after)));
            Ok(())
        })?;
        choice::summarise(net.name(), &pairs, start.elapsed().as_secs_f64())
    }
}
