//! Where rims were traced: the maps of a cohort at the places of a data set's lesions.

use std::collections::BTreeMap;
use std::path::Path;

use super::bids;
use super::dataset::Prepared;
use super::patches::{Border, cut};
use super::prepare_config::PrepareConfig;
use crate::nifti::{self, Grid};
use crate::problem::{Problem, Result};

/// The traced map among the contrasts of a cohort.
const RIM: &str = "rim";

/// A voxel belongs to the rim where at least this share of the tracings has it: of two, one.
pub const TRACED: f32 = 0.5;

/// For each of `lesions` (indices into the manifest) of the data set that was cut from the cohort at `root` with
/// `config`: whether each voxel of its patch \[depth, height, width\] was traced as rim. A lesion of a patient without
/// a map of tracings is not there.
///
/// # Errors
/// A cohort that cannot be read, or of which the data set is not.
pub fn read(root: &Path, config: &PrepareConfig, data: &Prepared, lesions: &[u32]) -> Result<BTreeMap<u32, Vec<bool>>> {
    let cohort = bids::read(root, &[RIM.to_owned()], &config.picks())?;
    let mut found = BTreeMap::new();
    for patient in &cohort.patients {
        let own: Vec<u32> = lesions.iter().copied().filter(|&at| data.lesion(at).patient == patient.id).collect();
        let path = patient.contrasts.first().and_then(|contrast| contrast.path.as_ref());
        let (Some(path), Some(&first)) = (path, own.first()) else { continue };
        let volume = nifti::open(path, config.form)?.read_into(Vec::new())?.volume.oriented();
        let expected = Grid::new(volume.axes.grid.shape, data.lesion(first).affine);
        if let Some(difference) = volume.axes.grid.mismatch(&expected) {
            return Err(Problem::input(path, format!("lies elsewhere than the data set's lesions: {difference}"))
                .expected(format!("a map of the cohort that {} was prepared from", data.root().display())));
        }
        for at in own {
            let patch = cut(&volume, data.lesion(at).centre, data.manifest().patch, Border::Zero);
            found.insert(at, patch.iter().map(|&share| share >= TRACED).collect());
        }
    }
    Ok(found)
}
