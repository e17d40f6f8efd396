//! Where a stage computes, as far as the last bits of its results depend on it; and whether it may go on with what was
//! begun elsewhere.

use std::path::Path;

use tch::Device;

use super::{ffi, start};
use crate::problem::{Kind, Problem, Result};
use crate::records::arithmetic::Arithmetic;

/// Variables that keep libraries under libtorch from instructions that the processor has, or ask them for others.
const LIBRARIES: [&str; 4] = ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR"];

/// Where a stage computes.
#[derive(Clone, Debug)]
pub struct Place {
    /// Of this process.
    pub arithmetic: Arithmetic,
    /// Whether to go on with what was begun with another arithmetic (`engine.elsewhere`).
    pub elsewhere: bool,
}

impl Place {
    /// What `device` and this thread's settings of libtorch come to; nothing begun elsewhere is gone on with.
    pub fn here(device: Device) -> Self {
        let on_cpu = device == Device::Cpu;
        let arithmetic = Arithmetic {
            device: match device {
                // SAFETY: a query of a GPU that is in use.
                Device::Cuda(index) => unsafe { ffi::text(ffi::rf_gpu_name(index as i32)) },
                _ => "cpu".to_owned(),
            },
            threads: on_cpu.then(|| tch::get_num_threads() as u64),
            instructions: on_cpu.then(instructions),
            libtorch: start::loaded_version(),
        };
        Self { arithmetic, elsewhere: false }
    }

    /// The same with so many threads, for work that is done on single ones.
    pub fn with_threads(&self, threads: u64) -> Self {
        let arithmetic = Arithmetic { threads: self.arithmetic.threads.map(|_| threads), ..self.arithmetic.clone() };
        Self { arithmetic, elsewhere: self.elsewhere }
    }

    /// Whether work of the arithmetic `begun` may be gone on with here; the differences in words where that was asked
    /// for and there are any.
    ///
    /// # Errors
    /// `Kind::Usage`: it differs, and nobody asked to go on all the same; `at` is where it was found.
    pub fn go_on(&self, begun: &Arithmetic, at: &Path) -> Result<Option<String>> {
        let differences = begun.differences(&self.arithmetic);
        if differences.is_empty() {
            return Ok(None);
        }
        let words = differences.join(", ");
        if self.elsewhere {
            return Ok(Some(words));
        }
        let here = &self.arithmetic;
        let threads = match (begun.threads, begun.device == here.device && begun.threads != here.threads) {
            (Some(threads), true) => {
                format!("repeat the command with --threads {threads} (a study: --set engine.threads={threads}), or ")
            }
            _ => String::new(),
        };
        Err(Problem::new(Kind::Usage, format!("begun with {words}"))
            .at(at)
            .expected("the same threads, instructions and device to the end, on which the last bits depend")
            .advice(format!(
                "{threads}go on all the same with --elsewhere (a study: --set engine.elsewhere=true): results then \
                 differ a little from those of a run in one piece, and the record says so; or choose another --out (of \
                 a study: another `out`)"
            )))
    }
}

/// What libtorch's own kernels use, what ours do, what low precision has, and what holds the libraries back.
fn instructions() -> String {
    // SAFETY: a query without arguments.
    let libtorch = unsafe { ffi::text(ffi::rf_cpu_capability()) };
    let mut words = vec![libtorch, format!("kernels {}", kernels())];
    words.extend(start::cpu_low_precision());
    // SAFETY: a query without arguments.
    if unsafe { ffi::rf_has_tiles() } != 0 {
        words.push("winograd".to_owned());
    }
    let set = |name: &&str| std::env::var(name).ok().map(|value| format!("{name}={value}"));
    words.extend(LIBRARIES.iter().filter_map(set));
    words.join(", ")
}

/// As `shim/kernels_select.cpp` chooses.
fn kernels() -> &'static str {
    ["avx512", "avx2"].into_iter().find(|set| has(set)).unwrap_or("plain")
}

/// Whether this CPU has what kernels of the name ("avx512", "avx2") are made of.
#[cfg(target_arch = "x86_64")]
pub(super) fn has(set: &str) -> bool {
    use std::arch::is_x86_feature_detected as has;
    match set {
        "avx512" => has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512dq"),
        "avx2" => has!("avx2") && has!("fma"),
        _ => false,
    }
}

/// Instructions that only others have.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn has(_set: &str) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_elsewhere_is_refused_or_told() {
        let here = Place::here(Device::Cpu);
        let at = Path::new("run/checkpoint");
        assert_eq!(here.go_on(&here.arithmetic, at).unwrap(), None);
        let threads = here.arithmetic.threads.unwrap();
        let other = here.with_threads(threads + 7).arithmetic;
        let problem = here.go_on(&other, at).unwrap_err();
        assert_eq!(problem.kind(), Kind::Usage);
        for part in [
            format!("run/checkpoint: begun with {} threads (now {threads})", threads + 7),
            format!("--threads {}", threads + 7),
            format!("--set engine.threads={}", threads + 7),
            "--elsewhere".to_owned(),
            "--set engine.elsewhere=true".to_owned(),
        ] {
            assert!(problem.to_string().contains(&part), "{problem}");
        }
        let anywhere = Place { elsewhere: true, ..here.clone() };
        assert!(anywhere.go_on(&other, at).unwrap().unwrap().contains("threads"));
        let older = Arithmetic { instructions: Some("DEFAULT".into()), ..here.arithmetic.clone() };
        let problem = here.go_on(&older, at).unwrap_err().to_string();
        assert!(problem.contains("instruction set DEFAULT (now") && !problem.contains("--threads"), "{problem}");
    }
}
