//! Tries the built-in feature nets on held-out rims at equal steps, so that the one used is a measured choice.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::fingerprint::fingerprint;
use super::projector::Projector;
use super::session::Session;
use super::targets::Target;
use crate::files;
use crate::nets::features::FeatureNet;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::project::acceptance::Levels;
use crate::project::{BuiltIn, FeatureSetting, ProjectConfig, choice};
use crate::records::arithmetic::Arithmetic;
use crate::records::projection::{FeatureChoice, ProjectionRecord};
use crate::records::spelling;
use crate::run_dir::ProjectionDir;

/// Built-in feature nets that this network can be projected with.
pub fn candidates(projector: &Projector) -> Vec<BuiltIn> {
    let usable = |net: &BuiltIn| *net != BuiltIn::Discriminator || projector.discriminator.is_some();
    BuiltIn::ALL.into_iter().filter(usable).collect()
}

/// The feature net that a trial chose; `None` without a trial.
///
/// # Errors
/// The trial chose a net that this version does not have.
pub fn chosen(trial: &[FeatureChoice]) -> Result<Option<BuiltIn>> {
    let Some(choice) = trial.iter().find(|choice| choice.chosen) else { return Ok(None) };
    match BuiltIn::ALL.into_iter().find(|net| net.title() == choice.features) {
        Some(net) => Ok(Some(net)),
        None => Err(Problem::new(Kind::Input, format!("a trial that chose {:?}", choice.features))
            .expected(BuiltIn::ALL.map(BuiltIn::title).join(", "))
            .advice("project again into another folder: the trial is of another version of rimforge")),
    }
}

/// `config` without a curve, with the feature net that the trial of `record` chose, where there was one and "auto" was
/// asked.
///
/// # Errors
/// As [`chosen`].
pub fn with_chosen_features(config: &ProjectConfig, record: &ProjectionRecord) -> Result<ProjectConfig> {
    let features = match chosen(&record.feature_choice)? {
        Some(net) if config.features == FeatureSetting::Auto => FeatureSetting::BuiltIn(net),
        _ => config.features.clone(),
    };
    Ok(ProjectConfig { features, curve: vec![], ..config.clone() })
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
/// A file that is no feature net, or the discriminator's features of a network without one.
pub fn named<'a>(projector: &'a Projector, asked: &FeatureSetting, auto: BuiltIn) -> Result<Features<'a>> {
    match asked {
        FeatureSetting::Auto => built_in(projector, auto),
        FeatureSetting::BuiltIn(net) => built_in(projector, *net),
        FeatureSetting::Weights(file) => {
            Ok(Features { net: projector.from_weights(file)?, identity: files::sha256(file)? })
        }
    }
}

fn built_in(projector: &Projector, net: BuiltIn) -> Result<Features<'_>> {
    let net = projector.built_in(net)?;
    Ok(Features { identity: net.name().to_owned(), net })
}

/// What the trial depends on.
pub struct Trial<'a> {
    /// The network, and how it is projected into.
    pub session: &'a Session<'a>,
    /// Which rims show enough contrast to lose some.
    pub levels: &'a Levels,
}

/// A trial that was done, in its file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    /// With the images that were projected together, on which the last bits depend as on the arithmetic.
    Told { key: String, batch: u64, computed_with: Arithmetic, choices: Vec<FeatureChoice> },
    /// Of older versions: key and choices.
    Untold(String, Vec<FeatureChoice>),
}

impl Trial<'_> {
    /// One entry per candidate, one of them chosen, and how they were computed (of an older version's trial that is not
    /// known); kept in `feature_choice.json`, so that a resumed run does not repeat it.
    ///
    /// # Errors
    /// No rim to try them on, `Kind::Interrupted` once asked to stop, or a failed write.
    pub fn run(
        &self,
        rims: &[Target],
        dir: &ProjectionDir,
        observer: &dyn Observer,
    ) -> Result<(Vec<FeatureChoice>, Vec<Arithmetic>)> {
        let Session { projector, config, place, .. } = self.session;
        // A share of next to nothing says nothing.
        let lowest = self.levels.absent.max(f64::MIN_POSITIVE);
        let shows_rim = |target: &&Target| target.lesion.as_ref().is_some_and(|lesion| lesion.contrast >= lowest);
        let rims: Vec<Target> = rims.iter().filter(shows_rim).cloned().collect();
        let nets = candidates(projector);
        let settings = self.session.settings();
        let prints: Vec<String> = rims.iter().map(|target| fingerprint(&settings, target)).collect();
        let key = json!([nets, prints]).to_string();
        let path = dir.feature_choice();
        let kept = match files::read_note::<Kept>(&path)? {
            Some(Kept::Told { key: of, batch, computed_with, choices }) if of == key && batch == config.batch => {
                Some((choices, vec![computed_with]))
            }
            Some(Kept::Untold(of, choices)) if of == key => Some((choices, vec![])),
            _ => None,
        };
        if let Some(kept) = kept {
            tracing::info!("{}: feature nets compared before, kept", path.display());
            return Ok(kept);
        }
        // The record speaks of the trial before, which is of other settings.
        files::remove(&dir.record())?;
        files::remove(&path)?;
        observer.begin("feature nets", "image steps", (nets.len() * rims.len()) as u64 * config.steps);
        let mut choices = Vec::new();
        for net in nets {
            observer.status(&spelling::name(&net));
            choices.push(self.candidate(net, &rims, observer)?);
        }
        observer.end();
        choice::choose(&mut choices);
        let computed_with = place.arithmetic.clone();
        let told =
            Kept::Told { key, batch: config.batch, computed_with: computed_with.clone(), choices: choices.clone() };
        files::write_json(&path, &told)?;
        Ok((choices, vec![computed_with]))
    }

    fn candidate(&self, net: BuiltIn, rims: &[Target], observer: &dyn Observer) -> Result<FeatureChoice> {
        let features = built_in(&self.session.projector, net)?;
        let start = Instant::now();
        let mut pairs = Vec::new();
        let targets: Vec<&Target> = rims.iter().collect();
        self.session.project(&features, &targets, observer, &mut |at, projected| {
            let after = self.session.gauge.contrast_after(&projected.pixels, targets[at])?;
            pairs.extend(targets[at].lesion.as_ref().map(|lesion| (lesion.contrast, after)));
            Ok(())
        })?;
        choice::summarise(features.net.name(), &pairs, start.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::choice::{choose, summarise};

    fn trial(titles: &[String]) -> Vec<FeatureChoice> {
        // The last keeps everything and is chosen.
        let summary = |(at, title): (usize, &String)| {
            summarise(title, &[(40.0, 40.0 * (at + 1) as f64 / titles.len() as f64)], 1.0).unwrap()
        };
        let mut trial: Vec<FeatureChoice> = titles.iter().enumerate().map(summary).collect();
        choose(&mut trial);
        trial
    }

    #[test]
    fn the_chosen_net_is_known_by_its_name_wherever_it_stands() {
        for net in BuiltIn::ALL {
            let others = BuiltIn::ALL.into_iter().filter(|other| *other != net);
            let titles: Vec<String> = others.chain([net]).map(BuiltIn::title).collect();
            assert_eq!(chosen(&trial(&titles)).unwrap(), Some(net));
        }
        assert_eq!(chosen(&[]).unwrap(), None);
        assert!(chosen(&trial(&["another net".to_owned()])).is_err());
    }
}
