//! The acquired in-plane matrix: k-space of an image cropped to the scanner's resolution, and zero-filled back.
//!
//! Both keep voxel (0, 0) in place, and image values (a constant stays that constant).

use realfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::fft::Columns;
use crate::nifti::Grid;

/// The grid that the scanner measures, for a map grid and an in-plane resolution: even counts, the same field of
/// view, and never finer than the map.
pub fn acquired_grid(grid: Grid, in_plane_mm: f64) -> Grid {
    let count = |axis: usize| {
        let wanted = (grid.shape[axis] as f64 * grid.voxel_mm()[axis] / in_plane_mm / 2.0).round() as usize * 2;
        wanted.clamp(2.min(grid.shape[axis]), grid.shape[axis])
    };
    let shape = [count(0), count(1), grid.shape[2]];
    let voxel_mm = std::array::from_fn(|a| grid.voxel_mm()[a] * grid.shape[a] as f64 / shape[a] as f64);
    Grid::centred(shape, voxel_mm)
}

/// Fourier resampling of x-y slices from one matrix size to another, smaller or larger.
pub struct SliceResampler {
    from: [usize; 2],
    to: [usize; 2],
    forward: [std::sync::Arc<dyn Fft<f32>>; 2],
    inverse: [std::sync::Arc<dyn Fft<f32>>; 2],
    /// Factor on each kept frequency of an axis, in the order of [`kept`]; empty for none.
    taper: [Vec<f32>; 2],
}

impl SliceResampler {
    /// From slices of one size (x, y) to slices of another.
    pub fn new(from: [usize; 2], to: [usize; 2]) -> Self {
        let mut planner = FftPlanner::new();
        Self {
            from,
            to,
            forward: from.map(|n| planner.plan_fft_forward(n)),
            inverse: to.map(|n| planner.plan_fft_inverse(n)),
            taper: Default::default(),
        }
    }

    /// A Tukey window over the kept frequencies of each axis: 1 inside, falling as a cosine to 0 over the outer `share`
    /// (0 to 1) up to the Nyquist frequency of the smaller matrix.
    pub fn with_taper(mut self, share: f64) -> Self {
        self.taper = std::array::from_fn(|axis| {
            let shorter = self.from[axis].min(self.to[axis]);
            kept(shorter, shorter)
                .map(|(index, _)| {
                    let signed = if index < shorter.div_ceil(2) { index as f64 } else { index as f64 - shorter as f64 };
                    let radius = signed.abs() / (shorter as f64 / 2.0);
                    let into = ((radius - (1.0 - share)) / share.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
                    ((1.0 + (std::f64::consts::PI * into).cos()) / 2.0) as f32
                })
                .collect()
        });
        self
    }

    /// One complex slice (`from` values, x fastest) on the other matrix (`to` values).
    pub fn slice(&self, mut image: Vec<Complex32>) -> Vec<Complex32> {
        debug_assert_eq!(image.len(), self.from[0] * self.from[1]);
        if self.from == self.to && self.taper.iter().all(Vec::is_empty) {
            return image;
        }
        let factor = |axis: usize, at: usize| self.taper[axis].get(at).copied().unwrap_or(1.0);
        transform(&mut image, self.from[0], &self.forward);
        let mut out = vec![Complex32::ZERO; self.to[0] * self.to[1]];
        for (y, (y_from, y_to)) in kept(self.from[1], self.to[1]).enumerate() {
            for (x, (x_from, x_to)) in kept(self.from[0], self.to[0]).enumerate() {
                let factor = factor(0, x) * factor(1, y);
                out[x_to + self.to[0] * y_to] = image[x_from + self.from[0] * y_from] * factor;
            }
        }
        transform(&mut out, self.to[0], &self.inverse);
        let scale = 1.0 / (self.from[0] * self.from[1]) as f32;
        out.iter_mut().for_each(|value| *value *= scale);
        out
    }
}

/// In place along both axes of a slice with `width` columns.
fn transform(image: &mut [Complex32], width: usize, plans: &[std::sync::Arc<dyn Fft<f32>>; 2]) {
    plans[0].process(image);
    let mut columns = Columns::new(plans[1].as_ref());
    for x in (0..width).step_by(16) {
        columns.transform(plans[1].as_ref(), image, x, 16.min(width - x), width);
    }
}

/// Pairs of FFT indices of the frequencies that both lengths hold: -m/2..m/2 of the shorter, m.
fn kept(from: usize, to: usize) -> impl Iterator<Item = (usize, usize)> {
    let shorter = from.min(to) as i64;
    (-(shorter / 2)..(shorter + 1) / 2)
        .map(move |k| (k.rem_euclid(from as i64) as usize, k.rem_euclid(to as i64) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cropping_then_filling_keeps_a_slow_wave_and_drops_a_fast_one() {
        let wave = |n: usize, cycles: f32| -> Vec<Complex32> {
            (0..n * n)
                .map(|i| Complex32::new(1.0 + (std::f32::consts::TAU * cycles * (i % n) as f32 / n as f32).cos(), 0.0))
                .collect()
        };
        let crop = SliceResampler::new([16, 16], [8, 8]);
        let fill = SliceResampler::new([8, 8], [16, 16]);
        let slow = fill.slice(crop.slice(wave(16, 2.0)));
        assert!(slow.iter().zip(wave(16, 2.0)).all(|(a, b)| (a - b).norm() < 1e-5));
        let fast = fill.slice(crop.slice(wave(16, 6.0)));
        assert!(fast.iter().all(|value| (value - Complex32::new(1.0, 0.0)).norm() < 1e-5));
    }

    #[test]
    fn the_taper_is_one_inside_and_falls_to_zero() {
        let plain = SliceResampler::new([16, 16], [32, 32]).with_taper(0.5);
        let at = |cycles: i64| plain.taper[0][(cycles + 8) as usize];
        assert_eq!([at(0), at(4), at(-4), at(-8)], [1.0, 1.0, 1.0, 0.0]);
        // Half-way through the falling part.
        assert!((at(6) - 0.5).abs() < 1e-6 && at(6) == at(-6));
    }

    #[test]
    fn the_acquired_matrix_has_the_same_field_of_view() {
        let grid = Grid::centred([256, 256, 64], [0.4, 0.4, 1.0]);
        assert_eq!(acquired_grid(grid, 0.8), Grid::centred([128, 128, 64], [0.8, 0.8, 1.0]));
        assert_eq!(acquired_grid(grid, 0.1), grid);
    }
}
