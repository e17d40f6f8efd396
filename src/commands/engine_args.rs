//! The flags of every command that computes with libtorch.

use clap::Args;

use super::choices::choice;
use crate::engine::{DeviceChoice, Engine, EngineConfig};
use crate::problem::Result;

#[derive(Args, Clone, Debug)]
pub struct EngineArgs {
    /// auto, cpu or cuda.
    #[arg(long, default_value = "auto", global = true, value_parser = choice::<DeviceChoice>())]
    pub device: DeviceChoice,
    /// Threads; 0 takes all cores.
    #[arg(long, default_value_t = 0, global = true)]
    pub threads: usize,
    /// On a GPU: do not record steps of training and projection to repeat them.
    #[arg(long, global = true)]
    pub no_graphs: bool,
}

impl EngineArgs {
    /// Starts libtorch.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start(&self) -> Result<Engine> {
        Engine::start(&EngineConfig { device: self.device, threads: self.threads, graphs: !self.no_graphs })
    }
}
