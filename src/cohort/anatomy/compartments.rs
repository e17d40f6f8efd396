//! Which tissue is where: folded cortex, sulcal and ventricular fluid, deep grey nuclei, white matter.

use rand::RngExt;

use super::field::smooth_field;
use crate::cohort::plan::PatientPlan;
use crate::cohort::volume::Grid;

/// Thickness of the cortical ribbon, mm (Fischl & Dale 2000: 2.5 to 3.5).
const CORTEX_MM: (f64, f64) = (2.5, 3.5);

/// Share of each tissue in a voxel; what is left is white matter.
pub(crate) struct Compartments {
    pub grid: Grid,
    pub brain: Vec<bool>,
    pub csf: Vec<f32>,
    pub cortex: Vec<f32>,
    /// Deep grey nuclei, and the susceptibility of the nucleus that the voxel belongs to, ppb.
    pub deep_grey: Vec<f32>,
    pub deep_grey_chi: Vec<f32>,
    /// Signed distance in mm from the inner face of the cortex, positive inside white matter.
    pub below_cortex_mm: Vec<f32>,
    /// Distance in mm from the ventricles' wall, positive outside them.
    pub off_ventricle_mm: Vec<f32>,
}

impl Compartments {
    pub fn white(&self, index: usize) -> f32 {
        (1.0 - self.csf[index] - self.cortex[index] - self.deep_grey[index]).max(0.0)
    }
}

struct Nucleus {
    centre: [f64; 3],
    radii: [f64; 3],
    chi_ppb: f64,
}

/// Lays out a patient's slab. Lengths scale with the field of view, so that a small slab holds a whole layout too.
pub(crate) fn lay_out(plan: &PatientPlan) -> Compartments {
    let grid = plan.grid;
    let count = grid.len();
    let mut rng = plan.seed.stream("anatomy.layout", 0);
    let extent: [f64; 3] = std::array::from_fn(|a| grid.shape[a] as f64 * grid.voxel_mm[a]);
    let half = 0.5 * extent[0].min(extent[1]);
    let radius = half * rng.random_range(0.97..1.06);
    let offset = [rng.random_range(-0.06..0.06) * half, rng.random_range(-0.06..0.06) * half];
    let flatten = rng.random_range(0.94..1.08);
    let cortex_mm = rng.random_range(CORTEX_MM.0..CORTEX_MM.1);

    // Folds: a fine field pushes the pial surface in and out; a coarse one makes some regions deeply folded.
    let folds = smooth_field(grid, [6.0, 6.0, 8.0], plan.seed, "anatomy.folds");
    let depth_of_folds = smooth_field(grid, [22.0, 22.0, 22.0], plan.seed, "anatomy.fold-depth");
    let wobble = smooth_field(grid, [6.0, 6.0, 8.0], plan.seed, "anatomy.wobble");

    let mut pial = vec![0.0f32; count];
    let mut brain = vec![false; count];
    let mut hull = vec![0.0f32; count];
    for index in 0..count {
        let [x, y, z] = grid.mm_of(grid.voxel(index).map(|v| v as f64));
        let r = ((x - offset[0]).powi(2) + ((y - offset[1]) / flatten).powi(2) + (0.35 * z).powi(2)).sqrt();
        let inward = radius - r;
        brain[index] = inward > 0.0;
        hull[index] = inward as f32;
        let depth = 8.5 + 4.0 * f64::from(depth_of_folds[index]);
        pial[index] = (inward - 6.0 + depth * f64::from(folds[index])) as f32;
    }
    let slope = gradient_length(&pial, grid);

    let spread = half / 51.2;
    let gap = rng.random_range(4.5..6.5) * spread;
    let horn = [rng.random_range(3.0..5.5) * spread, rng.random_range(16.0..23.0) * spread, 0.24 * extent[2]];
    let ventricles = [-1.0, 1.0].map(|side| Nucleus {
        centre: [side * gap, rng.random_range(-2.0..2.0), 0.22 * extent[2] + rng.random_range(-2.0..2.0)],
        radii: horn,
        chi_ppb: 0.0,
    });
    let nuclei = nuclei(spread, extent[2], plan.iron);

    let voxel = grid.voxel_mm[0].max(0.6 * grid.voxel_mm[2]) as f32;
    // Share of a voxel on the positive side of a surface that many mm away.
    let share = |mm: f32| (0.5 + mm / voxel).clamp(0.0, 1.0);
    let mut out = Compartments {
        grid,
        brain,
        csf: vec![0.0; count],
        cortex: vec![0.0; count],
        deep_grey: vec![0.0; count],
        deep_grey_chi: vec![0.0; count],
        below_cortex_mm: vec![0.0; count],
        off_ventricle_mm: vec![0.0; count],
    };
    for index in 0..count {
        let mm = grid.mm_of(grid.voxel(index).map(|v| v as f64));
        // Distance from the pial surface: the level over its slope, bounded by the hull (no cortex outside the head).
        let below_pia = (pial[index] / slope[index].max(0.35)).min(hull[index]);
        let below_cortex = below_pia - cortex_mm as f32;
        let bulge = 1.2 * wobble[index];
        let off = ventricles.iter().map(|v| ellipsoid_mm(mm, v)).fold(f64::INFINITY, f64::min) as f32 + bulge;
        out.below_cortex_mm[index] = below_cortex;
        out.off_ventricle_mm[index] = off;
        let ventricle = share(-off);
        // Nothing folds into the periventricular region: there the pial level is overruled.
        let deep = ((off - 4.0) / 4.0).clamp(0.0, 1.0);
        let deep = if hull[index] > 0.45 * radius as f32 { deep * share(9.0 - off) } else { deep };
        let fluid = share(-below_pia) * deep;
        let cortex = (share(below_pia) - share(below_cortex)) * deep;
        out.csf[index] = fluid.max(ventricle);
        out.cortex[index] = cortex.min(1.0 - out.csf[index]);
        let left = 1.0 - out.csf[index] - out.cortex[index];
        for nucleus in &nuclei {
            let inside = share(-(ellipsoid_mm(mm, nucleus) as f32) + 0.8 * wobble[index]).min(left);
            if inside > out.deep_grey[index] {
                out.deep_grey[index] = inside;
                out.deep_grey_chi[index] = nucleus.chi_ppb as f32;
            }
        }
        if deep < 1.0 {
            // The overruled cortex leaves white matter at a depth that its ventricle tells.
            out.below_cortex_mm[index] = below_cortex.max((1.0 - deep) * 12.0);
        }
    }
    out
}

/// Caudate, putamen, pallidum, thalamus of both sides, in the lower part of the slab
/// (susceptibilities: QSM challenge 2.0 phantom, Marques 2021).
fn nuclei(spread: f64, height: f64, iron: f64) -> Vec<Nucleus> {
    let z = -0.28 * height;
    let table: [([f64; 3], [f64; 3], f64); 4] = [
        ([11.0, 14.0, 0.0], [3.5, 7.0, 0.20], 44.0),
        ([23.0, 6.0, 0.0], [4.0, 11.0, 0.18], 38.0),
        ([18.0, 3.0, 0.0], [3.0, 7.0, 0.14], 130.0),
        ([9.0, -11.0, 0.0], [5.5, 8.5, 0.19], 20.0),
    ];
    let mut out = Vec::new();
    for (centre, radii, chi) in table {
        for side in [-1.0, 1.0] {
            out.push(Nucleus {
                centre: [side * centre[0] * spread, centre[1] * spread, z],
                radii: [radii[0] * spread, radii[1] * spread, radii[2] * height],
                chi_ppb: if chi > 30.0 { chi * iron } else { chi },
            });
        }
    }
    out
}

/// Approximate signed distance to an ellipsoid, mm; negative inside.
fn ellipsoid_mm(mm: [f64; 3], body: &Nucleus) -> f64 {
    let scaled: [f64; 3] = std::array::from_fn(|a| (mm[a] - body.centre[a]) / body.radii[a]);
    let norm = scaled.iter().map(|s| s * s).sum::<f64>().sqrt();
    let steep = (0..3).map(|a| (scaled[a] / body.radii[a]).powi(2)).sum::<f64>().sqrt();
    if steep < 1e-9 { -body.radii[0].min(body.radii[1]).min(body.radii[2]) } else { norm * (norm - 1.0) / steep }
}

/// Length of the gradient per mm, by central differences.
fn gradient_length(values: &[f32], grid: Grid) -> Vec<f32> {
    let [nx, ny, nz] = grid.shape;
    let strides = [1, nx, nx * ny];
    let shape = [nx, ny, nz];
    let mut out = vec![0.0f32; values.len()];
    for (index, out) in out.iter_mut().enumerate() {
        let voxel = grid.voxel(index);
        let mut sum = 0.0f32;
        for axis in 0..3 {
            let low = if voxel[axis] > 0 { index - strides[axis] } else { index };
            let high = if voxel[axis] + 1 < shape[axis] { index + strides[axis] } else { index };
            let steps = (high - low) / strides[axis];
            if steps > 0 {
                let slope = (values[high] - values[low]) / (steps as f32 * grid.voxel_mm[axis] as f32);
                sum += slope * slope;
            }
        }
        *out = sum.sqrt();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_to_a_sphere_is_exact() {
        let sphere = Nucleus { centre: [1.0, 0.0, 0.0], radii: [5.0; 3], chi_ppb: 0.0 };
        assert!((ellipsoid_mm([9.0, 0.0, 0.0], &sphere) - 3.0).abs() < 1e-9);
        assert!((ellipsoid_mm([1.0, 4.0, 0.0], &sphere) + 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_ramp_has_its_slope() {
        let grid = Grid::new([6, 5, 4], [0.5, 0.5, 2.0]);
        let ramp: Vec<f32> =
            (0..grid.len()).map(|i| 3.0 * grid.mm_of(grid.voxel(i).map(|v| v as f64))[0] as f32).collect();
        assert!(gradient_length(&ramp, grid).iter().all(|g| (g - 3.0).abs() < 1e-4));
    }
}
