//! Frechet distance between two sets of features, taken as two Gaussians (Dowson & Landau 1982; Heusel et al. 2017,
//! equation 6).
//!
//! |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), covariances with divisor N - 1 (as numpy.cov and pytorch-fid;
//! StyleGAN2-ADA divides by N). It is a plug-in estimate whose bias grows as N shrinks, so it is only compared at equal
//! N, and N is returned.

use tch::{Kind, Tensor};

use super::features::Features;
use crate::problem::Result;

/// The distance with its two parts and the sizes of the sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frechet {
    /// `mean_term + covariance_term`, squared units of the features.
    pub distance: f64,
    /// Squared distance of the means.
    pub mean_term: f64,
    /// Distance of the covariances.
    pub covariance_term: f64,
    /// Images in each set.
    pub n: (i64, i64),
}

/// Symmetric in its arguments; 0 for identical sets up to rounding.
///
/// # Errors
/// The sets have different numbers of features.
pub fn distance(a: &Features, b: &Features) -> Result<Frechet> {
    a.same_dims(b)?;
    let (mean_a, root_a) = mean_and_root(a);
    let (mean_b, root_b) = mean_and_root(b);
    let mean_term = f64::try_from((mean_a - mean_b).square().sum(Kind::Double))?;
    // With S1 = A'A and S2 = B'B the eigenvalues of S1 S2 are the squared singular values of A B'. Taking them from
    // A B' needs no matrix root, no eps on the diagonal, and keeps full precision where N < F makes both covariances
    // singular.
    let (_, cross, _) = root_a.matmul(&root_b.tr()).svd(true, false);
    let traces = root_a.square().sum(Kind::Double) + root_b.square().sum(Kind::Double);
    let covariance_term = f64::try_from(traces - cross.sum(Kind::Double) * 2.0)?;
    Ok(Frechet { distance: mean_term + covariance_term, mean_term, covariance_term, n: (a.n(), b.n()) })
}

/// Mean \[F\] and a matrix R \[min(N, F), F\] with R'R = covariance.
fn mean_and_root(features: &Features) -> (Tensor, Tensor) {
    let mean = features.tensor().mean_dim(0, false, Kind::Double);
    let centred = (features.tensor() - &mean) / ((features.n() - 1) as f64).sqrt(); // [N, F]
    let root = if features.n() > features.dims() { Tensor::linalg_qr(&centred, "r").1 } else { centred };
    (mean, root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn shifting_a_set_by_two_is_four_away() {
        let here = Features::from_rows(&[0.0, 1.0, 5.0, -2.0], 4, 1).unwrap();
        let there = Features::from_rows(&[2.0, 3.0, 7.0, 0.0], 4, 1).unwrap();
        let frechet = distance(&here, &there).unwrap();
        assert_relative_eq!(frechet.distance, 4.0, epsilon = 1e-12);
        assert_relative_eq!(frechet.covariance_term, 0.0, epsilon = 1e-12);
        assert_eq!(frechet.n, (4, 4));
    }

    #[test]
    fn one_dimension_is_the_difference_of_the_spreads_squared() {
        // Variances 2 and 18 with divisor N - 1: (sqrt 18 - sqrt 2)^2 = 8.
        let narrow = Features::from_rows(&[-1.0, 1.0], 2, 1).unwrap();
        let wide = Features::from_rows(&[-3.0, 3.0], 2, 1).unwrap();
        assert_relative_eq!(distance(&narrow, &wide).unwrap().distance, 8.0, epsilon = 1e-12);
    }

    #[test]
    fn agrees_with_scipy() {
        let cases: Vec<crate::metrics::tests::FrechetCase> = crate::metrics::tests::fixture().frechet;
        assert_eq!(cases.len(), 3);
        for case in cases {
            let a = Features::from_rows(&case.a, case.n_a, case.f).unwrap();
            let b = Features::from_rows(&case.b, case.n_b, case.f).unwrap();
            let ours = distance(&a, &b).unwrap().distance;
            assert_relative_eq!(ours, case.distance, max_relative = 1e-9);
            assert_relative_eq!(ours, distance(&b, &a).unwrap().distance, max_relative = 1e-12);
        }
    }

    #[test]
    fn a_set_is_at_no_distance_from_itself_even_where_its_covariance_is_singular() {
        let few = crate::metrics::tests::fixture().frechet.into_iter().find(|case| case.n_a < case.f).unwrap();
        let set = Features::from_rows(&few.a, few.n_a, few.f).unwrap();
        assert!(distance(&set, &set).unwrap().distance.abs() < 1e-12);
    }
}
