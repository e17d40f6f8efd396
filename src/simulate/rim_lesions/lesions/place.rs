//! Where a patient's lesions lie, how large they are, and what they are made of.

use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution, LogNormal, Normal};

use super::shape::{Outline, Waves, directions, unit};
use crate::problem::{Kind, Problem, Result};
use crate::simulate::rim_lesions::anatomy::compartments::Compartments;
use crate::simulate::rim_lesions::phantom::{Decoy, LesionKind};
use crate::simulate::rim_lesions::plan::PatientPlan;

/// Lesion sizes in mm (AJR 219:120, 2022): rims are larger.
const RIM_MEDIAN_MM: f64 = 11.0;
const RIM_SPREAD: f64 = 0.35;
const PLAIN_MEDIAN_MM: f64 = 6.5;
const PLAIN_SPREAD: f64 = 0.45;
const SMALLEST_MM: f64 = 3.0;
const LARGEST_MM: f64 = 22.0;

/// Iron of a rim over its core: truncated lognormal. No published table was found. The gates hold the result to the
/// published difference of whole lesions (4.27 ppb, Zhang 2019) and keep centre minus edge from solving the task;
/// within them the rims are as strong as the readers need, who shall agree mostly on true ones.
const IRON_MEDIAN_PPB: f64 = 51.0;
const IRON_SPREAD: f64 = 0.22;
const IRON_PPB: (f64, f64) = (38.0, 90.0);
const THICKNESS_MM: (f64, f64) = (0.8, 1.5);

/// Cores: white matter that lost its myelin gains up to 36 ppb; those of rims gave up to 15 ppb of iron away, and
/// diffuse lesions without a rim hold some in scattered cells. The whole diffuse lesion comes out of the inversion at
/// 45 +/- 16 ppb over its surround (early to intermediate lesions: 38.4 +/- 13.0, Chen 2014).
const RIM_CORE_PPB: (f64, f64) = (38.0, 9.0);
const DIFFUSE_CORE_PPB: (f64, f64) = (66.0, 14.0);
const ISOINTENSE_CORE_PPB: (f64, f64) = (7.0, 5.0);
const DIFFUSE_SHARE: f64 = 0.85;

/// Attempts at a place before a lesion is made smaller.
const ATTEMPTS: usize = 400;

/// A lesion as planned: outline and material.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub label: u16,
    pub outline: Outline,
    pub diameter_mm: f64,
    pub kind: LesionKind,
    pub decoy: Option<Decoy>,
    /// Excess of the core over normal-appearing white matter, ppb.
    pub core_ppb: f64,
    pub shell: Option<Shell>,
    patches: Waves,
    /// Core's excess at the centre over its mean, as a share; negative where the middle is pale.
    centre_excess: f64,
    pub vein: bool,
    /// FLAIR signal over white matter.
    pub flair: f64,
}

impl Planned {
    /// Share of the core's excess at an offset from the centre (mm), `depth` below an edge that is `radius` away:
    /// patchy, fading towards the edge, and often deepest in the middle.
    pub fn evenness(&self, offset_mm: [f64; 3], depth_mm: f64, radius_mm: f64) -> f64 {
        let fade = 0.7 + 0.3 * (depth_mm / 1.2).clamp(0.0, 1.0);
        let inwards = (depth_mm / radius_mm).clamp(0.0, 1.0);
        // Mean of the share of depth over a ball is 1/4.
        let profile = 1.0 + self.centre_excess * (inwards - 0.25) / 0.75;
        fade * profile.max(0.0) * (1.0 + 0.25 * self.patches.at(offset_mm.map(|mm| mm / 3.0)))
    }
}

/// The iron rim.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    pub iron_ppb: f64,
    pub thickness_mm: f64,
    /// Share of the surface that is covered.
    pub fraction: f64,
    cover: Waves,
    threshold: f64,
    waver: Waves,
    beads: Waves,
}

impl Shell {
    pub fn new(rng: &mut impl Rng, iron_factor: f64) -> Self {
        let cover = Waves::new(rng, 1.6);
        let fraction: f64 = Beta::new(6.0, 1.5).expect("shape parameters are positive").sample(rng);
        let fraction = fraction.clamp(0.5, 1.0);
        let mut heights: Vec<f64> = directions(400).map(|d| cover.at(d)).collect();
        heights.sort_by(|a, b| b.total_cmp(a));
        let last = ((fraction * 400.0) as usize).clamp(1, 400) - 1;
        let iron: f64 = LogNormal::new(IRON_MEDIAN_PPB.ln(), IRON_SPREAD).expect("spread is positive").sample(rng);
        Self {
            iron_ppb: (iron * iron_factor).clamp(IRON_PPB.0, IRON_PPB.1),
            thickness_mm: rng.random_range(THICKNESS_MM.0..THICKNESS_MM.1),
            fraction,
            cover,
            threshold: heights[last],
            waver: Waves::new(rng, 3.0),
            beads: Waves::new(rng, 11.0),
        }
    }

    /// Iron in ppb and thickness in mm towards a direction; iron fades at the ends of an arc.
    pub fn towards(&self, direction: [f64; 3]) -> (f64, f64) {
        let over = self.cover.at(direction) - self.threshold;
        let fade = (0.5 + over / 0.3).clamp(0.0, 1.0);
        let waver = self.waver.at(direction);
        // Macrophages lie in clumps along the edge.
        let iron = (1.0 + 0.2 * waver + 0.2 * self.beads.at(direction)).max(0.2);
        (self.iron_ppb * fade * iron, self.thickness_mm * (1.0 + 0.2 * waver).max(0.4))
    }
}

/// Places the planned lesions, rims first (they are larger).
///
/// # Errors
/// When even the smallest lesion finds no room.
pub(crate) fn place(plan: &PatientPlan, layout: &Compartments) -> Result<Vec<Planned>> {
    let mut rng = plan.seed.stream("lesions.place", 0);
    let mut out: Vec<Planned> = Vec::new();
    for number in 0..plan.lesions {
        let rim = number < plan.true_rims;
        let wanted = diameter(&mut rng, rim || plan.match_sizes, layout);
        let (centre, diameter_mm, decoy) = find_place(&mut rng, layout, &out, wanted).ok_or_else(|| {
            Problem::new(Kind::Usage, format!("{} lesions do not fit into {}", plan.lesions, plan.participant()))
                .advice("ask for fewer lesions per patient or a larger slab")
        })?;
        out.push(compose(&mut rng, plan, layout, Site { centre, diameter_mm, decoy }, rim));
    }
    // The label must not tell the class.
    let mut order: Vec<usize> = (0..out.len()).collect();
    rand::seq::SliceRandom::shuffle(&mut order[..], &mut rng);
    let mut shuffled: Vec<Planned> = order.into_iter().map(|i| out[i].clone()).collect();
    for (lesion, label) in shuffled.iter_mut().zip(1u16..) {
        lesion.label = label;
    }
    Ok(shuffled)
}

fn diameter(rng: &mut impl Rng, like_rims: bool, layout: &Compartments) -> f64 {
    let (median, spread) = if like_rims { (RIM_MEDIAN_MM, RIM_SPREAD) } else { (PLAIN_MEDIAN_MM, PLAIN_SPREAD) };
    // A slab smaller than the paper's holds smaller lesions.
    let room = (layout.grid.shape[2] as f64 * layout.grid.voxel_mm()[2] * 0.5).min(LARGEST_MM);
    let drawn: f64 = LogNormal::new(median.ln(), spread).expect("spread is positive").sample(rng);
    drawn.clamp(SMALLEST_MM, room)
}

struct Site {
    centre: [f64; 3],
    diameter_mm: f64,
    decoy: Option<Decoy>,
}

fn find_place(
    rng: &mut impl Rng,
    layout: &Compartments,
    placed: &[Planned],
    wanted_mm: f64,
) -> Option<([f64; 3], f64, Option<Decoy>)> {
    let grid = layout.grid;
    let margin: [f64; 3] = std::array::from_fn(|a| {
        // In plane 32 voxels, so that a patch lies inside; through the slices 6, so that its lesion does.
        let voxels = [32usize, 32, 6][a].min(grid.shape[a] / 4);
        voxels as f64
    });
    let mut size = wanted_mm;
    while size >= 0.8 * SMALLEST_MM {
        for _ in 0..ATTEMPTS {
            let voxel: [usize; 3] =
                std::array::from_fn(|a| rng.random_range(margin[a] as usize..grid.shape[a] - margin[a] as usize));
            let index = grid.index(voxel);
            let radius = 0.5 * size as f32;
            let (cortex, ventricle) = (layout.below_cortex_mm[index], layout.off_ventricle_mm[index]);
            if !layout.brain[index] || layout.white(index) < 0.95 {
                continue;
            }
            let juxtacortical = cortex < radius + 1.0;
            // Lesions touch a ventricle or the cortex; they do not reach far into either.
            if cortex < 0.75 * radius || ventricle < 0.55 * radius {
                continue;
            }
            // Mostly about the ventricles, some in deep white matter, fewer under the cortex.
            let likely = if juxtacortical {
                0.35
            } else if ventricle < radius + 6.0 {
                1.0
            } else {
                0.6
            };
            if rng.random::<f64>() > likely {
                continue;
            }
            let mm = grid.centre_of(voxel);
            let clear = placed.iter().all(|other| {
                let gap2: f64 = (0..3).map(|a| (mm[a] - other.outline.centre_mm[a]).powi(2)).sum();
                gap2.sqrt() > 0.62 * (size + other.diameter_mm) + 1.0
            });
            if clear {
                let near_deep_grey = layout.deep_grey[index] == 0.0 && neighbours_deep_grey(layout, voxel, size);
                let decoy = if near_deep_grey {
                    Some(Decoy::DeepGreyBorder)
                } else {
                    juxtacortical.then_some(Decoy::CorticalRibbon)
                };
                return Some((mm, size, decoy));
            }
        }
        size *= 0.85;
    }
    None
}

fn neighbours_deep_grey(layout: &Compartments, voxel: [usize; 3], size_mm: f64) -> bool {
    let grid = layout.grid;
    let reach = (0.5 * size_mm / grid.voxel_mm()[0]) as i64;
    [[reach, 0], [-reach, 0], [0, reach], [0, -reach]].into_iter().any(|[dx, dy]| {
        let at = [voxel[0] as i64 + dx, voxel[1] as i64 + dy, voxel[2] as i64];
        grid.inside(at).is_some_and(|v| layout.deep_grey[grid.index(v)] > 0.3)
    })
}

/// Material: the core is white matter that lost myelin (up to +36 ppb) and some iron (0 to 15 ppb);
/// a rim adds iron in a shell over a darker core, so that whole lesions differ by a few ppb only (Zhang 2019).
fn compose(rng: &mut impl Rng, plan: &PatientPlan, layout: &Compartments, site: Site, rim: bool) -> Planned {
    let towards_ventricle = site.centre.map(|c| -c);
    let along = if layout.off_ventricle_mm[layout.grid.index(nearest_voxel(layout, site.centre))] < 8.0 {
        towards_ventricle
    } else {
        unit(rng)
    };
    let outline = Outline::new(rng, site.centre, site.diameter_mm, along);
    let kind = match (rim, rng.random::<f64>()) {
        (true, _) => LesionKind::Rim,
        (false, draw) if draw < DIFFUSE_SHARE => LesionKind::Diffuse,
        _ => LesionKind::Isointense,
    };
    let core_ppb = match kind {
        LesionKind::Rim => normal(rng, RIM_CORE_PPB).clamp(5.0, 50.0),
        LesionKind::Diffuse => normal(rng, DIFFUSE_CORE_PPB).clamp(10.0, 90.0),
        LesionKind::Isointense => normal(rng, ISOINTENSE_CORE_PPB),
    };
    let shell = rim.then(|| Shell::new(rng, plan.iron));
    let decoy = match rng.random::<f64>() {
        _ if rim => None,
        draw if draw < 0.16 => Some(Decoy::Vein),
        draw if draw < 0.21 => Some(Decoy::Microbleed),
        _ => site.decoy,
    };
    Planned {
        label: 0,
        outline,
        diameter_mm: site.diameter_mm,
        kind,
        decoy,
        core_ppb,
        shell,
        patches: Waves::new(rng, 4.0),
        centre_excess: normal(rng, if rim { (0.14, 0.2) } else { (0.18, 0.3) }).clamp(-0.3, 1.2),
        vein: rng.random_bool(0.42),
        flair: rng.random_range(1.5..2.0),
    }
}

fn nearest_voxel(layout: &Compartments, mm: [f64; 3]) -> [usize; 3] {
    let grid = layout.grid;
    let voxel = grid.voxel_of(mm);
    std::array::from_fn(|a| (voxel[a].round().max(0.0) as usize).min(grid.shape[a] - 1))
}

fn normal(rng: &mut impl Rng, (mean, sd): (f64, f64)) -> f64 {
    Normal::new(mean, sd).expect("sd is positive").sample(rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;

    #[test]
    fn a_shell_covers_its_fraction_of_the_surface() {
        let mut rng = RunSeed(5).stream("shell", 0);
        for _ in 0..20 {
            let shell = Shell::new(&mut rng, 1.0);
            let covered = directions(3000).filter(|d| shell.cover.at(*d) >= shell.threshold).count() as f64 / 3000.0;
            assert!((covered - shell.fraction).abs() < 0.03, "{covered} for {}", shell.fraction);
            assert!((38.0..=90.0).contains(&shell.iron_ppb) && (0.5..=1.6).contains(&shell.thickness_mm));
        }
    }
}
