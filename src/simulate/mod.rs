//! Simulated data with known truth, each written in the layout of its field.

/// Susceptibility maps of lesions with and without a rim, and their readers.
pub mod rim_lesions;
