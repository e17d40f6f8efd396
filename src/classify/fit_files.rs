//! Finished fits in their files: weights and slice scores, with what they were made of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::{Device, Tensor};

use super::arms::Arm;
use super::fit::Plan;
use super::pool::{Pool, Scoring};
use super::runs::Job;
use crate::engine::Place;
use crate::files;
use crate::nets::classifiers::{Classifier, ClassifierConfig};
use crate::nets::network::Named;
use crate::nets::weights::{part, read_tensors, write_tensors};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::arithmetic::Arithmetic;
use crate::seed::RunSeed;

const VALIDATION: &str = "scores.validation";
const TEST: &str = "scores.test";
/// Of the network's tensors in a fit's file, whichever network it is.
const NETWORK: &str = "cnn.";

/// The folder of all fits' files inside a stage's.
pub(super) const FOLDER: &str = "fits";

/// `fits/<arm>-seed<repetition>.safetensors` in `out`: one fit's weights; settings and losses in its header.
pub fn path(out: &Path, arm: Arm, repetition: u64) -> PathBuf {
    out.join(name(arm, repetition))
}

/// Of [`path`], relative to `out`.
pub fn name(arm: Arm, repetition: u64) -> String {
    format!("{FOLDER}/{}-seed{repetition}.safetensors", arm.key())
}

/// Slice scores of one fit: for each class of [`Pool::scored`] one list in the order of the pixels.
pub(super) struct SliceScores {
    pub validation: Vec<Vec<f32>>,
    pub test: Vec<Vec<f32>>,
}

/// Files' own description of a fit.
#[derive(Serialize, Deserialize)]
struct Description {
    key: String,
    /// As a job has them; absent where an older version fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings: Option<String>,
    arm: Arm,
    repetition: u64,
    /// Mean loss of every 20 steps.
    losses: Vec<f64>,
    /// How it was computed; absent where an older version fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    computed_with: Option<Arithmetic>,
}

/// Scores of a fit, and how it was computed where that is known.
pub(super) type Kept = (SliceScores, Option<Arithmetic>);

/// Writes a fit, its slice scores and how it was computed.
///
/// # Errors
/// A full disk.
pub(super) fn keep(
    job: &Job,
    network: &dyn Classifier,
    losses: Vec<f64>,
    (scores, arithmetic): (&SliceScores, &Arithmetic),
) -> Result<()> {
    let mut tensors: Named =
        network.tensors().into_iter().map(|(name, tensor)| (format!("{NETWORK}{name}"), tensor)).collect();
    tensors.insert(VALIDATION.into(), packed(&scores.validation));
    tensors.insert(TEST.into(), packed(&scores.test));
    let (settings, computed_with) = (Some(job.settings.clone()), Some(arithmetic.clone()));
    let description =
        Description { key: job.key.clone(), settings, arm: job.arm, repetition: job.repetition, losses, computed_with };
    write_tensors(&job.file, &tensors, &json!(description).to_string())?;
    Ok(())
}

/// \[slices\] of one class, \[classes, slices\] of several.
fn packed(classes: &[Vec<f32>]) -> Tensor {
    match classes {
        [one] => Tensor::from_slice(one),
        several => Tensor::from_slice(&several.concat()).view([several.len() as i64, several[0].len() as i64]),
    }
}

/// Slice scores of a finished fit of the same job; what is damaged or of something else is told, and none.
///
/// # Errors
/// A file that cannot be read just now, or fits of another arithmetic that may not be gone on with.
pub(super) fn finished(job: &Job, pool: &Pool, here: &Place, observer: &dyn Observer) -> Result<Option<Kept>> {
    if !files::is_there(&job.file)? {
        return Ok(None);
    }
    let again = |why: &str| {
        observer.note(&format!("{}: {why}; fitted again", job.file.display()));
        Ok(None)
    };
    let file = match read_tensors(&job.file) {
        Ok(file) => file,
        // No permission, a disk that fails: that says nothing about the fit.
        Err(problem) if problem.kind() == Kind::Environment => return Err(problem),
        Err(problem) => return again(&problem.to_string()),
    };
    let computed_with = match serde_json::from_str::<Description>(&file.description) {
        Ok(description) if description.key == job.key => description.computed_with,
        Ok(Description { computed_with: Some(begun), settings, .. }) => {
            // The key hashes pixels, and the last bits of some are made with the instructions at hand. What was asked
            // for otherwise is fitted again wherever it was fitted before.
            if settings.is_none_or(|settings| settings == job.settings) {
                here.go_on(&begun, &job.file)?;
            }
            return again("of other settings or data");
        }
        _ => return again("of other settings or data"),
    };
    let classes = pool.scored().len();
    let scores = |name: &str, scoring: &Scoring| -> Option<Vec<Vec<f32>>> {
        let scores = Vec::<f32>::try_from(file.tensors.get(name)?.reshape([-1])).ok()?;
        let slices = scoring.pixels.size()[0] as usize;
        let rows = (0..classes).map(|class| scores[class * slices..][..slices].to_vec());
        (scores.len() == classes * slices).then(|| rows.collect())
    };
    match (scores(VALIDATION, &pool.validation), scores(TEST, &pool.test)) {
        (Some(validation), Some(test)) => Ok(Some((SliceScores { validation, test }, computed_with))),
        _ => again("without its scores"),
    }
}

/// The classifier of a finished fit.
///
/// # Errors
/// No such file, or one of another plan.
pub fn load_network(file: &Path, plan: &Plan, device: Device) -> Result<Box<dyn Classifier>> {
    let stored = read_tensors(file)?;
    let own = stored
        .tensors
        .iter()
        .filter_map(|(name, tensor)| name.strip_prefix(NETWORK).map(|name| (name.to_owned(), tensor.shallow_clone())));
    let mut network = plan.classifier.build(RunSeed(0), device);
    network.load(&own.collect()).map_err(|problem| problem.at(file))?;
    Ok(network)
}

/// A finished fit as its file has it.
pub struct OpenFit {
    /// The classifier, whichever network it is.
    pub network: Box<dyn Classifier>,
    /// Its scores of the test slices, in the data set's order: of the class of interest, or of one class after another.
    pub test: Vec<f32>,
    /// Of the file.
    pub sha256: String,
}

/// Reads a finished fit without the settings that it was made with.
///
/// # Errors
/// No such file, a damaged one, or one that holds no classifier with its scores.
pub fn open_fit(file: &Path, device: Device) -> Result<OpenFit> {
    let stored = read_tensors(file)?;
    let foreign = || {
        Problem::input(file, "no fit of a classifier")
            .expected("a file that `rimforge classify` left in its folder of fits")
            .advice("classify again; what is damaged is fitted anew")
    };
    let own = part(NETWORK, &stored.tensors);
    let mut network = ClassifierConfig::of(&own).ok_or_else(foreign)?.build(RunSeed(0), device);
    network.load(&own).map_err(|problem| problem.at(file))?;
    let scores = stored.tensors.get(TEST).ok_or_else(foreign)?;
    if scores.kind() != tch::Kind::Float {
        return Err(foreign());
    }
    Ok(OpenFit { network, test: Vec::try_from(scores.reshape([-1]))?, sha256: stored.sha256 })
}
