//! Networks that invert a generator: images to codes, and images with their reconstructions to offsets of its weights.

pub mod trunk;

pub mod encoder;

pub mod hypernetwork;

pub use encoder::{Encoder, EncoderConfig};
pub use hypernetwork::{Head, Hypernetwork, HypernetworkConfig, Kernel};
