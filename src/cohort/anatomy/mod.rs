//! A patient's slab of brain as the scanner will measure it: compartments, texture, veins, lesions.

use rand::RngExt;

use super::flair;
use super::lesions;
use super::phantom::{Phantom, Tissue};
use super::plan::PatientPlan;
use super::volume::Volume;
use crate::problem::Result;

pub(crate) mod compartments;

pub(crate) mod field;

pub(crate) mod veins;

use compartments::Compartments;
use field::smooth_field;

/// Susceptibility in ppb: QSM challenge 2.0 head phantom (Marques 2021, MRM 86:526).
const CHI_WHITE: f32 = -30.0;
const CHI_CORTEX: f32 = 20.0;
const CHI_CSF: f32 = 19.0;
/// R2* in 1/s at 3 T.
const R2S_WHITE: f32 = 20.0;
const R2S_CORTEX: f32 = 17.0;
const R2S_CSF: f32 = 3.0;
const R2S_VEIN: f32 = 45.0;

/// Builds a patient's phantom; a pure function of the plan.
///
/// # Errors
/// When the slab has no room for the planned lesions.
pub fn build(plan: &PatientPlan) -> Result<Phantom> {
    let layout = compartments::lay_out(plan);
    let mut tissue = tissue_of(plan, &layout);
    let veins = veins::grow(plan, &layout);
    let lesions = lesions::place(plan, &layout)?;
    let drawn = lesions::draw(plan, &lesions, &mut tissue);
    let mut shares = vec![0.0f32; layout.grid.len()];
    for vein in veins.iter().chain(&drawn.veins) {
        veins::draw(vein, layout.grid, &mut shares);
    }
    pour_blood(plan, &shares, &mut tissue);
    let flair = flair::acquire(plan, &layout, &lesions);
    Ok(Phantom { tissue, lesions: drawn.truths, labels: drawn.labels, rim_trace: drawn.rim_trace, flair })
}

fn tissue_of(plan: &PatientPlan, layout: &Compartments) -> Tissue {
    let grid = layout.grid;
    // White matter: fibre texture of 6 to 10 ppb over a few mm, and broader dark bands of dense, oriented myelin.
    let fine = smooth_field(grid, [1.6, 1.6, 2.5], plan.seed, "tissue.fibres");
    let middle = smooth_field(grid, [4.5, 4.5, 6.0], plan.seed, "tissue.bundles");
    let bands = smooth_field(grid, [11.0, 11.0, 14.0], plan.seed, "tissue.bands");
    let layers = smooth_field(grid, [2.2, 2.2, 3.0], plan.seed, "tissue.cortex");
    let mut chi = Vec::with_capacity(grid.len());
    let mut r2star = Vec::with_capacity(grid.len());
    let mut magnitude = Vec::with_capacity(grid.len());
    for i in 0..grid.len() {
        let (white, cortex, csf, deep) = (layout.white(i), layout.cortex[i], layout.csf[i], layout.deep_grey[i]);
        let band = bands[i].max(0.3) - 0.3;
        let white_chi = CHI_WHITE + 6.0 * fine[i] + 7.0 * middle[i] - 16.0 * band;
        let cortex_chi = CHI_CORTEX + 22.0 + 13.0 * layers[i];
        let deep_chi = layout.deep_grey_chi[i] + 10.0 * layers[i];
        chi.push(white * white_chi + cortex * cortex_chi + csf * CHI_CSF + deep * deep_chi);
        r2star.push(
            white * R2S_WHITE + cortex * R2S_CORTEX + csf * R2S_CSF + deep * (22.0 + 0.1 * layout.deep_grey_chi[i]),
        );
        magnitude.push(white + 1.12 * cortex + 1.3 * csf + 1.05 * deep);
    }
    Tissue {
        chi_ppb: Volume { grid, data: chi },
        r2star_per_s: Volume { grid, data: r2star },
        magnitude: Volume { grid, data: magnitude },
        brain: Volume { grid, data: layout.brain.clone() },
        csf: Volume { grid, data: layout.csf.iter().map(|&share| share > 0.95).collect() },
    }
}

/// Deoxygenated blood: 300 ppb +/- 20 % between patients (Biondetti's phantom), less in the smallest veins.
fn pour_blood(plan: &PatientPlan, shares: &[f32], tissue: &mut Tissue) {
    let blood = 300.0 * plan.seed.stream("anatomy.blood", 0).random_range(0.8..1.2f32);
    for (i, &share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        let mix = |old: &mut f32, new: f32| *old += share * (new - *old);
        mix(&mut tissue.chi_ppb.data[i], blood);
        mix(&mut tissue.r2star_per_s.data[i], R2S_VEIN);
        mix(&mut tissue.magnitude.data[i], 0.9);
        if share > 0.05 {
            tissue.csf.data[i] = false;
        }
    }
}
