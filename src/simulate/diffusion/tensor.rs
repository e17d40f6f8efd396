//! The diffusion tensor of a voxel from its signals, and how anisotropic it is.
//!
//! Log-linear least squares, first without and then with the weights that logarithms of Rician signals ask for: the
//! square of what the first fit predicts (Basser, Mattiello and LeBihan 1994; Salvador et al. 2005). MRtrix3 and DIPY
//! do the same.

use super::vectors::Way;

/// xx, yy, zz, xy, xz, yz in um2/ms, which is 1e-3 mm2/s.
pub type Tensor = [f64; 6];

/// What is fitted: a tensor and the logarithm of the signal without weighting.
const UNKNOWNS: usize = 7;

/// Signals below this share of the largest are taken as this: noise leaves no logarithm of 0.
const FLOOR: f64 = 1e-4;

/// Lower triangle of Cholesky's decomposition of normal equations.
type Triangle = [[f64; UNKNOWNS]; UNKNOWNS];

/// A table of b-values and directions, ready to fit.
#[derive(Clone, Debug)]
pub struct Fitter {
    /// A row an image: what each unknown gives to the logarithm of its signal.
    rows: Vec<[f64; UNKNOWNS]>,
    /// A weight of 1 for each row.
    ones: Vec<f64>,
    /// What these come to, the same for all voxels; none where the table leaves something open.
    even: Option<Triangle>,
}

impl Fitter {
    /// For images of so much weighting (ms/um2) along these ways.
    pub fn new(table: &[(f64, Way)]) -> Self {
        let row = |&(b, [x, y, z]): &(f64, Way)| {
            [-b * x * x, -b * y * y, -b * z * z, -2.0 * b * x * y, -2.0 * b * x * z, -2.0 * b * y * z, 1.0]
        };
        let rows: Vec<_> = table.iter().map(row).collect();
        let ones = vec![1.0; rows.len()];
        let even = decomposed(&rows, &ones);
        Self { rows, ones, even }
    }

    /// The tensor that explains the signals of a voxel best, one a row of the table; none where they hold too little.
    pub fn fit(&self, signals: &[f32]) -> Option<Tensor> {
        debug_assert_eq!(signals.len(), self.rows.len());
        let most = signals.iter().copied().fold(0.0f32, f32::max);
        if most <= 0.0 {
            return None;
        }
        let least = f64::from(most) * FLOOR;
        let logarithms: Vec<f64> = signals.iter().map(|&signal| f64::from(signal).max(least).ln()).collect();
        let first = solved(self.even.as_ref()?, moments(&self.rows, &self.ones, &logarithms));
        // Only ratios of weights matter.
        let top = first[UNKNOWNS - 1];
        let weight = |row: &[f64; UNKNOWNS]| {
            let predicted: f64 = row.iter().zip(&first).map(|(a, b)| a * b).sum();
            (2.0 * (predicted - top).min(1.0)).exp()
        };
        let weights: Vec<f64> = self.rows.iter().map(weight).collect();
        let triangle = decomposed(&self.rows, &weights)?;
        let [xx, yy, zz, xy, xz, yz, _] = solved(&triangle, moments(&self.rows, &weights, &logarithms));
        Some([xx, yy, zz, xy, xz, yz])
    }
}

/// Left sides of the normal equations of weighted rows, decomposed; none where they leave an unknown open.
fn decomposed(rows: &[[f64; UNKNOWNS]], weights: &[f64]) -> Option<Triangle> {
    let mut left = [[0.0; UNKNOWNS]; UNKNOWNS];
    for (row, weight) in rows.iter().zip(weights) {
        for a in 0..UNKNOWNS {
            for b in 0..=a {
                left[a][b] += weight * row[a] * row[b];
            }
        }
    }
    for a in 0..UNKNOWNS {
        for b in 0..=a {
            let sum = (0..b).fold(left[a][b], |sum, c| sum - left[a][c] * left[b][c]);
            left[a][b] = match a == b {
                true if sum > 1e-12 => sum.sqrt(),
                true => return None,
                false => sum / left[b][b],
            };
        }
    }
    Some(left)
}

/// Right sides of the normal equations.
fn moments(rows: &[[f64; UNKNOWNS]], weights: &[f64], values: &[f64]) -> [f64; UNKNOWNS] {
    let mut right = [0.0; UNKNOWNS];
    for ((row, weight), value) in rows.iter().zip(weights).zip(values) {
        for a in 0..UNKNOWNS {
            right[a] += weight * row[a] * value;
        }
    }
    right
}

/// What the unknowns are.
fn solved(triangle: &Triangle, mut right: [f64; UNKNOWNS]) -> [f64; UNKNOWNS] {
    for a in 0..UNKNOWNS {
        right[a] = (0..a).fold(right[a], |sum, b| sum - triangle[a][b] * right[b]) / triangle[a][a];
    }
    for a in (0..UNKNOWNS).rev() {
        right[a] = (a + 1..UNKNOWNS).fold(right[a], |sum, b| sum - triangle[b][a] * right[b]) / triangle[a][a];
    }
    right
}

/// Of a symmetric tensor, largest first; by the cosine of a third of an angle (Smith 1961).
pub fn eigenvalues([xx, yy, zz, xy, xz, yz]: Tensor) -> [f64; 3] {
    let mean = (xx + yy + zz) / 3.0;
    let off = xy * xy + xz * xz + yz * yz;
    let spread = ((xx - mean).powi(2) + (yy - mean).powi(2) + (zz - mean).powi(2) + 2.0 * off) / 6.0;
    let size = spread.sqrt();
    if size <= 1e-12 * mean.abs().max(1e-30) {
        return [mean; 3];
    }
    let [a, b, c] = [xx, yy, zz].map(|one| (one - mean) / size);
    let [d, e, f] = [xy, xz, yz].map(|one| one / size);
    let half = (a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)) / 2.0;
    let angle = half.clamp(-1.0, 1.0).acos() / 3.0;
    let first = mean + 2.0 * size * angle.cos();
    let last = mean + 2.0 * size * (angle + 2.0 * std::f64::consts::FRAC_PI_3).cos();
    [first, 3.0 * mean - first - last, last]
}

/// Fractional anisotropy, 0 to 1 (Basser and Pierpaoli 1996); eigenvalues below 0, which only noise makes, count as 0.
pub fn fractional_anisotropy(values: [f64; 3]) -> f64 {
    let values = values.map(|value| value.max(0.0));
    let mean = values.iter().sum::<f64>() / 3.0;
    let apart: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let whole: f64 = values.iter().map(|value| value * value).sum();
    if whole > 0.0 { (1.5 * apart / whole).sqrt().min(1.0) } else { 0.0 }
}

/// A tensor with rotational symmetry about a way: diffusivity along it and across it.
pub fn axial([x, y, z]: Way, along: f64, across: f64) -> Tensor {
    let more = along - across;
    [across + more * x * x, across + more * y * y, across + more * z * z, more * x * y, more * x * z, more * y * z]
}

/// Diffusivity along a way.
pub fn along([xx, yy, zz, xy, xz, yz]: &Tensor, [x, y, z]: Way) -> f64 {
    xx * x * x + yy * y * y + zz * z * z + 2.0 * (xy * x * y + xz * x * z + yz * y * z)
}

#[cfg(test)]
mod tests {
    use super::super::protocol::table;
    use super::super::vectors::unit;
    use super::*;

    #[test]
    fn anisotropy_by_hand() {
        // Mean 2.3/3, sqrt(3/2) sqrt(2 (1.4)^2 / 3) / sqrt(1.7^2 + 2 (.3)^2) = 1.4 / sqrt(3.07).
        assert!((fractional_anisotropy([1.7, 0.3, 0.3]) - 0.799_021_6).abs() < 1e-6);
        assert!(fractional_anisotropy([0.8; 3]) < 1e-12);
        assert_eq!(fractional_anisotropy([1.0, 0.0, 0.0]), 1.0);
        assert_eq!(fractional_anisotropy([1.0, -0.1, 0.0]), 1.0);
        assert_eq!(fractional_anisotropy([0.0; 3]), 0.0);
    }

    #[test]
    fn eigenvalues_by_hand() {
        let close = |found: [f64; 3], wanted: [f64; 3]| found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close(eigenvalues([1.0, 3.0, 2.0, 0.0, 0.0, 0.0]), [3.0, 2.0, 1.0]));
        // [[2, 1], [1, 2]] has 3 and 1.
        assert!(close(eigenvalues([2.0, 2.0, 5.0, 1.0, 0.0, 0.0]), [5.0, 3.0, 1.0]));
        assert!(close(eigenvalues([0.8, 0.8, 0.8, 0.0, 0.0, 0.0]), [0.8; 3]));
        assert!(close(eigenvalues(axial(unit([1.0, 2.0, -1.0]), 1.7, 0.3)), [1.7, 0.3, 0.3]));
    }

    #[derive(serde::Deserialize)]
    struct Reference {
        ways: Vec<Way>,
        unweighted: usize,
        voxels: Vec<Voxel>,
    }

    #[derive(serde::Deserialize)]
    struct Voxel {
        signals: Vec<f32>,
        tensor: Tensor,
        eigenvalues: [f64; 3],
        fa: f64,
    }

    #[test]
    fn weighted_fits_are_those_of_dipy() {
        let text = include_str!("../../../tests/fixtures/diffusion.json");
        let reference: Reference = serde_json::from_str(text).unwrap();
        let first = std::iter::repeat_n((0.0, [0.0; 3]), reference.unweighted);
        let table: Vec<(f64, Way)> = first.chain(reference.ways.into_iter().map(|way| (1.0, way))).collect();
        let fitter = Fitter::new(&table);
        for voxel in reference.voxels {
            let tensor = fitter.fit(&voxel.signals).unwrap();
            let values = eigenvalues(tensor);
            // Signals are read as 32 bits.
            // DIPY rebuilds a tensor from eigenvalues that it has raised to 1e-6; the last voxel has one below 0.
            if values[2] > 0.0 {
                assert!(tensor.iter().zip(voxel.tensor).all(|(a, b)| (a - b).abs() < 1e-5), "{tensor:?}");
            }
            assert!(values.iter().zip(voxel.eigenvalues).all(|(a, b)| (a.max(0.0) - b).abs() < 1e-5), "{values:?}");
            assert!((fractional_anisotropy(values) - voxel.fa).abs() < 1e-5);
        }
    }

    #[test]
    fn signals_without_noise_give_the_tensor_back() {
        let table = table();
        let fitter = Fitter::new(&table);
        let tensor = axial(unit([0.3, -1.0, 0.4]), 1.7, 0.3);
        let signals: Vec<f32> =
            table.iter().map(|(b, way)| (900.0 * (-b * along(&tensor, *way)).exp()) as f32).collect();
        let found = fitter.fit(&signals).unwrap();
        assert!(found.iter().zip(tensor).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
        let even: Vec<f32> = table.iter().map(|(b, _)| (900.0 * (-b * 0.8).exp()) as f32).collect();
        assert!(fractional_anisotropy(eigenvalues(fitter.fit(&even).unwrap())) < 1e-4);
        assert!(fitter.fit(&[0.0; 35]).is_none());
    }
}
