//! Simulated data with known truth, each written in the layout of its field.

/// Susceptibility maps of lesions with and without a rim, and their readers.
pub mod rim_lesions;

/// Dermoscopic pictures of seven classes of lesions, and their readers.
pub mod skin;

/// Whole heads with gliomas, measured by several scanners, in the layout of BraTS-Africa.
pub mod brain;

/// Diffusion-weighted examinations and maps of anisotropy, of the healthy and of multiple sclerosis.
pub mod diffusion;

/// Smooth random fields.
mod field;

/// What changes nothing in what is simulated: how many threads, what becomes of what is there.
pub mod writing;
