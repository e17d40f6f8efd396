//! The square of every axial slice that an image shows: as much as the largest brain needs, the same for all maps.

use crate::data::area_average::means;
use crate::nifti::{Affine, Grid};

/// Voxels between the brains and the border.
const MARGIN: usize = 2;

/// Voxels that brains take along left-right and back-front, first and last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    low: [usize; 2],
    high: [usize; 2],
}

impl Extent {
    /// Of one brain; `None` of nothing.
    pub fn of(grid: &Grid, brain: &[bool]) -> Option<Self> {
        let places = (0..brain.len()).filter(|&at| brain[at]).map(|at| grid.voxel(at));
        places.fold(None, |extent: Option<Self>, [x, y, _]| {
            let own = Self { low: [x, y], high: [x, y] };
            Some(extent.map_or(own, |extent| extent.with(own)))
        })
    }

    /// What holds both.
    pub fn with(self, other: Self) -> Self {
        let both =
            |of: fn(usize, usize) -> usize, one: [usize; 2], two: [usize; 2]| [of(one[0], two[0]), of(one[1], two[1])];
        Self { low: both(usize::min, self.low, other.low), high: both(usize::max, self.high, other.high) }
    }
}

/// A square of voxels, and the pixels that it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    shape: [usize; 3],
    /// Of the first column, the patient's right, and of the first row, the front; may lie outside of the grid.
    first: [i64; 2],
    /// Voxels each way.
    pub square: usize,
    side: usize,
}

impl Field {
    /// That shows `extent` in `side` pixels.
    pub fn new(grid: &Grid, extent: Extent, side: usize) -> Self {
        let long = (0..2).map(|axis| extent.high[axis] - extent.low[axis] + 1).max().unwrap_or(1);
        let square = long + 2 * MARGIN;
        let first = [0, 1].map(|axis| {
            // The last voxel of the square, as columns and rows run down.
            (extent.low[axis] + extent.high[axis] + square - 1) as i64 / 2
        });
        Self { shape: grid.shape, first, square, side }
    }

    /// How many voxels each way a pixel is.
    fn factor(&self) -> f64 {
        self.square as f64 / self.side as f64
    }

    /// Where the pixels (column, row) of slice `at` lie, of a volume that lies where `volume` says.
    pub fn affine(&self, volume: Affine, at: usize) -> Affine {
        let factor = self.factor();
        let first = self.first.map(|voxel| voxel as f64 - (factor - 1.0) / 2.0);
        volume.along([(0, first[0], -factor), (1, first[1], -factor), (2, at as f64, 1.0)])
    }

    /// Thickness, height and width of a pixel in mm, of voxels of `mm` along x, y, z.
    pub fn pixel_mm(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        [z, y * self.factor(), x * self.factor()]
    }

    /// One axial slice as people look at it, in `side` x `side` means; 0 outside of the volume.
    pub fn levels(&self, values: &[f32], at: usize) -> Vec<f32> {
        let [nx, ny, _] = self.shape;
        let level = |x: i64, y: i64| {
            let inside = (0..nx as i64).contains(&x) && (0..ny as i64).contains(&y);
            if inside { f64::from(values[x as usize + nx * (y as usize + ny * at)]) } else { 0.0 }
        };
        let row = |down: usize| -> Vec<f64> {
            let y = self.first[1] - down as i64;
            (0..self.square).map(|across| level(self.first[0] - across as i64, y)).collect()
        };
        means(row, [self.square; 2], [self.side; 2]).into_iter().map(|mean| mean as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_holds_every_brain_in_its_middle_and_is_seen_from_below() {
        let grid = Grid::centred([12, 14, 2], [2.0; 3]);
        let brain = |xs: std::ops::Range<usize>, ys: std::ops::Range<usize>| -> Vec<bool> {
            (0..grid.voxels())
                .map(|at| {
                    let [x, y, _] = grid.voxel(at);
                    xs.contains(&x) && ys.contains(&y)
                })
                .collect()
        };
        let one = Extent::of(&grid, &brain(4..8, 2..6)).unwrap();
        let both = one.with(Extent::of(&grid, &brain(5..7, 4..10)).unwrap());
        assert_eq!(both, Extent { low: [4, 2], high: [7, 9] });
        assert_eq!(Extent::of(&grid, &brain(0..0, 0..0)), None);
        // 8 rows and a margin of 2: a square of 12 about x 5.5 and y 5.5, rows from y 11 down, columns from x 11 down.
        let field = Field::new(&grid, both, 12);
        assert_eq!((field.square, field.first), (12, [11, 11]));
        let values: Vec<f32> = (0..grid.voxels())
            .map(|at| {
                let [x, y, z] = grid.voxel(at);
                (1000 * z + 20 * x + y) as f32
            })
            .collect();
        let shown = field.levels(&values, 1);
        assert_eq!([shown[0], shown[1], shown[12]], [1231.0, 1211.0, 1230.0]);
        // Two by two voxels a pixel.
        let smaller = Field::new(&grid, both, 6).levels(&values, 0);
        assert_eq!(smaller[0], (231.0 + 211.0 + 230.0 + 210.0) / 4.0);
        // Its middle is between x 10 and 11, y 10 and 11: of 12 voxels of 2 mm about 0 in x, of 14 in y.
        let affine = Field::new(&grid, both, 6).affine(grid.affine(), 1);
        assert_eq!(affine.place([0.0, 0.0, 0.0]), [10.0, 8.0, 1.0]);
        assert_eq!(affine.place([1.0, 2.0, 0.0]), [6.0, 0.0, 1.0]);
        assert_eq!(Field::new(&grid, both, 6).pixel_mm([2.0, 2.0, 3.0]), [3.0, 4.0, 4.0]);
    }
}
