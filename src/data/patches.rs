//! The patch about a lesion: 24 x 64 x 64 voxels (depth, height, width) by default.
//!
//! A patch is cut, never interpolated. Row = y index, column = x index, slice = z index of the RAS+ volume, each
//! ascending. Beyond the volume's border the nearest voxel is repeated (edge padding), except in masks, where
//! nothing is: 0. The centre is the lesion's centre of mass, rounded; it lies at index size / 2 of each axis.

use crate::nifti::RasVolume;

/// What a patch holds beyond the volume's border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// The nearest voxel.
    Edge,
    /// 0.
    Zero,
}

/// Cuts `shape` = \[depth, height, width\] voxels about `centre` = x, y, z.
pub fn cut(volume: &RasVolume, centre: [i64; 3], shape: [u32; 3], border: Border) -> Vec<f32> {
    let mut patch = vec![0.0; shape.iter().map(|&size| size as usize).product()];
    cut_into(volume, centre, shape, border, &mut patch);
    patch
}

/// As [`cut`], into a patch of zeros.
pub fn cut_into(volume: &RasVolume, centre: [i64; 3], shape: [u32; 3], border: Border, patch: &mut [f32]) {
    let axes = &volume.axes;
    // For each axis (x, y, z) what each patch index adds to the place in the volume, or none where it is left 0.
    let sources = [0, 1, 2].map(|axis| {
        let last = axes.grid.shape[axis] as i64 - 1;
        let source = |at: i64| match border {
            Border::Edge => Some(at.clamp(0, last)),
            Border::Zero => (0..=last).contains(&at).then_some(at),
        };
        span(centre[axis], shape[2 - axis]).map(|at| Some(axes.offset(axis, source(at)? as usize))).collect::<Vec<_>>()
    });
    let [_, height, width] = shape.map(|size| size as usize);
    let steps = [1, width, width * height];
    // The volume, which does not fit into a cache, is walked as it lies in memory; the patch does fit.
    let [fast, middle, slow] = axes.fastest_first();
    let row = Row::new(&sources[fast], steps[fast]);
    for (at_slow, from_slow) in sources[slow].iter().enumerate() {
        for (at_middle, from_middle) in sources[middle].iter().enumerate() {
            if let (Some(a), Some(b)) = (from_slow, from_middle) {
                row.copy(&volume.data[a + b..], &mut patch[at_slow * steps[slow] + at_middle * steps[middle]..]);
            }
        }
    }
}

/// The indices along one axis of `length` voxels about `centre`.
fn span(centre: i64, length: u32) -> std::ops::Range<i64> {
    let first = centre - i64::from(length) / 2;
    first..first + i64::from(length)
}

/// Where the voxels of a patch's row along the volume's fastest axis come from.
struct Row<'a> {
    sources: &'a [Option<usize>],
    step: usize,
    /// The first source, where the row is a piece of memory.
    piece: Option<usize>,
}

impl<'a> Row<'a> {
    fn new(sources: &'a [Option<usize>], step: usize) -> Self {
        let first = sources.first().copied().flatten();
        let whole = |first: &usize| step == 1 && sources.iter().zip(*first..).all(|(&from, at)| from == Some(at));
        Self { sources, step, piece: first.filter(whole) }
    }

    fn copy(&self, from: &[f32], to: &mut [f32]) {
        if let Some(first) = self.piece {
            to[..self.sources.len()].copy_from_slice(&from[first..][..self.sources.len()]);
            return;
        }
        for (at, source) in self.sources.iter().enumerate() {
            if let Some(source) = source {
                to[at * self.step] = from[*source];
            }
        }
    }
}

/// What of a patch of `shape` = \[depth, height, width\] about a voxel of a volume lies inside it: ranges of x, y, z.
pub fn inside(centre: [i64; 3], shape: [u32; 3], volume_shape: [usize; 3]) -> [std::ops::Range<usize>; 3] {
    [0, 1, 2].map(|axis| {
        let span = span(centre[axis], shape[2 - axis]);
        let within = |at: i64| at.clamp(0, volume_shape[axis] as i64) as usize;
        within(span.start)..within(span.end)
    })
}

/// The place in a patch of `shape` = \[depth, height, width\] about `centre` = x, y, z of a voxel = x, y, z of the
/// volume.
pub fn place(voxel: [usize; 3], centre: [i64; 3], shape: [u32; 3]) -> Option<usize> {
    let mut place = 0;
    for axis in [2, 1, 0] {
        let length = shape[2 - axis];
        let at = voxel[axis] as i64 - span(centre[axis], length).start;
        if !(0..i64::from(length)).contains(&at) {
            return None;
        }
        place = place * length as usize + at as usize;
    }
    Some(place)
}

/// Whether a patch reaches beyond the volume.
pub fn is_padded(volume_shape: [usize; 3], centre: [i64; 3], shape: [u32; 3]) -> bool {
    (0..3).any(|axis| {
        let span = span(centre[axis], shape[2 - axis]);
        span.start < 0 || span.end > volume_shape[axis] as i64
    })
}

/// Slices worth learning from: those with at least `fraction` of the lesion voxels of its largest slice.
///
/// `mask` is \[depth, height, width\]; returns (slice, lesion voxels). The slices that only graze a lesion show
/// neither its core nor a closed rim.
pub fn slices(mask: &[u8], shape: [u32; 3], fraction: f64) -> Vec<(u32, u32)> {
    let plane = (shape[1] * shape[2]) as usize;
    let areas: Vec<u32> =
        mask.chunks_exact(plane).map(|slice| slice.iter().map(|&voxel| u32::from(voxel)).sum()).collect();
    let least = fraction * f64::from(areas.iter().copied().max().unwrap_or(0));
    (0..).zip(areas).filter(|&(_, area)| area > 0 && f64::from(area) >= least).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::{Affine, Grid, RasAxes};

    /// Value = x + 10 y + 100 z.
    fn ramp(shape: [usize; 3]) -> RasVolume {
        let value = |at: usize| at % shape[0] + 10 * (at / shape[0] % shape[1]) + 100 * (at / (shape[0] * shape[1]));
        let data = (0..shape.iter().product()).map(|at| value(at) as f32).collect();
        RasVolume { axes: RasAxes::new(&Grid::new(shape, Affine::IDENTITY)), data }
    }

    #[test]
    fn a_patch_is_depth_height_width_with_its_centre_in_the_middle() {
        let patch = cut(&ramp([9, 9, 9]), [4, 5, 6], [2, 4, 6], Border::Edge);
        assert_eq!(patch.len(), 48);
        // Index (1, 2, 3) of (depth, height, width) is the centre.
        assert_eq!(patch[24 + 2 * 6 + 3], 4.0 + 50.0 + 600.0);
        assert_eq!(patch[0], 1.0 + 30.0 + 500.0);
    }

    #[test]
    fn borders_repeat_the_nearest_voxel_or_hold_nothing() {
        let volume = ramp([3, 3, 3]);
        let edge = cut(&volume, [0, 1, 1], [1, 1, 4], Border::Edge);
        assert_eq!(edge, [110.0, 110.0, 110.0, 111.0]);
        let zero = cut(&volume, [0, 1, 1], [1, 1, 4], Border::Zero);
        assert_eq!(zero, [0.0, 0.0, 110.0, 111.0]);
        assert!(is_padded([3, 3, 3], [0, 1, 1], [1, 1, 4]));
        assert!(!is_padded([3, 3, 3], [1, 1, 1], [2, 2, 2]));
        assert_eq!(inside([0, 1, 1], [1, 1, 4], [3, 3, 3]), [0..2, 1..2, 1..2]);
    }

    #[test]
    fn a_volume_stored_in_any_order_gives_the_same_patch() {
        let plain = ramp([5, 4, 3]);
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for signs in 0..8 {
                // `order`: for each RAS+ axis the stored one.
                let (mut shape, mut rows) = ([0; 3], [[0.0; 4]; 3]);
                for (axis, &from) in order.iter().enumerate() {
                    shape[from] = plain.axes.grid.shape[axis];
                    rows[axis][from] = if signs >> axis & 1 == 1 { -1.0 } else { 1.0 };
                }
                let axes = RasAxes::new(&Grid::new(shape, Affine(rows)));
                let value = |place: usize| {
                    let [x, y, z] = axes.voxel(place);
                    (x + 10 * y + 100 * z) as f32
                };
                let turned = RasVolume { axes, data: (0..60).map(value).collect() };
                for border in [Border::Edge, Border::Zero] {
                    for (centre, shape) in [([2, 2, 1], [2, 2, 2]), ([0, 3, 1], [2, 5, 3]), ([4, 0, 2], [5, 2, 7])] {
                        assert_eq!(cut(&turned, centre, shape, border), cut(&plain, centre, shape, border));
                    }
                }
            }
        }
    }

    #[test]
    fn a_voxels_place_is_where_the_cut_puts_it() {
        let volume = ramp([5, 4, 3]);
        let (centre, shape) = ([1, 2, 1], [3, 2, 4]);
        let patch = cut(&volume, centre, shape, Border::Zero);
        let mut placed = vec![0.0; patch.len()];
        for at in 0..60 {
            if let Some(place) = place(volume.axes.voxel(at), centre, shape) {
                placed[place] = volume.data[at];
            }
        }
        assert_eq!(placed, patch);
    }

    #[test]
    fn slices_that_only_graze_a_lesion_are_left_out() {
        let mask = [[0u8, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]].concat();
        assert_eq!(slices(&mask, [4, 2, 2], 0.5), [(2, 2), (3, 4)]);
        assert_eq!(slices(&mask, [4, 2, 2], 0.0), [(1, 1), (2, 2), (3, 4)]);
        assert_eq!(slices(&[0; 8], [2, 2, 2], 0.5), []);
    }
}
