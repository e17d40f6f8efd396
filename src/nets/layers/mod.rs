//! Layers that the networks are made of, for images and for volumes.

pub(super) mod axes;

pub mod activation;

pub mod equalized;

pub mod resample;

pub mod modulated;

pub mod adain;

pub mod attention;

pub mod quantise;

pub mod offset;
