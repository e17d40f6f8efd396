//! Prepared data to tensors, and images of the network's range to pictures.

pub mod padding;

pub mod batches;

pub mod epochs;
pub mod volumes;

pub mod image;

pub mod pictures;

pub mod network_source;
