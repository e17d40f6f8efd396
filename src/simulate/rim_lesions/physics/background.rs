//! What background removal leaves behind: a smooth harmonic residue, an eroded mask, noise near its edge.

use std::collections::VecDeque;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::nifti::{Grid, Volume};
use crate::seed::RunSeed;

/// What background-field removal leaves behind and takes away.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackgroundConfig {
    /// Range of the residue's peak-to-peak size in the brain, ppb; drawn per patient.
    pub residue_ppb: (f64, f64),
    /// Brain edge lost to background removal, mm.
    pub erosion_mm: f64,
    /// Extra field noise at the eroded edge, sd in ppb, falling to zero over `edge_mm`.
    pub edge_noise_ppb: f64,
    /// Depth in the eroded brain over which the edge noise falls to zero, mm.
    pub edge_mm: f64,
}

impl Default for BackgroundConfig {
    fn default() -> Self {
        Self { residue_ppb: (2.0, 10.0), erosion_mm: 1.0, edge_noise_ppb: 3.0, edge_mm: 3.0 }
    }
}

/// Adds residue and edge noise to `field_ppb` and returns the eroded mask, all on one grid.
pub fn leave_residue(
    field_ppb: &mut Volume<f32>,
    brain: &Volume<bool>,
    config: &BackgroundConfig,
    seed: RunSeed,
) -> Volume<bool> {
    let depth = depth_mm(brain, config.erosion_mm + config.edge_mm);
    let residue = harmonic_residue(brain, config.residue_ppb, seed);
    let mut noise = seed.stream("edge noise", 0);
    for (index, value) in field_ppb.data.iter_mut().enumerate() {
        let inside = (depth.data[index] - config.erosion_mm) / config.edge_mm;
        let drawn: f64 = StandardNormal.sample(&mut noise);
        let edge = config.edge_noise_ppb * (1.0 - inside).clamp(0.0, 1.0);
        *value += residue.data[index] + (drawn * edge) as f32;
    }
    depth.map(|&mm| mm > config.erosion_mm)
}

/// A random harmonic polynomial of degree 1 to 3 (solid harmonics, so its Laplacian is zero), whose range inside
/// the brain is drawn from `range_ppb`.
fn harmonic_residue(brain: &Volume<bool>, range_ppb: (f64, f64), seed: RunSeed) -> Volume<f32> {
    let mut rng = seed.stream("background residue", 0);
    let weights: [f64; 15] = std::array::from_fn(|_| StandardNormal.sample(&mut rng));
    let wanted = range_ppb.0 + (range_ppb.1 - range_ppb.0) * rng.random::<f64>();
    let grid = brain.grid;
    let half = (0..3).map(|a| grid.shape[a] as f64 * grid.voxel_mm()[a] / 2.0).fold(f64::MIN_POSITIVE, f64::max);
    let raw = Volume::from_fn(grid, |voxel| {
        let at = grid.centre_of(voxel).map(|mm| mm / half);
        solid_harmonics(at).iter().zip(weights).map(|(h, w)| h * w).sum::<f64>() as f32
    });
    let (mut low, mut high) = (f32::MAX, f32::MIN);
    for (&value, _) in raw.data.iter().zip(&brain.data).filter(|(_, inside)| **inside) {
        (low, high) = (low.min(value), high.max(value));
    }
    if high <= low {
        return Volume::filled(grid, 0.0);
    }
    let scale = wanted as f32 / (high - low);
    let middle = (high + low) / 2.0;
    raw.map(|value| (value - middle) * scale)
}

/// The real solid harmonics of degrees 1, 2, 3 (3 + 5 + 7), unnormalised.
fn solid_harmonics([x, y, z]: [f64; 3]) -> [f64; 15] {
    [
        x,
        y,
        z,
        x * y,
        y * z,
        z * x,
        x * x - y * y,
        2.0 * z * z - x * x - y * y,
        x * y * z,
        z * (x * x - y * y),
        x * (x * x - 3.0 * y * y),
        y * (3.0 * x * x - y * y),
        x * (4.0 * z * z - x * x - y * y),
        y * (4.0 * z * z - x * x - y * y),
        z * (2.0 * z * z - 3.0 * x * x - 3.0 * y * y),
    ]
}

/// City-block depth of each brain voxel below the brain's edge in mm, up to `limit_mm`; 0 outside. The slab's own
/// cut faces are no edge.
fn depth_mm(brain: &Volume<bool>, limit_mm: f64) -> Volume<f64> {
    let grid: Grid = brain.grid;
    let mut depth = brain.map(|&inside| if inside { limit_mm } else { 0.0 });
    let mut queue: VecDeque<usize> = (0..grid.voxels()).filter(|&index| !brain.data[index]).collect();
    while let Some(index) = queue.pop_front() {
        let at = grid.voxel(index);
        for (axis, step) in [(0, -1), (0, 1), (1, -1), (1, 1), (2, -1), (2, 1)] {
            let mut next = at.map(|v| v as i64);
            next[axis] += step;
            let Some(next) = grid.inside(next) else { continue };
            let reached = depth.data[index] + grid.voxel_mm()[axis];
            if reached < *depth.at(next) {
                *depth.at_mut(next) = reached;
                queue.push_back(grid.index(next));
            }
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_solid_harmonic_has_no_laplacian() {
        let (at, h) = ([0.31, -0.22, 0.57], 1e-3);
        for term in 0..15 {
            let value = |p: [f64; 3]| solid_harmonics(p)[term];
            let mut laplacian = 0.0;
            for axis in 0..3 {
                let [mut up, mut down] = [at; 2];
                up[axis] += h;
                down[axis] -= h;
                laplacian += (value(up) + value(down) - 2.0 * value(at)) / (h * h);
            }
            assert!(laplacian.abs() < 1e-6, "term {term}: {laplacian}");
        }
    }

    #[test]
    fn the_edge_is_eroded_but_not_the_cut_faces() {
        let grid = Grid::centred([10, 4, 4], [0.5, 1.0, 1.0]);
        let brain = Volume::from_fn(grid, |[x, ..]| x >= 2);
        let mut field = Volume::filled(grid, 0.0);
        let config = BackgroundConfig { erosion_mm: 1.0, ..BackgroundConfig::default() };
        let kept = leave_residue(&mut field, &brain, &config, RunSeed(1));
        for (index, &inside) in kept.data.iter().enumerate() {
            // x = 2 lies 0.5 mm deep, x = 3 at 1.0 mm: both eroded.
            assert_eq!(inside, grid.voxel(index)[0] >= 4);
        }
    }

    #[test]
    fn the_residue_has_the_asked_range() {
        let grid = Grid::centred([20, 20, 10], [1.0, 1.0, 2.0]);
        let residue = harmonic_residue(&Volume::filled(grid, true), (4.0, 4.0), RunSeed(3));
        let high = residue.data.iter().copied().fold(f32::MIN, f32::max);
        let low = residue.data.iter().copied().fold(f32::MAX, f32::min);
        assert!((high - low - 4.0).abs() < 1e-4);
    }
}
