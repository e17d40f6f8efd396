//! A whole brain without an atlas: solids for its parts, folded by the zero level of a random field.
//!
//! Sulci are sheets of fluid where a smooth field changes sign, as deep as sulci are; cortex lines them and the outer
//! surface. Sizes are held to published volumes by the gates ([`super::gates`]).

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::shapes::{Capsule, Ellipsoid, Place, joined, share};
use crate::nifti::Grid;
use crate::seed::RunSeed;
use crate::simulate::field::smooth_field;

/// Distance between neighbouring folds, mm: of the cerebrum, of the cerebellum.
const FOLDS_MM: [f64; 2] = [5.6, 3.4];

/// Depth of sulci below the outer surface, mm, of the same.
const DEPTHS_MM: [f64; 2] = [24.0, 14.0];

/// Thickness of the cerebellum's cortex, mm, with the fluid in its fissures too thin to see.
const FOLIA_MM: f64 = 1.6;

/// What differs from one person to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Person {
    /// Of the whole along each axis; 1 on the mean.
    pub size: [f64; 3],
    /// Of the ventricles.
    pub ventricles: f64,
    /// Thickness of the cortex, mm.
    pub cortex_mm: f64,
    /// Width of the fluid in a sulcus, mm.
    pub sulcus_mm: f64,
    /// Of the folds.
    pub seed: RunSeed,
}

impl Person {
    /// Draws one.
    pub fn draw(seed: RunSeed) -> Self {
        let mut rng = seed.stream("person", 0);
        let whole = normal(&mut rng, 0.95, 0.02);
        let size = [0, 1, 2].map(|_| (whole * normal(&mut rng, 1.0, 0.012)).clamp(0.9, 0.985));
        let age: f64 = rng.random_range(0.0..1.0);
        Self {
            size,
            ventricles: (0.8 + 0.6 * age) * normal(&mut rng, 1.0, 0.12).max(0.7),
            cortex_mm: normal(&mut rng, 3.4 - 0.3 * age, 0.1),
            sulcus_mm: 0.9 + 0.7 * age,
            seed: seed.child("folds", 0),
        }
    }
}

fn normal(rng: &mut impl Rng, mean: f64, deviation: f64) -> f64 {
    let draw: f64 = StandardNormal.sample(rng);
    mean + deviation * draw
}

/// Shares of healthy tissue in each voxel of a grid; they add up to 1 inside the brain, to 0 outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Anatomy {
    /// Upright, its middle at the brain's.
    pub grid: Grid,
    /// What skull stripping leaves: fluid of sulci included.
    pub brain: Vec<bool>,
    /// Cerebrospinal fluid.
    pub csf: Vec<f32>,
    /// Cortex and nuclei.
    pub grey: Vec<f32>,
    /// White matter.
    pub white: Vec<f32>,
}

/// Where the brain's middle lies above the grid's, mm, so that its box does.
const LIFT_MM: f64 = 2.0;

/// Radii of the creases between the temporal lobes, and between these and the rest, mm.
const LOBES_MM: f64 = 1.0;
const CEREBRUM_MM: f64 = 8.0;

/// The parts, in mm from the middle of the head.
struct Parts {
    cerebrum: [Ellipsoid; 3],
    /// Cut off below: frontal lobes lie on the roof of the orbits.
    base: f64,
    cerebellum: Ellipsoid,
    stem: Capsule,
    /// White matter that joins both sides; above, before and behind it they are parted.
    callosum: Ellipsoid,
    ventricles: Vec<Capsule>,
    middle_ventricles: [Ellipsoid; 2],
    nuclei: [Ellipsoid; 6],
}

impl Parts {
    fn new(person: &Person) -> Self {
        let pair = |[x, y, z]: Place, half: Place| [Ellipsoid::new([x, y, z], half), Ellipsoid::new([-x, y, z], half)];
        let [left, right] = pair([43.0, 8.0, -34.0], [25.0, 40.0, 22.0]);
        let [caudate, caudate2] = pair([14.0, 14.0, 8.0], [5.0, 15.0, 9.0]);
        let [putamen, putamen2] = pair([26.0, 4.0, -2.0], [6.0, 17.0, 10.0]);
        let [thalamus, thalamus2] = pair([11.0, -16.0, 2.0], [9.0, 15.0, 9.0]);
        let wide = person.ventricles;
        let horn = |from: Place, to: Place, radius: [f64; 2]| Capsule { from, to, radius: radius.map(|mm| mm * wide) };
        let horns = [
            horn([8.0, 30.0, 8.0], [11.0, 0.0, 18.0], [4.5, 5.0]),
            horn([11.0, 0.0, 18.0], [17.0, -32.0, 14.0], [5.0, 6.5]),
            horn([17.0, -32.0, 14.0], [24.0, -42.0, 2.0], [6.5, 6.0]),
            horn([24.0, -42.0, 2.0], [21.0, -62.0, 2.0], [5.0, 2.5]),
            horn([24.0, -42.0, 2.0], [34.0, -12.0, -20.0], [5.0, 2.5]),
        ];
        Self {
            cerebrum: [Ellipsoid { centre: [0.0, 0.0, 0.0], half: [76.0, 91.0, 75.0], power: 2.2 }, left, right],
            base: -31.0,
            cerebellum: Ellipsoid { centre: [0.0, -47.0, -48.0], half: [53.0, 33.0, 27.0], power: 2.2 },
            stem: Capsule { from: [0.0, -18.0, -22.0], to: [0.0, -30.0, -66.0], radius: [15.0, 9.0] },
            callosum: Ellipsoid::new([0.0, -4.0, 4.0], [90.0, 40.0, 24.0]),
            ventricles: horns.iter().flat_map(|horn| [*horn, horn.mirrored()]).collect(),
            middle_ventricles: [
                Ellipsoid::new([0.0, -6.0, -4.0], [2.2 * wide, 15.0, 10.0]),
                Ellipsoid::new([0.0, -37.0, -42.0], [7.0 * wide, 6.0, 9.0]),
            ],
            nuclei: [caudate, caudate2, putamen, putamen2, thalamus, thalamus2],
        }
    }

    fn cerebrum(&self, place: Place) -> f64 {
        let [whole, left, right] = &self.cerebrum;
        // Rises to the front, as the skull's base does.
        let base = self.base - place[2] + 0.12 * (place[1] - 10.0);
        let cut = -joined(-whole.distance(place), -base, 12.0);
        joined(cut, joined(left.distance(place), right.distance(place), LOBES_MM), CEREBRUM_MM)
    }

    /// Whether a place is far enough from every part that [`depths`] gives none: most of a grid, where distances would
    /// be half of a brain's time.
    fn are_far(&self, place: Place, wave: f64) -> bool {
        let cerebrum = self.cerebrum.iter().map(|part| part.at_least(place)).fold(f64::INFINITY, f64::min);
        // A rounded crease lies up to a quarter of its radius inside the nearer surface.
        cerebrum - (LOBES_MM + CEREBRUM_MM) / 4.0 + wave > 0.0
            && self.cerebellum.at_least(place) + 0.5 * wave > 0.0
            && self.stem.distance(place) > 0.0
    }
}

/// What a voxel is made of, before folds.
struct Depths {
    /// Distance from the outer surface of its part, negative inside, mm.
    surface: f64,
    /// Which fold pattern it has.
    is_cerebellum: bool,
    is_stem: bool,
    /// From the sheet between both sides, mm.
    fissure: f64,
}

impl Anatomy {
    /// Of a person, on a grid.
    pub fn new(person: &Person, grid: Grid) -> Self {
        let parts = Parts::new(person);
        let outer = smooth_field(grid, [45.0; 3], person.seed, "outer");
        let sway = smooth_field(grid, [60.0; 3], person.seed, "fissure");
        let folds = [("cerebrum", FOLDS_MM[0]), ("cerebellum", FOLDS_MM[1])]
            .map(|(name, mm)| Folds::new(grid, mm, person.seed, name));
        let voxels = grid.voxels();
        let mut made = Self {
            grid,
            brain: vec![false; voxels],
            csf: vec![0.0; voxels],
            grey: vec![0.0; voxels],
            white: vec![0.0; voxels],
        };
        for at in 0..voxels {
            let mm = grid.centre_of(grid.voxel(at));
            let place = [mm[0] / person.size[0], mm[1] / person.size[1], (mm[2] - LIFT_MM) / person.size[2]];
            let wave = 1.6 * f64::from(outer[at]);
            let Some(depths) = depths(&parts, place, wave, f64::from(sway[at])) else { continue };
            let fold = folds[usize::from(depths.is_cerebellum)].distance(at);
            let [csf, grey] = shares(&parts, person, place, &depths, fold);
            made.brain[at] = true;
            made.csf[at] = csf as f32;
            made.grey[at] = grey as f32;
            made.white[at] = (1.0 - csf - grey) as f32;
        }
        made
    }
}

/// `None` outside.
fn depths(parts: &Parts, place: Place, wave: f64, sway: f64) -> Option<Depths> {
    if parts.are_far(place, wave) {
        return None;
    }
    let (cerebrum, cerebellum) = (parts.cerebrum(place) + wave, parts.cerebellum.distance(place) + 0.5 * wave);
    let stem = parts.stem.distance(place);
    let surface = cerebrum.min(cerebellum).min(stem);
    if surface > 0.0 {
        return None;
    }
    let is_stem = stem < 0.0 && stem < cerebellum && (cerebrum > -12.0 || place[2] < -20.0);
    let is_cerebellum = !is_stem && cerebellum < cerebrum;
    // The tentorium's fluid lies where one part's surface meets the other's.
    let meeting = (cerebrum - cerebellum).abs();
    let surface = if is_stem { surface } else { surface.max(-meeting) };
    let apart = parts.callosum.distance(place);
    let above = apart > 0.0 && place[2] > -28.0 && !is_cerebellum && !is_stem;
    let fissure = if above { (place[0] - 1.5 * sway).abs() } else { f64::INFINITY };
    Some(Depths { surface, is_cerebellum, is_stem, fissure })
}

/// Shares of fluid and of grey matter.
fn shares(parts: &Parts, person: &Person, place: Place, depths: &Depths, fold: f64) -> [f64; 2] {
    let horn = |horn: &Capsule| horn.distance(place);
    let ventricles = parts.ventricles.iter().map(horn).fold(f64::INFINITY, f64::min);
    let middle = parts.middle_ventricles.iter().map(|part| part.distance(place)).fold(f64::INFINITY, f64::min);
    let inner = ventricles.min(middle);
    let depth = -depths.surface;
    let (reach, thick, half) = if depths.is_cerebellum {
        (DEPTHS_MM[1], FOLIA_MM, 0.2)
    } else {
        (DEPTHS_MM[0], person.cortex_mm, person.sulcus_mm / 2.0)
    };
    if depths.is_stem {
        return [share(inner, 1.0), 0.25 * (1.0 - share(inner, 1.0))];
    }
    // A sulcus ends where it is as deep as it gets: its distance grows beyond.
    let sulcus = fold.max(0.0).hypot((depth - reach).max(0.0));
    let fissure = depths.fissure;
    let fluid = (sulcus - half).min(fissure - 0.8).min(depth - 0.7);
    let csf = share(fluid, 1.0).max(share(inner, 1.0));
    let cortex = share(fluid - thick, 1.0);
    let nuclei = parts.nuclei.iter().map(|part| part.distance(place)).fold(f64::INFINITY, f64::min);
    let nuclei = if depths.is_cerebellum { 0.0 } else { share(nuclei, 1.5) };
    [csf, cortex.max(nuclei).min(1.0 - csf)]
}

/// Distance from the zero level of a smooth field.
struct Folds {
    grid: Grid,
    field: Vec<f32>,
}

impl Folds {
    fn new(grid: Grid, spacing_mm: f64, seed: RunSeed, name: &str) -> Self {
        Self { grid, field: smooth_field(grid, [spacing_mm; 3], seed, name) }
    }

    /// First order, mm: value over slope.
    fn distance(&self, at: usize) -> f64 {
        let voxel = self.grid.voxel(at);
        let strides = [1, self.grid.shape[0], self.grid.shape[0] * self.grid.shape[1]];
        let slope = (0..3).map(|axis| {
            let back = if voxel[axis] > 0 { strides[axis] } else { 0 };
            let on = if voxel[axis] + 1 < self.grid.shape[axis] { strides[axis] } else { 0 };
            let steps = ((back + on) / strides[axis]).max(1) as f64 * self.grid.voxel_mm()[axis];
            (f64::from(self.field[at + on] - self.field[at - back]) / steps).powi(2)
        });
        f64::from(self.field[at].abs()) / slope.sum::<f64>().sqrt().max(1e-3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_is_outside() {
        let parts = Parts::new(&Person::draw(RunSeed(5)));
        let mut far = 0;
        for at in 0..30 * 30 * 30 {
            let place = [at % 30, at / 30 % 30, at / 900].map(|step| 8.0 * f64::from(step) - 116.0);
            for wave in [-9.0, -2.0, 0.0, 2.0, 9.0] {
                let surface = (parts.cerebrum(place) + wave)
                    .min(parts.cerebellum.distance(place) + 0.5 * wave)
                    .min(parts.stem.distance(place));
                if parts.are_far(place, wave) {
                    far += 1;
                    assert!(surface > 0.0, "{place:?} {wave}: {surface}");
                }
            }
        }
        // Two in three of these places, which fill a cube of 23 cm, whatever the wave.
        assert!(far > 5 * 30 * 30 * 30 * 3 / 5, "{far}");
    }

    #[test]
    fn a_brain_is_whole_and_of_its_size() {
        let grid = Grid::centred([80, 80, 53], [3.0; 3]);
        let person = Person::draw(RunSeed(3));
        let brain = Anatomy::new(&person, grid);
        for at in 0..grid.voxels() {
            let sum = brain.csf[at] + brain.grey[at] + brain.white[at];
            assert!((sum - f32::from(u8::from(brain.brain[at]))).abs() < 1e-5);
            assert!(brain.csf[at] >= 0.0 && brain.grey[at] >= 0.0 && brain.white[at] >= -1e-6);
        }
        let litres = brain.brain.iter().filter(|&&inside| inside).count() as f64 * 27e-6;
        assert!((1.4..2.0).contains(&litres), "{litres}");
        assert_eq!(brain, Anatomy::new(&person, grid));
        assert_ne!(brain.grey, Anatomy::new(&Person { seed: RunSeed(4), ..person }, grid).grey);
    }
}
