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
use super::groups::Groups;
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
    let balls = Balls {
        real: radius(&distances(real.tensor(), real.tensor()), k + 1),
        fake: radius(&distances(fake.tensor(), fake.tensor()), k + 1),
    };
    balls.count(&distances(real.tensor(), fake.tensor()), k)
}

/// Two sets of images in groups, and all distances between them: as [`prdc`], but a ball reaches to the k-th neighbour
/// of another group. The slices of a patient are each other's nearest neighbours; balls that reach no farther hold
/// nothing.
pub struct Neighbourhoods {
    /// Within the reals and within the fakes, without end inside a group; \[N, N\].
    within: [Tensor; 2],
    /// \[N, M\].
    between: Tensor,
}

impl Neighbourhoods {
    /// Real and fake sets, each with its groups.
    ///
    /// # Errors
    /// Different numbers of features.
    pub fn new(sets: [&Features; 2], groups: [&Groups; 2]) -> Result<Self> {
        sets[0].same_dims(sets[1])?;
        let own = |at: usize| {
            let x = sets[at].tensor();
            distances(x, x).masked_fill(&groups[at].mask(), f64::INFINITY)
        };
        Ok(Self { within: [own(0), own(1)], between: distances(sets[0].tensor(), sets[1].tensor()) })
    }

    /// Of all images.
    ///
    /// # Errors
    /// As [`Neighbourhoods::of_rows`].
    pub fn all(&self, k: i64) -> Result<Prdc> {
        let size = self.between.size();
        self.of_rows([&(0..size[0]).collect::<Vec<_>>(), &(0..size[1]).collect::<Vec<_>>()], k)
    }

    /// Of some of the images: rows of the real and of the fake set.
    ///
    /// # Errors
    /// At most `k` images in one of them. Balls of images without k neighbours in other groups have no end.
    pub fn of_rows(&self, rows: [&[i64]; 2], k: i64) -> Result<Prdc> {
        let n = (rows[0].len() as i64, rows[1].len() as i64);
        if k < 1 || n.0.min(n.1) <= k {
            return Err(Problem::usage(format!("k = {k} with {} real and {} fake images", n.0, n.1))
                .expected("at least k + 1 images in each set, k >= 1"));
        }
        let [real, fake] = rows.map(Tensor::from_slice);
        let part = |x: &Tensor, down: &Tensor, across: &Tensor| x.index_select(0, down).index_select(1, across);
        let balls = Balls {
            real: radius(&part(&self.within[0], &real, &real), k),
            fake: radius(&part(&self.within[1], &fake, &fake), k),
        };
        balls.count(&part(&self.between, &real, &fake), k)
    }
}

/// Radii of the balls about each real and each fake image.
struct Balls {
    real: Tensor,
    fake: Tensor,
}

impl Balls {
    /// Who lies in whose ball, from distances \[N, M\].
    fn count(&self, between: &Tensor, k: i64) -> Result<Prdc> {
        let n = (between.size()[0], between.size()[1]);
        let real_radius = self.real.unsqueeze(1); // [N, 1]
        let fake_radius = self.fake.unsqueeze(0); // [1, M]
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
}

/// Euclidean, by differences: the matrix-product shortcut loses the small distances that decide who is a neighbour.
pub(super) fn distances(x: &Tensor, y: &Tensor) -> Tensor {
    const NO_MATRIX_PRODUCT: i64 = 2;
    Tensor::cdist(x, y, 2.0, NO_MATRIX_PRODUCT)
}

/// The k-th smallest distance of each row, \[N\].
fn radius(within: &Tensor, k: i64) -> Tensor {
    within.kthvalue(k, 1, false).0
}

/// Coverage to be expected of two samples of `n` images of one distribution (Naeem et al. 2020, appendix A): below 1,
/// so that a coverage of .9 need not be a loss.
pub fn expected_coverage(n: u64, k: u64) -> f64 {
    let ratio: f64 = (1..=k).map(|i| (n as f64 - i as f64) / (2.0 * n as f64 - i as f64)).product();
    1.0 - ratio
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
    fn agrees_with_the_package_prdc_and_with_its_formulas_over_groups() {
        let case = crate::metrics::tests::evaluate();
        let (a, b) = (case.set_a(), case.set_b());
        let same = |found: Prdc, expected: &crate::metrics::tests::Shares| {
            let pairs = [
                (found.precision, expected.precision),
                (found.recall, expected.recall),
                (found.density, expected.density),
                (found.coverage, expected.coverage),
            ];
            pairs.iter().for_each(|(ours, theirs)| assert!((ours - theirs).abs() < 1e-12, "{found:?}"));
        };
        let alone = Groups::each_alone(case.n);
        same(prdc(&a, &b, case.k).unwrap(), &case.prdc);
        same(Neighbourhoods::new([&a, &b], [&alone, &alone]).unwrap().all(case.k).unwrap(), &case.prdc);
        let [of_a, of_b] = [&case.groups_a, &case.groups_b].map(|names| Groups::by_name(names));
        let grouped = Neighbourhoods::new([&a, &b], [&of_a, &of_b]).unwrap();
        same(grouped.all(case.k).unwrap(), &case.prdc_of_groups);
        // Some rows are the set of those rows.
        let rows: Vec<i64> = (0..12).collect();
        let some = grouped.of_rows([&rows, &rows], 3).unwrap();
        let part = |x: &Features| Features::new(&x.tensor().narrow(0, 0, 12)).unwrap();
        let names = |of: &[u32]| Groups::by_name(&of[..12]);
        let (a, b) = (part(&a), part(&b));
        let [of_a, of_b] = [names(&case.groups_a), names(&case.groups_b)];
        assert_eq!(some, Neighbourhoods::new([&a, &b], [&of_a, &of_b]).unwrap().all(3).unwrap());
    }

    /// Of two sets of 5 with k = 1: a real's ball is missed by all fakes in 5!/(5-1)!... ways: 1 - (4/9).
    #[test]
    fn expected_coverage_by_hand() {
        assert!((expected_coverage(5, 1) - 5.0 / 9.0).abs() < 1e-12);
        assert!((expected_coverage(1000, 5) - 0.969).abs() < 1e-3);
    }

    #[test]
    fn refuses_more_neighbours_than_images() {
        let three = Features::from_rows(&[0.0, 1.0, 2.0], 3, 1).unwrap();
        assert!(prdc(&three, &three, 3).is_err());
    }
}
