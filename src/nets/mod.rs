//! 2. Tensors to tensors: the StyleGAN2 generator and discriminator, their layers, weights and latents.
//!
//! Nothing here reads a run folder, prints, or decides when to update: EMA, w_avg and gradients are explicit calls
//! made by `train`. Parameters are float32; every path can be differentiated twice.

pub mod config;

pub mod class;

pub mod network;

pub mod latents;

pub mod activation;

pub mod equalized;

pub mod resample;

pub mod modulated;

pub mod mapping;

pub mod synthesis;

pub mod generator;

pub mod discriminator;

pub mod perceptual;

pub mod weights;

pub mod cnn;

pub use config::{DiscriminatorConfig, GeneratorConfig};
pub use discriminator::Discriminator;
pub use generator::Generator;
pub use mapping::Mapping;
pub use network::Network;
pub use synthesis::{Noise, Synthesis};
pub use weights::{SavedNetwork, load_network, save_network};
