//! Features on few axes: where there are fewer images than features a covariance is singular, and a Frechet distance
//! says more about the number of images than about them.

use tch::{Kind, Tensor};

use super::features::Features;
use crate::problem::{Problem, Result};

/// The axes along which one set varies most (principal components), from its mean.
pub struct Components {
    mean: Tensor,
    /// \[F, components\].
    axes: Tensor,
}

impl Components {
    /// `count` axes of `set`, or as many as it has: its features, or its images less one.
    ///
    /// # Errors
    /// None is asked for.
    pub fn of(set: &Features, count: i64) -> Result<Self> {
        if count < 1 {
            return Err(Problem::usage(format!("{count} principal components")).expected("at least one"));
        }
        let mean = set.tensor().mean_dim(0, false, Kind::Double);
        let (_, _, axes) = (set.tensor() - &mean).svd(true, true); // [F, min(N, F)]
        let count = count.min(set.dims()).min(set.n() - 1);
        Ok(Self { mean, axes: axes.narrow(1, 0, count).contiguous() })
    }

    /// How many.
    pub fn count(&self) -> i64 {
        self.axes.size()[1]
    }

    /// Where `set` lies on them, \[N, components\].
    ///
    /// # Errors
    /// Another number of features.
    pub fn apply(&self, set: &Features) -> Result<Features> {
        if set.dims() != self.mean.size()[0] {
            return Err(Problem::usage(format!("{} features on axes of {}", set.dims(), self.mean.size()[0])));
        }
        Features::new(&(set.tensor() - &self.mean).matmul(&self.axes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::frechet;
    use crate::metrics::tests::evaluate;
    use approx::assert_relative_eq;

    #[test]
    fn points_on_a_line_have_one_axis() {
        let line = Features::from_rows(&[0.0, 0.0, 3.0, 4.0, 6.0, 8.0], 3, 2).unwrap();
        let axes = Components::of(&line, 9).unwrap();
        assert_eq!(axes.count(), 2);
        let found = Components::of(&line, 1).unwrap().apply(&line).unwrap();
        let values: Vec<f64> = Vec::try_from(found.tensor().abs().reshape([-1])).unwrap();
        for (value, expected) in values.iter().zip([5.0, 0.0, 5.0]) {
            assert_relative_eq!(*value, expected, epsilon = 1e-12);
        }
    }

    #[test]
    fn a_frechet_distance_on_few_axes_agrees_with_torch_fidelity() {
        let case = evaluate();
        let (a, b) = (case.set_a(), case.set_b());
        assert_relative_eq!(frechet::distance(&a, &b).unwrap().distance, case.fid, max_relative = 1e-7);
        let axes = Components::of(&a, case.components).unwrap();
        let found = frechet::distance(&axes.apply(&a).unwrap(), &axes.apply(&b).unwrap()).unwrap();
        assert_relative_eq!(found.distance, case.fid_of_components, max_relative = 1e-7);
    }
}
