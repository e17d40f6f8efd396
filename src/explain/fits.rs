//! The classifiers of the arms, as the comparison left them, and proof that they are those.

use std::path::Path;

use tch::Device;

use super::config::ExplainConfig;
use crate::classify::fit_files::{self, OpenFit, open_fit};
use crate::classify::{Arm, fit};
use crate::data::Prepared;
use crate::feed::batches::Images;
use crate::files;
use crate::name::shown;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::records::classify::ClassifyRecord;
use crate::run_dir::RECORD;

/// Bytes of a comparison's record, at most.
const LARGEST_RECORD: u64 = 64 << 20;

/// How far a score may lie from the one in the fit's file, as a share of 1 plus its size: another machine adds in
/// another order.
const SAME_SCORE: f32 = 0.01;

/// One arm's classifiers.
pub(super) struct ArmFits {
    pub arm: Arm,
    /// The first repetitions.
    pub fits: Vec<OpenFit>,
    pub files: Vec<FileHash>,
}

/// Opens the first fits of every arm of `config` in the folder of a comparison; also what is to be said of them.
///
/// # Errors
/// No record there, or a damaged one; an arm that was not compared; a fit that is missing, damaged, of another data
/// set, or changed since.
pub(super) fn open(
    folder: &Path,
    data: &Prepared,
    config: &ExplainConfig,
    device: Device,
) -> Result<(Vec<ArmFits>, Vec<String>)> {
    let path = folder.join(RECORD);
    let text = files::read(&path, LARGEST_RECORD, "the record of a comparison of arms")
        .map_err(|problem| problem.advice("run `rimforge classify` to its end first, and give its --out folder"))?;
    let record: ClassifyRecord = files::parse_json(&path, &text, "the record of a comparison of arms")
        .map_err(|problem| problem.advice("run `rimforge classify` again; finished fits are kept"))?;
    if let Some(other) = record.data_sha256.as_deref().filter(|compared_on| *compared_on != data.sha256()) {
        return Err(Problem::new(Kind::Gate, format!("arms compared on data {}", shown(other)))
            .at(&path)
            .expected(format!("data {}, which is given", data.sha256()))
            .advice("give the data set that the arms were compared on, or compare them again"));
    }
    let compared: Vec<&str> = record.arms.iter().map(|arm| arm.name.as_str()).collect();
    if let Some(arm) = config.arms.iter().find(|arm| !compared.contains(&arm.name())) {
        return Err(Problem::usage(format!("arm {}, which was not compared", arm.name()))
            .at(&path)
            .expected(format!("arms from {}", compared.join(", ")))
            .advice("name such in explain.arms (--arms)"));
    }
    let interest = data.classes().interest().unwrap_or_default() as i64;
    let test = Images::load(&data.test(), device)?.pixels;
    let shape = data.image_shape();
    let repetitions = (record.seeds.len() as u64).min(config.fits);
    let mut notes = Vec::new();
    if record.fits.is_empty() {
        notes.push("The comparison is of an older version and does not tell the hashes of its fits.".into());
    }
    let mut arms = Vec::new();
    for &arm in &config.arms {
        let mut own = ArmFits { arm, fits: vec![], files: vec![] };
        for repetition in 0..repetitions {
            let name = fit_files::name(arm, repetition);
            let path = folder.join(&name);
            let fit = open_fit(&path, device)?;
            let promised = record.fits.iter().find(|file| file.path == name);
            if promised.is_some_and(|file| file.sha256 != fit.sha256) {
                return Err(Problem::input(&path, "changed since it was fitted")
                    .expected("the weights whose scores the comparison's record holds")
                    .advice("run `rimforge classify` again, which fits anew what is not as it was"));
            }
            require_scores(&fit, &test, interest, shape).map_err(|problem| problem.at(&path))?;
            own.files.push(FileHash { path: name, sha256: fit.sha256.clone() });
            own.fits.push(fit);
        }
        arms.push(own);
    }
    Ok((arms, notes))
}

/// Refuses a fit that does not give its own scores on the data set's test slices.
fn require_scores(fit: &OpenFit, test: &tch::Tensor, interest: i64, [channels, ..]: [usize; 3]) -> Result<()> {
    let foreign = |found: String| {
        Err(Problem::new(Kind::Input, found)
            .expected("a fit of this data set, as it was left")
            .advice("give the data set that the arms were compared on, or compare them again"))
    };
    let taken = fit.network.channels();
    if taken != channels as i64 || fit.network.classes() <= interest {
        return foreign(format!("a classifier of {taken} channels and {} classes", fit.network.classes()));
    }
    let again = fit::score(fit.network.as_ref(), test, &[interest])?.remove(0);
    if again.len() != fit.test.len() {
        return foreign(format!("scores of {} test slices, and the data set has {}", fit.test.len(), again.len()));
    }
    let differs = |(a, b): &(&f32, &f32)| (*a - *b).abs().is_nan() || (*a - *b).abs() > SAME_SCORE * (1.0 + b.abs());
    match again.iter().zip(&fit.test).filter(differs).count() {
        0 => Ok(()),
        differ => foreign(format!("{differ} of {} test slices are scored otherwise than its file says", again.len())),
    }
}
