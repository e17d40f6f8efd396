//! Where voxels lie: shape and affine of a volume, and whether two volumes share a grid.

use std::path::Path;

use super::affine::{Affine, length};
use crate::problem::{Problem, Result};

/// Largest distance between the first voxels, and between the extents, of volumes that share a grid, in mm.
pub const POSITION_TOLERANCE_MM: f64 = 0.01;

/// Largest angle between corresponding axes of volumes that share a grid, in degrees.
pub const ANGLE_TOLERANCE_DEGREES: f64 = 0.5;

/// A regular grid of voxels: x fastest, then y, then z, as NIfTI stores them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Voxels along x, y, z.
    pub shape: [usize; 3],
    affine: Affine,
    /// Of `affine`; asked for at every voxel of a phantom.
    voxel_mm: [f64; 3],
}

impl Grid {
    /// A grid that lies anywhere.
    pub fn new(shape: [usize; 3], affine: Affine) -> Self {
        Self { shape, affine, voxel_mm: affine.voxel_mm() }
    }

    /// An upright grid of RAS+ axes with its centre at the world's origin; `voxel_mm` along x, y, z.
    pub const fn centred(shape: [usize; 3], voxel_mm: [f64; 3]) -> Self {
        let [x, y, z] = voxel_mm;
        // The sum makes 0 of the -0 of an axis with one voxel.
        let [at_x, at_y, at_z] = [0.0 - middle(shape[0]) * x, 0.0 - middle(shape[1]) * y, 0.0 - middle(shape[2]) * z];
        let affine = Affine([[x, 0.0, 0.0, at_x], [0.0, y, 0.0, at_y], [0.0, 0.0, z, at_z]]);
        Self { shape, affine, voxel_mm }
    }

    /// From voxel indices to the world.
    pub fn affine(&self) -> Affine {
        self.affine
    }

    /// Voxel size along x, y, z in mm.
    #[inline]
    pub fn voxel_mm(&self) -> [f64; 3] {
        self.voxel_mm
    }

    /// Number of voxels.
    pub fn voxels(&self) -> usize {
        self.shape.iter().product()
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

    /// Millimetres from the grid's centre along its own axes to a (fractional) voxel position; voxel centres lie on
    /// whole numbers. In a grid from [`Grid::centred`] that is the place in the world.
    #[inline]
    pub fn mm_of(&self, voxel: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| (voxel[axis] - middle(self.shape[axis])) * self.voxel_mm[axis])
    }

    /// The inverse of [`Grid::mm_of`].
    #[inline]
    pub fn voxel_of(&self, mm: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| mm[axis] / self.voxel_mm[axis] + middle(self.shape[axis]))
    }

    /// What keeps `other` from lying on this grid, with the measured numbers; `None` where nothing does.
    pub fn mismatch(&self, other: &Grid) -> Option<String> {
        if self.shape != other.shape {
            return Some(format!("shape {:?} against {:?}", other.shape, self.shape));
        }
        let (my_first, others_first) = (self.affine.column(3), other.affine.column(3));
        let shift = length([0, 1, 2].map(|row| others_first[row] - my_first[row]));
        if shift > POSITION_TOLERANCE_MM {
            return Some(format!("first voxels {shift:.3} mm apart"));
        }
        let (mine, others) = (self.voxel_mm, other.voxel_mm);
        for axis in 0..3 {
            let difference = (others[axis] - mine[axis]).abs() * self.shape[axis] as f64;
            if difference > POSITION_TOLERANCE_MM {
                let name = ["x", "y", "z"][axis];
                return Some(format!("extents along {name} that differ by {difference:.3} mm"));
            }
            let (a, b) = (self.affine.column(axis), other.affine.column(axis));
            let cosine = (0..3).map(|row| a[row] * b[row]).sum::<f64>() / (mine[axis] * others[axis]);
            let angle = cosine.clamp(-1.0, 1.0).acos().to_degrees();
            if angle > ANGLE_TOLERANCE_DEGREES {
                return Some(format!("axes {angle:.2} degrees apart"));
            }
        }
        None
    }

    /// Holds the volume at `path`, which lies on `other`, to this grid, that of `reference`.
    ///
    /// # Errors
    /// What keeps the two apart, with the measured numbers.
    pub fn require(&self, other: &Grid, path: &Path, reference: &Path) -> Result<()> {
        let Some(found) = self.mismatch(other) else { return Ok(()) };
        Err(Problem::input(path, format!("not on the grid of {}: {found}", reference.display()))
            .expected(format!(
                "the same shape, at most {POSITION_TOLERANCE_MM} mm and {ANGLE_TOLERANCE_DEGREES} degrees between them"
            ))
            .advice("resample it onto that grid (antsApplyTransforms, mri_vol2vol, flirt -applyxfm)"))
    }
}

/// The index in the middle of an axis, between two voxels where their number is even.
const fn middle(voxels: usize) -> f64 {
    (voxels as f64 - 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTRED: Grid = Grid::centred([4, 3, 2], [0.5, 1.0, 2.0]);

    const ROWS: [[f64; 4]; 3] = [[0.4, 0.0, 0.0, -10.0], [0.0, 0.4, 0.0, 5.0], [0.0, 0.0, 1.0, 0.0]];

    fn grid(change: impl Fn(&mut [[f64; 4]; 3])) -> Grid {
        let mut rows = ROWS;
        change(&mut rows);
        Grid::new([4, 3, 2], Affine(rows))
    }

    #[test]
    fn shifts_turns_and_sizes_beyond_the_tolerance_are_named() {
        let reference = grid(|_| {});
        assert_eq!(reference.mismatch(&reference), None);
        assert_eq!(reference.mismatch(&grid(|rows| rows[0][3] += 0.009)), None);
        assert_eq!(reference.mismatch(&grid(|rows| rows[0][3] += 0.019)).unwrap(), "first voxels 0.019 mm apart");
        let turned = |degrees: f64| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            grid(|rows| (rows[0][0], rows[1][0]) = (0.4 * cos, 0.4 * sin))
        };
        assert_eq!(reference.mismatch(&turned(0.4)), None);
        assert_eq!(reference.mismatch(&turned(0.6)).unwrap(), "axes 0.60 degrees apart");
        let larger = grid(|rows| rows[2][2] = 1.1);
        assert_eq!(reference.mismatch(&larger).unwrap(), "extents along z that differ by 0.200 mm");
        let mut other = reference;
        other.shape[1] = 5;
        assert!(reference.mismatch(&other).unwrap().contains("[4, 5, 2]"));
    }

    #[test]
    fn x_runs_fastest() {
        assert_eq!(CENTRED.index([1, 0, 0]), 1);
        assert_eq!(CENTRED.index([0, 1, 0]), 4);
        assert_eq!(CENTRED.index([0, 0, 1]), 12);
        assert!((0..24).all(|index| CENTRED.index(CENTRED.voxel(index)) == index));
    }

    #[test]
    fn the_centre_of_a_centred_grid_is_the_origin() {
        assert_eq!(CENTRED.mm_of([1.5, 1.0, 0.5]), [0.0; 3]);
        assert_eq!(CENTRED.mm_of([0.0, 0.0, 0.0]), [-0.75, -1.0, -1.0]);
        assert_eq!(CENTRED.voxel_of([-0.75, -1.0, -1.0]), [0.0; 3]);
        assert_eq!(CENTRED.affine().0[0], [0.5, 0.0, 0.0, -0.75]);
        assert_eq!(CENTRED, Grid::new([4, 3, 2], CENTRED.affine()));
        let slice = Grid::centred([4, 3, 1], [1.0; 3]).affine().0[2][3];
        assert_eq!(slice.to_bits(), 0f64.to_bits(), "not minus zero");
    }

    #[test]
    fn outside_is_no_voxel() {
        assert_eq!(CENTRED.inside([3, 2, 1]), Some([3, 2, 1]));
        assert_eq!(CENTRED.inside([4, 0, 0]), None);
        assert_eq!(CENTRED.inside([0, -1, 0]), None);
    }
}
