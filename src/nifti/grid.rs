//! Where voxels lie: shape and affine of a volume, and whether two volumes share a grid.

use super::affine::{Affine, length};

/// Farthest apart that the same corner of two volumes on one grid may lie, in voxels along any axis: what 32 bits leave
/// of an affine is less, what a person would see is more.
pub const TOLERANCE_VOXELS: f64 = 0.1;

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

    /// [`Grid::mm_of`] of a voxel's centre.
    #[inline]
    pub fn centre_of(&self, [x, y, z]: [usize; 3]) -> [f64; 3] {
        self.mm_of([x as f64, y as f64, z as f64])
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
        let apart = self.voxels_apart(other);
        if apart <= TOLERANCE_VOXELS {
            return None;
        }
        let shift = self.between(other, |affine| affine.column(3));
        let angle = (0..3).map(|axis| self.degrees(other, axis)).fold(0.0, f64::max);
        Some(format!(
            "first voxels {:.3} mm apart, axes {angle:.2} degrees, farthest corners {apart:.2} voxels",
            length(shift)
        ))
    }

    /// How far apart the same corner of two volumes of this shape lies at most, in this grid's voxels along any axis.
    pub fn voxels_apart(&self, other: &Grid) -> f64 {
        let last = self.shape.map(|size| size as f64 - 1.0);
        // An affine takes its largest value in a corner, so what lies between cannot be farther apart.
        let corner = |of: usize| [0, 1, 2].map(|axis| if of >> axis & 1 == 1 { last[axis] } else { 0.0 });
        let steps = (0..8).map(|of| self.affine.steps(self.between(other, |affine| affine.place(corner(of)))));
        steps.flatten().fold(0.0, |most, step| if step.abs() <= most { most } else { step.abs() })
    }

    fn between(&self, other: &Grid, place: impl Fn(&Affine) -> [f64; 3]) -> [f64; 3] {
        let (mine, others) = (place(&self.affine), place(&other.affine));
        [0, 1, 2].map(|row| others[row] - mine[row])
    }

    fn degrees(&self, other: &Grid, axis: usize) -> f64 {
        let (a, b) = (self.affine.column(axis), other.affine.column(axis));
        let cosine = (0..3).map(|row| a[row] * b[row]).sum::<f64>() / (self.voxel_mm[axis] * other.voxel_mm[axis]);
        cosine.clamp(-1.0, 1.0).acos().to_degrees()
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
        // Voxels are .4 mm wide: .039 mm are less than a tenth of one.
        assert_eq!(reference.mismatch(&grid(|rows| rows[0][3] += 0.039)), None);
        let shifted = reference.mismatch(&grid(|rows| rows[0][3] += 0.041)).unwrap();
        assert_eq!(shifted, "first voxels 0.041 mm apart, axes 0.00 degrees, farthest corners 0.10 voxels");
        let larger = reference.mismatch(&grid(|rows| rows[2][2] = 1.2)).unwrap();
        assert_eq!(larger, "first voxels 0.000 mm apart, axes 0.00 degrees, farthest corners 0.20 voxels");
        let mut other = reference;
        other.shape[1] = 5;
        assert!(reference.mismatch(&other).unwrap().contains("[4, 5, 2]"));
    }

    /// A turn moves the last of 4 voxels little and the last of 512 far: 511 x sin .49 degrees = 4.37 voxels.
    #[test]
    fn a_small_turn_counts_by_what_it_does_to_the_farthest_corner() {
        let turned = |width: usize, degrees: f64| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let rows = [[0.4 * cos, -0.4 * sin, 0.0, 0.0], [0.4 * sin, 0.4 * cos, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
            Grid::new([width, width, 1], Affine(rows))
        };
        assert_eq!(turned(4, 0.0).mismatch(&turned(4, 0.49)), None);
        let found = turned(512, 0.0).mismatch(&turned(512, 0.49)).unwrap();
        assert_eq!(found, "first voxels 0.000 mm apart, axes 0.49 degrees, farthest corners 4.39 voxels");
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
