//! The latent space: seeds to latents, the cloud of w, images of seeds, paths between them.

pub mod seeds;

pub mod cloud;

pub mod draw;

pub mod paths;
