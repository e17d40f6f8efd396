//! Operations of the C++ shim: what libtorch would make in many passes over memory in one, and convolutions whose
//! second derivative is made of convolutions of the same size. Differentiable twice, distances between features once.
//! On the CPU activations lie channels-last (the channels of a pixel side by side), in float32 or bfloat16.
//!
//! What is said of images \[N, C, H, W\] holds for volumes \[N, C, D, H, W\], but for [`unit_features`].
//!
//! What does not fit (shapes, kinds) is a mistake of ours and panics, as tch's own operations do.

use tch::{Kind, Tensor};

use super::ffi::{self, RawTensor};
use super::precision;

mod volume;

/// What [`activate`] does before the leaky ReLU.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// Factor for each image and channel \[N, C\].
    pub scale: Option<&'a Tensor>,
    /// \[C\].
    pub bias: Option<&'a Tensor>,
    /// Map \[1 or N, 1, H, W\] and its strength \[\].
    pub noise: Option<(&'a Tensor, &'a Tensor)>,
    /// Factor on bias and noise; 1 by default.
    pub gain: f64,
}

impl Default for Before<'_> {
    fn default() -> Self {
        Self { scale: None, bias: None, noise: None, gain: 1.0 }
    }
}

/// clamp(lrelu(x scale + (bias + noise strength) gain)) with slope 0.2; x \[N, C, H, W\].
pub fn activate(x: &Tensor, before: Before<'_>, bound: Option<f64>) -> Tensor {
    if x.dim() == volume::AXES {
        let map = before.noise.map(|(map, _)| volume::tall(map));
        let noise = map.as_ref().zip(before.noise.map(|(_, strength)| strength));
        return volume::deep(&activate(&volume::tall(x), Before { noise, ..before }, bound), x);
    }
    let (noise, strength) = before.noise.unzip();
    // SAFETY: every pointer is null or a live tensor's; the shim copies the handles and keeps none.
    let result = unsafe {
        ffi::rf_styled_activation(
            handle(Some(x)),
            handle(before.scale),
            handle(before.bias),
            handle(noise),
            handle(strength),
            before.gain,
            bound.unwrap_or(f64::INFINITY),
        )
    };
    own(result, x)
}

/// Each channel of each image of x \[N, C, H, W\] times its factor \[N, C\].
pub fn scale_channels(x: &Tensor, scale: &Tensor) -> Tensor {
    if x.dim() == volume::AXES {
        return volume::deep(&scale_channels(&volume::tall(x), scale), x);
    }
    // SAFETY: both pointers are live tensors'; the shim copies the handles and keeps none.
    let result = unsafe { ffi::rf_scale_channels(handle(Some(x)), handle(Some(scale))) };
    own(result, x)
}

/// x \[N, I, H, W\] with weight \[O, I, k, k\] times `gain` -> \[N, O, H', W'\]. The result is of x's kind, the
/// gradient of the weight of the weight's.
pub fn convolution(x: &Tensor, weight: &Tensor, gain: f64, stride: i64, padding: i64) -> Tensor {
    // SAFETY: both pointers are live tensors'; the shim copies the handles and keeps none.
    let result = unsafe { ffi::rf_convolution(handle(Some(x)), handle(Some(weight)), gain, stride, padding) };
    own(result, x)
}

/// x \[N, I, H, W\] with weight \[I, O, k, k\] times `gain` -> \[N, O, (H - 1) stride - 2 padding + k, ...\], of x's
/// kind.
pub fn transposed_convolution(x: &Tensor, weight: &Tensor, gain: f64, stride: i64, padding: i64) -> Tensor {
    // SAFETY: both pointers are live tensors'; the shim copies the handles and keeps none.
    let result =
        unsafe { ffi::rf_transposed_convolution(handle(Some(x)), handle(Some(weight)), gain, stride, padding) };
    own(result, x)
}

/// x \[N, I\] with weight \[O, I\] times `gain`, and bias \[O\] times `bias_gain` -> \[N, O\].
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor, gain: f64, bias_gain: f64) -> Tensor {
    // SAFETY: the pointers are live tensors'; the shim copies the handles and keeps none.
    let result = unsafe { ffi::rf_linear(handle(Some(x)), handle(Some(weight)), handle(Some(bias)), gain, bias_gain) };
    own(result, x)
}

/// Activation x \[N, C, H, W\] to a float32 image \[N, J, H, W\] of few channels by kernels \[N or 1, J, C\], pixel by
/// pixel.
pub fn to_image(x: &Tensor, kernels: &Tensor) -> Tensor {
    if x.dim() == volume::AXES {
        return volume::deep(&to_image(&volume::tall(x), kernels), x);
    }
    // SAFETY: both pointers are live tensors'; the shim copies the handles and keeps none.
    let result = unsafe { ffi::rf_to_image(handle(Some(x)), handle(Some(kernels))) };
    own(result, x)
}

/// The way back: float32 image \[N, J, H, W\] to an activation \[N, C, H, W\] in the precision of the scope.
pub fn from_image(image: &Tensor, kernels: &Tensor) -> Tensor {
    if image.dim() == volume::AXES {
        return volume::deep(&from_image(&volume::tall(image), kernels), image);
    }
    let kind = match image.kind() {
        Kind::Float => precision::kind(),
        other => other,
    };
    // SAFETY: both pointers are live tensors'; the shim copies the handles and keeps none.
    let result = unsafe { ffi::rf_from_image(handle(Some(image)), handle(Some(kernels)), scalar_type(kind)) };
    own(result, image)
}

/// Layer x \[N, C, H, W\] -> \[N, H W C\]: each pixel's vector at unit length, divided by sqrt(H W). Differentiable
/// once.
pub fn unit_features(x: &Tensor) -> Tensor {
    // SAFETY: a live tensor's pointer, which the shim copies.
    let result = unsafe { ffi::rf_unit_features(handle(Some(x))) };
    own(result, x)
}

/// Sums of squared differences of \[N, F\] and \[N, F\], \[N\]. Differentiable once.
pub fn squared_distance(a: &Tensor, b: &Tensor) -> Tensor {
    // SAFETY: both pointers are live tensors'; the shim copies the handles and keeps none.
    let result = unsafe { ffi::rf_squared_distance(handle(Some(a)), handle(Some(b))) };
    own(result, a)
}

/// What Adam keeps and moves, of one shape; contiguous float32.
#[derive(Clone, Copy, Debug)]
pub struct AdamState<'a> {
    /// The parameters.
    pub values: &'a Tensor,
    /// First and second moment.
    pub moments: [&'a Tensor; 2],
}

/// One step of Adam (Kingma and Ba 2015, algorithm 1) in place; `rates` \[2\] are the learning rate over the first
/// moment's correction and the root of the second's. Returns the sum of the squared gradient, float64 \[\]. Not
/// differentiable.
pub fn adam(state: AdamState<'_>, gradient: &Tensor, rates: &Tensor, betas: (f64, f64), epsilon: f64) -> Tensor {
    let AdamState { values, moments: [first, second] } = state;
    let pointers = [values, first, second, gradient, rates].map(|tensor| handle(Some(tensor)));
    let [v, m, s, g, r] = pointers;
    // SAFETY: the pointers are live tensors'; the shim copies the handles and keeps none.
    own(unsafe { ffi::rf_adam(v, m, s, g, r, betas.0, betas.1, epsilon) }, values)
}

/// Kinds of filtering with \[1, 3, 3, 1\] / 8 in each direction; zeros lie outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resample {
    /// H -> H + 1: padded by 2 on each side.
    Grow = 0,
    /// H -> H - 1: padded by 1.
    Shrink = 1,
    /// H -> H / 2: padded by 1, every second pixel kept.
    Halve = 2,
    /// H -> 2 H: zeros between the pixels. Each output sees half of the filter's sum in each direction.
    Double = 3,
}

/// x \[N, C, H, W\] filtered, times `gain`.
pub fn low_pass(x: &Tensor, mode: Resample, gain: f64) -> Tensor {
    if x.dim() == volume::AXES {
        return volume::filtered(x, mode, gain);
    }
    // SAFETY: a live tensor's pointer, which the shim copies; `mode` is one of its own.
    let result = unsafe { ffi::rf_low_pass(handle(Some(x)), mode as i32, gain) };
    own(result, x)
}

/// c10::ScalarType of the kinds that images and activations come in.
fn scalar_type(kind: Kind) -> i32 {
    match kind {
        Kind::Half => 5,
        Kind::Float => 6,
        Kind::Double => 7,
        Kind::BFloat16 => 15,
        other => panic!("images of {other:?}"),
    }
}

/// The tensor as the shim takes it, null for none; good for as long as `tensor` lives.
pub(super) fn handle(tensor: Option<&Tensor>) -> *const RawTensor {
    tensor.map_or(std::ptr::null(), |tensor| tensor.as_ptr().cast())
}

/// Takes over a tensor that the shim made. A failure means shapes or kinds that do not fit, our bug, or no memory left,
/// as in any plain operation.
pub(super) fn own(result: *mut RawTensor, x: &Tensor) -> Tensor {
    if result.is_null() {
        // SAFETY: a query without arguments.
        panic!("on a tensor of shape {:?}: {}", x.size(), unsafe { ffi::text(ffi::rf_last_error()) });
    }
    // SAFETY: the shim handed over a new tensor, which nothing else owns.
    unsafe { Tensor::from_ptr(result.cast()) }
}

#[cfg(test)]
mod tests;
