//! The StyleGAN2 generator and discriminator (Karras et al. 2020).

pub mod config;

pub mod shapes;

pub mod mapping;

pub mod synthesis;

pub mod generator;

pub mod discriminator;

#[cfg(test)]
mod contract;

#[cfg(test)]
mod volumes;

pub use config::{DiscriminatorConfig, GeneratorConfig};
pub use discriminator::Discriminator;
pub use generator::Generator;
pub use mapping::Mapping;
pub use synthesis::{Noise, Synthesis};
