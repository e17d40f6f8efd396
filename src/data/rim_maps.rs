//! Where rims were traced: the maps of a cohort at the places of a data set's lesions.

use std::collections::BTreeMap;
use std::path::Path;

use super::bids::{self, Cohort};
use super::dataset::Prepared;
use super::missing::Missing;
use super::patches::{Border, cut};
use super::prepare_config::PrepareConfig;
use crate::files;
use crate::nifti::{self, Form, Gaps, Grid, RasVolume};
use crate::problem::{Problem, Result};
use crate::records::FileHash;

/// The traced map among the contrasts of a cohort.
const RIM: &str = "rim";

/// A voxel belongs to the rim where at least this share of the tracings has it: of two, one.
pub const TRACED: f32 = 0.5;

/// Refuses a patient's label map that is not the one that the data set was cut by: ids and grid may be alike in two
/// cohorts.
fn require_known(cohort: &Cohort, lesion_map: &Path, data: &Prepared) -> Result<()> {
    let name = cohort.relative(lesion_map);
    let known = data.manifest().inputs.iter().find(|input| input.path == name);
    let found = files::sha256(lesion_map)?;
    match known {
        Some(known) if known.sha256 == found => Ok(()),
        _ => Err(another(lesion_map, &found, known.map(|known| known.sha256.as_str()))),
    }
}

fn another(path: &Path, found: &str, known: Option<&str>) -> Problem {
    Problem::input(path, format!("another file than the data set's: SHA-256 {found}"))
        .expected(known.unwrap_or("a cohort that the data set was cut from"))
        .advice("give the cohort as it was when the data set was prepared, or prepare anew")
}

/// The map of tracings at `path` in the patient's orientation, and where it lacks values, which is what the data set
/// was made of (`known`, where it was) and lies where its `lesion` does.
///
/// # Errors
/// A file that cannot be read, another one than `known`, or one that lies elsewhere.
pub fn of_data_set(
    path: &Path,
    known: Option<&FileHash>,
    (data, lesion): (&Prepared, u32),
    form: Form,
) -> Result<(RasVolume, Gaps)> {
    let file = nifti::open(path, form)?.read_into(Vec::new())?;
    if let Some(known) = known.filter(|known| known.sha256 != file.facts.sha256) {
        return Err(another(path, &file.facts.sha256, Some(&known.sha256)));
    }
    let volume = file.volume.oriented();
    let expected = Grid::new(volume.axes.grid.shape, data.lesion(lesion).affine);
    match volume.axes.grid.mismatch(&expected) {
        None => Ok((volume, file.facts.gaps)),
        Some(difference) => {
            Err(Problem::input(path, format!("lies elsewhere than the data set's lesions: {difference}"))
                .expected(format!("a map of the cohort that {} was prepared from", data.root().display()))
                .advice("give that cohort, or leave it out where it is not needed"))
        }
    }
}

/// For each of `lesions` (indices into the manifest) of the data set that was cut from the cohort at `root` with
/// `config`: whether each voxel of its patch \[depth, height, width\] was traced as rim. A lesion of a patient without
/// a map of tracings is not there.
///
/// # Errors
/// A cohort that cannot be read, or of which the data set is not, or not any more; a map that is NaN or infinite at a
/// lesion.
pub fn read(root: &Path, config: &PrepareConfig, data: &Prepared, lesions: &[u32]) -> Result<BTreeMap<u32, Vec<bool>>> {
    let cohort = bids::read(root, &[RIM.to_owned()], &config.picks())?;
    let mut found = BTreeMap::new();
    for patient in &cohort.patients {
        let own: Vec<u32> = lesions.iter().copied().filter(|&at| data.lesion(at).patient == patient.id).collect();
        let path = patient.contrasts.first().and_then(|contrast| contrast.path.as_ref());
        let (Some(path), Some(&first)) = (path, own.first()) else { continue };
        require_known(&cohort, &patient.lesion_map, data)?;
        let name = cohort.relative(path);
        let known = data.manifest().inputs.iter().find(|input| input.path == name);
        let (volume, gaps) = of_data_set(path, known, (data, first), config.form)?;
        for at in own {
            let (centre, shape) = (data.lesion(at).centre, data.manifest().patch);
            let patch = cut(&volume, centre, shape, Border::Zero);
            let mask = data.mask(at)?.unwrap_or_else(|| vec![1; patch.len()]);
            if let Some(words) = Missing::of((&gaps, &volume.axes), centre, shape, || mask).words() {
                return Err(Problem::input(path, format!("values are missing at {}: {words}", data.lesion(at).id))
                    .expected("0 where no rim was traced"));
            }
            found.insert(at, patch.iter().map(|&share| share >= TRACED).collect());
        }
    }
    Ok(found)
}
