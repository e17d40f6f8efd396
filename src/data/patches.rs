//! Lesions of a label map, and the patch about each: 24 x 64 x 64 voxels (depth, height, width) by default.
//!
//! A patch is cut, never interpolated. Row = y index, column = x index, slice = z index of the RAS+ volume, each
//! ascending. Beyond the volume's border the nearest voxel is repeated (edge padding), except in masks, where
//! nothing is: 0. The centre is the lesion's centre of mass, rounded; it lies at index size / 2 of each axis.

use std::collections::BTreeMap;

use super::grid::Volume;

/// A lesion in a label map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Nearest voxel to the centre of mass: x, y, z.
    pub centre: [i64; 3],
    pub voxels: u64,
}

/// Label values up to here are exact in float32.
const MAX_LABEL: f32 = 16_777_216.0;

/// All lesions of a label map by number; 0 is background.
///
/// # Errors
/// The first value that is no whole number of 0 or more.
pub fn lesions(labels: &Volume) -> Result<BTreeMap<u32, Extent>, String> {
    let [width, height, _] = labels.grid.shape;
    let mut sums: BTreeMap<u32, ([u64; 3], u64)> = BTreeMap::new();
    for (at, &value) in labels.values.iter().enumerate() {
        if value == 0.0 {
            continue;
        }
        if value.fract() != 0.0 || !(0.0..=MAX_LABEL).contains(&value) {
            return Err(format!("the value {value} in a label map"));
        }
        let (sum, count) = sums.entry(value as u32).or_default();
        for (sum, index) in sum.iter_mut().zip([at % width, at / width % height, at / (width * height)]) {
            *sum += index as u64;
        }
        *count += 1;
    }
    let extent = |(sum, voxels): ([u64; 3], u64)| {
        let centre = sum.map(|sum| (sum as f64 / voxels as f64).round() as i64);
        Extent { centre, voxels }
    };
    Ok(sums.into_iter().map(|(label, sums)| (label, extent(sums))).collect())
}

/// What a patch holds beyond the volume's border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// The nearest voxel.
    Edge,
    Zero,
}

/// Cuts `shape` = \[depth, height, width\] voxels about `centre` = x, y, z.
pub fn cut(volume: &Volume, centre: [i64; 3], shape: [u32; 3], border: Border) -> Vec<f32> {
    let size = volume.grid.shape;
    // For each axis (x, y, z) the source index of each patch index, or none where it is left 0.
    let indices = [0, 1, 2].map(|axis| {
        let length = i64::from(shape[2 - axis]);
        let last = size[axis] as i64 - 1;
        let first = centre[axis] - length / 2;
        let source = |at: i64| match border {
            Border::Edge => Some(at.clamp(0, last) as usize),
            Border::Zero => (0..=last).contains(&at).then_some(at as usize),
        };
        (first..first + length).map(source).collect::<Vec<_>>()
    });
    let [xs, ys, zs] = &indices;
    let mut patch = Vec::with_capacity(xs.len() * ys.len() * zs.len());
    for z in zs {
        for y in ys {
            let row = z.zip(*y).map(|(z, y)| (z * size[1] + y) * size[0]);
            patch.extend(xs.iter().map(|x| row.zip(*x).map_or(0.0, |(row, x)| volume.values[row + x])));
        }
    }
    patch
}

/// Whether a patch reaches beyond the volume.
pub fn is_padded(volume_shape: [usize; 3], centre: [i64; 3], shape: [u32; 3]) -> bool {
    (0..3).any(|axis| {
        let length = i64::from(shape[2 - axis]);
        let first = centre[axis] - length / 2;
        first < 0 || first + length > volume_shape[axis] as i64
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
    use crate::data::grid::Grid;

    /// Value = x + 10 y + 100 z.
    fn ramp(shape: [usize; 3]) -> Volume {
        let affine = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
        let value = |at: usize| at % shape[0] + 10 * (at / shape[0] % shape[1]) + 100 * (at / (shape[0] * shape[1]));
        let values = (0..shape.iter().product()).map(|at| value(at) as f32).collect();
        Volume { grid: Grid { shape, affine }, values }
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
    }

    #[test]
    fn lesions_are_found_with_their_centres_and_broken_labels_refused() {
        let mut labels = ramp([4, 3, 2]);
        labels.values.fill(0.0);
        labels.values[0] = 7.0;
        labels.values[2] = 7.0;
        labels.values[4 + 12] = 2.0;
        let found = lesions(&labels).unwrap();
        assert_eq!(found[&7], Extent { centre: [1, 0, 0], voxels: 2 });
        assert_eq!(found[&2], Extent { centre: [0, 1, 1], voxels: 1 });
        labels.values[3] = 1.5;
        assert_eq!(lesions(&labels).unwrap_err(), "the value 1.5 in a label map");
        labels.values[3] = -1.0;
        assert!(lesions(&labels).is_err());
    }

    #[test]
    fn slices_that_only_graze_a_lesion_are_left_out() {
        let mask = [[0u8, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]].concat();
        assert_eq!(slices(&mask, [4, 2, 2], 0.5), [(2, 2), (3, 4)]);
        assert_eq!(slices(&mask, [4, 2, 2], 0.0), [(1, 1), (2, 2), (3, 4)]);
        assert_eq!(slices(&[0; 8], [2, 2, 2], 0.5), []);
    }
}
