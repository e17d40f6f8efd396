//! Layers that the networks are made of.

pub mod activation;

pub mod equalized;

pub mod resample;

pub mod modulated;
