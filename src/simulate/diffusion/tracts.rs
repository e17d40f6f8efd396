//! Which way white matter's fibres run: a few systems with a place and a course each; where two meet, both run.
//!
//! Courses follow the textbook (Mori et al., MRI Atlas of Human White Matter, 2005) in the anatomy's own millimetres:
//! callosum, projections through the internal capsule and the stem, association bundles, and from every gyrus inwards.

use super::head::{Head, capsule, capsule_mm};
use super::vectors::{Way, dot, rise, unit};
use crate::nifti::Grid;
use crate::seed::RunSeed;
use crate::simulate::field::smooth_field;

/// Fibres of one system in a voxel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Population {
    /// Along them.
    pub way: Way,
    /// How much of the voxel's white matter they are, 0 to 1.
    pub share: f64,
    /// How parallel they run, 0 to 1.
    pub order: f64,
}

/// A bundle along a line of places.
struct Bundle {
    line: &'static [Way],
    radius: f64,
    order: f64,
}

/// On the right side; the left is its mirror image.
const BUNDLES: [Bundle; 7] = [
    // Superior longitudinal and arcuate.
    Bundle {
        line: &[
            [36.0, 38.0, 20.0],
            [37.0, 8.0, 29.0],
            [37.0, -24.0, 30.0],
            [40.0, -44.0, 20.0],
            [46.0, -44.0, 2.0],
            [48.0, -22.0, -12.0],
        ],
        radius: 5.0,
        order: 0.74,
    },
    // Inferior fronto-occipital and optic radiation, past the lentiform nucleus.
    Bundle {
        line: &[
            [20.0, 56.0, -4.0],
            [30.0, 22.0, -10.0],
            [35.5, -4.0, -8.0],
            [36.0, -30.0, 0.0],
            [32.0, -54.0, 4.0],
            [17.0, -82.0, 6.0],
        ],
        radius: 4.5,
        order: 0.84,
    },
    // Inferior longitudinal.
    Bundle {
        line: &[[38.0, 4.0, -34.0], [41.0, -26.0, -18.0], [35.0, -56.0, -6.0], [24.0, -84.0, -2.0]],
        radius: 4.5,
        order: 0.74,
    },
    // Anterior radiation of the thalamus.
    Bundle { line: &[[12.0, 2.0, 8.0], [19.0, 18.0, 8.0], [20.0, 52.0, 10.0]], radius: 3.6, order: 0.8 },
    // Middle peduncle of the cerebellum.
    Bundle { line: &[[5.0, -15.0, -42.0], [16.0, -26.0, -44.0], [25.0, -48.0, -48.0]], radius: 6.0, order: 0.88 },
    // Superior peduncle.
    Bundle { line: &[[4.0, -26.0, -28.0], [9.0, -40.0, -40.0], [14.0, -50.0, -48.0]], radius: 3.0, order: 0.8 },
    // From the cerebral peduncle through the pons.
    Bundle {
        line: &[[18.0, -11.0, -10.0], [12.0, -17.0, -22.0], [7.0, -22.0, -38.0], [5.0, -28.0, -66.0]],
        radius: 5.0,
        order: 0.92,
    },
];

/// Middle and halves of the arch that the callosum makes in the sagittal plane, front and up, mm.
const ARCH: [[f64; 2]; 2] = [[-4.0, 4.0], [37.0, 20.5]];

/// How fast callosal fibres turn away from the midplane, mm.
const TURN_MM: f64 = 24.0;

/// Where the corona radiata comes together, mm below the capsule.
const FOCUS: Way = [14.0, -8.0, -38.0];

/// The courses of a person.
#[derive(Clone, Debug)]
pub struct Tracts {
    /// Everybody's differ a little: shifts right, front and up.
    shifts: [Vec<f32>; 3],
    /// Fibres waver.
    sway: [Vec<f32>; 3],
    /// Some stretches are tighter.
    order: Vec<f32>,
    /// Smoothed share of all that is not deep white matter; its slope points into the nearest gyrus.
    outside: Vec<f32>,
}

impl Tracts {
    /// Of a head.
    pub fn new(head: &Head, seed: RunSeed) -> Self {
        let field = |mm: f64, name: &str| smooth_field(head.grid, [mm; 3], seed, name);
        let outside = |at: usize| match head.brain[at] {
            true if Head::is_deep(head.place(at)) => 0.0,
            true => 1.0 - head.white[at],
            false => 1.0,
        };
        let mut outside: Vec<f32> = (0..head.grid.voxels()).map(outside).collect();
        // Two boxes of 5 voxels make about a Gaussian of 4 mm.
        (0..2).for_each(|_| boxed(&mut outside, head.grid.shape, 2));
        Self {
            shifts: ["right", "front", "up"].map(|name| field(28.0, name)),
            sway: ["sway right", "sway front", "sway up"].map(|name| field(7.0, name)),
            order: field(9.0, "order"),
            outside,
        }
    }

    /// Up to two populations of a voxel; their shares add up to 1.
    pub fn at(&self, head: &Head, at: usize) -> [Population; 2] {
        let place: Way = {
            let place = head.place(at);
            std::array::from_fn(|axis| place[axis] + 1.6 * f64::from(self.shifts[axis][at]))
        };
        let sway: Way = std::array::from_fn(|axis| f64::from(self.sway[axis][at]));
        let radial = self.radial(head.grid, at);
        let mut found = [none(), none()];
        let mut add = |one: Population| {
            if one.share > found[0].share {
                found[1] = found[0];
                found[0] = one;
            } else if one.share > found[1].share {
                found[1] = one;
            }
        };
        add(Population { way: radial.0, share: 0.16 + 0.5 * radial.1, order: 0.32 });
        for one in [callosum(place), projection(place), cingulum(place), pons(place)] {
            add(one);
        }
        let mirrored = [place[0].abs(), place[1], place[2]];
        for bundle in &BUNDLES {
            let mut one = bundle.at(mirrored);
            one.way[0] *= place[0].signum();
            add(one);
        }
        let sum = found[0].share + found[1].share;
        let waver = |one: Population| {
            let loose = 0.10 + 0.25 * (1.0 - one.order);
            Population {
                way: unit(std::array::from_fn(|axis| one.way[axis] + loose * sway[axis])),
                share: one.share / sum,
                order: (one.order + 0.09 * f64::from(self.order[at])).clamp(0.05, 1.0),
            }
        };
        found.map(waver)
    }

    /// Into the nearest gyrus, and how near that is, 0 to 1.
    fn radial(&self, grid: Grid, at: usize) -> (Way, f64) {
        let voxel = grid.voxel(at);
        let strides = [1, grid.shape[0], grid.shape[0] * grid.shape[1]];
        let slope = std::array::from_fn(|axis| {
            let back = if voxel[axis] > 0 { strides[axis] } else { 0 };
            let on = if voxel[axis] + 1 < grid.shape[axis] { strides[axis] } else { 0 };
            f64::from(self.outside[at + on] - self.outside[at - back])
        });
        (unit(slope), rise(f64::from(self.outside[at]), 0.05, 0.6))
    }
}

const fn none() -> Population {
    Population { way: [0.0, 0.0, 1.0], share: 0.0, order: 0.5 }
}

/// How far a place lies outside of the arch, the way outwards, and how high up on it (sine), in the sagittal plane.
fn arch([_, y, z]: Way) -> (f64, [f64; 2], f64) {
    let [middle, half] = ARCH;
    let [ey, ez] = [(y - middle[0]) / half[0], (z - middle[1]) / half[1]];
    let radius = ey.hypot(ez).max(1e-6);
    let slope = [ey / half[0] / radius, ez / half[1] / radius];
    let steep = slope[0].hypot(slope[1]);
    ((radius - 1.0) / steep, slope.map(|one| one / steep), ez / radius)
}

/// Across the midplane, then up, forwards or back into both halves.
fn callosum(place: Way) -> Population {
    let side = place[0].abs();
    let (off, [front, up], high) = arch(place);
    let bend = (side - 5.0).max(0.0);
    let thick = 4.6 + 0.16 * side;
    let nearness = (-((off - bend * bend / (2.0 * TURN_MM)) / thick).powi(4)).exp();
    let reach = (1.0 - rise(side, 14.0, 46.0)) * rise(high, -0.55, -0.3);
    let sloped = bend / TURN_MM;
    Population {
        way: unit([place[0].signum(), front * sloped, up * sloped]),
        share: 1.5 * nearness * reach,
        order: 1.0 - 0.42 * rise(side, 8.0, 30.0),
    }
}

/// Whether a place is in the callosum about the midplane, where nothing else runs.
pub(super) fn is_callosum(place: Way) -> bool {
    let (off, _, high) = arch(place);
    place[0].abs() < 5.0 && off.abs() < 3.0 && high > -0.2
}

/// Through the internal capsule, and from there fanning to the cortex.
fn projection(place: Way) -> Population {
    let [x, y, z] = place;
    let side = x.abs();
    let fan = (z - FOCUS[2]) / (14.0 - FOCUS[2]);
    let off = (side - capsule_mm(y, z)).abs();
    let narrow = 3.2 + 0.13 * (z - 14.0).max(0.0);
    let spread = ((y - FOCUS[1]) / (26.0 * fan.max(0.3))).powi(4);
    let sheet = (-(off / narrow).powi(4) - spread).exp() * rise(z, -14.0, -9.0) * (1.0 - rise(z, 40.0, 66.0));
    let lean = [side - FOCUS[0], 0.9 * (y - FOCUS[1]), z - FOCUS[2]];
    let [right, front, up] = unit(lean);
    Population {
        way: unit([x.signum() * right, front, up]),
        share: 1.2 * sheet.max(capsule(place)),
        order: 0.95 - 0.38 * rise(z, 16.0, 40.0),
    }
}

/// From front to back over the callosum.
fn cingulum(place: Way) -> Population {
    let (off, [front, up], high) = arch(place);
    let away = ((off - 7.5).powi(2) + (place[0].abs() - 8.5).powi(2)) / (2.0 * 2.4f64.powi(2));
    Population { way: [0.0, up, -front], share: 1.1 * (-away).exp() * rise(high, 0.2, 0.5), order: 0.85 }
}

/// Across the front of the pons.
fn pons([x, y, z]: Way) -> Population {
    let nearness = (x / 16.0).powi(4) + ((z + 40.0) / 11.0).powi(4) + ((y + 15.0) / 6.0).powi(4);
    Population { way: [1.0, 0.0, 0.0], share: 0.9 * (-nearness).exp(), order: 0.8 }
}

impl Bundle {
    fn at(&self, place: Way) -> Population {
        let (mut nearest, mut way) = (f64::INFINITY, [0.0; 3]);
        // Bends are rounded: pieces count by how near they are.
        for pair in self.line.windows(2) {
            let course: Way = std::array::from_fn(|axis| pair[1][axis] - pair[0][axis]);
            let off: Way = std::array::from_fn(|axis| place[axis] - pair[0][axis]);
            let along = (dot(course, off) / dot(course, course)).clamp(0.0, 1.0);
            let apart: Way = std::array::from_fn(|axis| off[axis] - along * course[axis]);
            let mm = dot(apart, apart).sqrt();
            nearest = nearest.min(mm);
            let weight = 1.0 / (mm * mm + 4.0).powi(2);
            let length = dot(course, course).sqrt();
            (0..3).for_each(|axis| way[axis] += weight * course[axis] / length);
        }
        let share = (-(nearest / self.radius).powi(3) * 0.7).exp();
        Population { way: unit(way), share, order: self.order }
    }
}

/// Means over boxes of `2 reach + 1` voxels along each axis; outside counts as the edge.
fn boxed(values: &mut Vec<f32>, shape: [usize; 3], reach: usize) {
    let strides = [1, shape[0], shape[0] * shape[1]];
    for axis in 0..3 {
        let mut out = vec![0.0; values.len()];
        let last = shape[axis] - 1;
        for (at, out) in out.iter_mut().enumerate() {
            let own = at / strides[axis] % shape[axis];
            let start = at - own * strides[axis];
            let near = (own.saturating_sub(reach)..=(own + reach).min(last))
                .map(|place| values[start + place * strides[axis]]);
            let count = (own + reach).min(last) - own.saturating_sub(reach) + 1;
            *out = near.sum::<f32>() / count as f32;
        }
        *values = out;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn courses_are_those_of_the_textbook() {
        // In the midplane the callosum crosses; it is front, above and behind.
        for place in [[0.5, 33.0, 4.0], [0.5, -4.0, 24.5], [0.5, -41.0, 4.0]] {
            let one = callosum(place);
            assert!(one.share > 1.2 && one.way[0].abs() > 0.99, "{place:?} {one:?}");
        }
        assert!(callosum([0.5, -4.0, -16.0]).share < 0.05);
        // Left and right mirror each other.
        let [left, right] = [callosum([-20.0, -4.0, 32.0]), callosum([20.0, -4.0, 32.0])];
        assert!((left.way[0] + right.way[0]).abs() < 1e-12 && (left.way[2] - right.way[2]).abs() < 1e-12);
        // The capsule runs up, the cingulum from front to back, the pons across.
        assert!(projection([20.0, -8.0, 6.0]).way[2].abs() > 0.9 && projection([20.0, -8.0, 6.0]).share > 1.0);
        assert!(cingulum([8.5, -4.0, 32.0]).way[1].abs() > 0.99);
        assert!(pons([0.0, -15.0, -40.0]).share > 0.8);
        let longitudinal = BUNDLES[0].at([37.0, -8.0, 29.5]);
        assert!(longitudinal.way[1].abs() > 0.9 && longitudinal.share > 0.9);
    }
}
