//! What a scanner makes of a brain: four contrasts, slices of its thickness, shading, noise; then what registration to
//! an atlas of 1 mm makes of that.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::anatomy::Anatomy;
use super::tissue::{Magnet, Sequence, TISSUES, Tissue};
use super::tumour::Spread;
use crate::seed::RunSeed;
use crate::simulate::field::smooth_field;

/// The four contrasts, as BraTS calls them since 2023.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contrast {
    /// T1-weighted before contrast agent.
    T1n,
    /// After it.
    T1c,
    /// T2-weighted.
    T2w,
    /// The same with fluid suppressed.
    T2f,
}

/// In the order of the files' names.
pub const CONTRASTS: [Contrast; 4] = [Contrast::T1c, Contrast::T1n, Contrast::T2f, Contrast::T2w];

impl Contrast {
    /// As in file names.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::T1n => "t1n",
            Self::T1c => "t1c",
            Self::T2w => "t2w",
            Self::T2f => "t2f",
        }
    }

    fn sequence(self, magnet: Magnet) -> Sequence {
        match self {
            Self::T1n | Self::T1c => Sequence::T1,
            Self::T2w => Sequence::T2,
            Self::T2f => Sequence::flair(magnet),
        }
    }
}

/// A machine and its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scanner {
    /// 1.5 T, axial slices of 5 mm.
    LowThick,
    /// 1.5 T, 1 mm.
    LowThin,
    /// 3 T, 1 mm.
    HighThin,
}

impl Scanner {
    /// In files.
    pub fn key(self) -> &'static str {
        match self {
            Self::LowThick => "1.5T 5 mm",
            Self::LowThin => "1.5T 1 mm",
            Self::HighThin => "3T 1 mm",
        }
    }

    fn magnet(self) -> Magnet {
        match self {
            Self::LowThick | Self::LowThin => Magnet::Low,
            Self::HighThin => Magnet::High,
        }
    }

    fn slice_mm(self) -> usize {
        match self {
            Self::LowThick => 5,
            Self::LowThin | Self::HighThin => 1,
        }
    }

    /// Noise of a real channel over the signal of white matter, before thick slices average it.
    fn noise(self) -> [f64; 2] {
        match self {
            Self::LowThick => [0.03, 0.06],
            Self::LowThin => [0.05, 0.09],
            Self::HighThin => [0.03, 0.05],
        }
    }

    /// How far shading goes from the mean, either way.
    fn shading(self) -> [f64; 2] {
        match self {
            Self::LowThick | Self::LowThin => [0.08, 0.15],
            Self::HighThin => [0.12, 0.2],
        }
    }
}

/// What one examination has of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Examination {
    /// Where.
    pub scanner: Scanner,
    /// Noise, as a share of white matter's signal.
    pub noise: f64,
    /// Shading, as a share of the mean.
    pub shading: f64,
    /// Level of a signal of 1: scanners scale as they like.
    pub gain: f64,
    /// Of noise and shading.
    pub seed: RunSeed,
}

impl Examination {
    /// Draws one.
    pub fn draw(scanner: Scanner, seed: RunSeed) -> Self {
        let mut rng = seed.stream("examination", 0);
        let between = |rng: &mut dyn Rng, [low, high]: [f64; 2]| rng.random_range(low..high);
        let noise = between(&mut rng, scanner.noise());
        let shading = between(&mut rng, scanner.shading());
        let gain = 800.0 * 10f64.powf(rng.random_range(0.0..1.0));
        Self { scanner, noise, shading, gain, seed }
    }
}

/// Levels of one contrast on the anatomy's grid, 0 outside the brain.
pub fn image(contrast: Contrast, brain: &Anatomy, tumour: &Spread, examination: &Examination) -> Vec<f32> {
    let scanner = examination.scanner;
    let magnet = scanner.magnet();
    let sequence = contrast.sequence(magnet);
    let levels = TISSUES.map(|tissue| sequence.signal(tissue.spins(magnet)));
    let solid = Tissue::Solid.spins(magnet);
    let shade = smooth_field(brain.grid, [90.0; 3], examination.seed, "shading");
    let fibres = smooth_field(brain.grid, [7.0; 3], examination.seed, "fibres");
    let mut signal = vec![0.0f32; brain.grid.voxels()];
    for (at, signal) in signal.iter_mut().enumerate() {
        if !brain.brain[at] {
            continue;
        }
        // One by one: `map` of an array is not inlined, and this runs four times for each voxel.
        let sick = [f64::from(tumour.oedema[at]), f64::from(tumour.solid[at]), f64::from(tumour.necrosis[at])];
        let healthy = (1.0 - (sick[0] + sick[1] + sick[2])).max(0.0);
        // Bundles and nuclei of cells differ a little from place to place.
        let grain = 1.0 + 0.03 * f64::from(fibres[at]);
        let (csf, grey) = (f64::from(brain.csf[at]), f64::from(brain.grey[at]));
        let white = f64::from(brain.white[at]);
        let mut sum = healthy * (csf * levels[0] + grain * (grey * levels[1] + white * levels[2]));
        let bright = match contrast {
            Contrast::T1c if tumour.contrast[at] > 0.0 => {
                sequence.signal(solid.with_contrast(f64::from(tumour.contrast[at]) / sick[1].max(0.05)))
            }
            _ => levels[4],
        };
        sum += sick[0] * levels[3] + sick[1] * bright * grain + sick[2] * levels[5];
        *signal = (sum * (1.0 + examination.shading * f64::from(shade[at]) / 2.0)) as f32;
    }
    blur(&mut signal, &brain.brain, brain.grid.shape);
    let noise = examination.noise * levels[2];
    let seed = examination.seed.child(contrast.suffix(), 0);
    let mut measured = acquired(&signal, brain.grid.shape, scanner.slice_mm(), noise, seed);
    for (level, &inside) in measured.iter_mut().zip(&brain.brain) {
        *level = if inside { *level * examination.gain as f32 } else { 0.0 };
    }
    measured
}

/// What a voxel takes from its neighbours along each axis, on either side of itself: what the scanner's resolution and
/// the two interpolations of registration and atlas leave of a sharp edge, set by the texture of real heads (gates).
const SPREAD: [f32; 3] = [0.46, 0.22, 0.05];

/// Spreads each level of the brain over its neighbours in the brain.
fn blur(signal: &mut Vec<f32>, brain: &[bool], shape: [usize; 3]) {
    let strides = [1, shape[0], shape[0] * shape[1]];
    for axis in 0..3 {
        let mut spread = vec![0.0f32; signal.len()];
        for (at, value) in spread.iter_mut().enumerate() {
            if !brain[at] {
                continue;
            }
            let place = at / strides[axis] % shape[axis];
            let (mut sum, mut weights) = (SPREAD[0] * signal[at], SPREAD[0]);
            for (steps, weight) in (1..).zip(&SPREAD[1..]) {
                let back = (place >= steps).then(|| at - steps * strides[axis]);
                let on = (place + steps < shape[axis]).then(|| at + steps * strides[axis]);
                for other in back.into_iter().chain(on).filter(|&other| brain[other]) {
                    sum += weight * signal[other];
                    weights += weight;
                }
            }
            *value = sum / weights;
        }
        *signal = spread;
    }
}

/// Slices of `thick` voxels along z with Rician noise, brought back to one each by cubic interpolation. Thin ones are
/// shifted by a part of a voxel and back, as registration does; either way levels swing below 0 beside bright edges.
fn acquired(signal: &[f32], [nx, ny, nz]: [usize; 3], thick: usize, noise: f64, seed: RunSeed) -> Vec<f32> {
    let plane = nx * ny;
    let slices = nz.div_ceil(thick);
    let mut rng = seed.stream("noise", 0);
    let averaged = (thick as f64).sqrt().recip();
    let mut stack = vec![0.0f32; plane * slices];
    for (slice, level) in stack.chunks_exact_mut(plane).enumerate() {
        let from = slice * thick..((slice + 1) * thick).min(nz);
        let count = from.len() as f32;
        for z in from {
            level.iter_mut().zip(&signal[z * plane..][..plane]).for_each(|(sum, one)| *sum += one / count);
        }
        for level in level {
            let mut channel = || {
                let draw: f64 = StandardNormal.sample(&mut rng);
                noise * averaged * draw
            };
            let (real, imaginary) = (channel(), channel());
            // Outside the head too: it is stripped after this.
            *level = (f64::from(*level) + real).hypot(imaginary) as f32;
        }
    }
    let shift = if thick == 1 { rng.random_range(0.3..0.7) } else { 0.0 };
    let place = |z: usize| (z as f64 + 0.5 + shift) / thick as f64 - 0.5;
    let mut out = vec![0.0f32; plane * nz];
    for (z, level) in out.chunks_exact_mut(plane).enumerate() {
        let first = place(z).floor();
        let weights = catmull_rom(place(z) - first);
        for (tap, weight) in weights.into_iter().enumerate() {
            let slice = (first as i64 + tap as i64 - 1).clamp(0, slices as i64 - 1) as usize;
            let row = &stack[slice * plane..][..plane];
            level.iter_mut().zip(row).for_each(|(sum, one)| *sum += weight as f32 * one);
        }
    }
    out
}

/// Weights of the four samples about a place `t` of 0 to 1 between the middle two: through them, with the slope of
/// their neighbours (Catmull and Rom 1974).
fn catmull_rom(t: f64) -> [f64; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [(-t3 + 2.0 * t2 - t) / 2.0, (3.0 * t3 - 5.0 * t2 + 2.0) / 2.0, (-3.0 * t3 + 4.0 * t2 + t) / 2.0, (t3 - t2) / 2.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_pass_through_samples_and_carry_lines() {
        assert_eq!(catmull_rom(0.0), [0.0, 1.0, 0.0, 0.0]);
        for t in [0.2, 0.5, 0.9] {
            let weights = catmull_rom(t);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let line: f64 = weights.iter().zip([-1.0, 0.0, 1.0, 2.0]).map(|(weight, at)| weight * at).sum();
            assert!((line - t).abs() < 1e-12);
        }
    }

    #[test]
    fn spreading_keeps_what_is_even_and_leaves_the_outside() {
        let brain: Vec<bool> = (0..7 * 5 * 3).map(|at| at % 7 > 1).collect();
        let mut even: Vec<f32> = brain.iter().map(|&inside| if inside { 2.0 } else { 0.0 }).collect();
        let before = even.clone();
        blur(&mut even, &brain, [7, 5, 3]);
        assert!(even.iter().zip(&before).all(|(one, other)| (one - other).abs() < 1e-6));
        let mut dot = vec![0.0; 9];
        dot[4] = 1.0;
        blur(&mut dot, &[true; 9], [9, 1, 1]);
        assert_eq!(dot[3..6], [0.22, 0.46, 0.22]);
    }

    #[test]
    fn thick_slices_average_and_noise_is_rician() {
        // One slice of 5, its middle bright: a fifth of it remains, over the floor of the noise.
        let signal: Vec<f32> = (0..5 * 400).map(|at| if at / 400 == 2 { 5.0 } else { 0.0 }).collect();
        let quiet = acquired(&signal, [20, 20, 5], 5, 0.0, RunSeed(1));
        assert!(quiet.iter().all(|level| (level - 1.0).abs() < 1e-6));
        let noisy = acquired(&vec![0.0; 40 * 40 * 5], [40, 40, 5], 5, 1.0, RunSeed(1));
        // Rayleigh: the mean is sigma sqrt(pi / 2), sigma a root of five smaller.
        let mean = noisy.iter().map(|&level| f64::from(level)).sum::<f64>() / noisy.len() as f64;
        let expected = (std::f64::consts::PI / 2.0 / 5.0).sqrt();
        assert!((mean / expected - 1.0).abs() < 0.05, "{mean} {expected}");
    }
}
