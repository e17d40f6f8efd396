//! Simulated data with known truth, each written in the layout of its field.

/// Susceptibility maps of lesions with and without a rim, and their readers.
pub mod rim_lesions;

/// Dermoscopic pictures of seven classes of lesions, and their readers.
pub mod skin;

/// What changes nothing in what is simulated: how many threads, what becomes of what is there.
pub mod writing;
