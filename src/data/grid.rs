//! Where voxels lie: shape and affine of a volume, bringing axes into RAS+ order, and whether two volumes share a grid.

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

/// A scalar volume, x fastest.
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

impl Volume {
    /// Permutes and flips axes, without interpolation, until they run to the patient's right, front and head.
    pub fn into_ras(self) -> Self {
        let (source, flipped) = ras_axes(&self.grid);
        if source == [0, 1, 2] && flipped == [false; 3] {
            return self;
        }
        let old = self.grid;
        let shape = source.map(|axis| old.shape[axis]);
        let mut affine = [[0.0; 4]; 3];
        for (row, old_row) in affine.iter_mut().zip(&old.affine) {
            row[3] = old_row[3];
            for axis in 0..3 {
                let step = old_row[source[axis]];
                row[axis] = if flipped[axis] { -step } else { step };
                if flipped[axis] {
                    row[3] += step * (shape[axis] as f64 - 1.0);
                }
            }
        }
        let strides = [1, old.shape[0], old.shape[0] * old.shape[1]];
        let offset = |axis: usize, at: usize| {
            let at = if flipped[axis] { shape[axis] - 1 - at } else { at };
            at * strides[source[axis]]
        };
        let mut values = Vec::with_capacity(self.values.len());
        for z in 0..shape[2] {
            for y in 0..shape[1] {
                let base = offset(2, z) + offset(1, y);
                values.extend((0..shape[0]).map(|x| self.values[base + offset(0, x)]));
            }
        }
        Self { grid: Grid { shape, affine }, values }
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
        let ras = Volume { grid: left, values }.into_ras();
        assert_eq!(ras.values[..4], [3.0, 2.0, 1.0, 0.0]);
        assert_eq!(ras.grid.affine[0][0], 0.4);
        approx::assert_abs_diff_eq!(ras.grid.affine[0][3], -11.2, epsilon = 1e-12);
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
