//! Total-variation inversion with data weights and magnitude edges (the family of MEDI), by ADMM.
//!
//! minimises 1/2 |W (D chi - f)|^2 + alpha |M grad chi|_1, where W weighs voxels by the precision of their field
//! and M lifts the penalty where the magnitude image has edges (Liu 2012, MEDI). Splitting as in FANSI
//! (Milovic 2018): z1 = grad chi and z2 = D chi, so that each step is a division in k-space or in space.

use realfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use super::fit::FieldFit;
use super::k_space::KSpace;
use crate::nifti::Volume;

/// Settings of the total-variation inversion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TvConfig {
    /// Weight of the penalty, ppb mm (the data term has weights of mean 1).
    pub alpha: f32,
    /// Of ADMM.
    pub iterations: usize,
    /// ADMM weight of z1 = grad chi, in units of alpha per ppb/mm.
    pub gradient_step: f32,
    /// Share of voxels, per axis, that count as magnitude edges.
    pub edge_share: f64,
    /// Penalty left on those edges, 0..1.
    pub edge_penalty: f32,
}

impl TvConfig {
    /// For fields in ppb.
    pub const DEFAULT: Self =
        Self { alpha: 0.06, iterations: 30, gradient_step: 0.3, edge_share: 0.3, edge_penalty: 0.2 };
}

impl Default for TvConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// ADMM weight of z2 = D chi; 1 as in FANSI, where W has mean 1.
const DATA_STEP: f32 = 1.0;

/// W^2 and M of the objective, on the field's own grid.
pub(super) struct Weights {
    pub data_squared: Vec<f32>,
    pub edges: [Vec<f32>; 3],
}

impl Weights {
    pub fn new(fit: &FieldFit, mask: &Volume<bool>, config: &TvConfig) -> Self {
        let grid = fit.field_ppb.grid;
        let inside = |index: usize| mask.data[index];
        let (mut sum, mut count) = (0.0, 0u64);
        for (index, &value) in fit.precision.data.iter().enumerate().filter(|(index, _)| inside(*index)) {
            debug_assert!(index < grid.voxels());
            sum += f64::from(value);
            count += 1;
        }
        let mean = (sum / count.max(1) as f64) as f32;
        let weigh = |(index, &value): (usize, &f32)| {
            // A single voxel never counts more than twice the mean (bright vessels, CSF).
            if inside(index) && mean > 0.0 { (value / mean).min(2.0).powi(2) } else { 0.0 }
        };
        let data_squared = fit.precision.data.iter().enumerate().map(weigh).collect();
        let edges = std::array::from_fn(|axis| {
            let step = [1, grid.shape[0], grid.shape[0] * grid.shape[1]][axis];
            let slope: Vec<f32> = (0..grid.voxels())
                .map(|index| {
                    let last = grid.voxel(index)[axis] + 1 == grid.shape[axis];
                    if last || !inside(index) || !inside(index + step) {
                        0.0
                    } else {
                        (fit.magnitude.data[index + step] - fit.magnitude.data[index]).abs()
                    }
                })
                .collect();
            let mut sorted: Vec<f32> =
                (0..grid.voxels()).filter(|&index| inside(index)).map(|index| slope[index]).collect();
            let rank = ((1.0 - config.edge_share) * sorted.len() as f64) as usize;
            let threshold = match sorted.len() {
                0 => f32::MAX,
                n => *sorted.select_nth_unstable_by(rank.min(n - 1), f32::total_cmp).1,
            };
            slope.iter().map(|&s| if s > threshold { config.edge_penalty } else { 1.0 }).collect()
        });
        Self { data_squared, edges }
    }
}

/// Susceptibility in ppb on the field's own grid.
pub(super) fn solve(space: &KSpace, field: &[f32], weights: &Weights, config: &TvConfig) -> Vec<f32> {
    let shape = space.padded();
    let voxels: usize = shape.iter().product();
    let h = space.voxel_mm().map(|h| h as f32);
    let gradient_weight = config.gradient_step * config.alpha;
    let field = space.embed(field);
    let data = space.embed(&weights.data_squared);
    // Outside the field's grid there is no magnitude, hence no edge.
    let shrink: [Vec<f32>; 3] = std::array::from_fn(|axis| {
        let lifted: Vec<f32> = weights.edges[axis].iter().map(|m| 1.0 - m).collect();
        let scale = config.alpha / gradient_weight;
        space.embed(&lifted).into_iter().map(|l| scale * (1.0 - l)).collect()
    });
    let below: Vec<f32> = space
        .dipole
        .iter()
        .zip(space.gradient_squared())
        .map(|(&d, g)| DATA_STEP * d * d + gradient_weight * g)
        .map(|b| if b == 0.0 { 0.0 } else { 1.0 / b })
        .collect();

    // z - u of both splittings; the duals u themselves. Starting from z2 = weighted field gives the first step its
    // data.
    let mut data_dual = vec![0.0; voxels];
    let mut data_target: Vec<f32> = field.iter().zip(&data).map(|(f, w)| f * w / (w + DATA_STEP)).collect();
    let mut gradient_dual = [(); 3].map(|()| vec![0.0; voxels]);
    let mut gradient_target = gradient_dual.clone();
    let mut chi = Vec::new();
    for iteration in 0..config.iterations {
        let mut spectrum = space.fft.forward(&data_target, shape);
        let divergence = if iteration == 0 { None } else { Some(adjoint_gradient(&gradient_target, shape, h)) };
        let divergence = divergence.map(|divergence| space.fft.forward(&divergence, shape));
        for (index, value) in spectrum.iter_mut().enumerate() {
            let pull = divergence.as_ref().map_or(Complex32::ZERO, |d| d[index] * gradient_weight);
            *value = (*value * (DATA_STEP * space.dipole[index]) + pull) * below[index];
        }
        let modelled = spectrum.iter().zip(&space.dipole).map(|(value, &d)| value * d).collect();
        chi = space.fft.inverse(spectrum, shape);
        if iteration + 1 == config.iterations {
            break;
        }
        let modelled = space.fft.inverse(modelled, shape);
        for index in 0..voxels {
            let wish = modelled[index] + data_dual[index];
            let z = (data[index] * field[index] + DATA_STEP * wish) / (data[index] + DATA_STEP);
            data_dual[index] = wish - z;
            data_target[index] = z - data_dual[index];
        }
        split_gradient(&chi, shape, h, &shrink, &mut gradient_dual, &mut gradient_target);
    }
    space.crop(&chi)
}

/// One shrinkage of grad chi + u, per axis: z = soft(grad chi + u, t), u += grad chi - z, target = z - u.
fn split_gradient(
    chi: &[f32],
    shape: [usize; 3],
    h: [f32; 3],
    shrink: &[Vec<f32>; 3],
    dual: &mut [Vec<f32>; 3],
    target: &mut [Vec<f32>; 3],
) {
    for axis in 0..3 {
        let (dual, target, shrink) = (&mut dual[axis], &mut target[axis], &shrink[axis]);
        for_neighbours(shape, axis, |index, next| {
            let wish = (chi[next] - chi[index]) / h[axis] + dual[index];
            let z = wish.signum() * (wish.abs() - shrink[index]).max(0.0);
            dual[index] = wish - z;
            target[index] = z - dual[index];
        });
    }
}

/// Adjoint of the periodic forward difference: sum over axes of (v[i - 1] - v[i]) / h.
fn adjoint_gradient(v: &[Vec<f32>; 3], shape: [usize; 3], h: [f32; 3]) -> Vec<f32> {
    let mut sum = vec![0.0; v[0].len()];
    for axis in 0..3 {
        for_neighbours(shape, axis, |index, next| {
            let flow = v[axis][index] / h[axis];
            sum[next] += flow;
            sum[index] -= flow;
        });
    }
    sum
}

/// Calls `visit(index, next)` for every voxel and its periodic next neighbour along `axis`.
#[inline]
fn for_neighbours(shape: [usize; 3], axis: usize, mut visit: impl FnMut(usize, usize)) {
    let [nx, ny, nz] = shape;
    let mut index = 0;
    for z in 0..nz {
        for y in 0..ny {
            let row = nx * (y + ny * z);
            let next_row = match axis {
                1 => nx * ((y + 1) % ny + ny * z),
                2 => nx * (y + ny * ((z + 1) % nz)),
                _ => row,
            };
            for x in 0..nx {
                let next = if axis == 0 { row + if x + 1 == nx { 0 } else { x + 1 } } else { next_row + x };
                visit(index, next);
                index += 1;
            }
        }
    }
}
