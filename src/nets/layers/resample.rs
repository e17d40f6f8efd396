//! Doubling and halving images with the low-pass filter [1, 3, 3, 1]/8 in each direction (Karras et al. 2020, section 5).
//!
//! The filter is symmetric, so correlation and convolution with it are the same.

use tch::{Kind, Tensor};

use crate::engine::fused::{Resample, convolution, low_pass, transposed_convolution};

/// One axis of the filter, unit sum.
pub const TAPS: [f64; 4] = [0.125, 0.375, 0.375, 0.125];

/// The separable 4x4 filter with unit sum \[4, 4\].
pub fn filter(like: &Tensor) -> Tensor {
    let taps = Tensor::from_slice(&TAPS).to_kind(Kind::Float).to_device(like.device());
    taps.outer(&taps).to_kind(like.kind())
}

/// Images of few channels doubled, \[N, C, H, W\] -> \[N, C, 2H, 2W\]: zeros between pixels, filtered, gain 4 (mean kept away
/// from the border).
pub fn upsample2(x: &Tensor) -> Tensor {
    let (batch, channels, height, width) = x.size4().expect("an image has 4 axes");
    // A plane by itself, because there are too few channels to go by.
    let planes = x.contiguous().reshape([batch * channels, 1, height, width]);
    low_pass(&planes, Resample::Double, 4.0).reshape([batch, channels, 2 * height, 2 * width])
}

/// Activations \[N, C, H, W\] -> \[N, C, H/2, W/2\]: filtered with padding 1, every second pixel kept.
pub fn downsample2(x: &Tensor) -> Tensor {
    low_pass(x, Resample::Halve, 1.0)
}

/// Doubling convolution: transposed 3x3 convolution with stride 2, then the filter with gain 4.
/// x \[N, I, H, W\], weight \[O, I, 3, 3\] (oriented as a true convolution) times `gain` -> \[N, O, 2H, 2W\].
pub fn conv_up2(x: &Tensor, weight: &Tensor, gain: f64) -> Tensor {
    low_pass(&transposed_convolution(x, &weight.transpose(0, 1), gain, 2, 0), Resample::Shrink, 4.0)
}

/// Halving convolution: the filter with padding 2, then 3x3 correlation with stride 2.
/// x \[N, I, H, W\], weight \[O, I, 3, 3\] times `gain` -> \[N, O, H/2, W/2\].
pub fn conv_down2(x: &Tensor, weight: &Tensor, gain: f64) -> Tensor {
    convolution(&low_pass(x, Resample::Grow, 1.0), weight, gain, 2, 0)
}
