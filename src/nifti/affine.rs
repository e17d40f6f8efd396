//! From voxel indices to millimetres.

use serde::{Deserialize, Serialize};

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

    /// Three finite axes that span space, or what is wrong with them.
    ///
    /// # Errors
    /// A text that says what was found.
    pub fn check(&self) -> Result<(), String> {
        if self.0.iter().flatten().any(|value| !value.is_finite()) {
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

    /// Whether the voxel axes run along the world's, each the same way.
    pub fn is_upright(&self) -> bool {
        (0..3)
            .all(|row| (0..3).all(|axis| if row == axis { self.0[row][axis] > 0.0 } else { self.0[row][axis] == 0.0 }))
    }
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
