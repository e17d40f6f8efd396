//! 4. GAN training.

pub mod schedule;

pub mod loss;

pub mod adam;

pub mod ema;
