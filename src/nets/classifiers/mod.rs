//! Networks that tell classes apart.

pub mod cnn;
