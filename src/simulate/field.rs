//! Smooth random fields on a grid: Gaussian values on a coarse lattice, carried to every voxel by cubic B-splines.

use rand_distr::{Distribution, StandardNormal};

use crate::nifti::Grid;
use crate::seed::RunSeed;

/// Field of unit variance and mean zero, correlated over about `spacing_mm` along each axis.
///
/// Separable: one axis after the other, so the cost is a few operations a voxel whatever the spacing.
pub(crate) fn smooth_field(grid: Grid, spacing_mm: [f64; 3], seed: RunSeed, purpose: &str) -> Vec<f32> {
    let mut rng = seed.stream(purpose, 0);
    let lattice: [usize; 3] = std::array::from_fn(|axis| {
        let extent = grid.shape[axis] as f64 * grid.voxel_mm()[axis];
        (extent / spacing_mm[axis]).ceil() as usize + 4
    });
    let mut values: Vec<f32> =
        (0..lattice.iter().product::<usize>()).map(|_| StandardNormal.sample(&mut rng)).collect();
    let mut shape = lattice;
    // The fastest axis last: the lattice stays small until then.
    for axis in [2, 1, 0] {
        values = stretch(&values, shape, axis, grid.shape[axis], grid.voxel_mm()[axis] / spacing_mm[axis]);
        shape[axis] = grid.shape[axis];
    }
    let count = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
    let scale = 1.0 / variance.sqrt().max(1e-12);
    values.iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) * scale) as f32);
    values
}

/// Weights of the four lattice values about a position `t` in 0..1 between the middle two.
pub(crate) fn cubic_b_spline(t: f32) -> [f32; 4] {
    let s = 1.0 - t;
    [
        s * s * s / 6.0,
        (4.0 - 6.0 * t * t + 3.0 * t * t * t) / 6.0,
        (4.0 - 6.0 * s * s + 3.0 * s * s * s) / 6.0,
        t * t * t / 6.0,
    ]
}

/// Resamples one axis of `values` to `length` samples, `step` lattice units apart.
fn stretch(values: &[f32], shape: [usize; 3], axis: usize, length: usize, step: f64) -> Vec<f32> {
    let inner: usize = shape[..axis].iter().product();
    let outer: usize = shape[axis + 1..].iter().product();
    let taps: Vec<(usize, [f32; 4])> = (0..length)
        .map(|at| {
            let position = at as f64 * step;
            (position.floor() as usize, cubic_b_spline(position.fract() as f32))
        })
        .collect();
    let mut out = vec![0.0f32; inner * length * outer];
    if inner == 1 {
        // Rows of one value would cost more in loops than in sums, and this axis comes last, when all voxels are there.
        for (target, source) in out.chunks_exact_mut(length).zip(values.chunks_exact(shape[axis])) {
            for (value, (first, [a, b, c, d])) in target.iter_mut().zip(&taps) {
                let near = &source[*first..][..4];
                *value = a * near[0] + b * near[1] + c * near[2] + d * near[3];
            }
        }
        return out;
    }
    for (target, source) in out.chunks_exact_mut(inner * length).zip(values.chunks_exact(inner * shape[axis])) {
        for ((first, weights), target) in taps.iter().zip(target.chunks_exact_mut(inner)) {
            for (tap, weight) in weights.iter().enumerate() {
                let row = &source[(first + tap) * inner..][..inner];
                target.iter_mut().zip(row).for_each(|(value, source)| *value += weight * source);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid::centred([40, 30, 20], [0.4, 0.4, 1.0]);

    #[test]
    fn spline_weights_sum_to_one_and_are_symmetric() {
        for t in [0.0, 0.3, 0.5, 0.9] {
            let weights = cubic_b_spline(t);
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let mirrored = cubic_b_spline(1.0 - t);
            assert!((0..4).all(|i| (weights[i] - mirrored[3 - i]).abs() < 1e-6));
        }
        assert_eq!(cubic_b_spline(0.0), [1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0, 0.0]);
    }

    #[test]
    fn rows_are_stretched_as_columns_are() {
        let columns = [3.0, -1.0, 0.5, 2.0, 7.0, 0.1];
        // Two columns of the same six values, side by side.
        let doubled: Vec<f32> = columns.iter().flat_map(|&value| [value, -value]).collect();
        let row = stretch(&columns, [6, 1, 1], 0, 5, 0.55);
        let beside = stretch(&doubled, [2, 6, 1], 1, 5, 0.55);
        let again: Vec<f32> = beside.iter().step_by(2).copied().collect();
        assert_eq!(row, again);
        // On a lattice point: a sixth, four, a sixth of those about it.
        assert!((row[0] - (3.0 - 4.0 + 0.5) / 6.0).abs() < 1e-6);
    }

    #[test]
    fn a_field_is_standardised_and_smooth() {
        let field = smooth_field(GRID, [4.0; 3], RunSeed(1), "test");
        let mean = field.iter().sum::<f32>() / field.len() as f32;
        let variance = field.iter().map(|v| v * v).sum::<f32>() / field.len() as f32;
        assert!(mean.abs() < 1e-3 && (variance - 1.0).abs() < 1e-3);
        let jump =
            field.chunks_exact(40).flat_map(|row| row.windows(2).map(|w| (w[1] - w[0]).abs())).fold(0.0, f32::max);
        assert!(jump < 0.5, "neighbours 0.4 mm apart differ by {jump}");
    }
}
