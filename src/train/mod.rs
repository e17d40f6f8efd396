//! 4. GAN training.
