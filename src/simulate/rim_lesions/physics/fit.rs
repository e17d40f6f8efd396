//! Field map from multi-echo signal: a weighted straight line through each voxel's phase, with an offset.
//!
//! No spatial unwrapping is needed: neighbouring echoes are 4.06 ms apart, so their phase difference stays inside
//! (-pi, pi) up to 123 Hz (964 ppb), far beyond any local field here. The echo-to-echo ratio gives a first slope;
//! what is left of each phase after it is small, and the line is fitted to that.

use realfft::num_complex::Complex32;

use super::signal::Echoes;
use crate::nifti::Volume;

/// What the fit finds in each voxel of the acquired grid.
pub struct FieldFit {
    /// Field shift, parts per 1e9 of the static field.
    pub field_ppb: Volume<f32>,
    /// Inverse standard deviation of the field, up to a common factor: the data weight of an inversion.
    pub precision: Volume<f32>,
    /// Root of the mean squared magnitude over echoes.
    pub magnitude: Volume<f32>,
}

/// Weighted fit with weights |s|^2 (the inverse variance of a phase).
pub fn fit_field(echoes: &Echoes) -> FieldFit {
    let times = echoes.config.times_s();
    let per_ppb = echoes.config.radians_per_ppb_s();
    let spacing_s = echoes.config.spacing_ms * 1e-3;
    let voxels = echoes.grid.voxels();
    let mut found = [(); 3].map(|()| Vec::with_capacity(voxels));
    let mut signal = vec![Complex32::ZERO; times.len()];
    for voxel in 0..voxels {
        for (value, echo) in signal.iter_mut().zip(&echoes.signal) {
            *value = echo[voxel];
        }
        let line = fit_line(&signal, &times, spacing_s);
        let power: f64 = signal.iter().map(|s| f64::from(s.norm_sqr())).sum();
        found[0].push((line.slope / per_ppb) as f32);
        found[1].push((line.information.sqrt() * per_ppb) as f32);
        found[2].push((power / times.len() as f64).sqrt() as f32);
    }
    let [field_ppb, precision, magnitude] = found.map(|data| Volume { grid: echoes.grid, data });
    FieldFit { field_ppb, precision, magnitude }
}

struct Line {
    /// rad/s.
    slope: f64,
    /// Inverse variance of the slope where each phase has variance 1/|s|^2.
    information: f64,
}

fn fit_line(signal: &[Complex32], times: &[f64], spacing_s: f64) -> Line {
    let ratio: Complex32 = signal.windows(2).map(|pair| pair[1] * pair[0].conj()).sum();
    let first = f64::from(ratio.arg()) / spacing_s;
    // Phases relative to one common offset, so that none lies near the cut at pi.
    let turned = |n: usize| signal[n] * Complex32::from_polar(1.0, (-first * times[n]) as f32);
    let common: Complex32 = (0..signal.len()).map(turned).sum();
    let [mut sw, mut swt, mut swp] = [0.0; 3];
    let mut rows = [(0.0, 0.0); 32];
    for (n, row) in rows.iter_mut().enumerate().take(signal.len()) {
        *row = (f64::from(signal[n].norm_sqr()), f64::from((turned(n) * common.conj()).arg()));
        sw += row.0;
        swt += row.0 * times[n];
        swp += row.0 * row.1;
    }
    if sw == 0.0 {
        return Line { slope: 0.0, information: 0.0 };
    }
    let (mean_t, mean_p) = (swt / sw, swp / sw);
    let [mut stt, mut stp] = [0.0; 2];
    for (&(weight, phase), time) in rows.iter().zip(times) {
        stt += weight * (time - mean_t).powi(2);
        stp += weight * (time - mean_t) * (phase - mean_p);
    }
    if stt == 0.0 {
        return Line { slope: first, information: 0.0 };
    }
    Line { slope: first + stp / stt, information: stt }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::rim_lesions::physics::signal::EchoConfig;

    fn line(field_ppb: f64, r2star: f64, offset: f64) -> f64 {
        let config = EchoConfig::default();
        let times = config.times_s();
        let signal: Vec<Complex32> = times
            .iter()
            .map(|&t| {
                let phase = offset + config.radians_per_ppb_s() * field_ppb * t;
                Complex32::from_polar((-r2star * t).exp() as f32, phase as f32)
            })
            .collect();
        fit_line(&signal, &times, config.spacing_ms * 1e-3).slope / config.radians_per_ppb_s()
    }

    #[test]
    fn recovers_the_field_through_offsets_and_many_turns() {
        for (field, offset) in [(0.0, 0.0), (37.5, 3.1), (-240.0, -2.0), (900.0, 1.0), (-900.0, 5.0)] {
            assert!((line(field, 20.0, offset) - field).abs() < 0.01, "{field} ppb at offset {offset}");
        }
    }
}
