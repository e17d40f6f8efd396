//! The multi-echo gradient-echo signal of a slab, as the scanner measures it.
//!
//! s_n = M exp(-R2* TE_n) exp(i (phi0 + 2 pi gamma B0 f TE_n)), cropped in k-space to the acquired resolution,
//! with complex Gaussian noise that is white on the acquired matrix.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use realfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::matrix::{SliceResampler, acquired_grid};
use crate::nifti::{Grid, Volume};
use crate::seed::RunSeed;
use crate::simulate::rim_lesions::phantom::Tissue;

/// R2* of white matter in 1/s, at which the signal-to-noise ratio is stated.
pub const WHITE_MATTER_R2STAR: f64 = 20.0;

/// Echo times and field strength.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EchoConfig {
    /// Time of the first echo, ms.
    pub first_ms: f64,
    /// Time from an echo to the next, ms.
    pub spacing_ms: f64,
    /// Number of echoes.
    pub count: usize,
    /// Larmor frequency: 127.74 MHz at 3 T.
    pub hz_per_ppm: f64,
    /// True in-plane resolution; the map is interpolated to its grid from it.
    pub in_plane_mm: f64,
    /// Outer share of k-space that interpolation tapers off, 0 to 1.
    pub taper: f64,
}

impl Default for EchoConfig {
    #[allow(clippy::approx_constant, reason = "6.28 ms is an echo time, not a full turn")]
    fn default() -> Self {
        Self { first_ms: 6.28, spacing_ms: 4.06, count: 8, hz_per_ppm: 127.74, in_plane_mm: 0.8, taper: 0.5 }
    }
}

impl EchoConfig {
    /// Echo times in seconds.
    pub fn times_s(&self) -> Vec<f64> {
        (0..self.count).map(|n| (self.first_ms + n as f64 * self.spacing_ms) * 1e-3).collect()
    }

    /// Phase in radians that 1 ppb of field gathers in a second.
    pub fn radians_per_ppb_s(&self) -> f64 {
        TAU * self.hz_per_ppm * 1e-3
    }
}

/// The measured echoes on the acquired grid.
pub struct Echoes {
    /// The acquired grid, coarser in plane than the phantom's.
    pub grid: Grid,
    /// When they were read.
    pub config: EchoConfig,
    /// One complex volume an echo.
    pub signal: Vec<Vec<Complex32>>,
}

/// Measures `tissue` in `field_ppb`; `snr` is white matter at the first echo over the noise of one real channel.
pub fn measure(tissue: &Tissue, field_ppb: &Volume<f32>, config: &EchoConfig, snr: f64, seed: RunSeed) -> Echoes {
    let map = field_ppb.grid;
    let grid = acquired_grid(map, config.in_plane_mm);
    let crop = SliceResampler::new([map.shape[0], map.shape[1]], [grid.shape[0], grid.shape[1]]);
    let offset = PhaseOffset::draw(seed);
    let noise_sd = ((-WHITE_MATTER_R2STAR * config.first_ms * 1e-3).exp() / snr) as f32;
    let plane = map.shape[0] * map.shape[1];
    let mut signal = Vec::with_capacity(config.count);
    for (echo, time) in config.times_s().into_iter().enumerate() {
        let radians_per_ppb = (config.radians_per_ppb_s() * time) as f32;
        let mut noise = seed.stream("echo noise", echo as u64);
        let mut volume = Vec::with_capacity(grid.voxels());
        for z in 0..map.shape[2] {
            let slice = (z * plane..(z + 1) * plane).map(|index| {
                let magnitude = tissue.magnitude.data[index] * (-tissue.r2star_per_s.data[index] * time as f32).exp();
                let [x, y, _] = map.voxel(index);
                let phase = offset.at(x as f32 / map.shape[0] as f32, y as f32 / map.shape[1] as f32)
                    + radians_per_ppb * field_ppb.data[index];
                Complex32::from_polar(magnitude, phase)
            });
            volume.extend(crop.slice(slice.collect()).into_iter().map(|value| {
                let [re, im]: [f32; 2] = std::array::from_fn(|_| StandardNormal.sample(&mut noise));
                value + Complex32::new(re, im) * noise_sd
            }));
        }
        signal.push(volume);
    }
    Echoes { grid, config: *config, signal }
}

/// Receive phase at TE = 0: constant and linear across the field of view.
struct PhaseOffset {
    constant: f32,
    slope: [f32; 2],
}

impl PhaseOffset {
    fn draw(seed: RunSeed) -> Self {
        let mut rng = seed.stream("receive phase", 0);
        Self { constant: rng.random_range(-3.0..3.0), slope: std::array::from_fn(|_| rng.random_range(-2.0..2.0)) }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        self.constant + self.slope[0] * x + self.slope[1] * y
    }
}
