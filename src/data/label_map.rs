//! The lesions of a label map, kept as runs of voxels: a thousandth of the map's size, so that a whole cohort's maps
//! stay in memory and each is read once.

use std::collections::BTreeMap;
use std::path::Path;

use super::lesion_pieces::{self, Part, Piece};
use super::missing::Missing;
use super::name_join::listed;
use super::patches;
use crate::nifti::{self, Form, Gaps, Placement, RasAxes};
use crate::problem::{Problem, Result};

/// Largest label: up to here each whole number is a float32 of its own.
const MAX_LABEL: f32 = 16_777_215.0;

/// Lesions of one map, at most; patients have hundreds.
const MAX_LESIONS: usize = 10_000;

/// Runs of one map, at most (32 MB): a map of a litre of lesions in voxels of .5 mm has a quarter of that.
const MAX_RUNS: usize = 1 << 22;

const SAVE_AS_LABELS: &str =
    "save it as integers, and resample label maps by their nearest neighbour (antsApplyTransforms -n GenericLabel)";

/// How far a scaled integer may lie from the whole number that was meant, whatever its scaling is.
const MOST_ROUNDING: f64 = 0.25;

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
    /// Voxels of a background that is NaN or infinite, which is no lesion.
    pub background: u64,
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
    /// Those of [`nifti::open`] and its scan; a voxel that is NaN or infinite and not of the background, or no whole
    /// number of 0 or more; more than 10,000 lesions, or pieces without end, as noise has.
    pub fn read(path: &Path, form: Form) -> Result<Self> {
        let mut runs = Runs::default();
        let file = nifti::open(path, form)?;
        let (axes, placement) = (RasAxes::new(&file.grid()), file.placement());
        let rounding = file.rounding();
        let mut whole = Vec::new();
        let file = file.scan(|labels| {
            if rounding > 0.0 {
                whole.clear();
                whole.extend(labels.iter().map(|&label| meant(label, rounding.min(MOST_ROUNDING))));
                runs.add(&whole);
            } else {
                runs.add(labels);
            }
            if runs.of_label.len() <= MAX_LESIONS && runs.count <= MAX_RUNS {
                return Ok(());
            }
            Err(Problem::input(path, "an image of many values, not a label map")
                .expected(format!("0 outside and at most {MAX_LESIONS} lesions, each its own number"))
                .advice("give the map of labels; this seems to be a contrast"))
        })?;
        let background = file.gaps.background();
        let holes = file.gaps.voxels() - background;
        if holes > 0 {
            let found = format!("{holes} NaN or infinite voxels amid the voxels of a label map");
            return Err(Problem::input(path, found).expected("whole numbers").advice(SAVE_AS_LABELS));
        }
        if let Some(value) = runs.unusable.filter(|_| rounding > 0.0) {
            return Err(Problem::input(
                path,
                format!("the value {value} in a label map of scaled integers (scl_slope)"),
            )
            .expected("whole numbers to within half a step of the scaling: 0 outside, each lesion its own number")
            .advice(format!("save it without a scaling (scl_slope 1, scl_inter 0); {SAVE_AS_LABELS}")));
        }
        if let Some(value) = runs.unusable {
            return Err(Problem::input(path, format!("the value {value} in a label map"))
                .expected("whole numbers: 0 outside, each lesion its own number")
                .advice(SAVE_AS_LABELS));
        }
        let lesions = runs.of_label.into_iter().map(|(number, runs)| (number, Lesion::new(axes, runs))).collect();
        Ok(Self { placement, lesions, background, sha256: file.sha256 })
    }

    /// Refuses a map whose numbers are not its lesions: a mask of several, which has one number for all of them, a
    /// number in places far apart, or pieces of a number that lie at another, as a resampling that mixes neighbouring
    /// numbers makes them. `rows`: the patient's lesions in the reader table.
    ///
    /// # Errors
    /// The number, its pieces, and how many rows there are.
    pub fn require_whole_lesions(&self, path: &Path, rows: usize) -> Result<()> {
        let single = self.lesions.len() == 1;
        // What programs write into masks.
        let mask = single && self.lesions.keys().all(|number| [1, 255].contains(number));
        let (share, most_mm) = if single {
            (lesion_pieces::BESIDE_IN_MASK, lesion_pieces::NEAR_MM)
        } else {
            (lesion_pieces::BESIDE, lesion_pieces::FAR_MM)
        };
        let mut boxes = None;
        for (&number, lesion) in &self.lesions {
            let parts = lesion_pieces::parts(&lesion.axes, &lesion.runs);
            let pieces = lesion_pieces::main(&parts, share);
            let apart = lesion_pieces::farthest_mm(&pieces, lesion.axes.grid.voxel_mm());
            if pieces.len() > 1 && (mask || apart > most_mm) {
                return Err(self.several(path, number, &pieces, rows));
            }
            if !single && parts.len() > 1 {
                let boxes = boxes.get_or_insert_with(|| self.boxes());
                self.require_no_strays(path, number, &parts, boxes)?;
            }
        }
        Ok(())
    }

    fn several(&self, path: &Path, number: u32, pieces: &[Piece], rows: usize) -> Problem {
        let single = self.lesions.len() == 1;
        let sizes: Vec<String> = pieces.iter().map(|piece| piece.voxels.to_string()).collect();
        let mean = if single { "all of the map is" } else { "one lesion of the map is" };
        let found = format!(
            "{mean} number {number}, in {} pieces of {} voxels; the reader table has {rows} {} for the patient",
            pieces.len(),
            listed(&sizes),
            if rows == 1 { "row" } else { "rows" }
        );
        let advice = "number the lesions (fsl-cluster, scipy.ndimage.label) and give each its row";
        let way = format!(
            "{advice}; one lesion in pieces, within {} mm of the largest, may have any number but 1 and 255",
            lesion_pieces::NEAR_MM
        );
        Problem::input(path, found)
            .expected("a number for each lesion, and a row of the reader table for each number")
            .advice(if single { way } else { advice.to_owned() })
    }

    /// The box about each lesion.
    fn boxes(&self) -> Vec<(u32, Piece)> {
        let bounds =
            |(&number, lesion): (&u32, &Lesion)| Some((number, lesion_pieces::bounds(&lesion.axes, &lesion.runs)?));
        self.lesions.iter().filter_map(bounds).collect()
    }

    /// Refuses small pieces of a lesion that lie far from it or at another one; `boxes`: of all lesions.
    fn require_no_strays(&self, path: &Path, number: u32, parts: &[Part], boxes: &[(u32, Piece)]) -> Result<()> {
        let Some((largest, strays)) = parts.split_first() else { return Ok(()) };
        let refused = |found: String| {
            Err(Problem::input(path, found)
                .expected("each number for one lesion")
                .advice(format!("remove pieces that are no lesion, and number those that are; {SAVE_AS_LABELS}")))
        };
        for stray in strays {
            let (axes, voxels) = (&self.lesions[&number].axes, stray.piece.voxels);
            let voxel_mm = axes.grid.voxel_mm();
            let near = boxes.iter().filter(|(other, piece)| *other != number && stray.piece.is_near(piece));
            for (other, _) in near {
                if lesion_pieces::touches(axes, stray, &self.lesions[other].runs) {
                    return refused(format!("a piece of number {number}, of {voxels} voxels, lies at number {other}"));
                }
            }
            let apart = largest.piece.apart_mm(&stray.piece, voxel_mm);
            if apart > lesion_pieces::FAR_MM {
                return refused(format!(
                    "a piece of number {number}, of {voxels} voxels, lies {apart:.0} mm from the largest, of {}",
                    largest.piece.voxels
                ));
            }
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

    /// What of its patch of `shape` = \[depth, height, width\] is no number in a volume on the map's grid with `gaps`.
    pub(crate) fn missing(&self, gaps: &Gaps, shape: [u32; 3]) -> Missing {
        Missing::of((gaps, &self.axes), self.extent.centre, shape, || self.mask(shape))
    }

    /// Axial slices that cut it, each with its voxels there.
    pub fn slices(&self) -> BTreeMap<i64, u64> {
        let mut slices = BTreeMap::new();
        self.voxels().for_each(|[_, _, z]| *slices.entry(z as i64).or_insert(0) += 1);
        slices
    }

    /// Mean x and y of its voxels in an axial slice, and how many those are; `None` where it has none there.
    pub fn middle_of(&self, z: i64) -> Option<([f64; 2], u64)> {
        let (mut sum, mut count) = ([0.0; 2], 0u64);
        for [x, y, _] in self.voxels().filter(|voxel| voxel[2] as i64 == z) {
            sum = [sum[0] + x as f64, sum[1] + y as f64];
            count += 1;
        }
        (count > 0).then(|| (sum.map(|sum| sum / count as f64), count))
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

/// The whole number nearest to a label, where it is within `rounding` of it; else the label.
fn meant(label: f32, rounding: f64) -> f32 {
    // What 32 bits make of the value comes to it.
    let slack = rounding * 1.001 + f64::from(label.abs() * f32::EPSILON);
    let whole = label.round();
    if f64::from((label - whole).abs()) <= slack { whole } else { label }
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
        assert_eq!(found[&7].slices(), BTreeMap::from([(0, 2)]));
        assert_eq!((found[&7].middle_of(0), found[&7].middle_of(1)), (Some(([1.0, 0.0], 2)), None));
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
    fn scaled_integers_mean_the_whole_number_that_their_step_leaves() {
        // Labels up to 5 as nibabel scales them to 8 bits: steps of 5 / 255.
        let step = 5.0 / 255.0;
        for label in 0..=5u8 {
            let stored = (f64::from(label) / step).round();
            assert_eq!(meant((stored * step) as f32, step / 2.0), f32::from(label));
        }
        assert_eq!(meant(2.4, step / 2.0), 2.4);
        assert_eq!(meant(-0.0001, 0.001), 0.0);
    }

    #[test]
    fn pieces_at_another_number_or_far_away_are_refused() {
        // 60 x 4 x 1 voxels of 1 mm: number 2 with a piece at number 4, as rounding between 0 and 4 leaves it.
        let says = |own: &[usize], other: &[usize]| {
            let mut labels = [0.0; 240];
            own.iter().for_each(|&at| labels[at] = 2.0);
            other.iter().for_each(|&at| labels[at] = 4.0);
            let grid = grid([60, 4, 1]);
            let stored = crate::nifti::Volume { grid, data: labels.to_vec() };
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("labels.nii");
            crate::nifti::write(&path, &stored, "").unwrap();
            let map = LabelMap::read(&path, Form::Sform).unwrap();
            map.require_whole_lesions(&path, 2).err().map(|problem| problem.to_string())
        };
        let lesion: Vec<usize> = (0..10).chain(60..70).collect();
        let with = |more: usize| [lesion.clone(), vec![more]].concat();
        assert_eq!(says(&lesion, &[40, 41]), None);
        let shell = says(&with(15), &[16, 17]).unwrap();
        assert!(shell.contains("a piece of number 2, of 1 voxels, lies at number 4"), "{shell}");
        let far = says(&with(30), &[40, 41]).unwrap();
        assert!(far.contains("of 1 voxels, lies 20 mm from the largest, of 20"), "{far}");
        // A speck nearby is one, also where the lesion itself touches another.
        assert_eq!(says(&with(15), &[40, 41]), None);
        assert_eq!(says(&with(11), &[70, 71]), None);
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
