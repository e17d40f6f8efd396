//! FLAIR of the same slab: lesions are uniformly bright, rims do not show.

use rand_distr::{Distribution, StandardNormal};

use super::anatomy::compartments::Compartments;
use super::lesions::Planned;
use super::plan::PatientPlan;
use crate::nifti::Volume;

/// Signal relative to white matter: grey matter 1.25, fluid 0.15.
const GREY: f32 = 1.25;
const FLUID: f32 = 0.15;

/// Standard deviation of the noise and of the misregistration to the susceptibility map.
const NOISE: f32 = 0.03;
const SHIFT_MM: f64 = 0.4;

/// Width of the point spread, mm (full width at half maximum).
const PSF_MM: f64 = 1.0;

/// The FLAIR volume on the phantom's grid, white matter = 1.
pub(crate) fn acquire(plan: &PatientPlan, layout: &Compartments, lesions: &[Planned]) -> Volume<f32> {
    let grid = layout.grid;
    let mut rng = plan.seed.stream("flair", 0);
    let mut image = Volume::from_fn(grid, |voxel| {
        let i = grid.index(voxel);
        let grey = layout.cortex[i] + layout.deep_grey[i];
        if layout.brain[i] { layout.white(i) + GREY * grey + FLUID * layout.csf[i] } else { 0.0 }
    });
    for lesion in lesions {
        // FLAIR bounds the lesion on the map from outside: 0 to 1 mm wider.
        let wider = rand::RngExt::random_range(&mut rng, 0.0..1.0);
        let reach = lesion.outline.reach_mm() + 1.5;
        let centre = grid.voxel_of(lesion.outline.centre_mm);
        let range = |a: usize| {
            let half = reach / grid.voxel_mm()[a];
            (centre[a] - half).floor().max(0.0) as usize
                ..=((centre[a] + half).ceil().max(0.0) as usize).min(grid.shape[a] - 1)
        };
        for z in range(2) {
            for y in range(1) {
                for x in range(0) {
                    let mm = grid.centre_of([x, y, z]);
                    let depth = lesion.outline.depth_mm(mm).1 + wider;
                    // The point spread that follows hides how the voxel's share is found.
                    let hits = (0.5 + depth / grid.voxel_mm()[2]).clamp(0.0, 1.0);
                    let index = grid.index([x, y, z]);
                    let share = hits as f32 * (1.0 - layout.csf[index]);
                    let value = &mut image.data[index];
                    *value += share * (lesion.flair as f32 - *value).max(0.0);
                }
            }
        }
    }
    let shift: [f64; 3] = std::array::from_fn(|_| {
        let draw: f64 = StandardNormal.sample(&mut rng);
        SHIFT_MM * draw / 3f64.sqrt()
    });
    for (axis, (shift_mm, voxel_mm)) in shift.into_iter().zip(grid.voxel_mm()).take(2).enumerate() {
        blur(&mut image, axis, PSF_MM / 2.355 / voxel_mm, shift_mm / voxel_mm);
    }
    for (value, inside) in image.data.iter_mut().zip(&layout.brain) {
        let noise: f32 = StandardNormal.sample(&mut rng);
        *value = if *inside { (*value + NOISE * noise).max(0.0) } else { 0.0 };
    }
    image
}

/// Gaussian along one axis, moved by `shift` voxels.
fn blur(volume: &mut Volume<f32>, axis: usize, sigma: f64, shift: f64) {
    let grid = volume.grid;
    let reach = (3.0 * sigma + shift.abs()).ceil() as i64;
    let weight = |tap: i64| (-0.5 * ((tap as f64 - shift) / sigma).powi(2)).exp();
    let sum: f64 = (-reach..=reach).map(weight).sum();
    let kernel: Vec<f32> = (-reach..=reach).map(|tap| (weight(tap) / sum) as f32).collect();
    let stride: usize = grid.shape[..axis].iter().product();
    let length = grid.shape[axis] as i64;
    let source = volume.data.clone();
    for (index, value) in volume.data.iter_mut().enumerate() {
        let at = grid.voxel(index)[axis] as i64;
        let base = index - at as usize * stride;
        *value = kernel
            .iter()
            .zip(-reach..=reach)
            .map(|(weight, tap)| weight * source[base + (at - tap).clamp(0, length - 1) as usize * stride])
            .sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::Grid;

    #[test]
    fn a_blur_keeps_the_sum_and_moves_the_middle() {
        let grid = Grid::centred([41, 1, 1], [1.0; 3]);
        let mut volume = Volume::filled(grid, 0.0f32);
        volume.data[20] = 1.0;
        blur(&mut volume, 0, 1.5, 2.0);
        let sum: f32 = volume.data.iter().sum();
        let middle: f32 = volume.data.iter().zip(0u8..).map(|(v, i)| v * f32::from(i)).sum();
        assert!((sum - 1.0).abs() < 1e-5 && (middle - 22.0).abs() < 1e-3);
    }
}
