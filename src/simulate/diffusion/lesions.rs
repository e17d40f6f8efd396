//! Lesions of multiple sclerosis: where they lie, how large they are, how much they leave of the fibres.
//!
//! Most touch the ventricles and stretch away from them along veins (Dawson's fingers), some lie beneath the cortex,
//! some between (Filippi et al., Brain 2019); sizes from 3 mm on, as the criteria of McDonald ask.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::head::{Head, SHAPE, VOXEL_MM};
use super::vectors::{Way, cross, dot, rise, unit};
use crate::seed::RunSeed;
use crate::simulate::field::smooth_field;

/// Sizes of lesions, mm.
pub const SIZES_MM: [f64; 2] = [3.0, 14.0];

/// Where a lesion lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    Ventricle,
    Cortex,
    Deep,
}

/// What a person is to have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burden {
    /// Lesions.
    pub count: u32,
    /// Whether those about the ventricles run together.
    pub is_severe: bool,
    /// Damage of the middle lesion, 0 to 1.
    pub damage: f64,
}

/// Nothing at all.
pub const HEALTHY: Burden = Burden { count: 0, is_severe: false, damage: 0.0 };

impl Burden {
    /// Of a person with the disease.
    pub fn draw(seed: RunSeed) -> Self {
        let mut rng = seed.stream("burden", 0);
        let is_severe = rng.random_range(0.0..1.0) < 0.2;
        let draw: f64 = StandardNormal.sample(&mut rng);
        let median: f64 = if is_severe { 38.0 } else { 17.0 };
        let count = (median.ln() + 0.6 * draw).exp().clamp(3.0, 60.0) as u32;
        Self { count, is_severe, damage: rng.random_range(0.45..0.8) }
    }
}

/// Lesions of a head.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesions {
    /// Damage of each voxel's white matter, 0 to 1.
    pub damage: Vec<f32>,
    /// Voxels that a reader would mark.
    pub mask: Vec<u8>,
    /// Lesions drawn; some touch.
    pub count: u32,
}

/// One, as an ellipsoid.
struct Lesion {
    centre: Way,
    /// Long axis and the two across it.
    axes: [Way; 3],
    half_mm: [f64; 3],
    damage: f64,
}

impl Lesions {
    /// Draws as many into a head as it has room for.
    pub fn draw(head: &Head, burden: Burden, seed: RunSeed) -> Self {
        let voxels = head.grid.voxels();
        let mut made = Self { damage: vec![0.0; voxels], mask: vec![0; voxels], count: 0 };
        if burden.count == 0 {
            return made;
        }
        let (ventricles, cortex) = (head.from_ventricles(), head.from_cortex());
        let edge = smooth_field(head.grid, [4.5; 3], seed, "edges");
        let mut rng = seed.stream("lesions", 0);
        let white = |at: usize, least: f32| head.white[at] > least && head.place(at)[2] > -22.0;
        let of = |wanted: &dyn Fn(usize) -> bool| (0..voxels).filter(|&at| wanted(at)).collect::<Vec<_>>();
        let near_ventricles = of(&|at| white(at, 0.7) && (2.0..7.0).contains(&ventricles[at]) && cortex[at] > 3.0);
        let near_cortex = of(&|at| white(at, 0.6) && cortex[at] < 3.0 && ventricles[at] > 10.0);
        let between = of(&|at| white(at, 0.95) && cortex[at] > 4.0 && (8.0..40.0).contains(&ventricles[at]));
        for _ in 0..burden.count {
            let ventricular = if burden.is_severe { 0.68 } else { 0.52 };
            let (site, places) = match rng.random_range(0.0..1.0) {
                draw if draw < ventricular => (Site::Ventricle, &near_ventricles),
                draw if draw < ventricular + 0.2 => (Site::Cortex, &near_cortex),
                _ => (Site::Deep, &between),
            };
            if places.is_empty() {
                continue;
            }
            let at = places[rng.random_range(0..places.len())];
            let lesion = Lesion::draw(&mut rng, head, at, site, burden, &ventricles);
            if made.add(head, &lesion, &edge) {
                made.count += 1;
            }
        }
        for at in 0..voxels {
            made.mask[at] = u8::from(made.mask[at] > 0 && head.white[at] > 0.5);
        }
        made
    }

    /// Whether any voxel is marked.
    fn add(&mut self, head: &Head, lesion: &Lesion, edge: &[f32]) -> bool {
        let reach = lesion.half_mm.iter().copied().fold(0.0, f64::max) * 1.5 + 3.0;
        let middle = head.grid.voxel_of(lesion.centre);
        let range = |axis: usize| {
            let low = (middle[axis] - reach / VOXEL_MM).floor().max(0.0) as usize;
            let high = (middle[axis] + reach / VOXEL_MM).ceil().max(0.0) as usize;
            low..(high + 1).min(SHAPE[axis])
        };
        let least = lesion.half_mm.iter().copied().fold(f64::INFINITY, f64::min);
        let mut is_marked = false;
        for z in range(2) {
            for y in range(1) {
                for x in range(0) {
                    let at = head.grid.index([x, y, z]);
                    if !head.brain[at] || head.white[at] <= 0.0 {
                        continue;
                    }
                    let mm = head.grid.centre_of([x, y, z]);
                    let off: Way = std::array::from_fn(|axis| mm[axis] - lesion.centre[axis]);
                    let scaled: Way = std::array::from_fn(|axis| dot(off, lesion.axes[axis]) / lesion.half_mm[axis]);
                    // About the distance from an uneven surface, mm.
                    let outside = (dot(scaled, scaled).sqrt() - 1.0 + 0.16 * f64::from(edge[at])) * least;
                    let share = 1.0 - rise(outside, -1.4, 1.4);
                    self.damage[at] = self.damage[at].max((share * lesion.damage) as f32);
                    if share > 0.5 {
                        self.mask[at] = 1;
                        is_marked |= head.white[at] > 0.5;
                    }
                }
            }
        }
        is_marked
    }
}

impl Lesion {
    fn draw(rng: &mut impl Rng, head: &Head, at: usize, site: Site, burden: Burden, ventricles: &[f32]) -> Self {
        let mut normal = |mean: f64, deviation: f64| {
            let draw: f64 = StandardNormal.sample(rng);
            mean + deviation * draw
        };
        let is_large = burden.is_severe && site == Site::Ventricle;
        let median: f64 = if is_large { 11.0 } else { 8.0 };
        let size = normal(median.ln(), 0.4).exp().clamp(SIZES_MM[0], SIZES_MM[1]);
        let longer = match site {
            Site::Ventricle => normal(1.7, 0.25).clamp(1.2, 2.3),
            _ => normal(1.25, 0.15).clamp(1.0, 1.6),
        };
        let damage = (burden.damage * normal(1.0, 0.3)).clamp(0.15, 1.0);
        let jitter: Way = std::array::from_fn(|_| normal(0.0, 0.35));
        let long = match site {
            Site::Ventricle => away(head, ventricles, at),
            _ => [0.0; 3],
        };
        let long = unit(std::array::from_fn(|axis| long[axis] + jitter[axis]));
        let other = if long[2].abs() < 0.8 { [0.0, 0.0, 1.0] } else { [1.0, 0.0, 0.0] };
        let second = unit(cross(long, other));
        // A diameter is of the long axis, which is at most the largest size.
        let half = 0.5 * (size * longer.sqrt()).min(SIZES_MM[1]);
        Self {
            centre: head.grid.centre_of(head.grid.voxel(at)),
            axes: [long, second, cross(long, second)],
            half_mm: [half, half / longer, half / longer],
            damage,
        }
    }
}

/// The way in which the distance from the ventricles grows.
fn away(head: &Head, ventricles: &[f32], at: usize) -> Way {
    let strides = [1, SHAPE[0], SHAPE[0] * SHAPE[1]];
    let last = ventricles.len() - 1;
    let slope =
        strides.map(|stride| f64::from(ventricles[(at + stride).min(last)] - ventricles[at.saturating_sub(stride)]));
    if head.brain[at] { unit(slope) } else { [0.0, 0.0, 1.0] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::brain::anatomy::Person;

    #[test]
    fn lesions_lie_in_white_matter_and_follow_their_burden() {
        let head = Head::new(&Person::draw(RunSeed(3)));
        let few = Lesions::draw(&head, Burden { count: 6, is_severe: false, damage: 0.6 }, RunSeed(1));
        let many = Lesions::draw(&head, Burden { count: 40, is_severe: true, damage: 0.6 }, RunSeed(1));
        let marked = |lesions: &Lesions| lesions.mask.iter().filter(|&&marked| marked > 0).count();
        assert!(few.count >= 3 && many.count > 20 && marked(&many) > 3 * marked(&few));
        for (at, &marked) in many.mask.iter().enumerate() {
            assert!(marked == 0 || head.white[at] > 0.5);
            assert!((0.0..=1.0).contains(&many.damage[at]));
        }
        let none = Lesions::draw(&head, HEALTHY, RunSeed(1));
        assert!(none.count == 0 && none.damage.iter().all(|&lost| lost == 0.0) && marked(&none) == 0);
        assert_eq!(few, Lesions::draw(&head, Burden { count: 6, is_severe: false, damage: 0.6 }, RunSeed(1)));
    }
}
