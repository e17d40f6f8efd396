//! One person from plan to files.

use std::path::Path;

use serde_json::json;

use super::flair::flair;
use super::head::Head;
use super::layout::{FA, FLAIR, LESIONS, MASK, file, has, sidecar};
use super::lesions::Lesions;
use super::maps::anisotropy;
use super::plan::Subject;
use super::protocol::{B, DIRECTIONS, TE_MS, TR_MS, UNWEIGHTED, table};
use super::signal::scan;
use super::tensor::Fitter;
use super::tracts::Tracts;
use crate::files;
use crate::nifti::{self, Volume};
use crate::problem::Result;

/// In every header.
pub const TOLD: &str = "SIMULATED by rimforge, no patient";

/// Where voxels are read against.
const REFERENCE: &str =
    "https://templateflow.s3.amazonaws.com/tpl-MNI152NLin6Asym/tpl-MNI152NLin6Asym_res-02_T1w.nii.gz";

/// A person as examined.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The brain.
    pub head: Head,
    /// What is in it.
    pub lesions: Lesions,
    /// Fractional anisotropy, 0 to 1; 0 outside the brain.
    pub fa: Vec<f32>,
    /// Levels of FLAIR.
    pub flair: Vec<f32>,
}

impl Examined {
    /// Of a person.
    pub fn new(subject: &Subject) -> Self {
        let head = Head::new(&subject.person);
        let lesions = Lesions::draw(&head, subject.burden, subject.seed);
        let tracts = Tracts::new(&head, subject.seed);
        let table = table();
        let scan = scan(&head, &tracts, &lesions, subject.own, &table, subject.seed);
        let fa = anisotropy(&head, &scan, &Fitter::new(&table));
        let flair = flair(&head, &lesions, subject.seed);
        Self { head, lesions, fa, flair }
    }

    /// Volume of the lesions' mask, ml.
    pub fn lesion_ml(&self) -> f64 {
        let marked = self.lesions.mask.iter().filter(|&&marked| marked > 0).count() as f64;
        marked * self.head.grid.voxel_mm().iter().product::<f64>() / 1000.0
    }
}

/// Writes the files that are not there yet.
///
/// # Errors
/// A full disk, a folder that cannot be written.
pub fn write(subject: &Subject, examined: &Examined, root: &Path) -> Result<()> {
    let grid = examined.head.grid;
    for kind in [FA, MASK, FLAIR, LESIONS] {
        let path = root.join(file(subject, kind));
        if !has(subject, kind) || files::is_there(&path)? {
            continue;
        }
        let floats = |data: &[f32]| nifti::write(&path, &Volume { grid, data: data.to_vec() }, TOLD);
        let bytes = |data: Vec<u8>| nifti::write(&path, &Volume { grid, data }, TOLD);
        match kind {
            FA => floats(&examined.fa)?,
            FLAIR => floats(&examined.flair)?,
            MASK => bytes(examined.head.brain.iter().map(|&inside| u8::from(inside)).collect())?,
            _ => bytes(examined.lesions.mask.clone())?,
        }
    }
    for kind in [FA, MASK, FLAIR, LESIONS].into_iter().filter(|&kind| has(subject, kind)) {
        files::write_json(root.join(sidecar(subject, kind)), &told(subject, kind))?;
    }
    Ok(())
}

/// What stands beside a file.
fn told(subject: &Subject, kind: &str) -> serde_json::Value {
    let mut told = json!({ "SpatialReference": REFERENCE, "Simulated": true });
    let own = match kind {
        FA => json!({
            "Description": "SIMULATED fractional anisotropy of a simulated diffusion-weighted examination",
            "Model": {
                "Description": "Diffusion tensor",
                "URL": "https://doi.org/10.1016/S0006-3495(94)80775-1",
                "Parameters": { "FitMethod": "wls" },
            },
            "ParameterURL": "https://doi.org/10.1006/jmrb.1996.0086",
            "Acquisition": {
                "BValue": B, "Directions": DIRECTIONS, "Unweighted": UNWEIGHTED, "SignalToNoise": subject.own.snr,
                "EchoTime": TE_MS / 1000.0, "RepetitionTime": TR_MS / 1000.0, "MagneticFieldStrength": 3,
            },
        }),
        FLAIR => json!({ "Description": "SIMULATED FLAIR at 3 T", "SkullStripped": true, "MagneticFieldStrength": 3 }),
        MASK => json!({ "Description": "SIMULATED mask of the brain", "Type": "Brain" }),
        _ => json!({ "Description": "SIMULATED lesions as drawn: the truth", "Type": "Lesion" }),
    };
    if let (Some(all), serde_json::Value::Object(own)) = (told.as_object_mut(), own) {
        all.extend(own);
    }
    told
}
