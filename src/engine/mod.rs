//! The only door to libtorch beyond plain tensor calls: start-up, device, threads, determinism, memory format,
//! and a GPU's streams, transfers and recorded work.

use tch::Device;

use crate::problem::{Kind, Problem, Result, is_memory_shortage};

mod ffi;

pub mod start;

pub mod place;

pub mod fused;

pub mod precision;

pub mod speed;

pub mod conv3d;

pub mod stream;

pub mod threads;

pub mod transfer;

pub mod graph;

#[cfg(test)]
pub(crate) mod apart;

pub mod group;

pub mod cards;

#[cfg(test)]
mod hypot;

#[cfg(test)]
pub mod watch;

pub use cards::Nccl;
pub use graph::{GraphMemory, Repeated};
pub use group::{Group, Patience, Rendezvous};
pub use place::Place;
pub use precision::Precision;
pub use start::{DeviceChoice, Engine, EngineConfig, Facts};
pub use stream::SideStream;
pub use threads::Threads;
pub use transfer::{Download, Upload};

impl From<tch::TchError> for Problem {
    fn from(error: tch::TchError) -> Self {
        let text = error.to_string();
        if is_memory_shortage(&text) {
            return Self::memory(&text).because(error);
        }
        let first = text.lines().next().unwrap_or_default().to_owned();
        Self::new(Kind::Internal, format!("libtorch: {first}")).because(error)
    }
}

/// What a stage that computes works with: engine, seed, observer.
pub type Lab<'a> = crate::lab::Lab<'a, Engine>;

/// Most bytes of GPU memory taken so far, recorded work's included; `None` on the CPU.
pub fn peak_device_bytes(device: Device) -> Option<u64> {
    let Device::Cuda(index) = device else {
        return None;
    };
    // SAFETY: a query that takes no pointers.
    u64::try_from(unsafe { ffi::rf_peak_bytes(index as i32) }).ok()
}

/// `Err` with the shim's own reason where what was being done did not succeed.
fn checked(succeeded: bool, doing: &str) -> Result<()> {
    if succeeded {
        return Ok(());
    }
    // SAFETY: a query without arguments.
    let reason = unsafe { ffi::text(ffi::rf_last_error()) };
    // What follows are frames of libtorch's stack, which tell a person nothing.
    let reason = reason.split("\nException raised from ").next().unwrap_or_default().trim_end().to_owned();
    if is_memory_shortage(&reason) {
        return Err(Problem::memory(&format!("{doing}: {reason}")));
    }
    Err(Problem::new(Kind::Environment, format!("{doing}: {reason}")))
}

/// The device that is meant, of the process of this number on this machine: each has a card, as long as there are
/// enough.
///
/// # Errors
/// A GPU is asked for and none can be used.
pub fn device(choice: DeviceChoice, process: usize) -> Result<Device> {
    let card = || -> Result<Device> {
        // At least one, since one is available.
        let index = process % tch::Cuda::device_count().max(1) as usize;
        cards::use_card(index)?;
        Ok(Device::Cuda(index))
    };
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto if !tch::Cuda::is_available() => Ok(Device::Cpu),
        DeviceChoice::Auto => card(),
        DeviceChoice::Cuda if tch::Cuda::is_available() => card(),
        DeviceChoice::Cuda => Err(Problem::new(Kind::Environment, "no usable NVIDIA GPU")
            .expected("a CUDA build of libtorch, a driver and a card")
            .advice("run `rimforge doctor` to see what is missing, or use --device cpu")),
    }
}
