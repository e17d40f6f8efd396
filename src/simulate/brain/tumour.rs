//! What a tumour's cells make of the tissue around them, and which labels an expert gives it.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, LogNormal};

use super::anatomy::Anatomy;
use super::growth::{Cells, Growth, grow};
use crate::nifti::Grid;
use crate::seed::RunSeed;
use crate::simulate::field::smooth_field;

/// BraTS 2023 and BraTS-Africa: not there.
pub const NONE: u8 = 0;

/// Necrosis and what does not take up contrast of the core.
pub const CORE: u8 = 1;

/// Hyperintense on FLAIR around it: oedema and infiltration.
pub const OEDEMA: u8 = 2;

/// Takes up contrast.
pub const ENHANCING: u8 = 3;

/// Share of cells from which on FLAIR shows it.
const SEEN: f32 = 0.12;

/// Deviations below the mean from which on vessels of an enhancing tumour leak nothing: a tenth of it stays dark.
const CLOSED: f32 = -1.28;

/// Edge of a voxel of the grid that it grows on, mm.
const COARSE_MM: f64 = 2.0;

/// How far a tumour takes up contrast: most do, some stay dark, and of few only the swelling shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// A ring or a mass that takes up contrast: labels 1, 2 and 3.
    Enhancing,
    /// None does: labels 1 and 2.
    Dark,
    /// Cells too few for a core: label 2.
    Infiltrating,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tumour {
    /// Its volume with what swells around it, mm3.
    pub whole_mm3: f64,
    /// What it takes up.
    pub grade: Grade,
    /// Contrast agent in its vessels, mM.
    pub millimolar: f64,
    /// How it grows.
    pub growth: Growth,
    /// Of its place and texture.
    pub seed: RunSeed,
}

impl Tumour {
    /// Draws one, of `median_ml` on the middle.
    pub fn draw(seed: RunSeed, median_ml: f64, grade: Grade) -> Self {
        let mut rng = seed.stream("tumour", 0);
        let volume = LogNormal::new(median_ml.ln(), 0.55).map_or(median_ml, |law| law.sample(&mut rng));
        let volume = volume.clamp(15.0, 230.0);
        let mut growth = Growth::draw(&mut rng);
        // Widths of rim and swelling go with the square root of diffusion: a small tumour has a core, too.
        let wide = (volume / 120.0).powf(2.0 / 3.0);
        growth.in_white *= wide;
        growth.feeding *= wide;
        Self { whole_mm3: volume * 1000.0, grade, millimolar: rng.random_range(0.25..0.6), growth, seed }
    }
}

/// Shares of each voxel of the anatomy's grid that are no healthy tissue any more, and the labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// Swollen.
    pub oedema: Vec<f32>,
    /// Living tumour.
    pub solid: Vec<f32>,
    /// Dead.
    pub necrosis: Vec<f32>,
    /// Contrast agent, mM.
    pub contrast: Vec<f32>,
    /// As experts label it.
    pub labels: Vec<u8>,
    /// Days that it took.
    pub days: f64,
}

/// Grows a tumour in a brain.
pub fn spread(tumour: &Tumour, brain: &Anatomy) -> Spread {
    let mut rng = tumour.seed.stream("place", 0);
    let (coarse, mobility) = coarsened(brain);
    let seed = place(&coarse, &mobility, &mut rng);
    let cells = grow(coarse, &mobility, &tumour.growth, seed, (SEEN, tumour.whole_mm3));
    let texture = smooth_field(brain.grid, [5.0; 3], tumour.seed, "texture");
    let vessels = smooth_field(brain.grid, [8.0; 3], tumour.seed, "vessels");
    let voxels = brain.grid.voxels();
    let mut made = Spread {
        oedema: vec![0.0; voxels],
        solid: vec![0.0; voxels],
        necrosis: vec![0.0; voxels],
        contrast: vec![0.0; voxels],
        labels: vec![NONE; voxels],
        days: cells.days,
    };
    for (at, &wave) in texture.iter().enumerate() {
        if !brain.brain[at] {
            continue;
        }
        let mm = brain.grid.centre_of(brain.grid.voxel(at));
        let Some([living, dead]) = interpolated(&cells, mm) else { continue };
        if living + dead < 0.01 {
            continue;
        }
        let wave = 1.0 + 0.15 * wave;
        // Of fluid that the tumour grows around only its middle is displaced.
        let room = if living + dead > 0.5 { 1.0 } else { 1.0 - brain.csf[at] };
        let [solid, necrosis] = match tumour.grade {
            Grade::Infiltrating => [0.0, 0.0],
            Grade::Dark => [ramp(living * wave, 0.3, 0.6) * (1.0 - ramp(dead, 0.3, 0.5)), ramp(dead, 0.3, 0.5)],
            Grade::Enhancing => {
                [ramp(living * wave, 0.25, 0.45) * (1.0 - ramp(dead, 0.1, 0.25)), ramp(dead, 0.1, 0.25)]
            }
        };
        // Fluid spreads along fibres, hardly into cortex.
        let fibres = (brain.white[at] + 0.35 * brain.grey[at]).min(1.0);
        let swollen = ramp((living + dead) * wave, 0.5 * SEEN, 1.6 * SEEN) * fibres;
        let (solid, necrosis) = (solid * room, necrosis * room);
        made.solid[at] = solid;
        made.necrosis[at] = necrosis;
        made.oedema[at] = swollen * (room - solid - necrosis).max(0.0);
        let leaks = tumour.grade == Grade::Enhancing && vessels[at] > CLOSED;
        if leaks {
            // Vessels are where cells crowd and live.
            made.contrast[at] = tumour.millimolar as f32 * solid * (0.6 + 0.4 * ramp(living, 0.4, 0.7)) * wave;
        }
        made.labels[at] = match () {
            () if necrosis > 0.5 => CORE,
            () if solid > 0.5 && leaks => ENHANCING,
            () if solid > 0.5 => CORE,
            () if made.oedema[at] > 0.4 => OEDEMA,
            () => NONE,
        };
    }
    made
}

/// 0 below `low`, 1 above `high`, a line between.
fn ramp(value: f32, low: f32, high: f32) -> f32 {
    ((value - low) / (high - low)).clamp(0.0, 1.0)
}

/// Shares of white and grey matter on a grid of 2 mm.
fn coarsened(brain: &Anatomy) -> (Grid, Vec<[f32; 2]>) {
    let mm = brain.grid.voxel_mm()[0];
    let factor = (COARSE_MM / mm).round().max(1.0) as usize;
    let shape = brain.grid.shape.map(|size| size.div_ceil(factor));
    let coarse = Grid::centred(shape, [mm * factor as f64; 3]);
    let mut sums = vec![[0.0f32; 3]; coarse.voxels()];
    for at in 0..brain.grid.voxels() {
        if brain.brain[at] {
            let own = &mut sums[coarse.index(brain.grid.voxel(at).map(|index| index / factor))];
            own[0] += brain.white[at];
            own[1] += brain.grey[at];
            own[2] += brain.csf[at];
        }
    }
    let whole = (factor * factor * factor) as f32;
    // Where fluid is most, no cell stays.
    let of = |[white, grey, csf]: [f32; 3]| {
        if csf > 0.5 * whole || white + grey < 0.3 * whole { [0.0; 2] } else { [white / whole, grey / whole] }
    };
    (coarse, sums.into_iter().map(of).collect())
}

/// White matter of the cerebrum with white matter around it.
fn place(coarse: &Grid, mobility: &[[f32; 2]], rng: &mut impl Rng) -> [usize; 3] {
    let mut best = ([0; 3], -1.0f32);
    let whole: Vec<usize> = (0..coarse.voxels()).filter(|&at| mobility[at][0] > 0.5).collect();
    for _ in 0..400 {
        let Some(&at) = whole.get(rng.random_range(0..whole.len().max(1))) else { break };
        let voxel = coarse.voxel(at);
        let mm = coarse.centre_of(voxel);
        // Above the tentorium, off the midline and the surface.
        let inside = (2..coarse.shape[0] - 2).contains(&voxel[0])
            && (2..coarse.shape[1] - 2).contains(&voxel[1])
            && (2..coarse.shape[2] - 2).contains(&voxel[2]);
        if !inside || mm[2] < -12.0 || mm[0].abs() < 12.0 {
            continue;
        }
        let around = [[2, 0, 0], [0, 2, 0], [0, 0, 2]].iter().flat_map(|way: &[usize; 3]| {
            let plus: [usize; 3] = std::array::from_fn(|axis| voxel[axis] + way[axis]);
            let minus: [usize; 3] = std::array::from_fn(|axis| voxel[axis] - way[axis]);
            [plus, minus]
        });
        let white: f32 = around.map(|near| mobility[coarse.index(near)][0]).sum::<f32>() / 6.0;
        if white > best.1 {
            best = (voxel, white);
        }
        if white > 0.75 {
            break;
        }
    }
    best.0
}

/// Living and dead cells at a place, from the eight voxels around it; `None` at the grid's border.
fn interpolated(cells: &Cells, mm: [f64; 3]) -> Option<[f32; 2]> {
    let position = cells.grid.voxel_of(mm);
    let first: [f64; 3] = std::array::from_fn(|axis| position[axis].floor());
    if (0..3).any(|axis| first[axis] < 0.0 || first[axis] as usize + 1 >= cells.grid.shape[axis]) {
        return None;
    }
    let low: [usize; 3] = std::array::from_fn(|axis| first[axis] as usize);
    let part: [f32; 3] = std::array::from_fn(|axis| (position[axis] - first[axis]) as f32);
    let mut sums = [0.0f32; 2];
    for corner in 0..8usize {
        let on = |axis: usize| corner >> axis & 1;
        let weight: f32 = (0..3).map(|axis| if on(axis) == 1 { part[axis] } else { 1.0 - part[axis] }).product();
        let at = cells.grid.index(std::array::from_fn(|axis| low[axis] + on(axis)));
        sums[0] += weight * cells.living[at];
        sums[1] += weight * cells.dead[at];
    }
    Some(sums)
}

#[cfg(test)]
mod tests {
    use super::super::anatomy::Person;
    use super::*;

    #[test]
    fn labels_follow_the_grade_and_the_size_is_what_was_asked() {
        let grid = Grid::centred([80, 80, 53], [3.0; 3]);
        let brain = Anatomy::new(&Person::draw(RunSeed(2)), grid);
        for (grade, expected) in [
            (Grade::Enhancing, vec![CORE, OEDEMA, ENHANCING]),
            (Grade::Dark, vec![CORE, OEDEMA]),
            (Grade::Infiltrating, vec![OEDEMA]),
        ] {
            let drawn = Tumour::draw(RunSeed(5), 150.0, grade);
            let growth = Growth { rho: 0.1, in_white: 0.8, hunger: 0.06, lambda: 0.2, sigma: 0.45, ..drawn.growth };
            let tumour = Tumour { whole_mm3: 150_000.0, growth, ..drawn };
            let made = spread(&tumour, &brain);
            let mut labels: Vec<u8> = made.labels.iter().copied().filter(|&label| label != NONE).collect();
            let volume = labels.len() as f64 * 27.0;
            assert!((0.4..1.4).contains(&(volume / tumour.whole_mm3)), "{grade:?}: {volume}");
            labels.sort_unstable();
            labels.dedup();
            assert_eq!(labels, expected, "{grade:?}");
            let whole = |at: usize| made.oedema[at] + made.solid[at] + made.necrosis[at];
            assert!((0..grid.voxels()).all(|at| whole(at) <= 1.0 + 1e-5 && (brain.brain[at] || whole(at) == 0.0)));
        }
    }
}
