//! Where voxels lie: shape and affine of a volume, its axes in RAS+ order, and whether two volumes share a grid.

use std::path::Path;

use crate::problem::{Problem, Result};

/// Largest distance between the first voxels, and between the extents, of volumes that share a grid, in mm.
pub const POSITION_TOLERANCE_MM: f64 = 0.01;

/// Largest angle between corresponding axes of volumes that share a grid, in degrees.
pub const ANGLE_TOLERANCE_DEGREES: f64 = 0.5;

/// Shape and voxel-to-world affine (row-major 3x4, mm, RAS+ world).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// x, y, z; x varies fastest in memory.
    pub shape: [usize; 3],
    pub affine: [[f64; 4]; 3],
}

/// A scalar volume as stored, x fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    pub grid: Grid,
    pub values: Vec<f32>,
}

impl Grid {
    pub fn voxels(&self) -> usize {
        self.shape.iter().product()
    }

    fn column(&self, axis: usize) -> [f64; 3] {
        [self.affine[0][axis], self.affine[1][axis], self.affine[2][axis]]
    }

    /// Voxel size along x, y, z in mm.
    pub fn voxel_mm(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| length(self.column(axis)))
    }

    /// Three finite axes that span space, or what is wrong with them.
    pub fn check(&self) -> std::result::Result<(), String> {
        if self.affine.iter().flatten().any(|value| !value.is_finite()) {
            return Err("an affine with NaN or infinite entries".into());
        }
        let [x, y, z] = self.voxel_mm();
        let [a, b, c] = [0, 1, 2].map(|axis| self.column(axis));
        let volume = a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0]);
        let scale = x * y * z;
        // Below a thousandth of a rectangular voxel's volume the axes are as good as parallel.
        if !scale.is_finite() || scale <= 0.0 || volume.abs() < 1e-3 * scale {
            return Err(format!("an affine whose axes do not span space (voxel {x} x {y} x {z} mm)"));
        }
        Ok(())
    }

    /// What keeps `other` from lying on this grid, with the measured numbers; `None` where nothing does.
    pub fn mismatch(&self, other: &Grid) -> Option<String> {
        if self.shape != other.shape {
            return Some(format!("shape {:?} against {:?}", other.shape, self.shape));
        }
        let shift = length([0, 1, 2].map(|row| other.affine[row][3] - self.affine[row][3]));
        if shift > POSITION_TOLERANCE_MM {
            return Some(format!("first voxels {shift:.3} mm apart"));
        }
        let (mine, others) = (self.voxel_mm(), other.voxel_mm());
        for axis in 0..3 {
            let difference = (others[axis] - mine[axis]).abs() * self.shape[axis] as f64;
            if difference > POSITION_TOLERANCE_MM {
                let name = ["x", "y", "z"][axis];
                return Some(format!("extents along {name} that differ by {difference:.3} mm"));
            }
            let (a, b) = (self.column(axis), other.column(axis));
            let cosine = (0..3).map(|row| a[row] * b[row]).sum::<f64>() / (mine[axis] * others[axis]);
            let angle = cosine.clamp(-1.0, 1.0).acos().to_degrees();
            if angle > ANGLE_TOLERANCE_DEGREES {
                return Some(format!("axes {angle:.2} degrees apart"));
            }
        }
        None
    }

    /// Errors unless the volume at `path` lies on this grid, that of `reference`.
    pub fn require(&self, other: &Grid, path: &Path, reference: &Path) -> Result<()> {
        let Some(found) = self.mismatch(other) else { return Ok(()) };
        Err(Problem::input(path, format!("not on the grid of {}: {found}", reference.display()))
            .expected(format!(
                "the same shape, at most {POSITION_TOLERANCE_MM} mm and {ANGLE_TOLERANCE_DEGREES} degrees between them"
            ))
            .advice("resample it onto that grid (antsApplyTransforms, mri_vol2vol, flirt -applyxfm)"))
    }
}

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
    pub fn new(stored: &Grid) -> Self {
        let (source, flipped) = ras_axes(stored);
        let shape = source.map(|axis| stored.shape[axis]);
        let mut affine = [[0.0; 4]; 3];
        for (row, old_row) in affine.iter_mut().zip(&stored.affine) {
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
        Self { grid: Grid { shape, affine }, strides: source.map(|axis| strides[axis]), flipped, stored: sizes }
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
    pub axes: RasAxes,
    /// In stored order; [`RasAxes::offset`] says where.
    pub values: Vec<f32>,
}

impl Volume {
    pub fn oriented(self) -> RasVolume {
        RasVolume { axes: RasAxes::new(&self.grid), values: self.values }
    }
}

/// For each world axis the voxel axis nearest to it, and whether that runs the other way.
fn ras_axes(grid: &Grid) -> ([usize; 3], [bool; 3]) {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let size = grid.voxel_mm();
    let cosine = |world: usize, axis: usize| grid.affine[world][axis] / size[axis];
    let fit = |order: &[usize; 3]| (0..3).map(|world| cosine(world, order[world]).abs()).sum::<f64>();
    let mut best = ORDERS[0];
    for order in ORDERS {
        if fit(&order) > fit(&best) {
            best = order;
        }
    }
    (best, [0, 1, 2].map(|world| cosine(world, best[world]) < 0.0))
}

fn length(vector: [f64; 3]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid { shape: [4, 3, 2], affine: [[0.4, 0.0, 0.0, -10.0], [0.0, 0.4, 0.0, 5.0], [0.0, 0.0, 1.0, 0.0]] }
    }

    #[test]
    fn shifts_turns_and_sizes_beyond_the_tolerance_are_named() {
        let reference = grid();
        assert_eq!(reference.mismatch(&reference), None);
        let mut other = grid();
        other.affine[0][3] += 0.009;
        assert_eq!(reference.mismatch(&other), None);
        other.affine[0][3] += 0.01;
        assert_eq!(reference.mismatch(&other).unwrap(), "first voxels 0.019 mm apart");
        let turned = |degrees: f64| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let mut other = grid();
            other.affine[0][0] = 0.4 * cos;
            other.affine[1][0] = 0.4 * sin;
            other
        };
        assert_eq!(reference.mismatch(&turned(0.4)), None);
        assert_eq!(reference.mismatch(&turned(0.6)).unwrap(), "axes 0.60 degrees apart");
        let mut other = grid();
        other.affine[2][2] = 1.1;
        assert_eq!(reference.mismatch(&other).unwrap(), "extents along z that differ by 0.200 mm");
        let mut other = grid();
        other.shape[1] = 5;
        assert!(reference.mismatch(&other).unwrap().contains("[4, 5, 2]"));
    }

    #[test]
    fn a_left_running_axis_is_turned_round_with_its_values() {
        let mut left = grid();
        left.affine[0][0] = -0.4;
        let values: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let ras = Volume { grid: left, values }.oriented();
        assert_eq!([0, 1, 2, 3].map(|x| ras.values[ras.axes.offset(0, x)]), [3.0, 2.0, 1.0, 0.0]);
        assert_eq!(ras.axes.grid.affine[0][0], 0.4);
        approx::assert_abs_diff_eq!(ras.axes.grid.affine[0][3], -11.2, epsilon = 1e-12);
    }

    #[test]
    fn places_and_voxels_are_each_others_inverse_in_every_orientation() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for signs in 0..8 {
                let mut affine = [[0.0; 4]; 3];
                for (world, &axis) in order.iter().enumerate() {
                    affine[world][axis] = if signs >> world & 1 == 1 { -1.0 } else { 1.0 };
                }
                let axes = RasAxes::new(&Grid { shape: [4, 3, 2], affine });
                assert_eq!(axes.fastest_first().map(|axis| axes.grid.shape[axis]), [4, 3, 2]);
                for place in 0..24 {
                    let voxel = axes.voxel(place);
                    assert!((0..3).all(|axis| voxel[axis] < axes.grid.shape[axis]));
                    assert_eq!((0..3).map(|axis| axes.offset(axis, voxel[axis])).sum::<usize>(), place);
                }
            }
        }
    }

    #[test]
    fn degenerate_affines_are_refused() {
        let mut flat = grid();
        flat.affine[2][2] = 0.0;
        assert!(flat.check().unwrap_err().contains("do not span"));
        let mut nan = grid();
        nan.affine[1][3] = f64::NAN;
        assert!(nan.check().unwrap_err().contains("NaN"));
        assert!(grid().check().is_ok());
    }
}
