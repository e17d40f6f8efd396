//! A regular voxel grid and the values on it: x fastest, then y, then z, as NIfTI stores them.

use serde::{Deserialize, Serialize};

/// Voxel counts and sizes along x, y, z. The grid's centre is the origin of its millimetre space (RAS).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    pub shape: [usize; 3],
    pub voxel_mm: [f64; 3],
}

impl Grid {
    pub const fn new(shape: [usize; 3], voxel_mm: [f64; 3]) -> Self {
        Self { shape, voxel_mm }
    }

    /// Number of voxels.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Position of voxel (x, y, z) in a volume's data.
    #[inline]
    pub fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        x + self.shape[0] * (y + self.shape[1] * z)
    }

    /// Voxel at a position in a volume's data.
    #[inline]
    pub fn voxel(&self, index: usize) -> [usize; 3] {
        let [nx, ny, _] = self.shape;
        [index % nx, index / nx % ny, index / (nx * ny)]
    }

    /// The voxel, where it lies inside the grid.
    #[inline]
    pub fn inside(&self, voxel: [i64; 3]) -> Option<[usize; 3]> {
        let mut inside = [0; 3];
        for axis in 0..3 {
            inside[axis] = usize::try_from(voxel[axis]).ok().filter(|&v| v < self.shape[axis])?;
        }
        Some(inside)
    }

    /// Millimetres of a (fractional) voxel position; voxel centres lie on whole numbers.
    pub fn mm_of(&self, voxel: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| (voxel[axis] - self.middle(axis)) * self.voxel_mm[axis])
    }

    /// The inverse of [`Grid::mm_of`].
    pub fn voxel_of(&self, mm: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| mm[axis] / self.voxel_mm[axis] + self.middle(axis))
    }

    /// Row-major 3x4 voxel-to-millimetre affine: RAS axes, origin at the grid's centre.
    pub fn affine(&self) -> [[f64; 4]; 3] {
        std::array::from_fn(|row| {
            let mut line = [0.0; 4];
            line[row] = self.voxel_mm[row];
            line[3] = -self.middle(row) * self.voxel_mm[row];
            line
        })
    }

    fn middle(&self, axis: usize) -> f64 {
        (self.shape[axis] as f64 - 1.0) / 2.0
    }
}

/// One value per voxel of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume<T> {
    pub grid: Grid,
    /// `grid.len()` values, x fastest.
    pub data: Vec<T>,
}

impl<T: Clone> Volume<T> {
    pub fn filled(grid: Grid, value: T) -> Self {
        Self { grid, data: vec![value; grid.len()] }
    }
}

impl<T> Volume<T> {
    /// The value of each voxel (x, y, z) from a function.
    pub fn from_fn(grid: Grid, mut value: impl FnMut([usize; 3]) -> T) -> Self {
        let [nx, ny, nz] = grid.shape;
        let mut data = Vec::with_capacity(grid.len());
        for z in 0..nz {
            for y in 0..ny {
                for x in 0..nx {
                    data.push(value([x, y, z]));
                }
            }
        }
        Self { grid, data }
    }

    #[inline]
    pub fn at(&self, voxel: [usize; 3]) -> &T {
        &self.data[self.grid.index(voxel)]
    }

    #[inline]
    pub fn at_mut(&mut self, voxel: [usize; 3]) -> &mut T {
        let index = self.grid.index(voxel);
        &mut self.data[index]
    }

    /// The same grid with each value mapped.
    pub fn map<U>(&self, value: impl FnMut(&T) -> U) -> Volume<U> {
        Volume { grid: self.grid, data: self.data.iter().map(value).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid::new([4, 3, 2], [0.5, 1.0, 2.0]);

    #[test]
    fn x_runs_fastest() {
        assert_eq!(GRID.index([1, 0, 0]), 1);
        assert_eq!(GRID.index([0, 1, 0]), 4);
        assert_eq!(GRID.index([0, 0, 1]), 12);
        let volume = Volume::from_fn(GRID, |voxel| voxel);
        assert!(volume.data.iter().enumerate().all(|(index, &voxel)| GRID.voxel(index) == voxel));
    }

    #[test]
    fn the_grids_centre_is_the_origin() {
        assert_eq!(GRID.mm_of([1.5, 1.0, 0.5]), [0.0; 3]);
        assert_eq!(GRID.mm_of([0.0, 0.0, 0.0]), [-0.75, -1.0, -1.0]);
        assert_eq!(GRID.voxel_of([-0.75, -1.0, -1.0]), [0.0; 3]);
        assert_eq!(GRID.affine()[0], [0.5, 0.0, 0.0, -0.75]);
    }

    #[test]
    fn outside_is_no_voxel() {
        assert_eq!(GRID.inside([3, 2, 1]), Some([3, 2, 1]));
        assert_eq!(GRID.inside([4, 0, 0]), None);
        assert_eq!(GRID.inside([0, -1, 0]), None);
    }
}
