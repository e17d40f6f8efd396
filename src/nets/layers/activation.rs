//! Leaky ReLU with slope 0.2 and an optional bound, the only activation of StyleGAN2.
//!
//! Gains are folded into what comes before: gain * lrelu(x) = lrelu(gain * x) for a positive gain.

use tch::Tensor;

/// Gain that keeps the second moment after a leaky ReLU.
pub const GAIN: f64 = std::f64::consts::SQRT_2;

/// lrelu(x), \[N, C\].
pub fn leaky_relu(x: &Tensor) -> Tensor {
    x.maximum(&(x * 0.2))
}

/// min(max(x, -bound), bound), or x where there is no bound.
pub fn clamp(x: Tensor, bound: Option<f64>) -> Tensor {
    match bound {
        Some(bound) => x.clamp(-bound, bound),
        None => x,
    }
}
