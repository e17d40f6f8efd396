//! Is a cohort, simulated or not, to be believed?

pub mod meter;

pub mod texture;

pub mod summary;

pub mod gallery;

pub mod examine;

pub mod verdict;
