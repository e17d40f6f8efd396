//! Precision and recall (Kynkaanniemi et al. 2019, arXiv 1904.06991), density and coverage (Naeem et al. 2020, arXiv
//! 2002.09797) of generated against real features, from balls that reach to each image's k-th nearest neighbour of its
//! own set.
//!
//! Interface of the library, for features of any network:
//!
//! ```no_run
//! use rimforge::metrics::features::Features;
//! use rimforge::metrics::prdc::prdc;
//!
//! // Balls of radius 1 about the reals 0, 1 and 2: .5 and .6 lie in those of 0 and 1, 9 in none.
//! let real = Features::from_rows(&[0.0, 1.0, 2.0], 3, 1)?;
//! let fake = Features::from_rows(&[0.5, 0.6, 9.0], 3, 1)?;
//! let found = prdc(&real, &fake, 1)?;
//! assert_eq!((found.precision, found.coverage), (2.0 / 3.0, 2.0 / 3.0));
//! # Ok::<(), rimforge::problem::Problem>(())
//! ```

use serde::Serialize;
use tch::{Kind, Tensor};

use super::features::Features;
use crate::problem::{Problem, Result};

/// All in 0..1 except `density`, which is unbounded above and 1 in expectation for equal distributions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prdc {
    /// Share of fakes inside a real image's ball.
    pub precision: f64,
    /// Share of reals inside a fake image's ball.
    pub recall: f64,
    /// Real balls around a fake, mean over fakes, over k.
    pub density: f64,
    /// Share of reals whose ball holds a fake.
    pub coverage: f64,
    /// Real and fake images.
    pub n: (i64, i64),
}

/// `k` nearest neighbours, the image itself not counted (3 in the first paper, 5 in the second).
///
/// # Errors
/// Different numbers of features, or a set of at most `k` images.
pub fn prdc(real: &Features, fake: &Features, k: i64) -> Result<Prdc> {
    real.same_dims(fake)?;
    let n = (real.n(), fake.n());
    if k < 1 || n.0.min(n.1) <= k {
        return Err(Problem::usage(format!("k = {k} with {} real and {} fake images", n.0, n.1))
            .expected("at least k + 1 images in each set, k >= 1"));
    }
    let real_radius = radius(real.tensor(), k).unsqueeze(1); // [N, 1]
    let fake_radius = radius(fake.tensor(), k).unsqueeze(0); // [1, M]
    let between = distances(real.tensor(), fake.tensor()); // [N, M]
    let in_real = between.lt_tensor(&real_radius);
    let in_fake = between.lt_tensor(&fake_radius);
    let share = |hit: Tensor| -> Result<f64> { Ok(f64::try_from(hit.to_kind(Kind::Double).mean(Kind::Double))?) };
    let per_fake = in_real.to_kind(Kind::Double).sum_dim_intlist(0, false, Kind::Double);
    Ok(Prdc {
        precision: share(in_real.any_dim(0, false))?,
        recall: share(in_fake.any_dim(1, false))?,
        density: f64::try_from(per_fake.mean(Kind::Double))? / k as f64,
        coverage: share(in_real.any_dim(1, false))?,
        n,
    })
}

/// Euclidean, by differences: the matrix-product shortcut loses the small distances that decide who is a neighbour.
fn distances(x: &Tensor, y: &Tensor) -> Tensor {
    const NO_MATRIX_PRODUCT: i64 = 2;
    Tensor::cdist(x, y, 2.0, NO_MATRIX_PRODUCT)
}

/// Distance to the k-th neighbour in the own set, \[N\].
fn radius(x: &Tensor, k: i64) -> Tensor {
    distances(x, x).kthvalue(k + 1, 1, false).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_points_can_be_done_by_hand() {
        // Reals 0, 1, 2 with k = 1: balls of radius 1. Fakes .5, .5 (own radius 0) and 9 (radius 8.5):
        // .5 lies in the balls of 0 and 1; 9 in none; recall counts 1 and 2, which 9's open ball reaches (8 and 7
        // < 8.5).
        let real = Features::from_rows(&[0.0, 1.0, 2.0], 3, 1).unwrap();
        let fake = Features::from_rows(&[0.5, 0.5, 9.0], 3, 1).unwrap();
        let found = prdc(&real, &fake, 1).unwrap();
        assert_eq!(found.precision, 2.0 / 3.0);
        assert_eq!(found.recall, 2.0 / 3.0);
        assert_eq!(found.density, 4.0 / 3.0);
        assert_eq!(found.coverage, 2.0 / 3.0);
    }

    #[test]
    fn agrees_with_numpy() {
        let case = crate::metrics::tests::fixture().prdc;
        let real = Features::from_rows(&case.a, case.n_a, case.f).unwrap();
        let fake = Features::from_rows(&case.b, case.n_b, case.f).unwrap();
        let found = prdc(&real, &fake, case.k).unwrap();
        let expected = [case.precision, case.recall, case.density, case.coverage];
        for (ours, theirs) in [found.precision, found.recall, found.density, found.coverage].into_iter().zip(expected) {
            assert!((ours - theirs).abs() < 1e-12, "{found:?} against {expected:?}");
        }
    }

    #[test]
    fn refuses_more_neighbours_than_images() {
        let three = Features::from_rows(&[0.0, 1.0, 2.0], 3, 1).unwrap();
        assert!(prdc(&three, &three, 3).is_err());
    }
}
