//! Veins: random walks through the slab, drawn as tubes with the partial volume of radii below a voxel.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::compartments::Compartments;
use crate::nifti::Grid;
use crate::simulate::rim_lesions::plan::PatientPlan;

/// Length of one step of a walk, mm.
const STEP_MM: f64 = 0.5;

/// A point of a vein's centre line and the radius there, mm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub mm: [f64; 3],
    pub radius_mm: f64,
}

/// How a vein runs: its first radius and length, mm, how much it turns a step, and how many branches leave it.
#[derive(Clone, Copy)]
struct Course {
    radius_mm: f64,
    length_mm: f64,
    turn: f64,
    branches: usize,
}

/// Every vein of a patient: trees of medullary veins from the ventricles outwards, and vessels in the sulci.
pub(crate) fn grow(plan: &PatientPlan, layout: &Compartments) -> Vec<Vec<Node>> {
    let grid = layout.grid;
    let mut rng = plan.seed.stream("anatomy.veins", 0);
    let white_ml = (0..grid.voxels()).map(|i| f64::from(layout.white(i))).sum::<f64>() * voxel_ml(grid);
    let medullary = (white_ml / WHITE_ML_PER_TREE).round() as usize;
    let sulcal = (white_ml / WHITE_ML_PER_SULCAL_VEIN).round() as usize;
    let mut veins = Vec::new();
    for _ in 0..medullary {
        if let Some(start) = pick(&mut rng, layout, |i| layout.off_ventricle_mm[i] > 1.0 && layout.white(i) > 0.9) {
            // Most are thin: the squared draw leaves one in ten above 0.43 mm.
            let radius_mm = 0.15 + 0.35 * rng.random::<f64>().powi(2);
            let length_mm = rng.random_range(12.0..35.0);
            let branches = rng.random_range(0..4);
            tree(&mut rng, grid, (start, outwards), Course { radius_mm, length_mm, turn: 0.17, branches }, &mut veins);
        }
    }
    for _ in 0..sulcal {
        if let Some(start) = pick(&mut rng, layout, |i| layout.csf[i] > 0.6 && layout.off_ventricle_mm[i] > 6.0) {
            let radius_mm = 0.3 + 0.5 * rng.random::<f64>().powi(2);
            let length_mm = rng.random_range(8.0..25.0);
            tree(
                &mut rng,
                grid,
                (start, anywhere),
                Course { radius_mm, length_mm, turn: 0.3, branches: 1 },
                &mut veins,
            );
        }
    }
    veins
}

/// Density of veins: a patch of 25 mm shows one or two trees.
const WHITE_ML_PER_TREE: f64 = 2.2;
const WHITE_ML_PER_SULCAL_VEIN: f64 = 5.0;

type Heading = fn(&[f64; 3]) -> [f64; 3];

/// From the middle of the brain, as medullary veins run (in the other direction).
fn outwards(at: &[f64; 3]) -> [f64; 3] {
    let norm = at[0].hypot(at[1]).max(1.0);
    [at[0] / norm, at[1] / norm, 0.0]
}

fn anywhere(_: &[f64; 3]) -> [f64; 3] {
    [0.0; 3]
}

/// A trunk and its branches, each half as long and two thirds as wide.
fn tree(
    rng: &mut impl Rng,
    grid: Grid,
    (start, heading): ([f64; 3], Heading),
    course: Course,
    out: &mut Vec<Vec<Node>>,
) {
    let trunk = walk(rng, grid, start, heading(&start), course);
    for _ in 0..course.branches {
        let from = trunk[rng.random_range(0..trunk.len())];
        let branch = Course {
            radius_mm: (0.65 * from.radius_mm).max(0.12),
            length_mm: 0.5 * course.length_mm,
            branches: 0,
            ..course
        };
        out.push(walk(rng, grid, from.mm, heading(&from.mm), branch));
    }
    out.push(trunk);
}

fn voxel_ml(grid: Grid) -> f64 {
    grid.voxel_mm().iter().product::<f64>() / 1000.0
}

fn pick(rng: &mut impl Rng, layout: &Compartments, wanted: impl Fn(usize) -> bool) -> Option<[f64; 3]> {
    (0..400).find_map(|_| {
        let index = rng.random_range(0..layout.grid.voxels());
        (layout.brain[index] && wanted(index)).then(|| layout.grid.centre_of(layout.grid.voxel(index)))
    })
}

/// A random walk that keeps its direction for a while and thins out.
fn walk(rng: &mut impl Rng, grid: Grid, start: [f64; 3], heading: [f64; 3], course: Course) -> Vec<Node> {
    let steps = (course.length_mm / STEP_MM).ceil() as usize;
    let mut direction: [f64; 3] = std::array::from_fn(|axis| heading[axis] + normal(rng, 0.5));
    let mut mm = start;
    let mut nodes = Vec::with_capacity(steps);
    for step in 0..steps {
        normalise(&mut direction);
        nodes.push(Node { mm, radius_mm: course.radius_mm * (1.0 - 0.5 * step as f64 / steps as f64) });
        for axis in 0..3 {
            mm[axis] += STEP_MM * direction[axis];
            direction[axis] += normal(rng, course.turn);
        }
        if grid.inside(grid.voxel_of(mm).map(|v| v.round() as i64)).is_none() {
            break;
        }
    }
    nodes
}

fn normal(rng: &mut impl Rng, sd: f64) -> f64 {
    let draw: f64 = StandardNormal.sample(rng);
    sd * draw
}

pub(crate) fn normalise(vector: &mut [f64; 3]) {
    let length = vector.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-9);
    vector.iter_mut().for_each(|v| *v /= length);
}

/// Adds a vein's share of each voxel to `share`, sampling 3 x 3 x 5 points a voxel.
pub(crate) fn draw(nodes: &[Node], grid: Grid, share: &mut [f32]) {
    const SAMPLES: [usize; 3] = [3, 3, 5];
    let half_diagonal = grid.voxel_mm().iter().map(|mm| mm * mm / 4.0).sum::<f64>().sqrt();
    for pair in nodes.windows(2) {
        let [a, b] = [pair[0], pair[1]];
        let reach = a.radius_mm.max(b.radius_mm);
        let corners = [a.mm, b.mm].map(|mm| grid.voxel_of(mm));
        let low: [i64; 3] = std::array::from_fn(|axis| {
            (corners[0][axis].min(corners[1][axis]) - reach / grid.voxel_mm()[axis] - 0.5).floor() as i64
        });
        let high: [i64; 3] = std::array::from_fn(|axis| {
            (corners[0][axis].max(corners[1][axis]) + reach / grid.voxel_mm()[axis] + 0.5).ceil() as i64
        });
        for z in low[2]..=high[2] {
            for y in low[1]..=high[1] {
                for x in low[0]..=high[0] {
                    let Some(voxel) = grid.inside([x, y, z]) else { continue };
                    // Most voxels of the box are too far off for any of their points to be in the tube.
                    let middle = grid.centre_of(voxel);
                    if to_segment(middle, a.mm, b.mm).0 > reach + half_diagonal {
                        continue;
                    }
                    let hits = sub_positions(SAMPLES)
                        .filter(|sub| {
                            let at = grid.mm_of(std::array::from_fn(|axis| voxel[axis] as f64 + sub[axis]));
                            let (distance, along) = to_segment(at, a.mm, b.mm);
                            distance < a.radius_mm + along * (b.radius_mm - a.radius_mm)
                        })
                        .count();
                    let covered = hits as f32 / SAMPLES.iter().product::<usize>() as f32;
                    let at = &mut share[grid.index(voxel)];
                    // Segments of one vein overlap at their ends: the larger share holds.
                    *at = at.max(covered);
                }
            }
        }
    }
}

/// Positions within a voxel, -0.5..0.5 along each axis.
pub(crate) fn sub_positions(samples: [usize; 3]) -> impl Iterator<Item = [f64; 3]> {
    let place = |i: usize, n: usize| (i as f64 + 0.5) / n as f64 - 0.5;
    (0..samples.iter().product::<usize>()).map(move |i| {
        let (x, y, z) = (i % samples[0], i / samples[0] % samples[1], i / (samples[0] * samples[1]));
        [place(x, samples[0]), place(y, samples[1]), place(z, samples[2])]
    })
}

/// Distance from a point to a segment, and how far along it (0..1) the nearest point lies.
fn to_segment(point: [f64; 3], a: [f64; 3], b: [f64; 3]) -> (f64, f64) {
    let ab: [f64; 3] = std::array::from_fn(|i| b[i] - a[i]);
    let ap: [f64; 3] = std::array::from_fn(|i| point[i] - a[i]);
    let length2 = ab.iter().map(|v| v * v).sum::<f64>().max(1e-12);
    let along = (ab.iter().zip(&ap).map(|(p, q)| p * q).sum::<f64>() / length2).clamp(0.0, 1.0);
    let distance2 = (0..3).map(|i| (ap[i] - along * ab[i]).powi(2)).sum::<f64>();
    (distance2.sqrt(), along)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tube_has_the_volume_of_a_cylinder() {
        let grid = Grid::centred([40, 40, 24], [0.4, 0.4, 1.0]);
        let nodes: Vec<Node> =
            (-20..=20).map(|i| Node { mm: [0.1, 0.05, 0.4 * f64::from(i)], radius_mm: 1.0 }).collect();
        let mut share = vec![0.0; grid.voxels()];
        draw(&nodes, grid, &mut share);
        let volume = share.iter().sum::<f32>() as f64 * 0.16;
        // 16 mm of radius 1 mm, with half spheres at the ends.
        let expected = std::f64::consts::PI * (16.0 + 4.0 / 3.0);
        assert!((volume / expected - 1.0).abs() < 0.06, "{volume} of {expected} mm3");
    }

    #[test]
    fn walks_thin_out_by_half_and_keep_their_step() {
        let grid = Grid::centred([200, 200, 80], [0.4, 0.4, 1.0]);
        let mut rng = crate::seed::RunSeed(2).stream("walk", 0);
        let course = Course { radius_mm: 0.4, length_mm: 20.0, turn: 0.17, branches: 0 };
        let nodes = walk(&mut rng, grid, [0.0; 3], [1.0, 0.0, 0.0], course);
        assert_eq!(nodes.len(), 40);
        assert_eq!(nodes[0].radius_mm, 0.4);
        assert!((nodes[39].radius_mm - 0.205).abs() < 1e-9);
        for pair in nodes.windows(2) {
            let step = (0..3).map(|a| (pair[1].mm[a] - pair[0].mm[a]).powi(2)).sum::<f64>().sqrt();
            assert!((step - STEP_MM).abs() < 1e-9);
        }
    }
}
