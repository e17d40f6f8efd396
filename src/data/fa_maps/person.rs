//! One examination: its map and masks, read, brought to one orientation and held to each other.

use std::path::Path;

use super::layout::Person;
use crate::data::brats::case::{MOST_VOXELS, tilt, upright};
use crate::data::place_notes::PlaceNotes;
use crate::nifti::{self, Form, Grid, RasVolume};
use crate::problem::{Problem, Result};
use crate::records::FileHash;

/// Fits of the tensor give a little more than 1 in noise; beyond this a file holds something else, or scaled by 1000.
const HIGHEST: f32 = 1.5;

/// The volumes of one examination.
pub(super) struct Volumes {
    /// In RAS+ order.
    pub grid: Grid,
    /// Fractional anisotropy, 0 to 1; 0 outside the brain.
    pub map: Vec<f32>,
    /// The brain.
    pub brain: Vec<bool>,
    /// Lesions, 0 or 1.
    pub lesions: Option<Vec<f32>>,
    /// Of what was read.
    pub inputs: Vec<FileHash>,
    /// A header says that it is simulated.
    pub simulated: bool,
    /// What headers leave open about where their volumes lie.
    pub places: PlaceNotes,
    /// Voxels that were above 1.
    pub above_one: u64,
}

impl Volumes {
    /// Reads them.
    ///
    /// # Errors
    /// A file that is no volume, one on another grid than the map, values that are no anisotropy or no mask, or a map
    /// of nothing.
    pub fn read(person: &Person, form: Form) -> Result<Self> {
        let (mut inputs, mut places) = (vec![], PlaceNotes::default());
        let mut simulated = false;
        let mut read = |path: &Path, name: &str| -> Result<RasVolume> {
            let open = nifti::open(path, form)?;
            if open.grid().voxels() > MOST_VOXELS {
                return Err(Problem::input(path, format!("a volume of {:?} voxels", open.grid().shape))
                    .expected(format!("at most {MOST_VOXELS}, as 256 x 256 x 256 has"))
                    .advice("resample it to 1 or 2 mm"));
            }
            if let Some(degrees) = tilt(&open.grid()) {
                return Err(Problem::input(path, format!("axes that are {degrees:.0} degrees off the patient's"))
                    .expected("axes along left-right, back-front and down-up, as alignment to a template leaves them")
                    .advice("align the map to a template"));
            }
            simulated |= open.says_simulated();
            places.add(&open.placement(), &format!("{name} of {}", person.id));
            let file = open.read_into(Vec::new())?;
            inputs.push(FileHash { path: path.display().to_string(), sha256: file.facts.sha256 });
            Ok(file.volume.oriented())
        };
        let volume = read(&person.map, "the map")?;
        let grid = volume.axes.grid;
        let mut map = upright(&volume);
        if let Some(value) = map.iter().find(|value| !(-1e-3..=HIGHEST).contains(*value)) {
            return Err(Problem::input(&person.map, format!("a value of {value}"))
                .expected("fractional anisotropy, from 0 to 1")
                .advice("divide by what it was multiplied with, or take the map of another parameter away"));
        }
        let above_one = map.iter().filter(|value| **value > 1.0).count() as u64;
        map.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        let mut mask = |path: &Path, name: &str| -> Result<Vec<f32>> {
            let volume = read(path, name)?;
            if let Some(found) = grid.mismatch(&volume.axes.grid) {
                return Err(Problem::input(path, format!("another grid than the map: {found}"))
                    .expected("masks on the map's grid")
                    .advice("resample the mask to the map, by the nearest voxel"));
            }
            let values = upright(&volume);
            match values.iter().find(|value| **value != 0.0 && **value != 1.0) {
                Some(value) => Err(Problem::input(path, format!("a value of {value}")).expected("a mask of 0 and 1")),
                None => Ok(values),
            }
        };
        let brain = person.brain.as_deref().map(|path| mask(path, "the brain's mask")).transpose()?;
        let lesions = person.lesions.as_deref().map(|path| mask(path, "the lesions' mask")).transpose()?;
        let brain: Vec<bool> = match brain {
            Some(brain) => brain.into_iter().map(|inside| inside > 0.0).collect(),
            None => map.iter().map(|value| *value > 0.0).collect(),
        };
        map.iter_mut().zip(&brain).filter(|(_, inside)| !**inside).for_each(|(value, _)| *value = 0.0);
        if !map.iter().any(|value| *value > 0.0) {
            return Err(Problem::input(&person.map, "no voxel of the brain above 0").expected("a map of a brain"));
        }
        Ok(Self { grid, map, brain, lesions, inputs, simulated, places, above_one })
    }
}
