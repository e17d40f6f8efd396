//! Layers that the networks are made of, for images and for volumes.

pub(super) mod axes;

pub mod activation;

pub mod equalized;

pub mod resample;

pub mod modulated;

pub mod offset;
