//! GANSpace (Haerkoenen et al. 2020): the principal components of mapped codes; and how far codes spread along any
//! direction.

use tch::{Device, Kind, Tensor};

use super::eigen::{self, Parts};
use crate::problem::Result;

/// How codes spread: their covariance.
pub struct Spread {
    /// \[w_dim, w_dim\], float64.
    covariance: Tensor,
}

impl Spread {
    /// Of codes \[N, w_dim\], N at least 2; divided by N - 1.
    pub fn of(codes: &Tensor) -> Self {
        let codes = codes.to_device(Device::Cpu).to_kind(Kind::Double);
        let centred = &codes - codes.mean_dim([0i64].as_slice(), true, None);
        Self { covariance: centred.transpose(0, 1).matmul(&centred) / (codes.size()[0] - 1).max(1) as f64 }
    }

    /// Deviation of the codes along a unit vector: the root of n' Cov n.
    pub fn along(&self, vector: &[f64]) -> f64 {
        let vector = Tensor::from_slice(vector);
        self.covariance.matmul(&vector).dot(&vector).clamp_min(0.0).sqrt().double_value(&[])
    }

    /// Principal components; values are variances.
    ///
    /// # Errors
    /// The solver does not converge.
    pub fn components(&self) -> Result<Parts> {
        eigen::symmetric(&self.covariance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Corners of a rectangle of 4 by 2, by hand: variances 16/3 and 4/3 with N - 1.
    #[test]
    fn a_rectangle_by_hand() {
        let codes = Tensor::from_slice(&[2.0f32, 1.0, 2.0, -1.0, -2.0, 1.0, -2.0, -1.0]).view([4, 2]);
        let spread = Spread::of(&codes);
        approx::assert_abs_diff_eq!(spread.along(&[1.0, 0.0]), (16.0f64 / 3.0).sqrt(), epsilon = 1e-12);
        approx::assert_abs_diff_eq!(spread.along(&[0.0, 1.0]), (4.0f64 / 3.0).sqrt(), epsilon = 1e-12);
        // Half way between the axes: the mean of the variances.
        let half = 0.5f64.sqrt();
        approx::assert_abs_diff_eq!(spread.along(&[half, half]), (10.0f64 / 3.0).sqrt(), epsilon = 1e-12);
        let found = spread.components().unwrap();
        approx::assert_abs_diff_eq!(found.values[..], [16.0 / 3.0, 4.0 / 3.0], epsilon = 1e-12);
    }

    /// NumPy's covariance and its eigenvectors; see tests/fixtures/make_directions.py.
    #[test]
    fn matches_numpy() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/directions.json")).unwrap();
        let case = &reference["components"];
        let rows = |key: &str| serde_json::from_value::<Vec<Vec<f64>>>(case[key].clone()).unwrap();
        let list = |key: &str| serde_json::from_value::<Vec<f64>>(case[key].clone()).unwrap();
        let codes = rows("codes");
        let spread = Spread::of(&Tensor::from_slice(&codes.concat()).view([codes.len() as i64, -1]));
        let deviation = case["deviation"].as_f64().unwrap();
        approx::assert_abs_diff_eq!(spread.along(&list("direction")), deviation, epsilon = 1e-10);
        let found = spread.components().unwrap();
        approx::assert_abs_diff_eq!(found.values[..], list("values")[..], epsilon = 1e-10);
        for (own, numpys) in found.vectors.iter().zip(rows("vectors")) {
            assert!(super::super::eigen::likeness(own, &numpys) > 1.0 - 1e-10);
        }
    }
}
