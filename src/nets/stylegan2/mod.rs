//! The StyleGAN2 generator and discriminator (Karras et al. 2020).

pub mod config;

pub mod variants;

pub mod shapes;

pub mod mapping;

mod styled;

pub mod synthesis;

pub mod generator;

pub mod discriminator;

pub mod inflate;

#[cfg(test)]
mod contract;

#[cfg(test)]
mod derivatives;

#[cfg(test)]
mod volumes;

#[cfg(test)]
mod variant_tests;

pub use config::{DiscriminatorConfig, GeneratorConfig};
pub use discriminator::Discriminator;
pub use generator::Generator;
pub use mapping::Mapping;
pub use synthesis::{Noise, Synthesis};
pub use variants::{Modulation, QuantiseConfig};
