//! Kernel distance (KID's statistic, Binkowski et al. 2018, arXiv 1801.01401): the unbiased squared MMD with the cubic
//! polynomial kernel (x.y / F + 1)^3. Its expectation does not depend on N, so it is the headline at small N; it can be
//! negative.
//!
//! Interface of the library, for features of any network:
//!
//! ```no_run
//! use rimforge::metrics::features::Features;
//! use rimforge::metrics::kid::{KidConfig, distance};
//! use rimforge::seed::RunSeed;
//!
//! // One feature, so the kernel is (xy + 1)^3: 1 within {0, 1}, 8 within {1, 1}, 4.5 on average across;
//! // 1 + 8 - 2 * 4.5 is nothing.
//! let real = Features::from_rows(&[0.0, 1.0], 2, 1)?;
//! let fake = Features::from_rows(&[1.0, 1.0], 2, 1)?;
//! let kid = distance(&real, &fake, &KidConfig::default(), &mut RunSeed(1).stream("kid", 0))?;
//! assert!(kid.value.abs() < 1e-12);
//! # Ok::<(), rimforge::problem::Problem>(())
//! ```

use rand::Rng;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};
use tch::{Kind, Tensor};

use super::features::Features;
use crate::problem::{Problem, Result};
use crate::records::Interval;

/// How the kernel distance is estimated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KidConfig {
    /// Random subsets that the estimate is averaged over, where a set is larger than `subset_size`.
    pub subsets: usize,
    /// Images of a subset, of each set.
    pub subset_size: i64,
    /// Confidence level of the interval.
    pub level: f64,
}

impl Default for KidConfig {
    fn default() -> Self {
        Self { subsets: 100, subset_size: 1000, level: 0.95 }
    }
}

/// Squared MMD between the sets with a normal interval from the two-sample delete-one jackknife over all images
/// (the spread over subsets, which is often printed instead, is no sampling error: the subsets overlap).
///
/// The estimate uses all images where both sets fit into one subset, else the mean over `subsets` draws without
/// replacement of `min(n, subset_size)` images of each. `n` of the interval is the smaller set.
///
/// # Errors
/// Different numbers of features, or settings out of range.
pub fn distance(a: &Features, b: &Features, config: &KidConfig, rng: &mut impl Rng) -> Result<Interval> {
    a.same_dims(b)?;
    if config.subsets == 0 || config.subset_size < 2 || !(0.0..1.0).contains(&config.level) {
        return Err(Problem::usage(format!("kernel distance settings {config:?}"))
            .expected("subsets >= 1, subset_size >= 2, 0 <= level < 1"));
    }
    let n = a.n().min(b.n());
    let (value, method) = if a.n().max(b.n()) <= config.subset_size {
        (mmd2(a.tensor(), b.tensor())?, "two-sample jackknife over images".to_owned())
    } else {
        let size = n.min(config.subset_size);
        let mut sum = 0.0;
        for _ in 0..config.subsets {
            sum += mmd2(&subset(a, size, rng), &subset(b, size, rng))?;
        }
        let method = format!("{} subsets of {size}; two-sample jackknife over images", config.subsets);
        (sum / config.subsets as f64, method)
    };
    let z = Normal::standard().inverse_cdf(0.5 + config.level / 2.0);
    let half = z * jackknife_error(a.tensor(), b.tensor())?;
    Ok(Interval { value, low: value - half, high: value + half, level: config.level, n: n as u64, method })
}

fn subset(features: &Features, size: i64, rng: &mut impl Rng) -> Tensor {
    let rows = rand::seq::index::sample(rng, features.n() as usize, size as usize);
    let rows: Vec<i64> = rows.into_iter().map(|row| row as i64).collect();
    features.tensor().index_select(0, &Tensor::from_slice(&rows))
}

/// (x.y / F + 1)^3 for every pair: \[N, F\] x \[M, F\] -> \[N, M\].
fn kernel(x: &Tensor, y: &Tensor) -> Tensor {
    (x.matmul(&y.tr()) / x.size()[1] as f64 + 1.0).pow_tensor_scalar(3)
}

/// Row sums without the diagonal, \[N\].
fn off_diagonal_sums(x: &Tensor) -> Tensor {
    let k = kernel(x, x);
    k.sum_dim_intlist(1, false, Kind::Double) - k.diagonal(0, 0, 1)
}

fn mmd2(a: &Tensor, b: &Tensor) -> Result<f64> {
    let (m, n) = (a.size()[0] as f64, b.size()[0] as f64);
    let aa = f64::try_from(off_diagonal_sums(a).sum(Kind::Double))?;
    let bb = f64::try_from(off_diagonal_sums(b).sum(Kind::Double))?;
    let ab = f64::try_from(kernel(a, b).mean(Kind::Double))?;
    Ok(aa / (m * (m - 1.0)) + bb / (n * (n - 1.0)) - 2.0 * ab)
}

/// Standard error: each image of each set is left out once; row sums make that one pass, O(N^2 F). 0 below 3 images.
fn jackknife_error(a: &Tensor, b: &Tensor) -> Result<f64> {
    let cross = kernel(a, b);
    let variance = |x: &Tensor, cross_sums: Tensor, others: f64| -> Result<f64> {
        let n = x.size()[0] as f64;
        if n < 3.0 {
            return Ok(0.0);
        }
        let own = off_diagonal_sums(x);
        let own_left = own.sum(Kind::Double) - &own * 2.0;
        let cross_left = cross_sums.sum(Kind::Double) - &cross_sums;
        let left_out = own_left / ((n - 1.0) * (n - 2.0)) - cross_left * (2.0 / ((n - 1.0) * others));
        let spread = (&left_out - left_out.mean(Kind::Double)).square().sum(Kind::Double);
        Ok(f64::try_from(spread)? * (n - 1.0) / n)
    };
    let (m, n) = (a.size()[0] as f64, b.size()[0] as f64);
    let of_a = variance(a, cross.sum_dim_intlist(1, false, Kind::Double), n)?;
    let of_b = variance(b, cross.sum_dim_intlist(0, false, Kind::Double), m)?;
    Ok((of_a + of_b).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;
    use approx::assert_relative_eq;

    #[test]
    fn two_points_each_can_be_done_by_hand() {
        // F = 1, kernel (xy + 1)^3: within {0, 1}: 1; within {1, 1}: 8; across: (1 + 1 + 8 + 8) / 4 = 4.5;
        // 1 + 8 - 9 = 0.
        let a = Features::from_rows(&[0.0, 1.0], 2, 1).unwrap();
        let b = Features::from_rows(&[1.0, 1.0], 2, 1).unwrap();
        let kid = distance(&a, &b, &KidConfig::default(), &mut RunSeed(0).stream("kid", 0)).unwrap();
        assert_relative_eq!(kid.value, 0.0, epsilon = 1e-12);
    }

    #[test]
    fn agrees_with_numpy() {
        let case = crate::metrics::tests::fixture().kid;
        let a = Features::from_rows(&case.a, case.n_a, case.f).unwrap();
        let b = Features::from_rows(&case.b, case.n_b, case.f).unwrap();
        let kid = distance(&a, &b, &KidConfig::default(), &mut RunSeed(0).stream("kid", 0)).unwrap();
        assert_relative_eq!(kid.value, case.mmd2, max_relative = 1e-9);
        assert_relative_eq!((kid.high - kid.low) / 2.0, 1.959963984540054 * case.standard_error, max_relative = 1e-8);
    }

    #[test]
    fn subsets_repeat_with_the_seed_and_stay_near_the_whole() {
        let case = crate::metrics::tests::fixture().kid;
        let a = Features::from_rows(&case.a, case.n_a, case.f).unwrap();
        let b = Features::from_rows(&case.b, case.n_b, case.f).unwrap();
        let config = KidConfig { subset_size: 10, subsets: 400, ..KidConfig::default() };
        let draw = |seed| distance(&a, &b, &config, &mut RunSeed(seed).stream("kid", 0)).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1).value, draw(2).value);
        assert!((draw(1).value - case.mmd2).abs() < case.standard_error);
    }
}
