//! Doubling and halving images with the low-pass filter [1, 3, 3, 1]/8 in each direction (Karras et al. 2020, section 5).
//!
//! The filter is symmetric, so correlation and convolution with it are the same.

use tch::{Kind, Tensor};

use crate::engine::precision;

/// One axis of the filter, unit sum.
pub const TAPS: [f64; 4] = [0.125, 0.375, 0.375, 0.125];

/// The separable 4x4 filter with unit sum \[4, 4\].
pub fn filter(like: &Tensor) -> Tensor {
    let taps = Tensor::from_slice(&TAPS).to_kind(Kind::Float).to_device(like.device());
    taps.outer(&taps).to_kind(like.kind())
}

/// The filter once for each of `channels`, times `gain`: \[channels, 1, 4, 4\].
fn depthwise(like: &Tensor, channels: i64, gain: f64) -> Tensor {
    (filter(like) * gain).expand([channels, 1, 4, 4], false).contiguous()
}

/// Filters without changing the size (padding 2 before, 1 after). x \[N, C, H, W\].
pub fn filter_same(x: &Tensor) -> Tensor {
    let channels = x.size()[1];
    let none = None::<Tensor>;
    x.constant_pad_nd([2, 1, 2, 1]).conv2d(&depthwise(x, channels, 1.0), none, [1, 1], [0, 0], [1, 1], channels)
}

/// \[N, C, H, W\] -> \[N, C, 2H, 2W\]: zeros between pixels, filtered, gain 4 (mean kept away from the border).
pub fn upsample2(x: &Tensor) -> Tensor {
    let channels = x.size()[1];
    let none = None::<Tensor>;
    x.conv_transpose2d(&depthwise(x, channels, 4.0), none, [2, 2], [1, 1], [0, 0], channels, [1, 1])
}

/// \[N, C, H, W\] -> \[N, C, H/2, W/2\]: filtered with padding 1, every second pixel kept.
pub fn downsample2(x: &Tensor) -> Tensor {
    let channels = x.size()[1];
    let none = None::<Tensor>;
    x.conv2d(&depthwise(x, channels, 1.0), none, [2, 2], [1, 1], [1, 1], channels)
}

/// The 3x3 kernels with the filter folded in: \[O, I, 3, 3\] -> \[O, I, 6, 6\], as one matrix product.
fn merged(weight: &Tensor, gain: f64) -> Tensor {
    let (outputs, inputs, height, width) = weight.size4().expect("a kernel has 4 axes");
    assert_eq!((height, width), (3, 3), "only 3x3 kernels are merged with the filter");
    let mut spread = [0.0_f32; 9 * 36];
    for tap in 0..9 {
        for (y, vertical) in TAPS.iter().enumerate() {
            for (x, horizontal) in TAPS.iter().enumerate() {
                spread[tap * 36 + (tap / 3 + y) * 6 + tap % 3 + x] = (vertical * horizontal * gain) as f32;
            }
        }
    }
    let spread = Tensor::from_slice(&spread).reshape([9, 36]).to_device(weight.device()).to_kind(weight.kind());
    weight.reshape([outputs * inputs, 9]).matmul(&spread).reshape([outputs, inputs, 6, 6])
}

/// Doubling convolution: transposed 3x3 convolution with stride 2, then the filter with gain 4.
/// x \[N, I, H, W\], weight \[O, I, 3, 3\] (oriented as a true convolution) -> \[N, O, 2H, 2W\].
pub fn conv_up2(x: &Tensor, weight: &Tensor) -> Tensor {
    let kernel = merged(weight, 4.0).transpose(0, 1);
    precision::conv_transpose2d(x, &kernel, 2, 2)
}

/// Halving convolution: the filter with padding 2, then 3x3 correlation with stride 2.
/// x \[N, I, H, W\], weight \[O, I, 3, 3\] -> \[N, O, H/2, W/2\].
pub fn conv_down2(x: &Tensor, weight: &Tensor) -> Tensor {
    precision::conv2d(x, &merged(weight, 1.0), 2, 2, 1)
}
