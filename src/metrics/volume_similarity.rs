//! Structural similarity of volumes over several scales (Wang, Simoncelli and Bovik 2003, equation 7, with a window of
//! three directions): contrast and structure at each scale but the last, all of it at the last, each once to its power.
//!
//! Some published code multiplies the last scale's term once for every scale; numbers of it are not comparable with
//! these. Gaussian window of 7 voxels and sigma 1.5 inside the volume, K1 = .01, K2 = .03, means of 2 x 2 x 2 voxels
//! between scales, what is negative taken as 0; of so few scales as fit the powers divided by their sum.

use tch::{Kind, Tensor};

use crate::problem::{Problem, Result};

/// Powers of the scales, from the finest.
const POWERS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// Voxels of the window each way.
pub const WINDOW: i64 = 7;

const SIGMA: f64 = 1.5;

/// Scales of a volume of `side` voxels each way: the window must fit into the coarsest one.
pub fn scales(side: i64) -> usize {
    (0..POWERS.len()).take_while(|&scale| (side >> scale) >= WINDOW).count()
}

/// The similarity of each pair of volumes \[N, C, S, S, S\], mean over channels; 1 for equal ones. `range` is the span
/// of possible values.
///
/// # Errors
/// Other shapes, or volumes smaller than the window.
pub fn ms_ssim(a: &Tensor, b: &Tensor, range: f64) -> Result<Vec<f64>> {
    let size = a.size();
    let count = scales(size.get(2..).map_or(0, |sides| sides.iter().copied().min().unwrap_or(0)));
    if size.len() != 5 || b.size() != size || count == 0 {
        return Err(Problem::usage(format!("volumes of {size:?} and {:?}", b.size()))
            .expected(format!("two sets of volumes of one size, at least {WINDOW} voxels each way")));
    }
    let total: f64 = POWERS[..count].iter().sum();
    let apart = |x: &Tensor| x.to_kind(Kind::Double).flatten(0, 1).unsqueeze(1);
    let (mut a, mut b) = (apart(a), apart(b));
    let mut product = Tensor::ones([size[0] * size[1]], (Kind::Double, a.device()));
    for (scale, power) in POWERS[..count].iter().enumerate() {
        let [whole, contrast] = one_scale(&a, &b, range);
        let last = scale + 1 == count;
        product *= (if last { whole } else { contrast }).relu().pow_tensor_scalar(power / total);
        if !last {
            let half = |x: &Tensor| x.avg_pool3d([2, 2, 2], [2, 2, 2], [0, 0, 0], false, true, None);
            (a, b) = (half(&a), half(&b));
        }
    }
    Ok(Vec::try_from(product.reshape([size[0], size[1]]).mean_dim(1i64, false, Kind::Double))?)
}

/// Means over the volume of the similarity and of its part without luminance, each \[N\].
fn one_scale(a: &Tensor, b: &Tensor, range: f64) -> [Tensor; 2] {
    let (mean_a, mean_b) = (smooth(a), smooth(b));
    let variance_a = smooth(&a.square()) - mean_a.square();
    let variance_b = smooth(&b.square()) - mean_b.square();
    let covariance = smooth(&(a * b)) - &mean_a * &mean_b;
    let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
    let contrast = (covariance * 2.0 + c2) / (variance_a + variance_b + c2);
    let luminance = (&mean_a * &mean_b * 2.0 + c1) / (mean_a.square() + mean_b.square() + c1);
    let over_volume = |map: Tensor| map.mean_dim([1i64, 2, 3, 4].as_slice(), false, Kind::Double);
    [over_volume(luminance * &contrast), over_volume(contrast)]
}

/// Gaussian window, where it lies inside the volume.
fn smooth(x: &Tensor) -> Tensor {
    let taps: Vec<f64> =
        (0..WINDOW).map(|at| (-(at as f64 - (WINDOW / 2) as f64).powi(2) / (2.0 * SIGMA * SIGMA)).exp()).collect();
    let sum: f64 = taps.iter().sum();
    let taps = Tensor::from_slice(&taps.iter().map(|tap| tap / sum).collect::<Vec<_>>()).to_device(x.device());
    (2..5).fold(x.shallow_clone(), |x, axis| {
        let mut shape = [1i64; 5];
        shape[axis] = WINDOW;
        x.conv3d(&taps.reshape(shape), None::<Tensor>, [1, 1, 1], [0, 0, 0], [1, 1, 1], 1)
    })
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// Volumes by formula, so that a script can make them again.
    fn volumes(phase: f64) -> Tensor {
        (Tensor::arange(2 * 28 * 28 * 28, (Kind::Double, Device::Cpu)) * 0.37 + phase).sin().reshape([1, 2, 28, 28, 28])
    }

    #[test]
    fn equal_volumes_are_alike_and_scales_are_those_that_fit() {
        assert_eq!([6, 7, 14, 32, 64, 128].map(scales), [0, 1, 2, 3, 4, 5]);
        assert_eq!(ms_ssim(&volumes(0.0), &volumes(0.0), 2.0).unwrap(), [1.0]);
        assert!(ms_ssim(&volumes(0.0).narrow(2, 0, 6), &volumes(0.0).narrow(2, 0, 6), 2.0).is_err());
    }

    /// `scripts/make_volume_similarity.py` computes the same from the formula with scipy's correlation.
    #[test]
    fn as_another_implementation_has_it() {
        let (a, b) = (volumes(0.0), volumes(0.8) * 0.9 + 0.05);
        let found = ms_ssim(&a, &b, 2.0).unwrap()[0];
        assert!((found - EXPECTED).abs() < 1e-9, "{found}");
    }

    const EXPECTED: f64 = 0.286_079_515_510_788_6;
}
