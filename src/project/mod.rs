//! 5. Image to latent.
