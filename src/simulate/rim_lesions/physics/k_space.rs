//! A padded field in k-space: its transforms, the dipole kernel and the gradients there.

use realfft::num_complex::Complex32;

use super::dipole::Dipole;
use super::fft::{RealFft3, fast_length};
use crate::nifti::Grid;

/// The transforms, kernel and gradients of one padded field.
pub(super) struct KSpace {
    pub fft: RealFft3,
    pub dipole: Vec<f32>,
    inner: [usize; 3],
    voxel_mm: [f64; 3],
}

impl KSpace {
    pub fn new(grid: Grid, b0: [f64; 3], margin_mm: f64) -> Self {
        let padded =
            std::array::from_fn(|a| fast_length(grid.shape[a] + (margin_mm / grid.voxel_mm()[a]).ceil() as usize));
        Self {
            fft: RealFft3::new(padded),
            dipole: Dipole::new(padded, grid.voxel_mm(), b0).half_spectrum().collect(),
            inner: grid.shape,
            voxel_mm: grid.voxel_mm(),
        }
    }

    pub fn padded(&self) -> [usize; 3] {
        self.fft.shape()
    }

    pub fn voxel_mm(&self) -> [f64; 3] {
        self.voxel_mm
    }

    /// Sum over axes of |exp(2 pi i k h) - 1|^2 / h^2: the squared periodic forward difference, 1/mm^2.
    pub fn gradient_squared(&self) -> Vec<f32> {
        let [nx, ny, nz] = self.padded();
        let along: [Vec<f64>; 3] = std::array::from_fn(|axis| {
            let n = self.padded()[axis];
            let h = self.voxel_mm[axis];
            (0..n).map(|k| (2.0 - 2.0 * (std::f64::consts::TAU * k as f64 / n as f64).cos()) / (h * h)).collect()
        });
        let mut sum = Vec::with_capacity(self.dipole.len());
        for z in 0..nz {
            for y in 0..ny {
                sum.extend((0..nx / 2 + 1).map(|x| (along[0][x] + along[1][y] + along[2][z]) as f32));
            }
        }
        sum
    }

    /// The field times a real factor for each frequency, back on the field's own grid.
    pub fn filter(&self, field: &[f32], factor: impl Iterator<Item = f32>) -> Vec<f32> {
        let mut spectrum: Vec<Complex32> = self.fft.forward(field, self.inner);
        spectrum.iter_mut().zip(factor).for_each(|(value, factor)| *value *= factor);
        self.fft.inverse(spectrum, self.inner)
    }

    pub fn embed(&self, data: &[f32]) -> Vec<f32> {
        let [nx, ny, nz] = self.padded();
        let inner = self.inner;
        let mut padded = vec![0.0; nx * ny * nz];
        for z in 0..inner[2] {
            for y in 0..inner[1] {
                let (from, to) = (inner[0] * (y + inner[1] * z), nx * (y + ny * z));
                padded[to..to + inner[0]].copy_from_slice(&data[from..from + inner[0]]);
            }
        }
        padded
    }

    pub fn crop(&self, padded: &[f32]) -> Vec<f32> {
        let [nx, ny, _] = self.padded();
        let inner = self.inner;
        let mut data = Vec::with_capacity(inner.iter().product());
        for z in 0..inner[2] {
            for y in 0..inner[1] {
                let from = nx * (y + ny * z);
                data.extend_from_slice(&padded[from..from + inner[0]]);
            }
        }
        data
    }
}
