//! A patient's slab of brain as the scanner will measure it: compartments, texture, veins, lesions.

use rand::RngExt;

use super::flair;
use super::lesions;
use super::phantom::{Phantom, Tissue};
use super::plan::PatientPlan;
use crate::nifti::Volume;
use crate::problem::Result;
use crate::simulate::field::smooth_field;

pub(crate) mod compartments;

pub(crate) mod speckle;

pub(crate) mod veins;

use compartments::Compartments;

/// Susceptibility in ppb: QSM challenge 2.0 head phantom (Marques 2021, MRM 86:526).
const CHI_WHITE: f32 = -30.0;
const CHI_CORTEX: f32 = 20.0;
const CHI_CSF: f32 = 19.0;
/// Texture, ppb, set by eye and by the published texture (gates): bundles' sd, depth of dark bands, height of the
/// cortex's deep layers above its surface.
const WHITE_BUNDLES: f32 = 10.0;
const DARK_BAND: f32 = 50.0;
const DEEP_LAYERS: f32 = 72.0;
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
    build_without_rim(plan, None)
}

/// As [`build`], but the lesion of the label `without` has no iron shell; all else is the same, draws included. Where
/// that lesion has none anyway, or no lesion has the label, this is [`build`].
///
/// # Errors
/// As [`build`].
pub fn build_without_rim(plan: &PatientPlan, without: Option<u16>) -> Result<Phantom> {
    let layout = compartments::lay_out(plan);
    let mut tissue = tissue_of(plan, &layout);
    speckle::scatter(plan, &layout, &mut tissue);
    let veins = veins::grow(plan, &layout);
    let mut lesions = lesions::place(plan, &layout)?;
    lesions.iter_mut().filter(|lesion| Some(lesion.label) == without).for_each(|lesion| lesion.shell = None);
    let drawn = lesions::draw(plan, &layout, &lesions, &mut tissue);
    let mut shares = vec![0.0f32; layout.grid.voxels()];
    for vein in veins.iter().chain(&drawn.veins) {
        veins::draw(vein, layout.grid, &mut shares);
    }
    pour_blood(plan, &shares, &mut tissue);
    let flair = flair::acquire(plan, &layout, &lesions);
    Ok(Phantom { tissue, lesions: drawn.truths, labels: drawn.labels, rim_trace: drawn.rim_trace, flair })
}

/// Compartments into susceptibility, R2* and signal, with the texture of each tissue.
fn tissue_of(plan: &PatientPlan, layout: &Compartments) -> Tissue {
    let grid = layout.grid;
    // White matter: fibre texture of 6 to 10 ppb over a few mm, and dark bands of dense, oriented myelin: sheets where
    // a smooth field passes zero, present where another is high.
    let field = |mm: [f64; 3], purpose: &str| smooth_field(grid, mm, plan.seed, purpose);
    let fine = field([1.6, 1.6, 2.5], "tissue.fibres");
    let middle = field([3.6, 3.6, 5.0], "tissue.bundles");
    let coarse = field([11.0, 11.0, 14.0], "tissue.regions");
    let bands = field([7.0, 7.0, 11.0], "tissue.bands");
    let extent = field([10.0, 10.0, 14.0], "tissue.bands-extent");
    let layers = field([2.2, 2.2, 3.0], "tissue.cortex");
    let mut chi = Vec::with_capacity(grid.voxels());
    let mut r2star = Vec::with_capacity(grid.voxels());
    let mut magnitude = Vec::with_capacity(grid.voxels());
    for i in 0..grid.voxels() {
        let (white, cortex, csf, deep) = (layout.white(i), layout.cortex[i], layout.csf[i], layout.deep_grey[i]);
        let band = 1.0 / (1.0 + (bands[i] / 0.3).powi(4)) * (extent[i] + 0.2).clamp(0.0, 1.5);
        let white_chi =
            CHI_WHITE + 10.0 + 6.0 * fine[i] + WHITE_BUNDLES * middle[i] + 9.0 * coarse[i] - DARK_BAND * band;
        // Iron and myelin of the cortex lie in its deeper half (Duyn 2007): a bright band thinner than the ribbon.
        let depth = 1.0 + layout.below_cortex_mm[i] / layout.cortex_mm;
        let deep_layers = 1.0 / (1.0 + ((depth - 0.65) / 0.33).powi(4));
        let cortex_chi = CHI_CORTEX - 20.0 + (DEEP_LAYERS + 10.0 * coarse[i] + 13.0 * layers[i]) * deep_layers;
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
