//! The flags of every command that computes with libtorch.

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::options::Options;
use crate::engine::{DeviceChoice, Engine, EngineConfig};
use crate::problem::Result;

/// Flags that start libtorch.
#[derive(Args, Clone, Debug)]
pub struct EngineArgs {
    #[command(flatten)]
    settings: Options<EngineConfig, Typed>,
    /// On a GPU: do not record steps of training and projection to repeat them.
    #[arg(long, global = true)]
    no_graphs: bool,
    /// On a CPU: compute all convolutions directly, none by Winograd's minimal filtering.
    #[arg(long, global = true)]
    no_winograd: bool,
    /// Go on with work that was begun with other threads, another processor or another device: what is made then
    /// differs in its last bits from what a run in one piece makes, and the record says so.
    #[arg(long, global = true)]
    elsewhere: bool,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "engine-settings")]
struct Typed {
    /// auto, cpu or cuda.
    #[arg(long, global = true, value_parser = choice::<DeviceChoice>())]
    device: Option<DeviceChoice>,
    /// Threads; 0 takes all cores.
    #[arg(long, global = true)]
    threads: Option<usize>,
}

impl EngineArgs {
    /// Starts libtorch.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start(&self) -> Result<Engine> {
        Engine::start(&self.config()?)
    }

    /// Starts libtorch as the process of this number beside others of the same work, `processes` of them on this
    /// machine: without --threads each takes its share of the cores, and each its card.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start_beside(&self, (process, processes): (usize, usize)) -> Result<Engine> {
        let mut config = self.config()?;
        if config.threads == 0 && processes > 1 {
            let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
            config.threads = (cores / processes).max(1);
        }
        Engine::start_as(&config, process)
    }

    fn config(&self) -> Result<EngineConfig> {
        let Self { no_graphs, no_winograd, elsewhere, .. } = *self;
        Ok(EngineConfig { graphs: !no_graphs, winograd: !no_winograd, elsewhere, ..self.settings.config()? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn flags_set_settings() {
        let config = |arguments: &[&str]| parsed::<EngineArgs>(arguments).unwrap().config().unwrap();
        assert_eq!(config(&[]), EngineConfig::default());
        let some = config(&["--threads", "3", "--no-graphs", "--no-winograd", "--elsewhere"]);
        assert_eq!((some.threads, some.graphs, some.winograd, some.elsewhere), (3, false, false, true));
    }
}
