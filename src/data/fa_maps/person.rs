//! One examination: its map and masks, read, brought to one orientation and held to each other.

use std::path::Path;

use super::layout::Person;
use crate::data::background::BackgroundNotes;
use crate::data::brats::case::{MOST_BRAIN, MOST_VOXELS, tilt, upright};
use crate::data::channel::require_image;
use crate::data::missing::Lost;
use crate::data::place_notes::PlaceNotes;
use crate::data::ranks::nearest_rank;
use crate::nifti::{self, Form, Grid, RasVolume};
use crate::problem::{Problem, Result};
use crate::records::FileHash;

/// Fits of the tensor give a little more than 1 in noise; beyond this a file holds something else, or scaled by 1000.
const HIGHEST: f32 = 1.5;

/// Without a mask the brain is where the map is above this: resampling leaves ringing of .00001 around it.
const BACKGROUND: f32 = 1e-4;

/// White matter of any brain is above it: where the 99th percentile is not, a map shows something else (diffusivities
/// are a thousandth in mm2/s) or is scaled.
const FAINTEST: f32 = 0.2;

/// Of [`FAINTEST`].
const HIGH: f64 = 0.99;

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
    /// Of maps whose background is no number.
    pub background: BackgroundNotes,
    /// Voxels of the map that were NaN or infinite.
    pub non_finite: u64,
    /// Voxels of lesions where there is no brain.
    pub outside: u64,
}

impl Volumes {
    /// Reads them.
    ///
    /// # Errors
    /// A file that is no volume, one on another grid than the map, values that are no anisotropy or no mask, or a map
    /// of nothing.
    pub fn read(person: &Person, form: Form) -> Result<Self> {
        let (mut inputs, mut places, mut background) = (vec![], PlaceNotes::default(), BackgroundNotes::default());
        let mut simulated = false;
        let mut read = |path: &Path, name: &str| -> Result<(RasVolume, Lost)> {
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
            if path == person.map {
                require_image(open.intent(), path)?;
            }
            simulated |= open.says_simulated();
            let name = format!("{name} of {}", person.id);
            places.add(&open.placement(), &name);
            let file = open.read_into(Vec::new())?;
            background.add(&name, file.facts.gaps.background(), 0);
            inputs.push(FileHash { path: path.display().to_string(), sha256: file.facts.sha256 });
            let gaps = file.facts.gaps;
            let volume = file.volume.oriented();
            let lost = Lost::of(gaps, volume.axes);
            Ok((volume, lost))
        };
        let (volume, lost) = read(&person.map, "the map")?;
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
            let (volume, lost) = read(path, name)?;
            if let Some(found) = grid.mismatch(&volume.axes.grid) {
                return Err(Problem::input(path, format!("another grid than the map: {found}"))
                    .expected("masks on the map's grid")
                    .advice("resample the mask to the map, by the nearest voxel"));
            }
            if lost.holes() > 0 {
                return Err(Problem::input(path, format!("{} voxels of a mask are NaN or infinite", lost.holes()))
                    .expected("a mask of 0 and 1"));
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
            None => map.iter().map(|value| *value > BACKGROUND).collect(),
        };
        let inside = brain.iter().filter(|&&inside| inside).count();
        if person.brain.is_none() && inside as f64 > MOST_BRAIN * brain.len() as f64 {
            let share = 100.0 * inside as f64 / brain.len() as f64;
            let found = format!("{share:.0} % of the voxels are above {BACKGROUND}, and there is no mask of the brain");
            return Err(Problem::input(&person.map, found)
                .expected("a brain with 0 around it")
                .advice("give masks of the brain (*_brain_mask.nii.gz), or fit the tensor within one"));
        }
        let masked = lost.words(&format!("the brain of {}", person.id), inside, |at| brain[at]);
        let holes = lost
            .has_too_many_holes(inside)
            .then(|| format!("{} voxels within the map are NaN or infinite", lost.holes()));
        if let Some(found) = masked.or(holes) {
            return Err(Problem::input(&person.map, found)
                .expected("numbers wherever there is brain; the background may be NaN")
                .advice("fit the tensor again, or leave the person out"));
        }
        map.iter_mut().zip(&brain).filter(|(_, inside)| !**inside).for_each(|(value, _)| *value = 0.0);
        let mut inside: Vec<f32> =
            map.iter().zip(&brain).filter(|(_, inside)| **inside).map(|(value, _)| *value).collect();
        if !inside.iter().any(|value| *value > 0.0) {
            return Err(Problem::input(&person.map, "no voxel of the brain above 0").expected("a map of a brain"));
        }
        let rank = nearest_rank(inside.len(), HIGH).unwrap_or_default();
        let (_, high, _) = inside.select_nth_unstable_by(rank, f32::total_cmp);
        if *high < FAINTEST {
            return Err(Problem::input(&person.map, format!("99 of 100 voxels of the brain are at most {high}"))
                .expected(format!("fractional anisotropy, which in white matter is above {FAINTEST}"))
                .advice(
                    "take the map of another parameter (diffusivity) away, or multiply by what it was divided by",
                ));
        }
        let of_lesions = || lesions.iter().flatten().zip(&brain).filter(|(lesion, _)| **lesion > 0.0);
        let (all, outside) = (of_lesions().count(), of_lesions().filter(|(_, inside)| !**inside).count());
        if let Some(path) = person.lesions.as_deref().filter(|_| all > 0 && outside == all) {
            return Err(Problem::input(path, format!("all {all} voxels of lesions lie outside the brain"))
                .expected("lesions of this person, on the map's grid")
                .advice("look whether the mask is another person's, or of another space"));
        }
        let (non_finite, outside) = (lost.voxels(), outside as u64);
        Ok(Self { grid, map, brain, lesions, inputs, simulated, places, above_one, background, non_finite, outside })
    }
}
