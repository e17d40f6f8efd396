//! From voxel indices to millimetres.

use serde::{Deserialize, Serialize};

/// Edges of a voxel that are believed, in mm: from what magnets for small animals reach to the thickest slices. Sizes
/// outside betray another unit (metres or micrometres written as mm).
pub const PLAUSIBLE_VOXEL_MM: [f64; 2] = [0.05, 20.0];

/// Farthest that a first voxel is believed to lie from the scanner's centre, in mm: no table moves that far.
pub const FARTHEST_MM: f64 = 10_000.0;

/// Voxel-to-world affine, row-major 3x4: world (RAS+) = columns 0 to 2 times the voxel's indices x, y, z, plus column
/// 3; mm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Affine(pub [[f64; 4]; 3]);

impl Affine {
    /// Voxel indices are millimetres.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]);

    /// The step in the world from a voxel to its neighbour along an axis (0, 1 or 2), or for 3 the first voxel's place;
    /// mm.
    pub fn column(&self, column: usize) -> [f64; 3] {
        self.0.map(|row| row[column])
    }

    /// Voxel size along x, y, z in mm.
    pub fn voxel_mm(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| length(self.column(axis)))
    }

    /// Where a (fractional) voxel lies; mm.
    pub fn place(&self, voxel: [f64; 3]) -> [f64; 3] {
        self.0.map(|row| (0..3).map(|axis| row[axis] * voxel[axis]).sum::<f64>() + row[3])
    }

    /// A way in the world (mm) as steps from voxel to voxel along x, y, z.
    pub fn steps(&self, way: [f64; 3]) -> [f64; 3] {
        let [a, b, c] = [0, 1, 2].map(|axis| self.column(axis));
        let volume = dot(a, cross(b, c));
        [cross(b, c), cross(c, a), cross(a, b)].map(|across| dot(way, across) / volume)
    }

    /// Of a volume whose axes run along this one's: its axis k along axis `axes[k].0`, from the (fractional) voxel
    /// `axes[k].1` in steps of `axes[k].2` voxels. Each axis is named once.
    pub fn along(&self, axes: [(usize, f64, f64); 3]) -> Self {
        let mut first = [0.0; 3];
        axes.iter().for_each(|&(axis, at, _)| first[axis] = at);
        let origin = self.place(first);
        let row = |row: usize| {
            // The sum makes 0 of -0.
            let [x, y, z] = axes.map(|(axis, _, step)| 0.0 + step * self.0[row][axis]);
            [x, y, z, origin[row]]
        };
        Self([row(0), row(1), row(2)])
    }

    /// Three finite axes that span space in steps of [`PLAUSIBLE_VOXEL_MM`] and start within [`FARTHEST_MM`], or what
    /// is wrong with them.
    ///
    /// # Errors
    /// A text that says what was found.
    pub fn check(&self) -> Result<(), String> {
        if self.0.iter().flatten().any(|value| !value.is_finite()) {
            return Err("an affine with NaN or infinite entries".into());
        }
        let [x, y, z] = self.voxel_mm();
        let [a, b, c] = [0, 1, 2].map(|axis| self.column(axis));
        let volume = dot(a, cross(b, c));
        let scale = x * y * z;
        // Below a thousandth of a rectangular voxel's volume the axes are as good as parallel.
        if !scale.is_finite() || scale <= 0.0 || volume.abs() < 1e-3 * scale {
            return Err(format!("an affine whose axes do not span space (voxel {x} x {y} x {z} mm)"));
        }
        let [least, most] = PLAUSIBLE_VOXEL_MM;
        // What 32 bits make of a size on the limit is on the limit.
        if [x, y, z].iter().any(|size| !(least * (1.0 - 1e-6)..=most * (1.0 + 1e-6)).contains(size)) {
            // Not all digits that 32 bits leave of a size.
            let [x, y, z] = [x, y, z].map(|size| (size * 1e6).round() / 1e6);
            return Err(format!("voxels of {x} x {y} x {z} mm, outside the plausible {least} to {most} mm"));
        }
        let first = length(self.column(3));
        if first > FARTHEST_MM {
            return Err(format!("a first voxel {first:.0} mm from the scanner's centre, of a plausible {FARTHEST_MM}"));
        }
        Ok(())
    }

    /// Whether the voxel axes run along the world's, each the same way.
    pub fn is_upright(&self) -> bool {
        (0..3)
            .all(|row| (0..3).all(|axis| if row == axis { self.0[row][axis] > 0.0 } else { self.0[row][axis] == 0.0 }))
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(super) fn length(vector: [f64; 3]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_sizes_by_hand() {
        let affine = Affine([[3.0, 0.0, 0.0, -1.0], [4.0, 2.0, 0.0, -2.0], [0.0, 0.0, -0.5, 7.0]]);
        assert_eq!(affine.column(0), [3.0, 4.0, 0.0]);
        assert_eq!(affine.column(3), [-1.0, -2.0, 7.0]);
        assert_eq!(affine.voxel_mm(), [5.0, 2.0, 0.5]);
        assert!(!affine.is_upright());
        assert!(Affine::IDENTITY.is_upright());
    }

    #[test]
    fn steps_undo_places() {
        let affine = Affine([[3.0, 0.0, 0.5, -1.0], [4.0, 2.0, 0.0, -2.0], [0.0, 0.3, -0.5, 7.0]]);
        assert_eq!(affine.place([1.0, 2.0, 0.0]), [2.0, 6.0, 7.6]);
        let first = affine.column(3);
        let place = affine.place([1.0, -2.0, 5.0]);
        let steps = affine.steps([0, 1, 2].map(|row| place[row] - first[row]));
        for (found, expected) in steps.into_iter().zip([1.0, -2.0, 5.0]) {
            approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-12);
        }
    }

    #[test]
    fn axes_that_are_mirrored_turned_and_averaged_lie_where_their_voxels_do() {
        let affine = Affine([[3.0, 0.0, 0.5, -1.0], [4.0, 2.0, 0.0, -2.0], [0.0, 0.3, -0.5, 7.0]]);
        let same = affine.along([(0, 0.0, 1.0), (1, 0.0, 1.0), (2, 0.0, 1.0)]);
        assert_eq!(same, affine);
        // Columns down y from 9.5 by twos, rows down z from 7, slices up x from 4.
        let turned = affine.along([(1, 9.5, -2.0), (2, 7.0, -1.0), (0, 4.0, 1.0)]);
        for voxel in [[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]] {
            let [column, row, slice] = voxel;
            let expected = affine.place([4.0 + slice, 9.5 - 2.0 * column, 7.0 - row]);
            for (found, expected) in turned.place(voxel).into_iter().zip(expected) {
                approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-12);
            }
        }
    }

    #[test]
    fn sizes_of_another_unit_and_places_off_the_table_are_refused() {
        let with = |size: f64, at: f64| Affine([[size, 0.0, 0.0, at], [0.0, size, 0.0, 0.0], [0.0, 0.0, size, 0.0]]);
        assert!(with(0.05, 0.0).check().is_ok() && with(20.0, 9999.0).check().is_ok());
        assert!(with(f64::from(0.05f32), 0.0).check().is_ok() && with(f64::from(20.0f32), 0.0).check().is_ok());
        let says = |affine: Affine| affine.check().unwrap_err();
        assert_eq!(
            says(with(0.0004, 0.0)),
            "voxels of 0.0004 x 0.0004 x 0.0004 mm, outside the plausible 0.05 to 20 mm"
        );
        assert!(says(with(400.0, 0.0)).contains("voxels of 400 x"));
        assert!(says(with(1.0, 1e6)).contains("1000000 mm from the scanner's centre"));
    }

    #[test]
    fn degenerate_affines_are_refused() {
        let mut flat = Affine::IDENTITY;
        flat.0[2][2] = 0.0;
        assert!(flat.check().unwrap_err().contains("do not span"));
        let mut nan = Affine::IDENTITY;
        nan.0[1][3] = f64::NAN;
        assert!(nan.check().unwrap_err().contains("NaN"));
        assert!(Affine::IDENTITY.check().is_ok());
    }

    #[test]
    fn as_json_it_is_its_rows() {
        let text = serde_json::to_string(&Affine::IDENTITY).unwrap();
        assert_eq!(text, "[[1.0,0.0,0.0,0.0],[0.0,1.0,0.0,0.0],[0.0,0.0,1.0,0.0]]");
        assert_eq!(serde_json::from_str::<Affine>(&text).unwrap(), Affine::IDENTITY);
    }
}
