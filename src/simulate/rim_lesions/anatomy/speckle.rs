//! Clusters of small dark spots: calcified choroid plexus and dural calcification, strongly diamagnetic.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::compartments::Compartments;
use super::veins::sub_positions;
use crate::simulate::rim_lesions::phantom::Tissue;
use crate::simulate::rim_lesions::plan::PatientPlan;

/// Clusters a litre of slab, about: one in ten patches shows one.
const CLUSTERS_PER_LITRE: f64 = 7.0;
const SPREAD_MM: f64 = 1.6;
const SAMPLES: [usize; 3] = [2, 2, 3];

/// Adds a patient's clusters to `tissue`; they lie in fluid and cortex.
pub(crate) fn scatter(plan: &PatientPlan, layout: &Compartments, tissue: &mut Tissue) {
    let grid = layout.grid;
    let mut rng = plan.seed.stream("anatomy.speckle", 0);
    let litres = grid.voxels() as f64 * grid.voxel_mm().iter().product::<f64>() * 1e-6;
    let expected = CLUSTERS_PER_LITRE * litres;
    let clusters = expected.floor() as usize + usize::from(rng.random_bool(expected.fract()));
    for _ in 0..clusters {
        let found = (0..400).find_map(|_| {
            let index = rng.random_range(0..grid.voxels());
            (layout.brain[index] && layout.csf[index] + layout.cortex[index] > 0.7).then_some(index)
        });
        let Some(index) = found else { continue };
        let middle = grid.centre_of(grid.voxel(index));
        for _ in 0..rng.random_range(6..16) {
            let centre: [f64; 3] = std::array::from_fn(|axis| {
                let draw: f64 = StandardNormal.sample(&mut rng);
                middle[axis] + SPREAD_MM * draw
            });
            let radius = rng.random_range(0.35..0.8);
            let chi = rng.random_range(-260.0..-90.0f32);
            spot(centre, radius, chi, tissue);
        }
    }
}

/// A ball of calcium replaces what was there.
fn spot(centre_mm: [f64; 3], radius_mm: f64, chi_ppb: f32, tissue: &mut Tissue) {
    let grid = tissue.chi_ppb.grid;
    let centre = grid.voxel_of(centre_mm);
    let range = |a: usize| {
        let reach = radius_mm / grid.voxel_mm()[a] + 0.5;
        (centre[a] - reach).floor() as i64..=(centre[a] + reach).ceil() as i64
    };
    for z in range(2) {
        for y in range(1) {
            for x in range(0) {
                let Some(voxel) = grid.inside([x, y, z]) else { continue };
                let inside = |sub: &[f64; 3]| {
                    let mm = grid.mm_of(std::array::from_fn(|a| voxel[a] as f64 + sub[a]));
                    (0..3).map(|a| (mm[a] - centre_mm[a]).powi(2)).sum::<f64>() < radius_mm * radius_mm
                };
                let hits = sub_positions(SAMPLES).filter(inside).count();
                let share = hits as f32 / SAMPLES.iter().product::<usize>() as f32;
                if share > 0.0 {
                    let index = grid.index(voxel);
                    tissue.chi_ppb.data[index] += share * (chi_ppb - tissue.chi_ppb.data[index]);
                    tissue.r2star_per_s.data[index] += share * 30.0;
                    tissue.magnitude.data[index] *= 1.0 - 0.6 * share;
                    tissue.csf.data[index] = false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::{Grid, Volume};

    #[test]
    fn a_spot_holds_its_volume_of_calcium() {
        let grid = Grid::centred([24, 24, 12], [0.4, 0.4, 1.0]);
        let filled = |value: f32| Volume::filled(grid, value);
        let mut tissue = Tissue {
            chi_ppb: filled(0.0),
            r2star_per_s: filled(20.0),
            magnitude: filled(1.0),
            brain: Volume::filled(grid, true),
            csf: Volume::filled(grid, false),
        };
        spot([0.1, 0.2, 0.3], 2.0, -100.0, &mut tissue);
        let moment = -f64::from(tissue.chi_ppb.data.iter().sum::<f32>()) * 0.16 / 100.0;
        assert!((moment / (4.0 / 3.0 * std::f64::consts::PI * 8.0) - 1.0).abs() < 0.05, "{moment} mm3");
    }
}
