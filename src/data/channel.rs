//! One contrast of a patient, from its file to patches in physical units.

use std::path::Path;

use super::bids::ContrastFile;
use super::intensity::{foreground_median, implausible_susceptibility};
use super::measure::Measure;
use super::patches::{self, Border};
use crate::filter::gaussian;
use crate::nifti::{NiftiFile, RasVolume};
use crate::problem::{Problem, Result};

/// A contrast as stored; only what is cut is brought into physical units.
pub(super) struct Channel {
    /// Stored values.
    pub volume: RasVolume,
    scale: f32,
    /// Of the smoothing within a slice, in voxels; only a traced map has one.
    softness: Option<f64>,
}

impl Channel {
    /// `path`: of the file, for errors.
    ///
    /// # Errors
    /// Values that the contrast cannot have.
    pub fn new(file: NiftiFile, contrast: &ContrastFile, path: &Path, rim_softness: f64) -> Result<Self> {
        let scale = physical_scale(&file.volume.data, contrast, path)?;
        let softness = (contrast.measure() == Measure::Traced).then_some(rim_softness);
        Ok(Self { volume: file.volume.oriented(), scale, softness })
    }

    /// Cuts into `patch`, which is of `shape` = \[depth, height, width\] about `centre` = x, y, z and all zeros.
    pub fn cut(&self, centre: [i64; 3], shape: [u32; 3], patch: &mut [f32]) {
        // Beyond the border nothing was traced.
        let border = if self.softness.is_some() { Border::Zero } else { Border::Edge };
        patches::cut_into(&self.volume, centre, shape, border, patch);
        patch.iter_mut().for_each(|value| *value *= self.scale);
        let Some(softness) = self.softness else { return };
        let (height, width) = (shape[1] as usize, shape[2] as usize);
        // Most slices hold nothing, which stays nothing.
        let traced = |slice: &&mut [f32]| slice.iter().any(|value| value.to_bits() != 0);
        for slice in patch.chunks_exact_mut(height * width).filter(traced) {
            slice.copy_from_slice(&gaussian(slice, (height, width), softness));
        }
    }
}

/// What takes stored values to ppb for susceptibility, to a probability for the rim map, to multiples of the foreground
/// median for the rest.
fn physical_scale(values: &[f32], contrast: &ContrastFile, path: &Path) -> Result<f32> {
    match contrast.measure() {
        Measure::Susceptibility => {
            let scale = contrast.scale as f32;
            match implausible_susceptibility(values, scale) {
                None => Ok(scale),
                Some(found) => Err(Problem::input(path, found)
                    .expected("tens of ppb: BIDS stores ppm")
                    .advice("say {\"Units\": \"ppb\"} or {\"Units\": \"ppm\"} in the sidecar, whichever holds")),
            }
        }
        Measure::Traced => match values.iter().find(|value| !(-1e-3..=1.001).contains(*value)) {
            None => Ok(1.0),
            Some(value) => {
                Err(Problem::input(path, format!("the value {value}")).expected("probabilities from 0 to 1"))
            }
        },
        Measure::Weighted => {
            let median = foreground_median(values)
                .ok_or_else(|| Problem::input(path, "no positive voxel").expected("an image to normalise"))?;
            Ok(1.0 / median)
        }
    }
}
