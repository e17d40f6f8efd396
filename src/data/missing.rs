//! Values that are missing where they matter: a lesion on voxels that were NaN, or where a map holds nothing.

use crate::nifti::{Gaps, MAX_HOLES, RasAxes};

use super::patches;
use super::plausible::LARGEST_PPB;

/// What is NaN or infinite of a lesion's patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Of the lesion's own voxels, and how many it has.
    in_lesion: usize,
    own: usize,
    /// Of the patch, without the volume's background, and how many voxels the volume gives it.
    holes: usize,
    patch: usize,
    /// The patch reaches into a background without values: as in a map that is 0 there, nothing was measured.
    pub reaches_outside: bool,
}

impl Missing {
    /// In the patch about `centre` = x, y, z of a volume along `axes` with `gaps`; `mask`: of the patch, of
    /// `shape` = \[depth, height, width\], asked for where there is something to find.
    pub fn of(
        (gaps, axes): (&Gaps, &RasAxes),
        centre: [i64; 3],
        shape: [u32; 3],
        mask: impl FnOnce() -> Vec<u8>,
    ) -> Self {
        let ranges = patches::inside(centre, shape, axes.grid.shape);
        let mut found = Self { patch: ranges.iter().map(ExactSizeIterator::len).product(), ..Self::default() };
        let here: Vec<_> = gaps.within(axes, ranges).collect();
        if here.is_empty() {
            return found;
        }
        let mask = mask();
        found.own = mask.iter().filter(|&&inside| inside == 1).count();
        for gap in here {
            let place = patches::place(gap.voxel, centre, shape);
            found.in_lesion += usize::from(place.is_some_and(|place| mask[place] == 1));
            found.holes += usize::from(!gap.is_background);
            found.reaches_outside |= gap.is_background;
        }
        found
    }

    /// Why the lesion cannot be used, in words: more than one in a hundred of its own voxels, or of its patch's beside
    /// the background.
    pub fn words(&self) -> Option<String> {
        let Self { in_lesion, own, holes, patch, .. } = *self;
        if too_many(in_lesion, own) {
            return Some(format!("{in_lesion} of its {own} voxels are NaN or infinite"));
        }
        too_many(holes, patch).then(|| format!("{holes} of the {patch} voxels of its patch are NaN or infinite"))
    }
}

fn too_many(count: usize, of: usize) -> bool {
    count as f64 > MAX_HOLES * of as f64
}

/// Voxels of a volume that were NaN or infinite, as they lie in RAS+ order.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    gaps: Gaps,
    axes: RasAxes,
}

impl Lost {
    /// Of a volume along `axes` with `gaps`.
    pub fn of(gaps: Gaps, axes: RasAxes) -> Self {
        Self { gaps, axes }
    }

    /// How many, the background's among them.
    pub fn voxels(&self) -> u64 {
        self.gaps.voxels()
    }

    /// Those beside the background.
    pub fn holes(&self) -> u64 {
        self.gaps.voxels() - self.gaps.background()
    }

    /// Whether they are more than one in a hundred of the `own` voxels that were measured: a hole was read as 0, as
    /// where nothing was measured, and so is none of them.
    pub fn has_too_many_holes(&self, own: usize) -> bool {
        too_many(self.holes() as usize, own)
    }

    /// Their places, with x fastest.
    fn places(&self) -> impl Iterator<Item = usize> {
        let [nx, ny, nz] = self.axes.grid.shape;
        let all = self.gaps.within(&self.axes, [0..nx, 0..ny, 0..nz]);
        all.map(move |gap| gap.voxel[0] + nx * (gap.voxel[1] + ny * gap.voxel[2]))
    }

    /// Why `what`, of which `own` voxels are `inside`, cannot be used, in words: more than one in a hundred of them are
    /// lost.
    pub fn words(&self, what: &str, own: usize, inside: impl Fn(usize) -> bool) -> Option<String> {
        let lost = if self.voxels() == 0 { 0 } else { self.places().filter(|&place| inside(place)).count() };
        too_many(lost, own).then(|| format!("{lost} of the {own} voxels of {what} are NaN or infinite"))
    }
}

/// Share of a lesion's voxels that may have the very same value. An image has noise; what repeats is a fill value, or a
/// hole that was filled with 0.
const MOST_ALIKE: f64 = 0.5;

/// Lesions of fewer voxels are not asked for variety.
const VARIED: usize = 8;

/// Whether a lesion's voxels in a patch of values in physical units hold nothing: more than half are 0 or another value
/// that is the same in all of them, or one in the patch is no number that a map in ppb (`in_ppb`) or a weighted image
/// can have; in words.
pub(crate) fn nothing(mask: &[u8], values: &[f32], in_ppb: bool) -> Option<String> {
    let own = || mask.iter().zip(values).filter(|(inside, _)| **inside == 1).map(|(_, &value)| value);
    if own().count() > 0 && own().all(|value| value == 0.0) {
        return Some("all its voxels are 0: it lies where the map holds nothing".into());
    }
    let mut values_of: Vec<u32> = own().map(|value| (value + 0.0).to_bits()).collect();
    values_of.sort_unstable();
    let alike = values_of.chunk_by(|a, b| a == b).max_by_key(|alike| alike.len()).unwrap_or_default();
    let (count, voxels) = (alike.len(), values_of.len());
    if voxels >= VARIED && count as f64 > MOST_ALIKE * voxels as f64 {
        let value = alike.first().map_or(0.0, |&bits| f32::from_bits(bits));
        return Some(format!("{count} of its {voxels} voxels are {value}: a hole or a fill value"));
    }
    let most = if in_ppb { LARGEST_PPB } else { f32::MAX };
    let odd = values.iter().find(|value| value.abs() > most || !value.is_finite())?;
    let unit = if in_ppb { " ppb" } else { " times the foreground's median" };
    Some(format!("its patch holds a value of {odd:e}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A volume of 20 x 20 x 20 whose values end at x = 10, and a patch of 8 x 8 x 8 about its middle.
    #[test]
    fn a_patch_may_reach_into_the_background_and_a_lesion_may_not() {
        let grid = crate::nifti::Grid::new([20; 3], crate::nifti::Affine::IDENTITY);
        let axes = RasAxes::new(&grid);
        let missing = |hole: usize, lesion: &dyn Fn(usize) -> bool| {
            let value = |[x, y, z]: [usize; 3]| {
                let is_hole = y == 9 && z == 9 && (6..6 + hole).contains(&x);
                if x >= 10 || is_hole { f32::NAN } else { 1.0 }
            };
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("v.nii");
            crate::nifti::write(&path, &crate::nifti::Volume::from_fn(grid, value), "").unwrap();
            let file = crate::nifti::open(&path, crate::nifti::Form::Sform).unwrap();
            let gaps = file.scan(|_| Ok(())).unwrap().gaps;
            let mask = (0..512).map(|at| u8::from(lesion(at % 8))).collect();
            Missing::of((&gaps, &axes), [10, 10, 10], [8, 8, 8], || mask)
        };
        // Patch columns 0 to 3 are x = 6 to 9; 4 and on are background.
        let inside = missing(0, &|x| x < 4);
        assert_eq!((inside.words(), inside.reaches_outside), (None, true));
        let one_column = missing(0, &|x| x == 4);
        assert_eq!(one_column.words().unwrap(), "64 of its 64 voxels are NaN or infinite");
        assert_eq!(missing(3, &|x| x < 2).words().unwrap(), "2 of its 128 voxels are NaN or infinite");
        // 3 of 512 are .6 %, in no lesion.
        assert_eq!(missing(3, &|x| x == 3).words(), None);
        let elsewhere = Missing::of((&Gaps::default(), &axes), [10, 10, 10], [8, 8, 8], || panic!("not asked for"));
        assert_eq!((elsewhere.words(), elsewhere.reaches_outside), (None, false));
    }

    #[test]
    fn a_lesion_of_zeros_and_fill_values_are_told() {
        let mask = [0, 1, 1, 0];
        assert_eq!(nothing(&mask, &[9.0, 0.0, 1.0, 9.0], true), None);
        assert!(nothing(&mask, &[9.0, 0.0, -0.0, 9.0], true).unwrap().contains("all its voxels are 0"));
        let ten = |same: usize, value: f32| {
            let values: Vec<f32> = (0..10).map(|at| if at < same { value } else { at as f32 }).collect();
            nothing(&[1; 10], &values, true)
        };
        assert_eq!(ten(5, 0.0), None);
        assert_eq!(ten(6, 0.0).unwrap(), "6 of its 10 voxels are 0: a hole or a fill value");
        assert_eq!(ten(10, -99.0).unwrap(), "10 of its 10 voxels are -99: a hole or a fill value");
        let fill = nothing(&mask, &[9.0, 1.0, 1.0, -9.999e6], true).unwrap();
        assert_eq!(fill, "its patch holds a value of -9.999e6 ppb");
        assert_eq!(nothing(&mask, &[9.0, 1.0, 1.0, -9.999e6], false), None);
        assert!(nothing(&mask, &[9.0, 1.0, 1.0, f32::INFINITY], false).unwrap().contains("inf"));
    }
}
