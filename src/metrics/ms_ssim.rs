//! Structural similarity over several scales (Wang, Simoncelli and Bovik 2003, equation 7): the contrast and structure
//! of two images at each scale and their luminance at the last, each to its power.
//!
//! As pytorch-msssim: Gaussian window of 11 pixels and sigma 1.5 inside the image, K1 = .01, K2 = .03, averages of 2 x
//! 2 pixels between scales, what is negative taken as 0. The published five scales need 161 pixels; of a smaller image
//! as many are taken as it has, the powers divided by their sum. Such a number is not comparable with one of five
//! scales.

use tch::{Kind, Tensor};

use crate::problem::{Problem, Result};

/// Powers of the scales, from the finest.
const POWERS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
const WINDOW: i64 = 11;
const SIGMA: f64 = 1.5;

/// Scales of an image whose smaller side is `side`: the window must fit into the coarsest one. 5 at most, 0 below the
/// window.
pub fn scales(side: i64) -> usize {
    (0..POWERS.len()).take_while(|&scale| side > (WINDOW - 1) << scale).count()
}

/// The similarity of each pair of images \[N, C, H, W\], mean over channels; in 0..1, 1 for equal images. `range` is
/// the span of possible values (2 for \[-1, 1\]).
///
/// # Errors
/// Other shapes, an image smaller than the window, or a range that is not positive.
pub fn ms_ssim(a: &Tensor, b: &Tensor, range: f64) -> Result<Vec<f64>> {
    let size = a.size();
    let side = size.get(2..).map_or(0, |sides| sides.iter().copied().min().unwrap_or(0));
    let count = scales(side);
    if size.len() != 4 || b.size() != size || count == 0 {
        return Err(Problem::usage(format!("images of {size:?} and {:?}", b.size()))
            .expected(format!("two sets of images of one size, at least {WINDOW} x {WINDOW}")));
    }
    if range.is_nan() || range <= 0.0 {
        return Err(Problem::usage(format!("value range {range}")).expected("a positive range"));
    }
    let total: f64 = if count == POWERS.len() { 1.0 } else { POWERS[..count].iter().sum() };
    // Channels apart, each like an image of its own.
    let apart = |x: &Tensor| x.to_kind(Kind::Double).reshape([-1, 1, size[2], size[3]]);
    let (mut a, mut b) = (apart(a), apart(b));
    let mut product = Tensor::ones([size[0] * size[1]], (Kind::Double, a.device()));
    for (scale, power) in POWERS[..count].iter().enumerate() {
        let [whole, contrast] = one_scale(&a, &b, range);
        let last = scale + 1 == count;
        product *= (if last { whole } else { contrast }).relu().pow_tensor_scalar(power / total);
        if !last {
            let odd = [a.size()[2] % 2, a.size()[3] % 2];
            let half = |x: &Tensor| x.avg_pool2d([2, 2], [2, 2], odd, false, true, None);
            (a, b) = (half(&a), half(&b));
        }
    }
    Ok(Vec::try_from(product.reshape([size[0], size[1]]).mean_dim(1i64, false, Kind::Double))?)
}

/// Means over the image of the similarity and of its part without luminance, each \[N\].
fn one_scale(a: &Tensor, b: &Tensor, range: f64) -> [Tensor; 2] {
    let mean = |x: &Tensor| smooth(x);
    let (mean_a, mean_b) = (mean(a), mean(b));
    let variance_a = mean(&a.square()) - mean_a.square();
    let variance_b = mean(&b.square()) - mean_b.square();
    let covariance = mean(&(a * b)) - &mean_a * &mean_b;
    let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
    let contrast = (covariance * 2.0 + c2) / (variance_a + variance_b + c2);
    let luminance = (&mean_a * &mean_b * 2.0 + c1) / (mean_a.square() + mean_b.square() + c1);
    let over_image = |map: Tensor| map.mean_dim([1i64, 2, 3].as_slice(), false, Kind::Double);
    [over_image(luminance * &contrast), over_image(contrast)]
}

/// Gaussian window, where it lies inside the image.
fn smooth(x: &Tensor) -> Tensor {
    let taps: Vec<f64> =
        (0..WINDOW).map(|at| (-(at as f64 - (WINDOW / 2) as f64).powi(2) / (2.0 * SIGMA * SIGMA)).exp()).collect();
    let sum: f64 = taps.iter().sum();
    let taps = Tensor::from_slice(&taps.iter().map(|tap| tap / sum).collect::<Vec<_>>()).to_device(x.device());
    let along = |x: &Tensor, shape: [i64; 4]| x.conv2d(&taps.reshape(shape), None::<Tensor>, [1, 1], [0, 0], [1, 1], 1);
    along(&along(x, [1, 1, WINDOW, 1]), [1, 1, 1, WINDOW])
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    /// As `picture` of the script.
    fn picture(side: usize, channels: usize, phase: f64) -> Tensor {
        let one = |c: f64, x: f64, y: f64| {
            (x / (5.0 + c) + phase).sin() * (y / (7.0 - c)).cos() * 0.5
                + 0.3 * (x * y / (40.0 + side as f64) + 2.0 * phase).sin()
        };
        let plane = side * side;
        let value = |at: usize| one((at / plane) as f64, (at % side) as f64, (at % plane / side) as f64);
        let values: Vec<f64> = (0..channels * plane).map(value).collect();
        Tensor::from_slice(&values).reshape([1, channels as i64, side as i64, side as i64])
    }

    #[test]
    fn agrees_with_pytorch_msssim_at_five_scales_and_at_fewer() {
        let cases = crate::metrics::tests::evaluate().ms_ssim;
        assert_eq!(cases.iter().map(|case| case.scales).collect::<Vec<_>>(), [5, 3, 3]);
        for case in cases {
            assert_eq!(scales(case.side as i64), case.scales);
            let [a, b] = case.phases.map(|phase| picture(case.side, case.channels, phase));
            // The package's window has 24 bits.
            assert_relative_eq!(ms_ssim(&a, &b, 2.0).unwrap()[0], case.value, max_relative = 3e-8);
        }
    }

    #[test]
    fn an_image_is_like_itself_and_constants_differ_by_their_luminance() {
        let image = picture(64, 2, 0.0);
        assert_relative_eq!(ms_ssim(&image, &image, 2.0).unwrap()[0], 1.0, epsilon = 1e-12);
        // One scale, power 1: (2 * 1 * 2 + c1) / (1 + 4 + c1) with c1 = (.01 * 10)^2 = .01.
        let [one, two] = [1.0, 2.0].map(|value| Tensor::full([1, 1, 12, 12], value, (Kind::Double, tch::Device::Cpu)));
        assert_relative_eq!(ms_ssim(&one, &two, 10.0).unwrap()[0], 4.01 / 5.01, epsilon = 1e-12);
    }

    #[test]
    fn the_window_must_fit() {
        assert_eq!([10, 11, 20, 21, 64, 160, 161].map(scales), [0, 1, 1, 2, 3, 4, 5]);
        let small = Tensor::zeros([1, 1, 10, 30], (Kind::Double, tch::Device::Cpu));
        assert!(ms_ssim(&small, &small, 2.0).is_err());
    }
}
