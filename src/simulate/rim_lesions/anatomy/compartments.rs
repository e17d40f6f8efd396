//! Which tissue is where: folded cortex, sulcal and ventricular fluid, deep grey nuclei, white matter.

use rand::RngExt;

use crate::nifti::Grid;
use crate::simulate::field::smooth_field;
use crate::simulate::rim_lesions::plan::PatientPlan;

/// Thickness of the cortical ribbon, mm (Fischl & Dale 2000: 2.5 to 3.5).
const CORTEX_MM: (f64, f64) = (2.5, 3.5);

/// Share of each tissue in a voxel; what is left is white matter.
pub(crate) struct Compartments {
    pub grid: Grid,
    /// Thickness of the cortex, mm.
    pub cortex_mm: f32,
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
    let count = grid.voxels();
    let mut rng = plan.seed.stream("anatomy.layout", 0);
    let extent: [f64; 3] = std::array::from_fn(|a| grid.shape[a] as f64 * grid.voxel_mm()[a]);
    let half = 0.5 * extent[0].min(extent[1]);
    let head = Head::new(&mut rng, half);
    let cortex_mm = rng.random_range(CORTEX_MM.0..CORTEX_MM.1) as f32;
    let sulci = Sulci::new(plan, half, head.radius);
    let wobble = smooth_field(grid, [6.0, 6.0, 8.0], plan.seed, "anatomy.wobble");

    let spread = half / 51.2;
    let gap = rng.random_range(4.5..6.5) * spread;
    let horn = [rng.random_range(2.5..4.5) * spread, rng.random_range(14.0..21.0) * spread, 0.22 * extent[2]];
    let ventricles = [-1.0, 1.0].map(|side| Nucleus {
        centre: [side * gap, rng.random_range(-2.0..2.0), 0.22 * extent[2] + rng.random_range(-2.0..2.0)],
        radii: horn,
        chi_ppb: 0.0,
    });
    let nuclei = nuclei(spread, extent[2], plan.iron);

    let voxel = grid.voxel_mm()[0].max(0.6 * grid.voxel_mm()[2]) as f32;
    // Share of a voxel on the positive side of a surface that many mm away.
    let share = |mm: f32| (0.5 + mm / voxel).clamp(0.0, 1.0);
    let mut out = Compartments {
        grid,
        cortex_mm,
        brain: vec![false; count],
        csf: vec![0.0; count],
        cortex: vec![0.0; count],
        deep_grey: vec![0.0; count],
        deep_grey_chi: vec![0.0; count],
        below_cortex_mm: vec![0.0; count],
        off_ventricle_mm: vec![0.0; count],
    };
    for (index, &wobble) in wobble.iter().enumerate() {
        let mm = grid.centre_of(grid.voxel(index));
        let inward = head.inward_mm(mm) as f32;
        let below_pia = sulci.below_pia_mm(index, inward);
        let below_cortex = below_pia - cortex_mm;
        let bulge = 1.2 * wobble;
        let off = ventricles.iter().map(|v| ellipsoid_mm(mm, v)).fold(f64::INFINITY, f64::min) as f32 + bulge;
        out.brain[index] = inward > 0.0;
        out.below_cortex_mm[index] = below_cortex;
        out.off_ventricle_mm[index] = off;
        out.csf[index] = share(-below_pia).max(share(-off));
        out.cortex[index] = (share(below_pia) - share(below_cortex)).min(1.0 - out.csf[index]);
        let left = 1.0 - out.csf[index] - out.cortex[index];
        for nucleus in &nuclei {
            let inside = share(-(ellipsoid_mm(mm, nucleus) as f32) + 0.8 * wobble).min(left);
            if inside > out.deep_grey[index] {
                out.deep_grey[index] = inside;
                out.deep_grey_chi[index] = nucleus.chi_ppb as f32;
            }
        }
    }
    out
}

/// The hull of the brain: wider than the field of view, so that only its corners leave the head.
struct Head {
    radius: f64,
    offset: [f64; 2],
    flatten: f64,
}

impl Head {
    fn new(rng: &mut impl RngExt, half: f64) -> Self {
        Self {
            radius: half * rng.random_range(1.14..1.26),
            offset: [rng.random_range(-0.06..0.06) * half, rng.random_range(-0.06..0.06) * half],
            flatten: rng.random_range(0.95..1.1),
        }
    }

    /// Distance from the hull, positive inside.
    fn inward_mm(&self, [x, y, z]: [f64; 3]) -> f64 {
        let [u, v] = [x - self.offset[0], (y - self.offset[1]) / self.flatten];
        self.radius - (u * u + v * v + (0.3 * z).powi(2)).sqrt()
    }
}

/// Sulci: thin sheets of fluid where a smooth random field changes its sign, down to a depth that varies over the
/// brain. Cortex on both sides of a sheet, white matter between two sheets: gyri of about a sheet's spacing.
struct Sulci {
    /// Distance from the nearest sheet's middle, mm.
    off_sheet_mm: Vec<f32>,
    half_width_mm: Vec<f32>,
    depth_mm: Vec<f32>,
}

/// Mean distance between sheets is 2.6 times the spacing of the field's lattice (Rice's formula for cubic B-splines):
/// 11 mm, a gyrus.
const FOLD_SPACING_MM: [f64; 3] = [4.3, 4.3, 6.5];

impl Sulci {
    fn new(plan: &PatientPlan, half: f64, radius: f64) -> Self {
        let grid = plan.grid;
        let folds = smooth_field(grid, FOLD_SPACING_MM, plan.seed, "anatomy.folds");
        let slope = gradient_length(&folds, grid);
        // Where the field is flat its level says nothing about distance: never trust less than half the usual slope.
        let usual = (slope.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / slope.len() as f64).sqrt() as f32;
        let off_sheet_mm = folds.iter().zip(&slope).map(|(f, s)| f.abs() / s.max(0.5 * usual)).collect();
        let widths = smooth_field(grid, [14.0; 3], plan.seed, "anatomy.sulcal-width");
        let depths = smooth_field(grid, [13.0, 13.0, 20.0], plan.seed, "anatomy.fold-depth");
        // To about 0.7 of the field of view's half width: all that is deeper is white matter.
        let middle = radius - 0.72 * half;
        Self {
            off_sheet_mm,
            half_width_mm: widths.iter().map(|w| (0.45 + 0.3 * w).max(0.15)).collect(),
            depth_mm: depths.iter().map(|d| (middle + 0.2 * half * f64::from(*d)) as f32).collect(),
        }
    }

    /// Distance below the pial surface, negative in fluid.
    fn below_pia_mm(&self, index: usize, inward_mm: f32) -> f32 {
        let beside = self.off_sheet_mm[index] - self.half_width_mm[index];
        let under = inward_mm - self.depth_mm[index];
        // Distance from a sheet that ends: beside it, under it, or from its rounded end.
        let sulcus = if beside > 0.0 && under > 0.0 { beside.hypot(under) } else { beside.max(under) };
        sulcus.min(inward_mm - 1.5)
    }
}

/// Caudate, putamen, pallidum, thalamus of both sides, in the lower part of the slab
/// (susceptibilities: QSM challenge 2.0 phantom, Marques 2021).
fn nuclei(spread: f64, height: f64, iron: f64) -> Vec<Nucleus> {
    let z = -0.36 * height;
    let table: [([f64; 3], [f64; 3], f64); 4] = [
        ([11.0, 14.0, 0.0], [3.5, 7.0, 0.14], 44.0),
        ([23.0, 6.0, 0.0], [4.0, 11.0, 0.13], 38.0),
        ([18.0, 3.0, 0.0], [3.0, 7.0, 0.10], 130.0),
        ([9.0, -11.0, 0.0], [5.5, 8.5, 0.13], 20.0),
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
    let shape = grid.shape;
    let strides = [1, shape[0], shape[0] * shape[1]];
    let mut squares = vec![0.0f32; values.len()];
    for axis in 0..3 {
        let (stride, length) = (strides[axis], shape[axis]);
        let per_mm = |steps: usize| 1.0 / (steps as f32 * grid.voxel_mm()[axis] as f32);
        for (index, square) in squares.iter_mut().enumerate() {
            let at = index / stride % length;
            let low = if at > 0 { index - stride } else { index };
            let high = if at + 1 < length { index + stride } else { index };
            if high > low {
                *square += ((values[high] - values[low]) * per_mm((high - low) / stride)).powi(2);
            }
        }
    }
    squares.iter_mut().for_each(|square| *square = square.sqrt());
    squares
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
        let grid = Grid::centred([6, 5, 4], [0.5, 0.5, 2.0]);
        let ramp: Vec<f32> = (0..grid.voxels()).map(|i| 3.0 * grid.centre_of(grid.voxel(i))[0] as f32).collect();
        assert!(gradient_length(&ramp, grid).iter().all(|g| (g - 3.0).abs() < 1e-4));
    }

    /// A plane's sheet: 0.45 mm of fluid to either side, then cortex of the asked thickness, then white matter.
    #[test]
    fn cortex_on_a_plane_is_as_thick_as_asked() {
        let sulci = |off: f32| Sulci { off_sheet_mm: vec![off], half_width_mm: vec![0.45], depth_mm: vec![15.0] };
        let inside_cortex =
            (0..2000).filter(|i| (0.0..3.0).contains(&sulci(*i as f32 * 0.01).below_pia_mm(0, 10.0))).count();
        assert!((inside_cortex as f32 * 0.01 - 3.0).abs() < 0.02);
        // Under the sulcus's floor, 3 mm away: as deep as beside it.
        assert!((sulci(0.0).below_pia_mm(0, 18.0) - 3.0).abs() < 1e-6);
    }

    #[test]
    fn gyri_are_about_a_centimetre_apart() {
        let plan = crate::simulate::rim_lesions::plan::plan(
            &crate::simulate::rim_lesions::CohortConfig::default().design().unwrap(),
        )
        .remove(0);
        let folds = smooth_field(plan.grid, FOLD_SPACING_MM, plan.seed, "anatomy.folds");
        let crossings =
            folds.chunks_exact(plan.grid.shape[0]).flat_map(|row| row.windows(2)).filter(|w| w[0] * w[1] < 0.0).count();
        let apart = folds.len() as f64 * plan.grid.voxel_mm()[0] / crossings as f64;
        assert!((9.5..12.5).contains(&apart), "{apart} mm");
    }
}
