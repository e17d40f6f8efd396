//! What an examination measures: signals of the tissues in each voxel, spread over their neighbours, with Rician noise.

use rand_distr::{Distribution, StandardNormal};

use super::head::Head;
use super::lesions::Lesions;
use super::protocol::{MEASUREMENTS, TE_MS, TR_MS};
use super::tensor::{Tensor, along, axial};
use super::tracts::{Population, Tracts};
use super::vectors::Way;
use crate::seed::RunSeed;
use crate::simulate::brain::tissue::{Magnet, Sequence, Tissue};

/// Diffusivity of free water at 37 degrees, um2/ms (Holz, Heil and Sacco 2000).
const FREE: f64 = 3.0;

/// Of grey matter: along and across what little order it has (Pierpaoli et al. 1996: .7 to .8, anisotropy about .1).
const GREY: [f64; 2] = [0.88, 0.74];

/// Of white matter without order and with the most, along and across fibres (Pierpaoli et al. 1996: callosum 1.7 and
/// .3, subcortical 1.1 and .5).
const LOOSE: [f64; 2] = [1.10, 0.63];
const TIGHT: [f64; 2] = [1.74, 0.25];

/// What a voxel takes from its neighbour on either side along an axis, before all are brought to a sum of 1: the echo
/// train and one resampling, together 2.6 mm at half height.
const NEIGHBOUR: f32 = 0.17;

/// What white matter's diffusion has of a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Microstructure {
    /// Added to the diffusivity across fibres, um2/ms: what lowers the anisotropy of the whole brain.
    pub across: f64,
    /// Signal of white matter without weighting over the noise.
    pub snr: f64,
}

/// Compartments of one voxel: share times signal without weighting, and tensor.
struct Compartments {
    parts: [(f64, Tensor); 5],
}

/// Signals without weighting of one unit of each tissue.
struct Levels {
    csf: f64,
    grey: f64,
    white: f64,
    fluid: f64,
}

impl Levels {
    fn new() -> Self {
        let of = |tissue: Tissue| Sequence::SpinEcho { tr: TR_MS, te: TE_MS }.signal(tissue.spins(Magnet::High));
        Self { csf: of(Tissue::Csf), grey: of(Tissue::Grey), white: of(Tissue::White), fluid: of(Tissue::Oedema) }
    }
}

/// Signals of the voxels of a brain, one after the other, [`MEASUREMENTS`] each.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Voxels of the brain, in the grid's order.
    pub inside: Vec<usize>,
    /// Their signals.
    pub signals: Vec<f32>,
}

/// Examines a head.
pub fn scan(
    head: &Head,
    tracts: &Tracts,
    lesions: &Lesions,
    own: Microstructure,
    table: &[(f64, Way)],
    seed: RunSeed,
) -> Scan {
    let levels = Levels::new();
    let inside: Vec<usize> = (0..head.grid.voxels()).filter(|&at| head.brain[at]).collect();
    let mut signals = Vec::with_capacity(inside.len() * MEASUREMENTS);
    for &at in &inside {
        let compartments = Compartments::new(head, tracts.at(head, at), lesions, own, &levels, at);
        signals.extend(table.iter().map(|(b, way)| compartments.signal(*b, *way)));
    }
    spread(&mut signals, MEASUREMENTS, &inside, head);
    let noise = levels.white / own.snr;
    let mut rng = seed.stream("noise", 0);
    for signal in &mut signals {
        let real: f64 = StandardNormal.sample(&mut rng);
        let imaginary: f64 = StandardNormal.sample(&mut rng);
        *signal = (f64::from(*signal) + noise * real).hypot(noise * imaginary) as f32;
    }
    Scan { inside, signals }
}

impl Compartments {
    fn new(
        head: &Head,
        populations: [Population; 2],
        lesions: &Lesions,
        own: Microstructure,
        levels: &Levels,
        at: usize,
    ) -> Self {
        let [csf, grey, white] = [head.csf[at], head.grey[at], head.white[at]].map(f64::from);
        let lost = f64::from(lesions.damage[at]);
        // Fluid between what fibres are left takes their place.
        let water = (0.05 + 0.24 * lost) * f64::from(u8::from(lost > 0.0)) * lost.min(0.2) / 0.2;
        let isotropic = [FREE, FREE, FREE, 0.0, 0.0, 0.0];
        let fibres = |one: &Population| {
            let mix = |[loose, tight]: [f64; 2]| loose + (tight - loose) * one.order;
            let across = mix([LOOSE[1], TIGHT[1]]) + own.across + 0.42 * lost;
            axial(one.way, mix([LOOSE[0], TIGHT[0]]) + 0.1 * lost, across)
        };
        // Lost myelin leaves white matter with the relaxation of oedema.
        let level = levels.white + (levels.fluid - levels.white) * 0.5 * lost;
        let left = white * (1.0 - water) * level;
        let [first, second] = populations;
        Self {
            parts: [
                (csf * levels.csf, isotropic),
                (grey * levels.grey, axial(first.way, GREY[0] + 0.05 * lost, GREY[1] + 0.05 * lost)),
                (left * first.share, fibres(&first)),
                (left * second.share, fibres(&second)),
                (white * water * levels.fluid, isotropic),
            ],
        }
    }

    fn signal(&self, b: f64, way: Way) -> f32 {
        let parts = self.parts.iter().filter(|(level, _)| *level > 0.0);
        parts.map(|(level, tensor)| level * (-b * along(tensor, way)).exp()).sum::<f64>() as f32
    }
}

/// Spreads the signals of voxels, `count` each, over neighbours in the brain.
pub(super) fn spread(signals: &mut Vec<f32>, count: usize, inside: &[usize], head: &Head) {
    let shape = head.grid.shape;
    // Of voxels outside the brain.
    const NONE: u32 = u32::MAX;
    let mut slots = vec![NONE; head.grid.voxels()];
    inside.iter().enumerate().for_each(|(slot, &at)| slots[at] = slot as u32);
    for (axis, stride) in [1, shape[0], shape[0] * shape[1]].into_iter().enumerate() {
        let mut out = signals.clone();
        for (slot, &at) in inside.iter().enumerate() {
            let own = at / stride % shape[axis];
            let back = if own > 0 { slots[at - stride] } else { NONE };
            let on = if own + 1 < shape[axis] { slots[at + stride] } else { NONE };
            let target = &mut out[slot * count..][..count];
            let mut sides = 0.0;
            for near in [back, on] {
                if near != NONE {
                    sides += 1.0;
                    let row = &signals[near as usize * count..][..count];
                    target.iter_mut().zip(row).for_each(|(sum, one)| *sum += NEIGHBOUR * one);
                }
            }
            let scale = 1.0 / (1.0 + NEIGHBOUR * sides);
            target.iter_mut().for_each(|one| *one *= scale);
        }
        *signals = out;
    }
}
