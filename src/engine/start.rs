//! Starting libtorch: the CUDA half where it is present, threads, determinism; and the facts `doctor` shows.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tch::Device;

use super::{Place, checked, ffi};
use crate::problem::{Kind, Problem, Result};
use crate::records::arithmetic::in_words;
use crate::settings::Settings;

/// Settings that hold for the whole process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// What computes.
    pub device: DeviceChoice,
    /// Threads of one operation; 0 takes the number of cores.
    pub threads: usize,
    /// Whether a GPU records the steps of training and projection and repeats them.
    pub graphs: bool,
    /// Whether float32 convolutions of a CPU with 3x3 kernels and many channels are computed in tiles by Winograd's
    /// minimal filtering, with a quarter of the products and errors of about 1e-5 of the largest value, or directly.
    #[serde(skip_serializing_if = "is_true")]
    pub winograd: bool,
    /// Whether to go on with work that was begun with other threads, instructions or another device; it then does not
    /// end in the bytes of a run in one piece.
    pub elsewhere: bool,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { device: DeviceChoice::Auto, threads: 0, graphs: true, winograd: true, elsewhere: false }
    }
}

fn is_true(on: &bool) -> bool {
    *on
}

/// Threads of one operation, at most: more than any machine has cores.
const MOST_THREADS: usize = 4096;

impl Settings for EngineConfig {
    const SECTION: &'static str = "engine";

    fn check(&self) -> Result<()> {
        Self::within("threads", self.threads, 0, MOST_THREADS)
    }
}

/// What computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// The first NVIDIA GPU where there is a usable one, else the CPU; of several processes each takes the next GPU.
    #[default]
    Auto,
    /// The CPU: the same numbers on any machine.
    Cpu,
    /// The first NVIDIA GPU, or an error where there is none.
    Cuda,
}

/// libtorch, started. What else is set at the start (threads, denormals as zero, choice of convolutions) libtorch keeps
/// for the whole process.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Where stages compute.
    pub device: Device,
    /// Whether a GPU records repeated work ([`super::Repeated`]).
    pub graphs: bool,
    /// Where stages compute, as far as the last bits of their results depend on it.
    pub place: Place,
    /// What was found at the start.
    pub facts: Facts,
}

/// What was found at start.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where the loaded libtorch lies.
    pub libtorch_folder: PathBuf,
    /// Version of the loaded libtorch, "2.11.0".
    pub libtorch_version: String,
    /// Version that rimforge was built for.
    pub compiled_version: String,
    /// Instruction set of libtorch's own CPU kernels: "AVX512", "AVX2", "DEFAULT".
    pub cpu_capability: String,
    /// Instruction sets that low precision would use: "avx512_bf16", "amx_bf16".
    pub cpu_low_precision: Vec<String>,
    /// Threads of one operation.
    pub threads: usize,
    /// "1 x NVIDIA ...", or why none.
    pub gpu: String,
}

/// Refuses instructions that the environment asks of libtorch and that this CPU does not have: it would take them on
/// trust, and the process would end without a word.
fn require_instructions(asked: Option<&str>, has: impl Fn(&str) -> bool) -> Result<()> {
    // Other words it passes over, and on other processors these, too.
    let Some(asked) = asked.filter(|set| cfg!(target_arch = "x86_64") && ["avx512", "avx2"].contains(set)) else {
        return Ok(());
    };
    if has(asked) {
        return Ok(());
    }
    Err(Problem::new(Kind::Environment, format!("ATEN_CPU_CAPABILITY={}", crate::name::shown(asked)))
        .expected("instructions that this CPU has")
        .advice("unset it; libtorch chooses by itself"))
}

impl Engine {
    /// Starts libtorch. Call once, before any tensor is made.
    ///
    /// # Errors
    /// Settings out of range, the loaded libtorch is not the version that rimforge was built for, or the asked device
    /// is not there.
    pub fn start(config: &EngineConfig) -> Result<Self> {
        Self::start_as(config, 0)
    }

    /// As [`Engine::start`], as the process of this number on this machine, which says which card is its own.
    ///
    /// # Errors
    /// Those of [`Engine::start`].
    pub fn start_as(config: &EngineConfig, process: usize) -> Result<Self> {
        config.check()?;
        require_instructions(std::env::var("ATEN_CPU_CAPABILITY").ok().as_deref(), super::place::has)?;
        let folder = folder();
        // SAFETY: plain queries without arguments.
        let (compiled, loaded) =
            unsafe { (ffi::text(ffi::rf_compiled_version()), version_text(ffi::rf_loaded_version())) };
        if !compiled.starts_with(&loaded) {
            return Err(Problem::new(Kind::Environment, format!("libtorch {loaded} is loaded"))
                .at(&folder)
                .expected(format!("{compiled}, which rimforge was built for"))
                .advice(
                    "give rimforge an environment of its own with that version (`pip install rimforge` in a new one), or \
                     build it again (`make setup`)",
                ));
        }
        let gpu = open_cuda(&folder);
        let threads = match config.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        };
        tch::set_num_threads(threads as i32);
        // SAFETY: sets flags of libtorch; takes no pointers. Shapes repeat, so that trying out convolutions pays;
        // without a GPU it does nothing.
        let set = unsafe { [ffi::rf_set_allow_tf32(0), ffi::rf_set_tuned(1)] };
        checked(set == [0; 2], "setting up libtorch")?;
        // SAFETY: sets a flag of this thread. A CPU that cannot do it computes the same, but slower.
        unsafe { ffi::rf_set_flush_denormal(1) };
        // SAFETY: sets a flag of the process, before any convolution.
        unsafe { ffi::rf_set_tiles(i32::from(config.winograd)) };
        let device = super::device(config.device, process)?;
        tracing::info!(
            "libtorch {loaded} from {} on {device:?}, {}; GPU {gpu}",
            folder.display(),
            in_words(threads as u64)
        );
        Ok(Self {
            device,
            graphs: config.graphs,
            place: Place { elsewhere: config.elsewhere, ..Place::here(device) },
            facts: Facts {
                libtorch_folder: folder,
                libtorch_version: loaded,
                compiled_version: compiled,
                // SAFETY: a query without arguments.
                cpu_capability: unsafe { ffi::text(ffi::rf_cpu_capability()) },
                cpu_low_precision: cpu_low_precision(),
                threads,
                gpu,
            },
        })
    }

    /// Makes libtorch refuse kernels whose result varies from run to run, in the whole process.
    ///
    /// # Errors
    /// libtorch refuses the flag.
    pub fn set_deterministic(&self, on: bool) -> Result<()> {
        // SAFETY: sets process-wide flags; takes no pointers.
        checked(unsafe { ffi::rf_set_deterministic(i32::from(on)) } == 0, "asking libtorch for deterministic kernels")
    }
}

/// Where the loaded libtorch lies: in the Python environment that the program is installed in, or where it was built.
pub(super) fn folder() -> PathBuf {
    // SAFETY: a query without arguments.
    let loaded = PathBuf::from(unsafe { ffi::text(ffi::rf_loaded_from()) });
    let folder = loaded.parent().unwrap_or(Path::new(""));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// Version of the loaded libtorch, "2.11.0".
pub(super) fn loaded_version() -> String {
    // SAFETY: a query without arguments.
    version_text(unsafe { ffi::rf_loaded_version() })
}

fn version_text(packed: u64) -> String {
    let byte = |shift: u32| (packed >> shift) & 0xff;
    format!("{}.{}.{}", byte(56), byte(48), byte(40))
}

/// Loads the CUDA half of libtorch where it lies beside the CPU half, and says what came of it.
fn open_cuda(folder: &Path) -> String {
    let library = folder.join("libtorch_cuda.so");
    if !library.exists() {
        return "none: this is the CPU build of libtorch (`make setup CUDA=1` installs the CUDA build)".into();
    }
    let Ok(path) = CString::new(library.to_string_lossy().as_bytes()) else {
        return "none: libtorch's path holds a NUL byte".into();
    };
    // SAFETY: `path` is NUL-terminated and outlives the call.
    if unsafe { ffi::rf_open_cuda(path.as_ptr()) } != 0 {
        // SAFETY: a query without arguments.
        return format!("none: {}", unsafe { ffi::text(ffi::rf_last_error()) });
    }
    match (tch::Cuda::is_available(), tch::Cuda::device_count()) {
        // SAFETY: a query of a GPU that is there.
        (true, n) => format!("{n} x {}", unsafe { ffi::text(ffi::rf_gpu_name(0)) }),
        (false, _) => "none: libtorch_cuda.so is loaded, but no driver or card answers".into(),
    }
}

/// Instruction sets that low precision would use: "avx512_bf16", "amx_bf16".
pub(super) fn cpu_low_precision() -> Vec<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let present = |name: &&str| flags.split_whitespace().any(|flag| flag == *name);
    ["avx512_bf16", "amx_bf16"].iter().filter(|name| present(name)).map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_that_are_not_there_are_refused() {
        for none in [None, Some("default"), Some("AVX512"), Some("avx2")] {
            require_instructions(none, |set| set == "avx2").unwrap();
        }
        let said = require_instructions(Some("avx512"), |set| set == "avx2");
        assert_eq!(said.is_err(), cfg!(target_arch = "x86_64"), "{said:?}");
    }

    #[test]
    fn unpacks_a_version() {
        assert_eq!(version_text(2 << 56 | 11 << 48), "2.11.0");
    }

    #[test]
    fn starts_on_the_cpu_with_the_version_it_was_built_for() {
        let engine =
            Engine::start(&EngineConfig { device: DeviceChoice::Cpu, threads: 1, ..EngineConfig::default() }).unwrap();
        assert_eq!(engine.device, Device::Cpu);
        assert!(engine.facts.compiled_version.starts_with(&engine.facts.libtorch_version));
    }
}
