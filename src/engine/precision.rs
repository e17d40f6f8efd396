//! Low precision of convolutional networks: activations and kernels rounded, sums, weights and whatever comes before
//! and after (latents, images, scores) in float32.
//!
//! It holds for the thread and the time of a [`Scope`], so that what is measured or compared stays in float32 unless it
//! is inside one.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::ffi;
use crate::name::shown;
use crate::problem::{Kind as ProblemKind, Problem, Result};

/// Precision of convolutional networks' activations and kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// On a GPU bfloat16 where it has it, else float16 (where activations are bounded) or float32; on a CPU what a
    /// measurement on the networks at hand chooses ([`super::speed`]).
    #[default]
    Auto,
    /// 24 bits of mantissa.
    Float32,
    /// float32 whose products a GPU rounds to 10 bits of mantissa.
    Tf32,
    /// 8 bits of mantissa and float32's range.
    Bfloat16,
    /// GPU only: CPUs compute in it many times slower than in float32.
    Float16,
}

impl Precision {
    /// What a run can have settled on.
    pub const SETTLED: [Self; 4] = [Self::Float32, Self::Tf32, Self::Bfloat16, Self::Float16];

    /// The number by which processes tell each other what one of them settled on.
    pub fn to_number(self) -> f64 {
        Self::SETTLED.iter().position(|one| *one == self).map_or(f64::NAN, |at| at as f64)
    }

    /// What a record calls so.
    ///
    /// # Errors
    /// No precision that a run settles on has this name.
    pub fn of_name(name: &str) -> Result<Self> {
        let found = Self::SETTLED.into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| Problem::new(ProblemKind::Input, format!("\"{}\" is no precision", shown(name))))
    }

    /// What was settled on by the process that told this number.
    ///
    /// # Errors
    /// `Kind::Internal`: no such number.
    pub fn of_number(number: f64) -> Result<Self> {
        let found = Self::SETTLED.into_iter().find(|one| one.to_number() == number);
        found.ok_or_else(|| {
            Problem::new(ProblemKind::Internal, format!("another process settled on precision {number}"))
        })
    }
}

/// What a [`Scope`] brings about.
#[derive(Clone, Copy)]
struct Numbers {
    kind: Kind,
    tf32: bool,
}

const FULL: Numbers = Numbers { kind: Kind::Float, tf32: false };

thread_local! {
    static NUMBERS: Cell<Numbers> = const { Cell::new(FULL) };
}

/// Threads that are in a scope of tf32. Its flag is the one thing here that holds for the process: libtorch has no
/// other, and computes a GPU's backward pass on threads of its own, which no value of ours reaches. As long as one
/// thread asks for it, a GPU rounds the float32 products of all.
static ROUNDING: Mutex<usize> = Mutex::new(0);

/// While it lives, what this thread brings into a convolutional network ([`lowered`], `fused::from_image`) is in the
/// scope's precision, and so are the layers after it. It ends on the thread that it began on.
pub struct Scope {
    before: Numbers,
    of_this_thread: PhantomData<*const ()>,
}

impl Scope {
    /// [`Precision::Auto`] counts as float32 here: resolve it first.
    pub fn enter(precision: Precision) -> Self {
        let numbers = match precision {
            Precision::Auto | Precision::Float32 => FULL,
            Precision::Tf32 => Numbers { tf32: true, ..FULL },
            Precision::Bfloat16 => Numbers { kind: Kind::BFloat16, ..FULL },
            Precision::Float16 => Numbers { kind: Kind::Half, ..FULL },
        };
        Self { before: change_to(numbers), of_this_thread: PhantomData }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        change_to(self.before);
    }
}

/// Returns what held before.
fn change_to(numbers: Numbers) -> Numbers {
    let before = NUMBERS.replace(numbers);
    if before.tf32 != numbers.tf32 {
        let mut threads = ROUNDING.lock().unwrap_or_else(PoisonError::into_inner);
        *threads = if numbers.tf32 { *threads + 1 } else { *threads - 1 };
        // SAFETY: sets process-wide flags, which only GPU kernels read; takes no pointers.
        let status = unsafe { ffi::rf_set_allow_tf32(i32::from(*threads > 0)) };
        assert_eq!(status, 0, "libtorch takes tf32 on and off");
    }
    before
}

impl Precision {
    /// As written in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Float32 => "float32",
            Self::Tf32 => "tf32",
            Self::Bfloat16 => "bfloat16",
            Self::Float16 => "float16",
        }
    }

    /// Settles "auto" on a GPU, and refuses what `device` does not have, for networks whose activations are bounded
    /// (`conv_clamp`) or not: without a bound they may leave what float16 holds. On a CPU "auto" is for
    /// [`super::speed`] to settle, and counts as float32 here.
    ///
    /// # Errors
    /// A precision that only GPUs have, on a CPU; float16 without a bound.
    pub fn resolve(self, device: Device, bounded: bool) -> Result<Self> {
        // SAFETY: a query without arguments, of a GPU that is there.
        let gpu_has_bfloat16 = || unsafe { ffi::rf_gpu_has_bfloat16() } != 0;
        match (self, device == Device::Cpu) {
            (Self::Auto, true) => Ok(Self::Float32),
            (Self::Auto, false) if gpu_has_bfloat16() => Ok(Self::Bfloat16),
            (Self::Auto, false) => Ok(if bounded { Self::Float16 } else { Self::Float32 }),
            (Self::Tf32 | Self::Float16, true) => Err(Problem::usage(format!("precision {:?} on a CPU", self.name()))
                .expected("\"auto\", \"float32\" or \"bfloat16\"")
                .advice("use --device cuda where there is a GPU")),
            (Self::Float16, false) if !bounded => {
                Err(Problem::usage("precision \"float16\" for a network without conv_clamp")
                    .expected("activations that are bounded, as float16 holds no more than 65504")
                    .advice("take \"bfloat16\", \"tf32\" or \"float32\""))
            }
            (chosen, _) => Ok(chosen),
        }
    }
}

/// Whether the processor has instructions for it.
pub(super) fn has_bfloat16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Kind of activations here: float32 outside every scope.
pub fn kind() -> Kind {
    NUMBERS.get().kind
}

/// A float32 tensor in the precision of the scope; any other as it is.
pub fn lowered(x: &Tensor) -> Tensor {
    match x.kind() {
        Kind::Float if kind() != Kind::Float => x.to_kind(kind()),
        _ => x.shallow_clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fused;

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
            assert_eq!(kind(), Kind::BFloat16);
            convolve(&x, &weight)
        };
        assert_eq!((kind(), low.kind()), (Kind::Float, Kind::BFloat16));
        let error = ((low.to_kind(Kind::Float) - &exact).abs().max() / exact.abs().max()).double_value(&[]);
        // Eight bits of mantissa: some, and less than 2^-7.
        assert!((1e-5..8e-3).contains(&error), "{error}");
        assert!(convolve(&x, &weight).equal(&exact));
    }

    #[test]
    fn tf32_is_asked_for_as_long_as_a_scope_asks() {
        // Other tests enter none of tf32.
        let threads = || *ROUNDING.lock().unwrap();
        let outer = Scope::enter(Precision::Tf32);
        assert_eq!((threads(), kind()), (1, Kind::Float));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _other = Scope::enter(Precision::Tf32);
                assert_eq!(threads(), 2);
            });
        });
        {
            let _again = Scope::enter(Precision::Tf32);
            assert_eq!(threads(), 1);
            let _exact = Scope::enter(Precision::Float32);
            assert_eq!(threads(), 0);
        }
        assert_eq!(threads(), 1);
        drop(outer);
        assert_eq!(threads(), 0);
    }

    #[test]
    fn on_a_cpu_only_what_it_has_is_taken() {
        let resolved = |precision: Precision| precision.resolve(Device::Cpu, true).unwrap();
        assert_eq!(resolved(Precision::Bfloat16), Precision::Bfloat16);
        assert_eq!(resolved(Precision::Auto), Precision::Float32);
        let problem = Precision::Float16.resolve(Device::Cpu, true).unwrap_err().to_string();
        assert!(problem.contains("float16") && problem.contains("bfloat16"), "{problem}");
    }
}
