//! The StyleGAN2 generator: mapping and synthesis.

use tch::{Device, Tensor};

use super::config::GeneratorConfig;
use super::mapping::Mapping;
use super::synthesis::{Noise, Synthesis};
use crate::nets::network::{Init, Network, Visitor};
use crate::problem::Result;
use crate::seed::RunSeed;

/// Latents to images, or to volumes.
#[derive(Debug)]
pub struct Generator {
    /// z (and class) to w.
    pub mapping: Mapping,
    /// w to images.
    pub synthesis: Synthesis,
    config: GeneratorConfig,
}

impl Generator {
    /// A generator with first values drawn from `seed`.
    ///
    /// # Errors
    /// Sizes that no network can be built from.
    pub fn new(config: &GeneratorConfig, seed: RunSeed, device: Device) -> Result<Self> {
        config.validate()?;
        let init = Init::new(seed, device, "generator");
        let GeneratorConfig { z_dim, c_dim, w_dim, mapping_layers, .. } = *config;
        Ok(Self {
            mapping: Mapping::new(&init.sub("mapping"), z_dim, c_dim, w_dim, mapping_layers, config.num_ws()),
            synthesis: Synthesis::new(&init.sub("synthesis"), config),
            config: config.clone(),
        })
    }

    /// z \[N, z_dim\], c \[N, c_dim\] where conditional -> images \[N, C, R, R\], or volumes \[N, C, R, R, R\], without
    /// truncation.
    pub fn forward(&self, z: &Tensor, c: Option<&Tensor>, noise: &Noise<'_>) -> Tensor {
        self.synthesis.forward(&self.mapping.forward(z, c), noise)
    }

    /// Its sizes.
    pub fn config(&self) -> &GeneratorConfig {
        &self.config
    }

    /// Where its tensors lie.
    pub fn device(&self) -> Device {
        self.mapping.w_avg.device()
    }
}

impl Network for Generator {
    fn visit(&self, visit: &mut Visitor<'_>) {
        self.mapping.visit("mapping", visit);
        self.synthesis.visit("synthesis", visit);
    }
}
