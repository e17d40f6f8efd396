//! One value per voxel of a grid.

use super::grid::Grid;
use super::ras::{RasAxes, RasVolume};

/// A volume as stored: x fastest, then y, then z.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume<T> {
    /// Where its voxels lie.
    pub grid: Grid,
    /// `grid.voxels()` values.
    pub data: Vec<T>,
}

impl<T: Clone> Volume<T> {
    /// The same value everywhere.
    pub fn filled(grid: Grid, value: T) -> Self {
        Self { grid, data: vec![value; grid.voxels()] }
    }
}

impl<T> Volume<T> {
    /// The value of each voxel (x, y, z) from a function.
    pub fn from_fn(grid: Grid, mut value: impl FnMut([usize; 3]) -> T) -> Self {
        let [nx, ny, nz] = grid.shape;
        let mut data = Vec::with_capacity(grid.voxels());
        for z in 0..nz {
            for y in 0..ny {
                for x in 0..nx {
                    data.push(value([x, y, z]));
                }
            }
        }
        Self { grid, data }
    }

    /// The value of voxel (x, y, z).
    #[inline]
    pub fn at(&self, voxel: [usize; 3]) -> &T {
        &self.data[self.grid.index(voxel)]
    }

    /// As [`Volume::at`], to change it.
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

impl Volume<f32> {
    /// To be read in RAS+ order.
    pub fn oriented(self) -> RasVolume {
        RasVolume { axes: RasAxes::new(&self.grid), data: self.data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_where_their_voxels_do() {
        let grid = Grid::centred([4, 3, 2], [1.0; 3]);
        let mut volume = Volume::from_fn(grid, |voxel| voxel);
        assert!(volume.data.iter().enumerate().all(|(index, &voxel)| grid.voxel(index) == voxel));
        assert_eq!(volume.at([1, 2, 1]), &[1, 2, 1]);
        *volume.at_mut([0, 1, 0]) = [9; 3];
        assert_eq!(volume.data[4], [9; 3]);
        assert_eq!(volume.map(|voxel| voxel[0]).data[..6], [0, 1, 2, 3, 9, 1]);
        assert_eq!(Volume::filled(grid, 7).data, [7; 24]);
    }
}
