//! Three-dimensional Fourier transforms of real volumes, with zero-padding and cropping built in.
//!
//! Half spectra: x runs over 0..=nx/2, y and z over all frequencies in FFT order, x fastest. Rows that padding
//! makes zero, or that cropping throws away, are never transformed.

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};

/// Columns gathered at once for the strided axes, so that reads use whole cache lines.
const BLOCK: usize = 16;

/// Plans for one (padded) shape; reuse it for every transform of that shape.
pub struct RealFft3 {
    shape: [usize; 3],
    x_forward: Arc<dyn RealToComplex<f32>>,
    x_inverse: Arc<dyn ComplexToReal<f32>>,
    y: [Arc<dyn Fft<f32>>; 2],
    z: [Arc<dyn Fft<f32>>; 2],
}

#[derive(Clone, Copy)]
enum Direction {
    Forward = 0,
    Inverse = 1,
}

impl RealFft3 {
    /// Of real volumes of a shape (x fastest).
    pub fn new(shape: [usize; 3]) -> Self {
        let mut real = RealFftPlanner::new();
        let mut complex = FftPlanner::new();
        Self {
            shape,
            x_forward: real.plan_fft_forward(shape[0]),
            x_inverse: real.plan_fft_inverse(shape[0]),
            y: [complex.plan_fft_forward(shape[1]), complex.plan_fft_inverse(shape[1])],
            z: [complex.plan_fft_forward(shape[2]), complex.plan_fft_inverse(shape[2])],
        }
    }

    /// Of the real volumes.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Shape of a half spectrum.
    pub fn spectrum_shape(&self) -> [usize; 3] {
        [self.shape[0] / 2 + 1, self.shape[1], self.shape[2]]
    }

    /// Half spectrum (unnormalised) of `data` of shape `inner`, zero-padded at the far ends to the plan's shape.
    pub fn forward(&self, data: &[f32], inner: [usize; 3]) -> Vec<Complex32> {
        debug_assert!(data.len() == inner.iter().product::<usize>() && (0..3).all(|a| inner[a] <= self.shape[a]));
        let [hx, ny, nz] = self.spectrum_shape();
        let mut spectrum = vec![Complex32::ZERO; hx * ny * nz];
        let mut row = vec![0.0; self.shape[0]];
        let mut scratch = self.x_forward.make_scratch_vec();
        for z in 0..inner[2] {
            for y in 0..inner[1] {
                let from = inner[0] * (y + inner[1] * z);
                row[..inner[0]].copy_from_slice(&data[from..from + inner[0]]);
                row[inner[0]..].fill(0.0);
                let to = hx * (y + ny * z);
                self.x_forward
                    .process_with_scratch(&mut row, &mut spectrum[to..to + hx], &mut scratch)
                    .expect("row lengths are the plan's own");
            }
        }
        self.along_y(&mut spectrum, inner[2], Direction::Forward);
        self.along_z(&mut spectrum, Direction::Forward);
        spectrum
    }

    /// The real volume of a half spectrum, normalised by the voxel count, cropped to `inner` at the near ends.
    pub fn inverse(&self, mut spectrum: Vec<Complex32>, inner: [usize; 3]) -> Vec<f32> {
        let [hx, ny, _] = self.spectrum_shape();
        self.along_z(&mut spectrum, Direction::Inverse);
        self.along_y(&mut spectrum, inner[2], Direction::Inverse);
        let scale = 1.0 / self.shape.iter().product::<usize>() as f32;
        let mut data = Vec::with_capacity(inner.iter().product());
        let mut row = vec![0.0; self.shape[0]];
        let mut scratch = self.x_inverse.make_scratch_vec();
        let even = self.shape[0].is_multiple_of(2);
        for z in 0..inner[2] {
            for y in 0..inner[1] {
                let from = hx * (y + ny * z);
                let half = &mut spectrum[from..from + hx];
                // A real row has real ends; rounding leaves dust there that the plan would reject.
                half[0].im = 0.0;
                if even {
                    half[hx - 1].im = 0.0;
                }
                self.x_inverse
                    .process_with_scratch(half, &mut row, &mut scratch)
                    .expect("row lengths are the plan's own");
                data.extend(row[..inner[0]].iter().map(|value| value * scale));
            }
        }
        data
    }

    /// Transforms every y column of the first `planes` z planes.
    fn along_y(&self, spectrum: &mut [Complex32], planes: usize, direction: Direction) {
        let [hx, ny, _] = self.spectrum_shape();
        let plan = &self.y[direction as usize];
        let mut columns = Columns::new(plan.as_ref());
        for plane in spectrum.chunks_exact_mut(hx * ny).take(planes) {
            for x in (0..hx).step_by(BLOCK) {
                columns.transform(plan.as_ref(), plane, x, BLOCK.min(hx - x), hx);
            }
        }
    }

    fn along_z(&self, spectrum: &mut [Complex32], direction: Direction) {
        let [hx, ny, _] = self.spectrum_shape();
        let plan = &self.z[direction as usize];
        let mut columns = Columns::new(plan.as_ref());
        for column in (0..hx * ny).step_by(BLOCK) {
            columns.transform(plan.as_ref(), spectrum, column, BLOCK.min(hx * ny - column), hx * ny);
        }
    }
}

/// Buffers for transforming neighbouring strided columns.
pub struct Columns {
    gathered: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Columns {
    /// Room for the columns of one block under a plan.
    pub fn new(plan: &dyn Fft<f32>) -> Self {
        Self {
            gathered: vec![Complex32::ZERO; BLOCK * plan.len()],
            scratch: vec![Complex32::ZERO; plan.get_inplace_scratch_len()],
        }
    }

    /// In place: `count` (at most 16) columns that start at `first`, elements `stride` apart.
    pub fn transform(
        &mut self,
        plan: &dyn Fft<f32>,
        data: &mut [Complex32],
        first: usize,
        count: usize,
        stride: usize,
    ) {
        let length = plan.len();
        for element in 0..length {
            let from = first + element * stride;
            for (column, &value) in data[from..from + count].iter().enumerate() {
                self.gathered[column * length + element] = value;
            }
        }
        plan.process_with_scratch(&mut self.gathered[..count * length], &mut self.scratch);
        for element in 0..length {
            let to = first + element * stride;
            for (column, value) in data[to..to + count].iter_mut().enumerate() {
                *value = self.gathered[column * length + element];
            }
        }
    }
}

/// Signed frequencies of an FFT of length `n` with sample distance `spacing`, in its order, cycles per unit.
pub fn frequencies(n: usize, spacing: f64) -> Vec<f64> {
    (0..n)
        .map(|index| {
            let signed = if index < n.div_ceil(2) { index as f64 } else { index as f64 - n as f64 };
            signed / (n as f64 * spacing)
        })
        .collect()
}

/// The least even number >= `at_least` whose prime factors are 2, 3 and 5.
pub fn fast_length(at_least: usize) -> usize {
    let smooth = |mut n: usize| {
        for prime in [2, 3, 5] {
            while n.is_multiple_of(prime) {
                n /= prime;
            }
        }
        n == 1
    };
    (at_least.max(2)..).find(|&n| n % 2 == 0 && smooth(n)).unwrap_or(at_least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_transform_comes_back() {
        let inner = [5, 4, 3];
        let data: Vec<f32> = (0..60).map(|i| (i as f32 * 0.7).sin()).collect();
        let fft = RealFft3::new([12, 10, 6]);
        let spectrum = fft.forward(&data, inner);
        let sum: f32 = data.iter().sum();
        assert!((spectrum[0].re - sum).abs() < 1e-4);
        let back = fft.inverse(spectrum, inner);
        assert!(data.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn a_cosine_is_one_frequency() {
        let data: Vec<f32> = (0..8 * 4 * 2).map(|i| (std::f32::consts::TAU * (i / 8 % 4) as f32 / 4.0).cos()).collect();
        let spectrum = RealFft3::new([8, 4, 2]).forward(&data, [8, 4, 2]);
        let large: Vec<usize> = (0..spectrum.len()).filter(|&i| spectrum[i].norm() > 1e-3).collect();
        assert_eq!(large, [5, 15]);
        assert!((spectrum[5].re - 32.0).abs() < 1e-4);
    }

    #[test]
    fn frequencies_and_lengths() {
        assert_eq!(frequencies(4, 0.5), [0.0, 0.5, -1.0, -0.5]);
        assert_eq!(frequencies(3, 1.0), [0.0, 1.0 / 3.0, -1.0 / 3.0]);
        assert_eq!([fast_length(7), fast_length(150), fast_length(64)], [8, 150, 64]);
    }
}
