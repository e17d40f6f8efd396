//! From signals to the map of fractional anisotropy.

use super::head::Head;
use super::protocol::MEASUREMENTS;
use super::signal::Scan;
use super::tensor::{Fitter, eigenvalues, fractional_anisotropy};

/// Fractional anisotropy of each voxel of the grid, 0 to 1; 0 outside the brain.
pub fn anisotropy(head: &Head, scan: &Scan, fitter: &Fitter) -> Vec<f32> {
    let mut map = vec![0.0; head.grid.voxels()];
    for (&at, signals) in scan.inside.iter().zip(scan.signals.chunks_exact(MEASUREMENTS)) {
        if let Some(tensor) = fitter.fit(signals) {
            map[at] = fractional_anisotropy(eigenvalues(tensor)) as f32;
        }
    }
    map
}
