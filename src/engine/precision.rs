//! Low precision of convolutional networks: activations and kernels rounded to bfloat16, sums, weights and whatever comes
//! before and after (latents, images, scores) in float32.
//!
//! It holds for the thread and the time of a [`Scope`], so that what is measured or compared stays in float32 unless it is
//! inside one.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::fused;

/// Precision of convolutional networks' activations and kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// bfloat16 on a CPU that has instructions for it, else float32: a fact, not a measurement, so that a run that goes on
    /// on a busy machine goes on as it began ([`speed_up`] measures what it brings).
    #[default]
    Auto,
    Float32,
    Bfloat16,
}

thread_local! {
    static LOW: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, what this thread brings into a convolutional network ([`lowered`], `fused::from_image`) is in the scope's
/// precision, and so are the layers after it.
pub struct Scope {
    before: bool,
}

impl Scope {
    /// [`Precision::Auto`] counts as float32 here: resolve it first.
    pub fn enter(precision: Precision) -> Self {
        Self { before: LOW.replace(precision == Precision::Bfloat16) }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        LOW.set(self.before);
    }
}

impl Precision {
    /// As written in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
        }
    }

    /// Settles "auto" on `device`.
    pub fn resolve(self, device: Device) -> Self {
        match self {
            Self::Auto if device == Device::Cpu && has_bfloat16() => Self::Bfloat16,
            Self::Auto => Self::Float32,
            chosen => chosen,
        }
    }
}

/// Time of a float32 convolution over that of a bfloat16 one, casts included; `None` on a CPU without such instructions.
pub fn speed_up() -> Option<f64> {
    static MEASURED: OnceLock<Option<f64>> = OnceLock::new();
    *MEASURED.get_or_init(|| has_bfloat16().then(|| time(Precision::Float32) / time(Precision::Bfloat16)))
}

fn has_bfloat16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Best of three of forward and backward, after one that is not counted.
fn time(precision: Precision) -> f64 {
    let _scope = Scope::enter(precision);
    let options = (Kind::Float, Device::Cpu);
    let x = Tensor::ones([8, 64, 16, 16], options).set_requires_grad(true);
    let weight = Tensor::ones([64, 64, 3, 3], options).set_requires_grad(true);
    let pass = || {
        let start = Instant::now();
        let y = fused::convolution(&lowered(&x), &weight, 1.0, 1, 1);
        drop(Tensor::run_backward(&[y.sum(Kind::Float)], &[&x, &weight], false, false));
        start.elapsed().as_secs_f64()
    };
    pass();
    (0..3).map(|_| pass()).fold(f64::INFINITY, f64::min)
}

/// Whether convolutions are in low precision here.
pub fn is_low() -> bool {
    LOW.get()
}

/// A float32 tensor in the precision of the scope; any other as it is.
pub fn lowered(x: &Tensor) -> Tensor {
    match is_low() && x.kind() == Kind::Float {
        true => x.to_kind(Kind::BFloat16),
        false => x.shallow_clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convolve(x: &Tensor, weight: &Tensor) -> Tensor {
        fused::convolution(&lowered(x), weight, 1.0, 1, 1)
    }

    #[test]
    fn low_precision_ends_with_its_scope_and_is_near() {
        tch::manual_seed(1);
        let options = (Kind::Float, Device::Cpu);
        let x = Tensor::randn([2, 8, 12, 12], options);
        let weight = Tensor::randn([4, 8, 3, 3], options);
        let exact = convolve(&x, &weight);
        let low = {
            let _scope = Scope::enter(Precision::Bfloat16);
            assert!(is_low());
            convolve(&x, &weight)
        };
        assert!(!is_low() && low.kind() == Kind::BFloat16);
        let error = ((low.to_kind(Kind::Float) - &exact).abs().max() / exact.abs().max()).double_value(&[]);
        // Eight bits of mantissa: some, and less than 2^-7.
        assert!((1e-5..8e-3).contains(&error), "{error}");
        assert!(convolve(&x, &weight).equal(&exact));
    }

    #[test]
    fn auto_is_settled_by_what_the_machine_has() {
        assert_eq!(Precision::Float32.resolve(Device::Cpu), Precision::Float32);
        let expected = if has_bfloat16() { Precision::Bfloat16 } else { Precision::Float32 };
        assert_eq!(speed_up().is_some(), has_bfloat16());
        assert_eq!(Precision::Auto.resolve(Device::Cpu), expected);
    }
}
