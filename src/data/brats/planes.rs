//! Slices of a volume in three planes, as a person looks at them: padded to a square, never stretched, and averaged
//! over whole pixels.

use super::config::Plane;
use crate::data::area_average::means;
use crate::nifti::{Affine, Grid};

/// Along an axis of `count` voxels in the middle of `square`, whose last voxel comes first and of which `factor` become
/// one: the voxel in the middle of the first one, and the step to the next.
pub(super) fn last_first(count: usize, square: usize, factor: f64) -> (f64, f64) {
    let last = (count - 1 + (square - count) / 2) as f64;
    (last - (factor - 1.0) / 2.0, -factor)
}

/// One plane of volumes on a grid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    shape: [usize; 3],
    plane: Plane,
    /// Pixels of the square that a slice is padded to.
    square: usize,
    /// Pixels of the result.
    side: usize,
}

impl Cut {
    /// Slices of `side` pixels: the smallest multiple of it that holds every slice of the volume is the square.
    pub fn new(grid: &Grid, plane: Plane, side: usize) -> Self {
        let most = grid.shape.into_iter().max().unwrap_or(1);
        Self { shape: grid.shape, plane, square: most.div_ceil(side) * side, side }
    }

    /// How many slices there are.
    pub fn count(&self) -> usize {
        self.shape[self.plane.across()]
    }

    /// Where in the volume each pixel of a slice lies, row by row, with the slice's height and width. Rows run from
    /// the front or the top; columns from the patient's right, as radiologists look at a patient, or from the front.
    pub fn places(&self, at: usize) -> (Vec<usize>, [usize; 2]) {
        let [nx, ny, nz] = self.shape;
        let index = |x: usize, y: usize, z: usize| x + nx * (y + ny * z);
        let (height, width): (usize, usize) = match self.plane {
            Plane::Axial => (ny, nx),
            Plane::Coronal => (nz, nx),
            Plane::Sagittal => (nz, ny),
        };
        let place = |row: usize, column: usize| match self.plane {
            Plane::Axial => index(nx - 1 - column, ny - 1 - row, at),
            Plane::Coronal => index(nx - 1 - column, at, nz - 1 - row),
            Plane::Sagittal => index(at, ny - 1 - column, nz - 1 - row),
        };
        ((0..height * width).map(|pixel| place(pixel / width, pixel % width)).collect(), [height, width])
    }

    /// How many voxels each way a pixel is.
    fn factor(&self) -> f64 {
        self.square as f64 / self.side as f64
    }

    /// The volume's axes that columns, rows and slices run along.
    fn axes(&self) -> [usize; 3] {
        match self.plane {
            Plane::Axial => [0, 1, 2],
            Plane::Coronal => [0, 2, 1],
            Plane::Sagittal => [1, 2, 0],
        }
    }

    /// Where the pixels (column, row) of slice `at` lie, of a volume that lies where `volume` says.
    pub fn affine(&self, volume: Affine, at: usize) -> Affine {
        let [columns, rows, across] = self.axes();
        let down = |axis: usize| {
            let (first, step) = last_first(self.shape[axis], self.square, self.factor());
            (axis, first, step)
        };
        volume.along([down(columns), down(rows), (across, at as f64, 1.0)])
    }

    /// Thickness, height and width of a pixel in mm, of voxels of `mm` along x, y, z.
    pub fn pixel_mm(&self, mm: [f64; 3]) -> [f64; 3] {
        let [columns, rows, across] = self.axes();
        [mm[across], mm[rows] * self.factor(), mm[columns] * self.factor()]
    }

    /// A slice's levels in the middle of the square, 0 around, as `side` x `side` means.
    pub fn levels(&self, values: &[f32], (places, size): (&[usize], [usize; 2])) -> Vec<f32> {
        self.averaged(size, |pixel| f64::from(values[places[pixel]])).into_iter().map(|mean| mean as f32).collect()
    }

    /// The region that most of each pixel's voxels are of; of regions that are alike the lowest.
    pub fn regions(&self, regions: &[u8], (places, size): (&[usize], [usize; 2])) -> Vec<u8> {
        let shares = |region: u8| self.averaged(size, |pixel| f64::from(u8::from(regions[places[pixel]] == region)));
        let of: Vec<Vec<f64>> = (1..4).map(shares).collect();
        let most = |pixel: usize| {
            let nothing = 1.0 - of.iter().map(|shares| shares[pixel]).sum::<f64>();
            let mut best = (0u8, nothing);
            for (region, shares) in (1..).zip(&of) {
                if shares[pixel] > best.1 + 1e-9 {
                    best = (region, shares[pixel]);
                }
            }
            best.0
        };
        (0..self.side * self.side).map(most).collect()
    }

    fn averaged(&self, [height, width]: [usize; 2], level: impl Fn(usize) -> f64) -> Vec<f64> {
        let (top, left) = ((self.square - height) / 2, (self.square - width) / 2);
        let row = |y: usize| {
            let mut row = vec![0.0; self.square];
            if (top..top + height).contains(&y) {
                let from = (y - top) * width;
                row[left..left + width].iter_mut().zip(from..).for_each(|(to, pixel)| *to = level(pixel));
            }
            row
        };
        if self.square == self.side {
            return (0..self.square).flat_map(row).collect();
        }
        means(row, [self.square, self.square], [self.side, self.side])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 to the right, 3 to the front, 2 up: the level says where it is.
    fn volume() -> (Grid, Vec<f32>) {
        let grid = Grid::centred([4, 3, 2], [1.0; 3]);
        let level = |at: usize| {
            let [x, y, z] = grid.voxel(at);
            (100 * x + 10 * y + z) as f32
        };
        (grid, (0..24).map(level).collect())
    }

    #[test]
    fn planes_are_seen_from_below_from_the_front_and_from_the_side() {
        let (grid, values) = volume();
        let shown = |plane, at| {
            let cut = Cut::new(&grid, plane, 4);
            let (places, size) = cut.places(at);
            cut.levels(&values, (&places, size))
        };
        // Right and front first; 3 rows of 4 in 4 x 4: the row that is over lies below.
        assert_eq!(shown(Plane::Axial, 1)[..8], [321.0, 221.0, 121.0, 21.0, 311.0, 211.0, 111.0, 11.0]);
        assert_eq!(shown(Plane::Axial, 1)[12..], [0.0; 4]);
        // One row above, two with levels, one below.
        assert_eq!(shown(Plane::Coronal, 2)[..8], [0.0, 0.0, 0.0, 0.0, 321.0, 221.0, 121.0, 21.0]);
        assert_eq!(shown(Plane::Sagittal, 3)[4..12], [321.0, 311.0, 301.0, 0.0, 320.0, 310.0, 300.0, 0.0]);
    }

    #[test]
    fn smaller_sides_average_whole_pixels_and_regions_are_what_most_of_a_pixel_is() {
        let (grid, values) = volume();
        let cut = Cut::new(&grid, Plane::Axial, 2);
        let (places, size) = cut.places(0);
        assert_eq!(cut.levels(&values, (&places, size)), [265.0, 65.0, 125.0, 25.0]);
        let mut regions = vec![0u8; 24];
        for x in 2..4 {
            regions[grid.index([x, 2, 0])] = 3;
        }
        regions[grid.index([3, 1, 0])] = 1;
        // Two of four voxels enhance, one is core: the first pixel enhances. Of the others nothing is labelled.
        assert_eq!(cut.regions(&regions, (&places, size)), [3, 0, 0, 0]);
        assert_eq!(cut.count(), 2);
    }

    #[test]
    fn a_pixel_lies_in_the_world_where_its_voxels_do() {
        let (grid, values) = volume();
        // The middle of the grid of 4 x 3 x 2 voxels of 1 mm is the world's origin.
        let level = |[x, y, z]: [f64; 3]| 100.0 * (x + 1.5) + 10.0 * (y + 1.0) + (z + 0.5);
        for plane in [Plane::Axial, Plane::Coronal, Plane::Sagittal] {
            for side in [2, 4] {
                let cut = Cut::new(&grid, plane, side);
                let (places, size) = cut.places(1);
                let levels = cut.levels(&values, (&places, size));
                let affine = cut.affine(grid.affine(), 1);
                // The first row that is all of voxels: levels are linear, so that a mean is the level of its middle.
                let row = match (plane, side) {
                    (Plane::Axial, _) => 0,
                    (_, 4) => 1,
                    _ => continue,
                };
                let found = f64::from(levels[row * side]);
                approx::assert_abs_diff_eq!(found, level(affine.place([0.0, row as f64, 0.0])), epsilon = 1e-4);
                let step = affine.column(0).map(f64::abs).iter().sum::<f64>();
                assert_eq!((step, cut.pixel_mm([1.0; 3])), (4.0 / side as f64, [1.0, step, step]));
            }
        }
    }
}
