//! Doubling and halving images and volumes with the low-pass filter [1, 3, 3, 1]/8 in each direction (Karras et al.
//! 2020, section 5).
//!
//! The filter is symmetric, so correlation and convolution with it are the same.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::axes;
use crate::engine::fused::{Resample, convolution, low_pass, transposed_convolution};

/// One axis of the filter, unit sum.
pub const TAPS: [f64; 4] = [0.125, 0.375, 0.375, 0.125];

/// The separable 4x4 filter with unit sum \[4, 4\].
pub fn filter(like: &Tensor) -> Tensor {
    let taps = Tensor::from_slice(&TAPS).to_kind(Kind::Float).to_device(like.device());
    taps.outer(&taps).to_kind(like.kind())
}

/// Images of few channels doubled, \[N, C, H, W\] -> \[N, C, 2H, 2W\]: zeros between pixels, filtered, gain 4, for a
/// volume 8 (mean kept away from the border).
pub fn upsample2(x: &Tensor) -> Tensor {
    let size = x.size();
    // A plane by itself, because there are too few channels to go by.
    let plane: Vec<i64> = [size[0] * size[1], 1].into_iter().chain(size[2..].iter().copied()).collect();
    let double: Vec<i64> = [size[0], size[1]].into_iter().chain(size[2..].iter().map(|side| 2 * side)).collect();
    low_pass(&x.contiguous().reshape(plane), Resample::Double, axes::places(x)).reshape(double)
}

/// Activations \[N, C, H, W\] -> \[N, C, H/2, W/2\]: filtered with padding 1, every second pixel kept.
pub fn downsample2(x: &Tensor) -> Tensor {
    low_pass(x, Resample::Halve, 1.0)
}

/// How a 3x3 convolution doubles or halves each side. What has no such kernel (a discriminator's skip branch, the image
/// that a generator's resolutions add to) is filtered either way: some interpolation it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resampling {
    /// With the low-pass filter, as published.
    #[default]
    Filter,
    /// By the kernel's stride alone.
    Transposed,
}

impl Resampling {
    /// Doubling convolution: transposed 3x3 convolution with stride 2, then the filter with gain 4, for a volume 8.
    /// x \[N, I, H, W\], weight \[O, I, 3, 3\] (oriented as a true convolution) times `gain` -> \[N, O, 2H, 2W\].
    /// Without the filter it is the transposed convolution with padding 1 and one more row and column behind.
    pub fn conv_up2(self, x: &Tensor, weight: &Tensor, gain: f64) -> Tensor {
        self.cut(&transposed_convolution(x, &weight.transpose(0, 1), gain * self.gain_up(x), 2, 0))
    }

    /// Halving convolution: the filter with padding 2, then 3x3 correlation with stride 2; without the filter with
    /// padding 1. x \[N, I, H, W\], weight \[O, I, 3, 3\] times `gain` -> \[N, O, H/2, W/2\].
    pub fn conv_down2(self, x: &Tensor, weight: &Tensor, gain: f64) -> Tensor {
        match self {
            Self::Filter => convolution(&low_pass(x, Resample::Grow, 1.0), weight, gain, 2, 0),
            Self::Transposed => convolution(x, weight, gain, 2, 1),
        }
    }

    /// Factor on a doubling kernel. An output of a transposed convolution sees a quarter of the taps on average, so
    /// that without a factor of 2 its second moment is a quarter of the usual; with the filter, the filter has it.
    pub(super) fn gain_up(self, x: &Tensor) -> f64 {
        match self {
            Self::Filter => 1.0,
            Self::Transposed => axes::places(x).sqrt(),
        }
    }

    /// What a doubling layer gives, of a transposed convolution of stride 2 without padding:
    /// \[N, C, 2H + 1, 2W + 1\] -> \[N, C, 2H, 2W\].
    pub(super) fn cut(self, y: &Tensor) -> Tensor {
        match self {
            Self::Filter => low_pass(y, Resample::Shrink, axes::places(y)),
            Self::Transposed => {
                let without_first = |y: Tensor, axis: i64| y.narrow(axis, 1, y.size()[axis as usize] - 1);
                axes::of_space(y).into_iter().fold(y.shallow_clone(), without_first)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn constant(size: &[i64]) -> Tensor {
        Tensor::full(size, 3.0, (Kind::Float, Device::Cpu))
    }

    /// The values that are `border` or more away from each side.
    fn inside(x: &Tensor, border: i64) -> Vec<f32> {
        let inner = |x: Tensor, axis: i64| x.narrow(axis, border, x.size()[axis as usize] - 2 * border);
        let x = (2..x.dim() as i64).fold(x.shallow_clone(), inner);
        Vec::try_from(x.reshape([-1])).unwrap()
    }

    #[test]
    fn a_constant_image_doubled_and_halved_stays_constant() {
        for size in [vec![1, 2, 8, 8], vec![1, 2, 8, 8, 8]] {
            let double = upsample2(&constant(&size));
            assert_eq!(double.size()[2..], vec![16; size.len() - 2]);
            assert!(inside(&double, 1).iter().all(|&value| value == 3.0));
            let half = downsample2(&constant(&size));
            assert_eq!(half.size()[2..], vec![4; size.len() - 2]);
            assert!(inside(&half, 1).iter().all(|&value| value == 3.0));
        }
    }

    #[test]
    fn at_the_border_the_zeros_outside_take_their_share() {
        // Halved, the first value sees the taps 3, 3, 1 of eight; doubled, one of its two, 3 of 4.
        let half = Vec::<f32>::try_from(downsample2(&constant(&[1, 1, 4, 4])).reshape([-1])).unwrap();
        assert_eq!(half, [3.0 * 0.875 * 0.875; 4]);
        let double = Vec::<f32>::try_from(upsample2(&constant(&[1, 1, 1, 1])).reshape([-1])).unwrap();
        assert_eq!(double, [3.0 * 0.75 * 0.75; 4]);
    }

    #[test]
    fn a_resampling_convolution_of_a_constant_sums_its_kernel() {
        for (size, kernel) in [(vec![1, 1, 8, 8], vec![1, 1, 3, 3]), (vec![1, 1, 8, 8, 8], vec![1, 1, 3, 3, 3])] {
            let taps = kernel.iter().product::<i64>() as f32;
            let ones = Tensor::ones(&kernel, (Kind::Float, Device::Cpu));
            // Halving, every output sees the whole kernel; doubling, each of 2^d outputs its share of it.
            let half = Resampling::Filter.conv_down2(&constant(&size), &ones, 2.0);
            assert!(inside(&half, 1).iter().all(|value| (value - 6.0 * taps).abs() < 1e-3), "{half}");
            let double = Resampling::Filter.conv_up2(&constant(&size), &ones, 2.0);
            assert_eq!(double.size()[2..], vec![16; size.len() - 2]);
            assert!(inside(&double, 3).iter().all(|value| (value - 6.0 * taps).abs() < 1e-3), "{double}");
        }
    }

    /// Without a filter: libtorch's own transposed convolution with one more row and column behind, times 2, and its
    /// convolution of stride 2; values, gradients and the gradients' gradients.
    #[test]
    fn a_stride_alone_is_that_of_plain_convolutions() {
        let drawn = |size: &[i64], seed| {
            tch::manual_seed(seed);
            Tensor::randn(size, (Kind::Double, Device::Cpu)).set_requires_grad(true)
        };
        let (x, weight) = (drawn(&[2, 3, 4, 6], 1), drawn(&[5, 3, 3, 3], 2));
        let inputs = [&x, &weight];
        let none = None::<Tensor>;
        let up = |x: &Tensor, w: &Tensor| {
            x.conv_transpose2d(&(w.transpose(0, 1) * 3.0), none.as_ref(), [2, 2], [1, 1], [1, 1], 1, [1, 1])
        };
        let down = |x: &Tensor, w: &Tensor| x.conv2d(&(w * 1.5), none.as_ref(), [2, 2], [1, 1], [1, 1], 1);
        let of = Resampling::Transposed;
        for (found, expected, size) in [
            (of.conv_up2(&x, &weight, 1.5), up(&x, &weight), [2, 5, 8, 12]),
            (of.conv_down2(&x, &weight, 1.5), down(&x, &weight), [2, 5, 2, 3]),
        ] {
            assert_eq!(found.size(), size);
            let derivatives = |y: &Tensor| {
                let first = Tensor::run_backward(&[(y * y.cos()).sum(Kind::Double)], &inputs, true, true);
                let penalty = first.iter().map(|g| g.square().sum(Kind::Double)).reduce(|a, b| a + b).unwrap();
                let second = Tensor::run_backward(&[penalty], &inputs, true, false);
                std::iter::once(y.shallow_clone()).chain(first).chain(second).collect::<Vec<_>>()
            };
            for (found, expected) in derivatives(&found).iter().zip(&derivatives(&expected)) {
                assert!(found.allclose(expected, 1e-9, 1e-9, false), "{found} for {expected}");
            }
        }
    }

    /// What is drawn from N(0, 1) has a mean square of about 1 after doubling, as it has after a layer that does not.
    #[test]
    fn doubling_without_a_filter_keeps_the_second_moment() {
        tch::manual_seed(1);
        let options = (Kind::Float, Device::Cpu);
        let (x, weight) = (Tensor::randn([8, 16, 16, 16], options), Tensor::randn([32, 16, 3, 3], options));
        let y = Resampling::Transposed.conv_up2(&x, &weight, 1.0 / 12.0);
        let moment = y.square().mean(Kind::Float).double_value(&[]);
        assert!((moment - 1.0).abs() < 0.1, "{moment}");
    }
}
