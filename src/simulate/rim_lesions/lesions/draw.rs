//! Lesions into tissue, with sub-voxel partial volume; their label map, rim tracings and truths.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::place::{Planned, Shell};
use super::shape::{Waves, cross, directions, dot, unit};
use crate::nifti::{Grid, Volume};
use crate::simulate::rim_lesions::anatomy::compartments::Compartments;
use crate::simulate::rim_lesions::anatomy::veins::{Node, normalise, sub_positions};
use crate::simulate::rim_lesions::phantom::{Decoy, LesionKind, LesionTruth, Tissue};
use crate::simulate::rim_lesions::plan::PatientPlan;

/// Points sampled within a voxel: 0.13 x 0.13 x 0.2 mm at the paper's voxel size.
const SAMPLES: [usize; 3] = [3, 3, 5];

/// Farther than this from a surface no part of a voxel is on its other side, mm.
const REACH_MM: f64 = 0.9;

/// R2* of a demyelinated core, of a rim, 1/s.
const R2S_CORE: f64 = 14.0;
const R2S_RIM: f64 = 25.0;

/// What drawing leaves behind.
pub(crate) struct Drawn {
    pub truths: Vec<LesionTruth>,
    pub labels: Volume<u16>,
    pub rim_trace: Volume<f32>,
    /// Central veins and veins along edges.
    pub veins: Vec<Vec<Node>>,
}

/// Draws every lesion into `tissue`.
pub(crate) fn draw(plan: &PatientPlan, layout: &Compartments, lesions: &[Planned], tissue: &mut Tissue) -> Drawn {
    let grid = tissue.chi_ppb.grid;
    let mut out = Drawn {
        truths: Vec::new(),
        labels: Volume::filled(grid, 0),
        rim_trace: Volume::filled(grid, 0.0),
        veins: Vec::new(),
    };
    for lesion in lesions {
        let mut rng = plan.seed.stream("lesions.draw", u64::from(lesion.label));
        let tracers = [Tracer::new(&mut rng), Tracer::new(&mut rng)];
        let mut covered_slices = 0;
        for_box(grid, lesion.outline.centre_mm, lesion.outline.reach_mm() + 1.5, |voxel| {
            let index = grid.index(voxel);
            let mm = grid.centre_of(voxel);
            let (direction, depth) = lesion.outline.depth_mm(mm);
            if depth < -REACH_MM {
                return;
            }
            // The surface hardly turns within a voxel: its radius and iron are taken at the voxel's centre.
            let radius = lesion.outline.radius_mm(direction);
            let (ppb, thickness) = lesion.shell.as_ref().map_or((0.0, 0.0), |shell| shell.towards(direction));
            let (mut inside, mut iron) = (1.0, 0.0);
            if depth < thickness + REACH_MM {
                let depths = || sub_positions(SAMPLES).map(|sub| radius - lesion.outline.distance_mm(mm, sub, grid));
                let count = SAMPLES.iter().product::<usize>() as f64;
                inside = depths().filter(|depth| *depth > 0.0).count() as f64 / count;
                iron = depths().map(|depth| shell_profile(depth, thickness)).sum::<f64>() / count;
            }
            let rim = if ppb > 0.0 { iron } else { 0.0 };
            let iron = ppb * iron;
            if inside > 0.0 || iron > 0.0 {
                // Only white matter loses its myelin; what grey matter a lesion takes in changes little, fluid not at
                // all.
                let white = f64::from(layout.white(index));
                let tissue_share = (1.0 - f64::from(layout.csf[index])) * (0.3 + 0.7 * white);
                let offset: [f64; 3] = std::array::from_fn(|a| mm[a] - lesion.outline.centre_mm[a]);
                let core = inside * lesion.core_ppb * lesion.evenness(offset, depth, radius);
                tissue.chi_ppb.data[index] += (tissue_share * (core + iron)) as f32;
                let r2star = &mut tissue.r2star_per_s.data[index];
                *r2star +=
                    (tissue_share * (inside * (R2S_CORE - f64::from(*r2star)) + rim * (R2S_RIM - R2S_CORE))) as f32;
                tissue.magnitude.data[index] += (0.12 * inside * tissue_share) as f32;
            }
            if inside >= 0.5 {
                out.labels.data[index] = lesion.label;
            }
            if let Some(shell) = &lesion.shell {
                let traced: f64 = tracers.iter().map(|t| f64::from(u8::from(t.traces(shell, direction, depth)))).sum();
                let trace = &mut out.rim_trace.data[index];
                *trace = trace.max((0.5 * traced) as f32);
            }
        });
        if let Some(shell) = &lesion.shell {
            covered_slices = slices_covered(lesion, shell, grid);
        }
        out.veins.extend(veins_of(&mut rng, lesion));
        if lesion.decoy == Some(Decoy::Microbleed) {
            bleed(&mut rng, lesion, tissue);
        }
        out.truths.push(truth(lesion, grid, covered_slices));
    }
    out
}

/// Share of the iron at a depth: full within the shell, gone 0.3 mm to either side.
fn shell_profile(depth_mm: f64, thickness_mm: f64) -> f64 {
    let outer = (depth_mm / 0.3 + 0.5).clamp(0.0, 1.0);
    let inner = ((thickness_mm - depth_mm) / 0.3 + 0.5).clamp(0.0, 1.0);
    outer * inner
}

fn for_box(grid: Grid, centre_mm: [f64; 3], reach_mm: f64, mut act: impl FnMut([usize; 3])) {
    let centre = grid.voxel_of(centre_mm);
    let range = |a: usize| {
        let reach = reach_mm / grid.voxel_mm()[a];
        let low = (centre[a] - reach).floor().max(0.0) as usize;
        let high = ((centre[a] + reach).ceil().max(0.0) as usize).min(grid.shape[a] - 1);
        low..=high
    };
    for z in range(2) {
        for y in range(1) {
            for x in range(0) {
                act([x, y, z]);
            }
        }
    }
}

/// One person's idea of where a rim begins and ends.
struct Tracer {
    offset: Waves,
    bias_mm: f64,
    width_mm: f64,
}

impl Tracer {
    fn new(rng: &mut impl rand::Rng) -> Self {
        let bias: f64 = StandardNormal.sample(rng);
        Self { offset: Waves::new(rng, 5.0), bias_mm: 0.32 * bias, width_mm: rng.random_range(1.0..1.9) }
    }

    fn traces(&self, shell: &Shell, direction: [f64; 3], depth_mm: f64) -> bool {
        let (ppb, thickness) = shell.towards(direction);
        let middle = 0.5 * thickness + self.bias_mm + 0.46 * self.offset.at(direction);
        ppb > 0.35 * shell.iron_ppb && (depth_mm - middle).abs() < 0.5 * self.width_mm
    }
}

/// Slices on which the shell covers at least two thirds of the outline, free of noise (Bagnato 2024).
fn slices_covered(lesion: &Planned, shell: &Shell, grid: Grid) -> usize {
    let centre = lesion.outline.centre_mm;
    let reach = lesion.outline.reach_mm();
    let slices = (reach / grid.voxel_mm()[2]) as i64;
    let covers = |slice: i64| {
        let z = slice as f64 * grid.voxel_mm()[2];
        let (mut edge, mut rim) = (0, 0);
        for step in 0..48 {
            let angle = std::f64::consts::TAU * f64::from(step) / 48.0;
            // The outline's point at this height and angle, found from the middle outwards.
            let point = (1..120).map(|r| 0.1 * f64::from(r)).take_while(|r| {
                let mm = [centre[0] + r * angle.cos(), centre[1] + r * angle.sin(), centre[2] + z];
                lesion.outline.depth_mm(mm).1 > 0.0
            });
            if let Some(r) = point.last() {
                let mut direction = [r * angle.cos(), r * angle.sin(), z];
                normalise(&mut direction);
                edge += 1;
                rim += u32::from(shell.towards(direction).0 > 0.35 * shell.iron_ppb);
            }
        }
        edge >= 24 && 3 * rim >= 2 * edge
    };
    (-slices..=slices).filter(|slice| covers(*slice)).count()
}

/// The central vein, and for a decoy the vein along the edge.
fn veins_of(rng: &mut impl rand::Rng, lesion: &Planned) -> Vec<Vec<Node>> {
    let mut out = Vec::new();
    let reach = 0.5 * lesion.diameter_mm;
    if lesion.vein {
        let mut direction = lesion.outline.centre_mm.map(|c| -c);
        let tilt = unit(rng);
        (0..3).for_each(|a| direction[a] += 6.0 * tilt[a]);
        normalise(&mut direction);
        let bend = cross(direction, unit(rng));
        let radius_mm = rng.random_range(0.12..0.3);
        let node = |i: i32| {
            let along = 0.13 * f64::from(i);
            let mm = |a: usize| {
                lesion.outline.centre_mm[a] + reach * (direction[a] * along + 0.3 * bend[a] * (along * along - 0.4))
            };
            // Widest in the middle: towards its ends the vein leaves the lesion as a thin one.
            Node { mm: std::array::from_fn(mm), radius_mm: radius_mm * (1.0 - 0.35 * along.abs()) }
        };
        out.push((-10..=10).map(node).collect());
    }
    if lesion.decoy == Some(Decoy::Vein) {
        // Along part of a great circle just outside the edge, mostly in plane, where it mimics a rim best.
        let mut pole = [rng.random_range(-0.4..0.4), rng.random_range(-0.4..0.4), 1.0];
        normalise(&mut pole);
        let mut first = cross(pole, unit(rng));
        normalise(&mut first);
        let second = cross(pole, first);
        let span = std::f64::consts::TAU * rng.random_range(0.3..0.75);
        let radius_mm = rng.random_range(0.14..0.32);
        let off = rng.random_range(-0.5..0.6);
        let node = |i: i32| {
            let angle = span * f64::from(i) / 40.0;
            let direction: [f64; 3] = std::array::from_fn(|a| first[a] * angle.cos() + second[a] * angle.sin());
            let radius = lesion.outline.radius_mm(direction) + off;
            Node { mm: std::array::from_fn(|a| lesion.outline.centre_mm[a] + direction[a] * radius), radius_mm }
        };
        out.push((0..=40).map(node).collect());
    }
    out
}

/// A punctate bleed at the lesion's edge: a ball of haemosiderin.
fn bleed(rng: &mut impl rand::Rng, lesion: &Planned, tissue: &mut Tissue) {
    let grid = tissue.chi_ppb.grid;
    let direction = unit(rng);
    let away = lesion.outline.radius_mm(direction) * rng.random_range(0.6..1.0);
    let centre: [f64; 3] = std::array::from_fn(|a| lesion.outline.centre_mm[a] + direction[a] * away);
    let radius = rng.random_range(0.7..1.5);
    let excess = rng.random_range(150.0..350.0);
    for_box(grid, centre, radius + 1.0, |voxel| {
        let hits = sub_positions(SAMPLES)
            .filter(|sub| {
                let mm = grid.mm_of(std::array::from_fn(|a| voxel[a] as f64 + sub[a]));
                let offset: [f64; 3] = std::array::from_fn(|a| mm[a] - centre[a]);
                dot(offset, offset) < radius * radius
            })
            .count();
        let share = hits as f32 / SAMPLES.iter().product::<usize>() as f32;
        let index = grid.index(voxel);
        tissue.chi_ppb.data[index] += share * excess;
        tissue.r2star_per_s.data[index] += share * 60.0;
    });
}

fn truth(lesion: &Planned, grid: Grid, covered_slices: usize) -> LesionTruth {
    let voxel = grid.voxel_of(lesion.outline.centre_mm);
    let shell = lesion.shell.as_ref();
    let mean = |value: fn((f64, f64)) -> f64| {
        shell.map_or(0.0, |s| directions(400).map(|d| value(s.towards(d))).sum::<f64>() / 400.0)
    };
    LesionTruth {
        label: lesion.label,
        centre: voxel.map(|v| v.round() as i64),
        diameter_mm: lesion.diameter_mm,
        kind: lesion.kind,
        true_rim: lesion.kind == LesionKind::Rim,
        criterion_rim: covered_slices >= 2,
        rim_fraction: shell.map_or(0.0, |s| s.fraction),
        rim_ppb: mean(|(ppb, _)| ppb),
        rim_thickness_mm: mean(|(_, thickness)| thickness),
        decoy: lesion.decoy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;

    #[test]
    fn a_shells_profile_keeps_its_thickness() {
        let step = 0.001;
        let area: f64 = (-1000..4000).map(|i| shell_profile(f64::from(i) * step, 1.2) * step).sum();
        assert!((area - 1.2).abs() < 0.01, "{area}");
    }

    /// By hand: of a 10 mm lesion a shell of 1 mm is (5^3 - 4^3) / 5^3 = 49 %.
    #[test]
    fn a_shell_of_1_mm_is_half_of_a_10_mm_lesion() {
        let grid = Grid::centred([40, 40, 18], [0.4, 0.4, 1.0]);
        let (mut iron, mut lesion) = (0.0, 0.0);
        for_box(grid, [0.0; 3], 6.0, |voxel| {
            for sub in sub_positions(SAMPLES) {
                let mm = grid.mm_of(std::array::from_fn(|a| voxel[a] as f64 + sub[a]));
                let depth = 5.0 - dot(mm, mm).sqrt();
                lesion += f64::from(u8::from(depth > 0.0));
                iron += shell_profile(depth, 1.0);
            }
        });
        assert!((iron / lesion - 0.49).abs() < 0.02, "{}", iron / lesion);
    }

    /// Two people's tracings agree with a Dice of about 0.57 (QSM-RimDS).
    #[test]
    fn tracings_agree_as_published() {
        let mut dice = Vec::new();
        for index in 0..40 {
            let mut rng = RunSeed(11).stream("tracers", index);
            let shell = Shell::new(&mut rng, 1.0);
            let tracers = [Tracer::new(&mut rng), Tracer::new(&mut rng)];
            let (mut single, mut both) = (0u32, 0u32);
            for direction in directions(300) {
                for step in -20..60 {
                    let depth = 0.05 * f64::from(step);
                    let votes = tracers.iter().filter(|t| t.traces(&shell, direction, depth)).count() as u32;
                    single += votes;
                    both += u32::from(votes == 2);
                }
            }
            dice.push(2.0 * f64::from(both) / f64::from(single.max(1)));
        }
        let mean = dice.iter().sum::<f64>() / dice.len() as f64;
        assert!((0.50..0.64).contains(&mean), "{mean}");
    }
}
