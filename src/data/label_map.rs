//! The lesions of a label map, kept as runs of voxels: a thousandth of the map's size, so that a whole cohort's maps
//! stay in memory and each is read once.

use std::collections::BTreeMap;
use std::path::Path;

use super::lesion_pieces;
use super::patches;
use crate::nifti::{self, Form, Placement, RasAxes};
use crate::problem::{Problem, Result};

/// Largest label: up to here each whole number is a float32 of its own.
const MAX_LABEL: f32 = 16_777_215.0;

/// Lesions of one map, at most; patients have hundreds.
const MAX_LESIONS: usize = 10_000;

/// Runs of one map, at most (32 MB): a map of a litre of lesions in voxels of .5 mm has a quarter of that.
const MAX_RUNS: usize = 1 << 22;

const SAVE_AS_LABELS: &str =
    "save it as integers, and resample label maps by their nearest neighbour (antsApplyTransforms -n GenericLabel)";

/// Voxels that are asked at once whether any of them is labelled; few are.
const BLOCK: usize = 64;

/// A lesion in a label map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Nearest voxel to the centre of mass: x, y, z of the RAS+ volume.
    pub centre: [i64; 3],
    /// How many there are.
    pub voxels: u64,
}

/// All lesions of one patient.
#[derive(Clone, Debug)]
pub struct LabelMap {
    /// In RAS+ order.
    pub placement: Placement,
    /// By number.
    pub lesions: BTreeMap<u32, Lesion>,
    /// Of the file's bytes.
    pub sha256: String,
}

/// Where a lesion lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesion {
    /// Its middle and size.
    pub extent: Extent,
    axes: RasAxes,
    runs: Vec<Run>,
}

/// Neighbouring voxels of one lesion in stored order; a volume has fewer than 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The place of the first.
    pub first: u32,
    /// How many there are.
    pub length: u32,
}

impl LabelMap {
    /// Reads a map; 0 is background.
    ///
    /// # Errors
    /// Those of [`nifti::open`] and its scan; a voxel that is NaN or infinite or no whole number of 0 or more; more
    /// than 10,000 lesions, or pieces without end, as noise has.
    pub fn read(path: &Path, form: Form) -> Result<Self> {
        let mut runs = Runs::default();
        let file = nifti::open(path, form)?;
        let (axes, placement) = (RasAxes::new(&file.grid()), file.placement());
        let file = file.scan(|labels| {
            runs.add(labels);
            if runs.of_label.len() <= MAX_LESIONS && runs.count <= MAX_RUNS {
                return Ok(());
            }
            Err(Problem::input(path, "an image of many values, not a label map")
                .expected(format!("0 outside and at most {MAX_LESIONS} lesions, each its own number"))
                .advice("give the map of labels; this seems to be a contrast"))
        })?;
        if !file.non_finite.is_empty() {
            let found = format!("{} NaN or infinite voxels in a label map", file.non_finite.len());
            return Err(Problem::input(path, found).expected("whole numbers").advice(SAVE_AS_LABELS));
        }
        if let Some(value) = runs.unusable {
            return Err(Problem::input(path, format!("the value {value} in a label map"))
                .expected("whole numbers: 0 outside, each lesion its own number")
                .advice(SAVE_AS_LABELS));
        }
        let lesions = runs.of_label.into_iter().map(|(number, runs)| (number, Lesion::new(axes, runs))).collect();
        Ok(Self { placement, lesions, sha256: file.sha256 })
    }

    /// Refuses a map whose numbers are not its lesions: a mask of several, which has one number for all of them, or a
    /// number in places far apart. `rows`: the patient's lesions in the reader table.
    ///
    /// # Errors
    /// The number, its pieces, and how many rows there are.
    pub fn require_whole_lesions(&self, path: &Path, rows: usize) -> Result<()> {
        // What programs write into masks; a single lesion in pieces can have any other number.
        let mask = self.lesions.len() == 1 && self.lesions.keys().all(|number| [1, 255].contains(number));
        let share = if self.lesions.len() == 1 { lesion_pieces::BESIDE_IN_MASK } else { lesion_pieces::BESIDE };
        for (number, lesion) in &self.lesions {
            let pieces = lesion_pieces::main(&lesion.axes, &lesion.runs, share);
            let apart = lesion_pieces::farthest_mm(&pieces, lesion.axes.grid.voxel_mm());
            if pieces.len() < 2 || !(mask || apart > lesion_pieces::FAR_MM) {
                continue;
            }
            let sizes: Vec<String> = pieces.iter().map(|piece| piece.voxels.to_string()).collect();
            let mean = if mask { "all of the map is" } else { "one lesion of the map is" };
            let found = format!(
                "{mean} number {number}, in {} pieces of {} voxels; the reader table has {rows} {} for the patient",
                pieces.len(),
                super::name_join::listed(&sizes),
                if rows == 1 { "row" } else { "rows" }
            );
            let advice = "number the lesions (fsl-cluster, scipy.ndimage.label) and give each its row";
            let single = format!("{advice}; if it is one lesion in pieces, give it another number than 1 in both");
            return Err(Problem::input(path, found)
                .expected("a number for each lesion, and a row of the reader table for each number")
                .advice(if mask { single } else { advice.to_owned() }));
        }
        Ok(())
    }
}

impl Lesion {
    /// `runs`: at least one.
    fn new(axes: RasAxes, runs: Vec<Run>) -> Self {
        let mut lesion = Self { extent: Extent { centre: [0; 3], voxels: 0 }, axes, runs };
        let mut sum = [0u64; 3];
        let mut count = 0;
        for voxel in lesion.voxels() {
            for (sum, index) in sum.iter_mut().zip(voxel) {
                *sum += index as u64;
            }
            count += 1;
        }
        lesion.extent = Extent { centre: sum.map(|sum| (sum as f64 / count as f64).round() as i64), voxels: count };
        lesion
    }

    /// Its voxels: x, y, z of the RAS+ volume.
    fn voxels(&self) -> impl Iterator<Item = [usize; 3]> {
        let places = self.runs.iter().flat_map(|run| run.first as usize..(run.first + run.length) as usize);
        places.map(|place| self.axes.voxel(place))
    }

    /// The patch of `shape` = \[depth, height, width\] about its centre: 1 in the lesion, 0 elsewhere.
    pub fn mask(&self, shape: [u32; 3]) -> Vec<u8> {
        let mut mask = vec![0; shape.iter().map(|&size| size as usize).product()];
        for voxel in self.voxels() {
            if let Some(place) = patches::place(voxel, self.extent.centre, shape) {
                mask[place] = 1;
            }
        }
        mask
    }
}

/// A label map in the making.
#[derive(Debug, Default)]
struct Runs {
    of_label: BTreeMap<u32, Vec<Run>>,
    /// Of all labels.
    count: usize,
    /// The first value that is no label.
    unusable: Option<f32>,
    seen: u32,
}

impl Runs {
    /// Adds the next voxels in stored order.
    fn add(&mut self, labels: &[f32]) {
        for block in labels.chunks(BLOCK) {
            // Without a branch for each voxel, for which nearly always there is nothing to do.
            if block.iter().fold(false, |any, &label| any | (label != 0.0)) {
                self.add_block(block);
            }
            self.seen += block.len() as u32;
        }
    }

    fn add_block(&mut self, block: &[f32]) {
        let mut first = self.seen;
        for run in block.chunk_by(|a, b| a == b) {
            let label = run[0];
            if label.fract() != 0.0 || !(0.0..=MAX_LABEL).contains(&label) {
                self.unusable.get_or_insert(label);
            } else if label != 0.0 {
                self.add_run(label as u32, Run { first, length: run.len() as u32 });
            }
            first += run.len() as u32;
        }
    }

    fn add_run(&mut self, label: u32, run: Run) {
        let runs = self.of_label.entry(label).or_default();
        match runs.last_mut() {
            Some(last) if last.first + last.length == run.first => last.length += run.length,
            _ => {
                runs.push(run);
                self.count += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::{Affine, Grid};

    /// Lesions of labels that arrive `at_once` at a time.
    fn lesions(labels: &[f32], grid: Grid, at_once: usize) -> std::result::Result<BTreeMap<u32, Lesion>, f32> {
        let mut runs = Runs::default();
        labels.chunks(at_once).for_each(|some| runs.add(some));
        let axes = RasAxes::new(&grid);
        let lesions = runs.of_label.into_iter().map(|(number, runs)| (number, Lesion::new(axes, runs)));
        runs.unusable.map_or_else(|| Ok(lesions.collect()), Err)
    }

    fn grid(shape: [usize; 3]) -> Grid {
        Grid::new(shape, Affine::IDENTITY)
    }

    #[test]
    fn lesions_are_found_with_their_centres_and_broken_labels_refused() {
        let mut labels = [0.0; 24];
        labels[0] = 7.0;
        labels[2] = 7.0;
        labels[4 + 12] = 2.0;
        let found = lesions(&labels, grid([4, 3, 2]), 24).unwrap();
        assert_eq!(found[&7].extent, Extent { centre: [1, 0, 0], voxels: 2 });
        assert_eq!(found[&2].extent, Extent { centre: [0, 1, 1], voxels: 1 });
        assert_eq!(found[&7].mask([1, 1, 2]), [1, 0]);
        for broken in [1.5, -1.0, 16_777_216.0] {
            labels[3] = broken;
            assert_eq!(lesions(&labels, grid([4, 3, 2]), 24).unwrap_err(), broken);
        }
    }

    #[test]
    fn runs_do_not_depend_on_how_the_labels_arrive() {
        let labels: Vec<f32> = (0..6000).map(|at| [0.0, 0.0, 3.0, 3.0, 1.0][at * at / 150 % 5]).collect();
        let whole = lesions(&labels, grid([20, 20, 15]), 6000).unwrap();
        for at_once in [1, 7, 64, 100] {
            assert_eq!(lesions(&labels, grid([20, 20, 15]), at_once).unwrap(), whole);
        }
        let of = |number: f32| labels.iter().filter(|&&label| label == number).count() as u64;
        assert_eq!(
            whole.iter().map(|(&n, one)| (n, one.extent.voxels)).collect::<Vec<_>>(),
            [(1, of(1.0)), (3, of(3.0))]
        );
    }

    #[test]
    fn centre_and_mask_are_those_of_the_ras_volume() {
        let mut rows = Affine::IDENTITY.0;
        rows[0][0] = -1.0;
        let left = Grid::new([4, 3, 2], Affine(rows));
        let mut labels = [0.0; 24];
        labels[..2].fill(1.0);
        let found = &lesions(&labels, left, 24).unwrap()[&1];
        // Stored x 0 and 1 are 3 and 2 from the left.
        assert_eq!(found.extent, Extent { centre: [3, 0, 0], voxels: 2 });
        assert_eq!(found.mask([1, 1, 4]), [0, 1, 1, 0]);
    }
}
