//! What is decided about each patient before anything is drawn: counts and random effects.

use super::phantom::Sex;
use super::volume::Grid;
use crate::seed::RunSeed;

/// One patient of the cohort.
#[derive(Clone, Debug, PartialEq)]
pub struct PatientPlan {
    /// From 0 in the cohort.
    pub index: u32,
    /// The patient's own seed; every stage draws from a named stream of it.
    pub seed: RunSeed,
    /// Acquisition grid of the slab.
    pub grid: Grid,
    /// Lesions to place, rims included.
    pub lesions: u32,
    /// Lesions with an iron shell.
    pub true_rims: u32,
    /// Draw rim-less lesions from the rims' size distribution (the hard variant).
    pub match_sizes: bool,
    /// Magnitude over noise sd of one real channel in white matter at the first echo.
    pub snr: f64,
    /// Unit vector of the static field in the grid's axes.
    pub b0: [f64; 3],
    /// Factor on iron-laden tissue (deep grey, rims), about 1.
    pub iron: f64,
    pub age_years: u32,
    pub sex: Sex,
}

impl PatientPlan {
    /// BIDS participant label with its prefix: "sub-001".
    pub fn participant(&self) -> String {
        format!("sub-{:03}", self.index + 1)
    }
}
