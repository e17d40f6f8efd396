//! From tissue to the map that a reader sees: dipole field, multi-echo signal, fit, background residue, inversion.
//!
//! The field is made at the map's grid; signal, fit and inversion run on the matrix that the scanner acquires, and the
//! map is zero-filled back, so that noise and edges are as soft as in a clinical map. Not modelled: anisotropic
//! susceptibility, microstructure, motion, flow.

use serde::{Deserialize, Serialize};

use super::phantom::Tissue;
use crate::nifti::{Grid, Volume};
use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;
use realfft::num_complex::Complex32;

pub mod fft;

pub mod dipole;

pub mod matrix;

pub mod signal;

pub mod fit;

pub mod background;

pub mod inversion;

mod k_space;

pub mod tv;

pub use background::BackgroundConfig;
pub use inversion::Inversion;
pub use signal::EchoConfig;
pub use tv::TvConfig;

/// How a patient is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acquisition {
    /// When the signal is read, and how.
    pub echoes: EchoConfig,
    /// What background removal leaves and takes.
    pub background: BackgroundConfig,
    /// White matter at the first echo over the noise of one real channel.
    pub snr: f64,
    /// Direction of the static field in the grid's axes.
    pub b0: [f64; 3],
}

/// What the reconstruction hands over.
#[derive(Clone, Debug)]
pub struct Reconstruction {
    /// Susceptibility against CSF, ppb; 0 outside `mask`.
    pub chi_ppb: Volume<f32>,
    /// Brain left after background removal.
    pub mask: Volume<bool>,
}

/// Scans and reconstructs `tissue` on its own grid; zero is the mean of its CSF (MEDI+0, Liu 2018).
///
/// # Errors
/// When no CSF is left inside the eroded brain to refer to.
pub fn reconstruct(
    tissue: &Tissue,
    acquisition: &Acquisition,
    inversion: &Inversion,
    seed: RunSeed,
) -> Result<Reconstruction> {
    let grid = tissue.chi_ppb.grid;
    let field = dipole::field_of(&tissue.chi_ppb, acquisition.b0);
    let echoes = signal::measure(tissue, &field, &acquisition.echoes, acquisition.snr, seed);
    drop(field);
    let mut fit = fit::fit_field(&echoes);
    drop(echoes);

    let acquired = fit.field_ppb.grid;
    let brain = Volume::from_fn(acquired, |voxel| {
        *tissue.brain.at(std::array::from_fn(|a| nearest(voxel[a], acquired.shape[a], grid.shape[a])))
    });
    let kept = background::leave_residue(&mut fit.field_ppb, &brain, &acquisition.background, seed);
    let inverted = inversion::invert(&fit, &kept, acquisition.b0, inversion);
    let mut chi_ppb = zero_fill(&inverted, grid, acquisition.echoes.taper);
    let mask = Volume::from_fn(grid, |voxel| {
        *tissue.brain.at(voxel)
            && *kept.at(std::array::from_fn(|a| nearest(voxel[a], grid.shape[a], acquired.shape[a])))
    });
    let reference = csf_mean(&chi_ppb, &mask, &tissue.csf)?;
    for (value, &inside) in chi_ppb.data.iter_mut().zip(&mask.data) {
        *value = if inside { *value - reference } else { 0.0 };
    }
    Ok(Reconstruction { chi_ppb, mask })
}

/// Voxel of a grid with `to` samples nearest to voxel `at` of one with `from`, over the same field of view.
fn nearest(at: usize, from: usize, to: usize) -> usize {
    ((at as f64 * to as f64 / from as f64).round() as usize).min(to - 1)
}

/// In-plane Fourier interpolation to the map's grid; the taper keeps sharp edges from ringing.
fn zero_fill(acquired: &Volume<f32>, grid: Grid, taper: f64) -> Volume<f32> {
    let from = acquired.grid.shape;
    let fill = matrix::SliceResampler::new([from[0], from[1]], [grid.shape[0], grid.shape[1]]).with_taper(taper);
    let mut data = Vec::with_capacity(grid.voxels());
    for slice in acquired.data.chunks_exact(from[0] * from[1]) {
        let complex = slice.iter().map(|&value| Complex32::new(value, 0.0)).collect();
        data.extend(fill.slice(complex).into_iter().map(|value| value.re));
    }
    Volume { grid, data }
}

fn csf_mean(chi: &Volume<f32>, mask: &Volume<bool>, csf: &Volume<bool>) -> Result<f32> {
    let (mut sum, mut count) = (0.0, 0u64);
    for (index, &value) in chi.data.iter().enumerate() {
        if mask.data[index] && csf.data[index] {
            sum += f64::from(value);
            count += 1;
        }
    }
    if count == 0 {
        return Err(Problem::new(Kind::Usage, "no cerebrospinal fluid inside the slab to refer the map to")
            .expected("ventricle or sulcus in every slab")
            .advice("use a larger slab"));
    }
    Ok((sum / count as f64) as f32)
}

#[cfg(test)]
mod parity;
