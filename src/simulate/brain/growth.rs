//! A glioma that grows: living cells, dead ones, and what feeds them, on a coarse grid.
//!
//! Two species and a nutrient (Tiwari and others' form of the Fisher-Kolmogorov model): with P living, N dead cells as
//! shares of a voxel and S nutrient from 0 to 1,
//! dP/dt = div(D grad P) + rho S P (1 - P - N) - lambda P H, dN/dt = lambda P H, dS/dt = Ds lap S - lambda_s S P,
//! H = 1 - sigmoid(50 (S - sigma)). Cells wander in white matter more than in grey, and not into fluid.

use rand::{Rng, RngExt};

use crate::nifti::Grid;

/// Of one tumour; diffusion in mm2 a day, rates a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Diffusion of cells in white matter.
    pub in_white: f64,
    /// In grey matter, as a share of that.
    pub in_grey: f64,
    /// Proliferation.
    pub rho: f64,
    /// Death without nutrient.
    pub lambda: f64,
    /// Nutrient below which cells die.
    pub sigma: f64,
    /// Diffusion of nutrient.
    pub feeding: f64,
    /// Its use.
    pub hunger: f64,
}

impl Growth {
    /// Within the ranges of forward models that are fitted to patients.
    pub fn draw(rng: &mut impl Rng) -> Self {
        Self {
            in_white: rng.random_range(0.6..1.3),
            in_grey: 1.0 / rng.random_range(5.0..10.0),
            rho: rng.random_range(0.06..0.1),
            lambda: rng.random_range(0.12..0.3),
            sigma: rng.random_range(0.35..0.5),
            feeding: rng.random_range(0.3..0.6),
            hunger: rng.random_range(0.04..0.07),
        }
    }
}

/// Cells on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    /// Where they are.
    pub grid: Grid,
    /// Living, 0 to 1.
    pub living: Vec<f32>,
    /// Dead.
    pub dead: Vec<f32>,
    /// Days from the first cells.
    pub days: f64,
}

/// Cells below this count as none.
const LEAST: f32 = 1e-5;

/// Longest life, days; what does not reach its size by then stays smaller.
const LONGEST: f64 = 4000.0;

/// Lets a tumour grow from `seed` until so many cubic millimetres have a share of cells above `threshold`, or no more
/// room is left; `mobility` is the share of white and of grey matter of each voxel.
pub fn grow(
    grid: Grid,
    mobility: &[[f32; 2]],
    growth: &Growth,
    seed: [usize; 3],
    (threshold, target_mm3): (f32, f64),
) -> Cells {
    let step_mm = grid.voxel_mm()[0];
    let fastest = growth.in_white.max(growth.feeding);
    let step = (0.9 * step_mm * step_mm / (6.0 * fastest)).min(0.2 / growth.rho);
    let per = (step / (step_mm * step_mm)) as f32;
    let spread: Vec<f32> = mobility
        .iter()
        .map(|[white, grey]| (growth.in_white as f32) * (white + grey * growth.in_grey as f32))
        .collect();
    let voxels = grid.voxels();
    let (mut living, mut dead, mut food) = (vec![0.0f32; voxels], vec![0.0f32; voxels], vec![1.0f32; voxels]);
    let mut next = living.clone();
    let mut fed = food.clone();
    living[grid.index(seed)] = 1.0;
    // Cells cannot be farther than this from the seed along any axis.
    let mut reach = 2;
    let voxel_mm3 = grid.voxel_mm().iter().product::<f64>();
    let strides = [1, grid.shape[0], grid.shape[0] * grid.shape[1]];
    let mut days = 0.0;
    while days < LONGEST {
        let range =
            |axis: usize| seed[axis].saturating_sub(reach).max(1)..(seed[axis] + reach + 1).min(grid.shape[axis] - 1);
        let (mut count, mut outermost) = (0usize, 0);
        for z in range(2) {
            for y in range(1) {
                for x in range(0) {
                    let at = grid.index([x, y, z]);
                    if spread[at] == 0.0 {
                        continue;
                    }
                    let (own, cells) = (living[at], living[at] + dead[at]);
                    let (mut flow, mut feed) = (0.0, 0.0);
                    for stride in strides {
                        for other in [at - stride, at + stride] {
                            // What cannot be entered reflects; the harmonic mean is the flux across a border.
                            let both = spread[at] + spread[other];
                            if spread[other] > 0.0 {
                                flow += 2.0 * spread[at] * spread[other] / both * (living[other] - own);
                            }
                            feed += food[other] - food[at];
                        }
                    }
                    let starving = 1.0 / (1.0 + (50.0 * (food[at] - growth.sigma as f32)).exp());
                    let dying = growth.lambda as f32 * own * starving;
                    let born = growth.rho as f32 * food[at] * own * (1.0 - cells).max(0.0);
                    next[at] = (own + per * flow + step as f32 * (born - dying)).clamp(0.0, 1.0);
                    dead[at] = (dead[at] + step as f32 * dying).min(1.0);
                    fed[at] = (food[at] + per * growth.feeding as f32 * feed
                        - step as f32 * growth.hunger as f32 * food[at] * own)
                        .clamp(0.0, 1.0);
                    if next[at] > LEAST {
                        let away = [x, y, z].into_iter().zip(seed).map(|(at, seed)| at.abs_diff(seed)).max();
                        outermost = outermost.max(away.unwrap_or_default());
                    }
                    count += usize::from(next[at] + dead[at] > threshold);
                }
            }
        }
        std::mem::swap(&mut living, &mut next);
        std::mem::swap(&mut food, &mut fed);
        days += step;
        reach = outermost + 2;
        if count as f64 * voxel_mm3 >= target_mm3 || outermost == 0 {
            break;
        }
    }
    Cells { grid, living, dead, days }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Growth =
        Growth { in_white: 1.0, in_grey: 0.1, rho: 0.05, lambda: 0.0, sigma: 0.3, feeding: 0.0, hunger: 0.0 };

    /// A front of Fisher's equation moves by 2 sqrt(rho D) (Fisher 1937), a little less while it forms: along a thread,
    /// whose two ends grow.
    #[test]
    fn a_fed_front_moves_as_fishers_does() {
        let grid = Grid::centred([401, 3, 3], [1.0; 3]);
        let thread = |at: usize| if grid.voxel(at)[1..] == [1, 1] { [1.0, 0.0] } else { [0.0; 2] };
        let mobility: Vec<[f32; 2]> = (0..grid.voxels()).map(thread).collect();
        let fed = Growth { rho: 0.1, ..ONE };
        let [early, late] = [100.0, 300.0].map(|mm| grow(grid, &mobility, &fed, [200, 1, 1], (0.5, mm)).days);
        let (speed, expected) = (100.0 / (late - early), 2.0 * 0.1f64.sqrt());
        assert!((0.9..1.02).contains(&(speed / expected)), "{speed} against {expected}");
    }

    #[test]
    fn cells_stay_where_they_can_live_and_starve_in_the_middle() {
        let grid = Grid::centred([41, 41, 41], [2.0; 3]);
        let wall = |at: usize| grid.voxel(at)[0] > 24;
        let mobility: Vec<[f32; 2]> =
            (0..grid.voxels()).map(|at| if wall(at) { [0.0; 2] } else { [0.8, 0.2] }).collect();
        let hungry = Growth { lambda: 0.3, sigma: 0.4, feeding: 0.3, hunger: 0.1, ..ONE };
        let cells = grow(grid, &mobility, &hungry, [20; 3], (0.3, 60_000.0));
        assert!((0..grid.voxels()).filter(|&at| wall(at)).all(|at| cells.living[at] + cells.dead[at] == 0.0));
        let middle = grid.index([20; 3]);
        assert!(cells.dead[middle] > 0.3 && cells.living[middle] < 0.3, "{}", cells.dead[middle]);
        let most = cells.living.iter().copied().fold(0.0, f32::max);
        assert!(most > cells.living[middle] + 0.05, "no rim of living cells: {most}");
        assert!(cells.living.iter().zip(&cells.dead).all(|(p, n)| p + n < 1.2));
    }
}
