//! What FLAIR at 3 T shows of the same head.

use rand_distr::{Distribution, StandardNormal};

use super::head::Head;
use super::lesions::Lesions;
use super::signal::spread;
use crate::seed::RunSeed;
use crate::simulate::brain::tissue::{Magnet, Sequence, Tissue};
use crate::simulate::field::smooth_field;

/// Noise over the signal of white matter.
const NOISE: f64 = 0.035;

/// Level of a signal of 1.
const GAIN: f64 = 4000.0;

/// Levels of the grid's voxels, 0 outside the brain; lesions are bright.
pub fn flair(head: &Head, lesions: &Lesions, seed: RunSeed) -> Vec<f32> {
    let sequence = Sequence::flair(Magnet::High);
    let of = |tissue: Tissue| sequence.signal(tissue.spins(Magnet::High));
    let [csf, grey, white, sick] = [Tissue::Csf, Tissue::Grey, Tissue::White, Tissue::Oedema].map(of);
    let shade = smooth_field(head.grid, [90.0; 3], seed, "shading");
    let inside: Vec<usize> = (0..head.grid.voxels()).filter(|&at| head.brain[at]).collect();
    let level = |&at: &usize| {
        // Faint damage shows sooner here than in the fibres.
        let lost = f64::from(lesions.damage[at]).sqrt();
        let own = f64::from(head.white[at]) * (white + lost * (sick - white));
        let sum = f64::from(head.csf[at]) * csf + f64::from(head.grey[at]) * grey + own;
        (sum * (1.0 + 0.05 * f64::from(shade[at]))) as f32
    };
    let mut levels: Vec<f32> = inside.iter().map(level).collect();
    spread(&mut levels, 1, &inside, head);
    let mut rng = seed.stream("flair", 0);
    let mut image = vec![0.0; head.grid.voxels()];
    for (&at, level) in inside.iter().zip(levels) {
        let real: f64 = StandardNormal.sample(&mut rng);
        let imaginary: f64 = StandardNormal.sample(&mut rng);
        let noise = NOISE * white;
        image[at] = (GAIN * (f64::from(level) + noise * real).hypot(noise * imaginary)) as f32;
    }
    image
}
