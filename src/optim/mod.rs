//! Steps of descent: Adam with visible state, the moving average of weights.

pub mod adam;

pub mod ema;
