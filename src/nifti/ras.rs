//! The axes of a stored volume in RAS+ order, without moving a voxel.

use std::ops::Range;

use super::affine::Affine;
use super::grid::Grid;

/// Which way a volume's axes must be permuted and flipped, without interpolation, to run to the patient's right, front
/// and head (RAS+).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RasAxes {
    /// In RAS+ order.
    pub grid: Grid,
    /// For each RAS+ axis the distance of neighbours in memory, and whether they lie there in reverse.
    strides: [usize; 3],
    flipped: [bool; 3],
    /// For each stored axis, fastest first, its size and the RAS+ axis that it is.
    stored: [(usize, usize); 3],
}

impl RasAxes {
    /// Of a volume that is stored on a grid.
    pub fn new(stored: &Grid) -> Self {
        let (source, flipped) = ras_axes(stored);
        let shape = source.map(|axis| stored.shape[axis]);
        let mut affine = [[0.0; 4]; 3];
        for (row, old_row) in affine.iter_mut().zip(&stored.affine().0) {
            row[3] = old_row[3];
            for axis in 0..3 {
                let step = old_row[source[axis]];
                row[axis] = if flipped[axis] { -step } else { step };
                if flipped[axis] {
                    row[3] += step * (shape[axis] as f64 - 1.0);
                }
            }
        }
        let strides = [1, stored.shape[0], stored.shape[0] * stored.shape[1]];
        let mut sizes = [(0, 0); 3];
        for (axis, &from) in source.iter().enumerate() {
            sizes[from] = (stored.shape[from], axis);
        }
        Self {
            grid: Grid::new(shape, Affine(affine)),
            strides: source.map(|axis| strides[axis]),
            flipped,
            stored: sizes,
        }
    }

    /// What index `at` along RAS+ axis `axis` adds to the place in memory of a voxel.
    pub fn offset(&self, axis: usize, at: usize) -> usize {
        let at = if self.flipped[axis] { self.grid.shape[axis] - 1 - at } else { at };
        at * self.strides[axis]
    }

    /// The RAS+ axes, those first along which neighbours lie closest in memory.
    pub fn fastest_first(&self) -> [usize; 3] {
        self.stored.map(|(_, axis)| axis)
    }

    /// Ranges along the RAS+ axes as ranges along the stored ones, fastest first.
    pub fn stored(&self, ras: [Range<usize>; 3]) -> [Range<usize>; 3] {
        self.stored.map(|(size, axis)| {
            if self.flipped[axis] { size - ras[axis].end..size - ras[axis].start } else { ras[axis].clone() }
        })
    }

    /// The RAS+ indices of the voxel at a place in memory.
    pub fn voxel(&self, mut place: usize) -> [usize; 3] {
        let mut voxel = [0; 3];
        for (size, axis) in self.stored {
            let at = place % size;
            voxel[axis] = if self.flipped[axis] { size - 1 - at } else { at };
            place /= size;
        }
        voxel
    }
}

/// A volume that is read in RAS+ order and stays in memory as it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct RasVolume {
    /// How the stored order and RAS+ belong together.
    pub axes: RasAxes,
    /// In stored order; [`RasAxes::offset`] says where.
    pub data: Vec<f32>,
}

/// For each world axis the voxel axis nearest to it, and whether that runs the other way.
fn ras_axes(grid: &Grid) -> ([usize; 3], [bool; 3]) {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let size = grid.voxel_mm();
    let cosine = |world: usize, axis: usize| grid.affine().0[world][axis] / size[axis];
    let fit = |order: &[usize; 3]| (0..3).map(|world| cosine(world, order[world]).abs()).sum::<f64>();
    let mut best = ORDERS[0];
    for order in ORDERS {
        if fit(&order) > fit(&best) {
            best = order;
        }
    }
    (best, [0, 1, 2].map(|world| cosine(world, best[world]) < 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::volume::Volume;

    #[test]
    fn a_left_running_axis_is_turned_round_with_its_values() {
        let rows = [[-0.4, 0.0, 0.0, -10.0], [0.0, 0.4, 0.0, 5.0], [0.0, 0.0, 1.0, 0.0]];
        let data: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let ras = Volume { grid: Grid::new([4, 3, 2], Affine(rows)), data }.oriented();
        assert_eq!([0, 1, 2, 3].map(|x| ras.data[ras.axes.offset(0, x)]), [3.0, 2.0, 1.0, 0.0]);
        assert_eq!(ras.axes.grid.affine().0[0][0], 0.4);
        approx::assert_abs_diff_eq!(ras.axes.grid.affine().0[0][3], -11.2, epsilon = 1e-12);
    }

    #[test]
    fn places_and_voxels_are_each_others_inverse_in_every_orientation() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for signs in 0..8 {
                let mut affine = [[0.0; 4]; 3];
                for (world, &axis) in order.iter().enumerate() {
                    affine[world][axis] = if signs >> world & 1 == 1 { -1.0 } else { 1.0 };
                }
                let axes = RasAxes::new(&Grid::new([4, 3, 2], Affine(affine)));
                assert_eq!(axes.fastest_first().map(|axis| axes.grid.shape[axis]), [4, 3, 2]);
                for place in 0..24 {
                    let voxel = axes.voxel(place);
                    assert!((0..3).all(|axis| voxel[axis] < axes.grid.shape[axis]));
                    assert_eq!((0..3).map(|axis| axes.offset(axis, voxel[axis])).sum::<usize>(), place);
                }
            }
        }
    }
}
