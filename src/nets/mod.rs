//! Tensors to tensors: the StyleGAN2 generator and discriminator, their layers, weights and latents.
//!
//! Nothing here reads a run folder, prints, or decides when to update: EMA, w_avg and gradients are explicit calls
//! made by `train`. Parameters are float32; every path can be differentiated twice.

pub mod class;

pub mod network;

pub mod tensor_file;

pub mod weights;

pub mod layers;

pub mod stylegan2;

pub mod classifiers;

pub mod autoencoder;

pub mod inversion;

pub mod segmenters;

pub mod features;

#[cfg(test)]
pub(crate) mod fixture;

pub use network::Network;
pub use stylegan2::{
    Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Mapping, Modulation, Noise, QuantiseConfig,
    Synthesis,
};
pub use weights::{SavedNetwork, load_image_network, load_network, save_network};
