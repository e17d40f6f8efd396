//! The stage: folders of projections in; for each lesion both losses, a probability and the better image out.

use std::path::{Path, PathBuf};

use super::config::{Side, TwoSidedConfig};
use super::judge::{INPUTS, Judged, Losses, judge};
use super::pairs::{self, Pair};
use super::score::auroc;
use super::sheet::{self, Row};
use super::truth::BINS;
use crate::data::{Prepared, listed_image, patch_file};
use crate::files::{self, Claim, Input, OutFolder, Owner};
use crate::lab::Lab;
use crate::name::Inside;
use crate::problem::{Kind, Problem, Result};
use crate::records::two_sided::{AgreedSide, BetterImage, CalibrationRecord, TwoSidedLesion, TwoSidedRecord};
use crate::run_dir::{RECORD, TwoSidedDir};
use crate::seed::RunSeed;
use crate::settings::Settings;
use crate::statistics::calibration::{brier, expected_calibration_error};
use crate::statistics::order::median;

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The data set that the lesions are of.
    pub data: &'a Prepared,
    /// Folders that `project` wrote with the class of interest as condition.
    pub of_interest: &'a [PathBuf],
    /// Folders that it wrote with the other class, of the same lesions.
    pub other: &'a [PathBuf],
}

/// Knows the stage's folders; no version before there were marks had any.
pub const OWNER: Owner = Owner::of("two-sided", |_| Ok(None));

/// Compares, calibrates and writes `record.json`, a sheet and the better images into `out`.
///
/// # Errors
/// A data set without two classes of which one is of interest; projections that cannot be compared, or an image that is
/// not the one that its record lists; too few agreed lesions to calibrate on; a full disk.
pub fn run_stage<E>(
    inputs: Inputs<'_>,
    config: &TwoSidedConfig,
    out: &Path,
    lab: &Lab<'_, E>,
) -> Result<TwoSidedRecord> {
    config.check()?;
    let data = inputs.data;
    let classes = names(data)?;
    let folders = inputs.of_interest.iter().chain(inputs.other).map(|path| Input::of(path));
    let mut claim = OutFolder::new(OWNER, out).apart_from(folders.chain([Input::of(data.root())])).claim()?;
    let (setup, mut pairs) =
        pairs::read(data, [inputs.of_interest, inputs.other], classes.each_ref().map(String::as_str))?;
    // The contested first, each kind in the manifest's order.
    pairs.sort_by_key(|pair| data.class_of(data.lesion(pair.lesion)).is_some());
    let losses = pairs.iter().map(|pair| losses(data, pair)).collect::<Result<Vec<_>>>()?;
    let judged = judge(&losses, config).map_err(|problem| problem.at(data.root()))?;
    let room = Room { data, out, pairs: &pairs, losses: &losses, judged: &judged, classes: &classes };
    room.clear(&mut claim)?;
    let mut lesions = vec![];
    for at in 0..pairs.len() {
        lesions.push(room.lesion(at)?);
    }
    let (sheet, shown) = room.sheet(&lesions)?;
    let record = TwoSidedRecord {
        network_sha256: setup.network_sha256,
        data_sha256: setup.data_sha256,
        ancestor_data: setup.ancestor_data,
        projected_sha256: Some(data.sha256().to_owned()),
        features: setup.features,
        steps: setup.steps,
        prior: config.prior,
        calibration: calibration(&judged, config.calibrate, &losses),
        agreed: agreed(&losses, &judged, lab.seed)?,
        classes,
        lesions,
        sheet,
        shown,
        truth: None,
    };
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// The class of interest and the other.
fn names(data: &Prepared) -> Result<[String; 2]> {
    let classes = data.classes();
    match (classes.interest(), classes.count()) {
        (Some(interest), 2) => Ok([interest, 1 - interest].map(|at| classes.names[at].name().to_owned())),
        _ => Err(Problem::usage(format!("a data set of the classes {}", classes.listed()))
            .at(data.root())
            .expected("two classes, one of them of interest")
            .advice("prepare with prepare.classes = \"interest\" and prepare.rim_label (--rim-label)")),
    }
}

/// Means over a lesion's slices.
fn losses(data: &Prepared, pair: &Pair) -> Result<Losses> {
    let lesion = data.lesion(pair.lesion);
    let side = Side::of(lesion.split).ok_or_else(|| Problem::new(Kind::Gate, "a test lesion was projected"))?;
    let n = pair.slices.len() as f64;
    let mean = |of: &dyn Fn(usize) -> f64| (0..pair.slices.len()).map(of).sum::<f64>() / n;
    let interest = data.classes().interest();
    let voxels = |z: u32| {
        let slices = data.manifest().slices.iter();
        let slice = slices.filter(|slice| slice.lesion == pair.lesion && slice.z == z).map(|slice| slice.voxels);
        slice.map(|voxels| voxels as f64).sum::<f64>()
    };
    Ok(Losses {
        of_interest: data.class_of(lesion).map(|class| Some(class) == interest),
        side,
        patient: lesion.patient.clone(),
        losses: [0, 1].map(|way| mean(&|at| pair.slices[at].losses[way])),
        voxels: mean(&|at| voxels(pair.slices[at].z)),
    })
}

fn calibration(judged: &Judged, side: Side, losses: &[Losses]) -> CalibrationRecord {
    let own = losses.iter().filter(|lesion| lesion.side == side && lesion.of_interest == Some(true));
    let fitted = &judged.calibration;
    CalibrationRecord {
        side: side.name().to_owned(),
        lesions: judged.lesions as u64,
        of_interest: own.count() as u64,
        patients: judged.patients as u64,
        inputs: INPUTS[..fitted.centres.len()].iter().map(|input| (*input).to_owned()).collect(),
        centres: fitted.centres.clone(),
        scales: fitted.scales.clone(),
        intercept: fitted.line.intercept,
        slopes: fitted.line.slopes.clone(),
    }
}

/// How well the agreed lesions of each side are told, against the readers.
fn agreed(losses: &[Losses], judged: &Judged, seed: RunSeed) -> Result<Vec<AgreedSide>> {
    let mut found = vec![];
    for side in Side::ALL {
        let places = (0..losses.len()).filter(|&at| losses[at].side == side);
        let own: Vec<(&Losses, bool, usize)> =
            places.filter_map(|at| Some((&losses[at], losses[at].of_interest?, at))).collect();
        if own.is_empty() {
            continue;
        }
        let labels: Vec<bool> = own.iter().map(|(_, label, _)| *label).collect();
        let differences: Vec<f64> = own.iter().map(|(lesion, ..)| lesion.difference()).collect();
        let patients: Vec<String> = own.iter().map(|(lesion, ..)| lesion.patient.clone()).collect();
        let middle = |wanted: bool| {
            median(differences.iter().zip(&labels).filter(|(_, label)| **label == wanted).map(|(value, _)| *value))
        };
        let known = |p: &[Option<f64>]| -> (Vec<f64>, Vec<bool>) {
            own.iter().filter_map(|(_, label, at)| Some((p[*at]?, *label))).unzip()
        };
        let (p, of_p) = known(&judged.probabilities);
        let (alone, of_alone) = known(&judged.without_difference);
        let positives = labels.iter().filter(|label| **label).count();
        let share = positives as f64 / labels.len() as f64;
        found.push(AgreedSide {
            side: side.name().to_owned(),
            lesions: labels.len() as u64,
            of_interest: positives as u64,
            auroc: auroc(&differences, &labels, &patients, seed.child("two-sided agreed", 0))?,
            of_interest_difference: middle(true),
            other_difference: middle(false),
            brier: brier(&p, &of_p)?,
            brier_without_difference: brier(&alone, &of_alone)?,
            brier_of_share: share * (1.0 - share),
            calibration_error: expected_calibration_error(&p, &of_p, BINS)?,
        });
    }
    Ok(found)
}

/// What is written of, and where.
struct Room<'a> {
    data: &'a Prepared,
    out: &'a Path,
    pairs: &'a [Pair],
    losses: &'a [Losses],
    judged: &'a Judged,
    classes: &'a [String; 2],
}

impl Room<'_> {
    /// The record goes first: what a run leaves that fails or is killed is without one.
    fn clear(&self, claim: &mut Claim) -> Result<()> {
        files::remove(&self.out.join(RECORD))?;
        claim.forget(|name| name != RECORD)?;
        let images = self.pairs.iter().flat_map(|pair| pair.slices.iter().map(|slice| self.image(pair, slice.z)));
        claim.will_write(images.chain([Inside::from(RECORD), TwoSidedDir::SHEET.into()]))
    }

    fn image(&self, pair: &Pair, z: u32) -> Inside {
        TwoSidedDir::image(&self.data.lesion(pair.lesion).id.with(&format!("_z{z:02}")))
    }

    /// Copies the images of the class that a lesion fits better, and says what there is to say of it.
    fn lesion(&self, at: usize) -> Result<TwoSidedLesion> {
        let (pair, losses) = (&self.pairs[at], &self.losses[at]);
        let lesion = self.data.lesion(pair.lesion);
        let better = usize::from(losses.difference() < 0.0);
        let mut images = vec![];
        for slice in &pair.slices {
            let (bytes, sha256) = self.projection(&slice.images[better])?;
            let image = self.image(pair, slice.z);
            files::write(image.under(self.out), &bytes)?;
            images.push(BetterImage { slice: u64::from(slice.z), image, sha256 });
        }
        let class = self.data.class_of(lesion);
        let interest = self.data.classes().interest();
        let contested = || lesion.class.name().to_owned();
        Ok(TwoSidedLesion {
            lesion_id: lesion.id.clone(),
            patient: lesion.patient.clone(),
            class: class.map_or_else(contested, |class| self.classes[usize::from(Some(class) != interest)].clone()),
            side: losses.side.name().to_owned(),
            voxels: losses.voxels,
            loss_of_interest: losses.losses[0],
            loss_other: losses.losses[1],
            difference: losses.difference(),
            probability: self.judged.probabilities[at],
            contrast: pair.slices.iter().map(|slice| slice.contrast).sum::<f64>() / pair.slices.len() as f64,
            images,
            true_rim: None,
        })
    }

    /// The bytes of a projection that are those its record lists, and their hash.
    fn projection(&self, (path, expected): &(PathBuf, String)) -> Result<(Vec<u8>, String)> {
        let most = patch_file::most_bytes::<f32>(&self.data.image_shape().map(|n| n as u64));
        let bytes = listed_image::bytes(path, most, expected).map_err(|problem| {
            problem.advice("run the same `rimforge project` command again; what is finished is kept")
        })?;
        Ok((bytes, expected.clone()))
    }

    /// Draws the first contested lesions; the file and how many.
    fn sheet(&self, lesions: &[TwoSidedLesion]) -> Result<(Option<Inside>, u64)> {
        let training = self.data.training_all();
        let shape = self.data.image_shape().map(|n| n as u64);
        let pixels = |path: &PathBuf, bytes: &[u8]| patch_file::parse::<f32>(path, bytes, &shape);
        let mut rows = vec![];
        for (pair, lesion) in self.pairs.iter().zip(lesions) {
            if rows.len() == sheet::ROWS || !lesion.is_contested(self.classes) {
                break;
            }
            let slice = &pair.slices[0];
            let at = training.entries().position(|(own, _)| own.lesion == pair.lesion && own.z == slice.z);
            let Some(at) = at else { continue };
            let [of_interest, other] = &slice.images;
            rows.push(Row {
                lesion,
                original: training.image(at)?.pixels,
                of_interest: pixels(&of_interest.0, &self.projection(of_interest)?.0)?,
                other: pixels(&other.0, &self.projection(other)?.0)?,
            });
        }
        if rows.is_empty() {
            return Ok((None, 0));
        }
        let file = Inside::from(TwoSidedDir::SHEET);
        sheet::write(&file.under(self.out), &rows, self.data, self.classes)?;
        Ok((Some(file), rows.len() as u64))
    }
}
