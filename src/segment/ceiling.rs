//! How far two readers' tracings of the same rims agree: as far as a mask can be expected to agree with either.
//!
//! The map of traced rims is the mean of two tracings, so that it is 1 where both traced, one half where one did, and
//! Dice needs no more: 2 both / (2 both + one).

use std::path::{Path, PathBuf};

use super::compare::share;
use super::config::SegmentConfig;
use super::judge::HeldLesion;
use crate::data::Prepared;
use crate::data::patches::{Border, cut};
use crate::data::rim_maps;
use crate::files;
use crate::nifti::{Form, RasVolume};
use crate::problem::{Problem, Result};
use crate::records::Interval;
use crate::seed::RunSeed;
use crate::statistics::bootstrap::ClusterBootstrap;

/// How far a stored value may lie from 0, one half or 1.
const ROUNDING: f32 = 0.01;

/// Ending of the files of traced rims, before that of their format.
const TRACED: &str = "_desc-rim_probseg";

/// The readers' Dice over the traced lesions, read from the files of `cohort` that the data set was made of; `None`
/// where these are no means of two tracings.
///
/// # Errors
/// A file that cannot be read, or is not the one that the data set was made of.
pub fn readers_dice(
    cohort: &Path,
    data: &Prepared,
    lesions: &[HeldLesion],
    (config, seed): (&SegmentConfig, RunSeed),
) -> Result<Option<Interval>> {
    let mut patients: Vec<&str> = Vec::new();
    let mut found: Vec<Option<f64>> = Vec::new();
    let mut open: Option<(&str, RasVolume)> = None;
    for lesion in lesions.iter().filter(|lesion| lesion.is_traced()) {
        let entry = data.lesion(lesion.lesion);
        let patient = entry.patient.as_str();
        let volume = match open.take() {
            Some((known, volume)) if known == patient => volume,
            _ => match volume(cohort, data, lesion.lesion)? {
                Some(volume) => volume,
                None => return Ok(None),
            },
        };
        let patch = cut(&volume, entry.centre, data.manifest().patch, Border::Zero);
        open = Some((patient, volume));
        let plane = lesion.shape[1] * lesion.shape[2];
        let (first, depth) = (lesion.z[0] as usize, lesion.shape[0]);
        let values = &patch[first * plane..][..depth * plane];
        let Some(dice) = dice(values, lesion) else { return Ok(None) };
        patients.push(patient);
        found.push(dice);
    }
    let carriers = patients.iter().collect::<std::collections::BTreeSet<_>>().len();
    let bootstrap = ClusterBootstrap::by_patient(&patients, seed.child("segment readers", 0)).draws(config.draws);
    Ok(bootstrap.draw(1, |copies| vec![share(found.iter().copied(), copies)]).interval(0, carriers))
}

/// Dice of the two readers in a lesion's region and slices; `Some(None)` where neither traced there, `None` where a
/// value is no mean of two tracings.
fn dice(values: &[f32], lesion: &HeldLesion) -> Option<Option<f64>> {
    let plane = lesion.shape[1] * lesion.shape[2];
    let (mut both, mut one) = (0u64, 0u64);
    for (at, &value) in values.iter().enumerate().filter(|(at, _)| lesion.region[*at]) {
        // Between two of the lesion's slices the region is empty.
        debug_assert!(lesion.z.contains(&(lesion.z[0] + (at / plane) as u32)));
        let near = |level: f32| (value - level).abs() <= ROUNDING;
        if near(1.0) {
            both += 1;
        } else if near(0.5) {
            one += 1;
        } else if !near(0.0) {
            return None;
        }
    }
    Some((both + one > 0).then(|| 2.0 * both as f64 / (2 * both + one) as f64))
}

/// The traced rims of a lesion's patient; `None` where the data set lists no such file.
fn volume(cohort: &Path, data: &Prepared, lesion: u32) -> Result<Option<RasVolume>> {
    let patient = data.lesion(lesion).patient.as_str();
    let of_patient = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let stem = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".nii").unwrap_or(name);
        stem.ends_with(TRACED) && path.split('/').any(|part| part == patient)
    };
    let Some(input) = data.manifest().inputs.iter().find(|input| of_patient(&input.path)) else { return Ok(None) };
    let path: PathBuf = crate::name::Inside::new(input.path.clone())
        .map(|inside| inside.under(cohort))
        .map_err(|fault| Problem::input(data.root(), fault))?;
    if !files::is_there(&path)? {
        return Err(Problem::input(&path, "no such file, and the data set was made of it")
            .advice("give the cohort that the data set was prepared from (--cohort), or leave --cohort out"));
    }
    // The data set was cut by one of the header's two forms, and says where its lesions lie by that.
    let by = |form| rim_maps::of_data_set(&path, Some(input), (data, lesion), form);
    let (volume, _) = by(Form::Sform).or_else(|problem| by(Form::Qform).map_err(|_| problem))?;
    Ok(Some(volume))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of five voxels in the region both readers traced two and one traced three: 4 / 7. Outside nothing counts.
    #[test]
    fn dice_of_a_mean_of_tracings_by_hand() {
        let lesion = HeldLesion {
            lesion: 0,
            of_interest: true,
            rows: vec![0],
            z: vec![3],
            shape: [1, 2, 4],
            region: [vec![true; 6], vec![false; 2]].concat(),
            reference: vec![],
        };
        let found = dice(&[1.0, 0.5, 0.0, 0.5, 1.0, 0.5, 1.0, 0.3], &lesion);
        assert_eq!(found, Some(Some(4.0 / 7.0)));
        assert_eq!(dice(&[0.0; 8], &lesion), Some(None));
        assert_eq!(dice(&[0.3; 8], &lesion), None);
    }
}
