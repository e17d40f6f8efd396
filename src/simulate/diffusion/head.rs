//! A person's shares of tissue on MNI's grid of 2 mm, and how far a voxel is from ventricles and cortex.

use super::vectors::rise;
use crate::nifti::{Affine, Grid};
use crate::simulate::brain::anatomy::{Anatomy, Person};
use crate::simulate::brain::shapes::share;
use crate::simulate::field::smooth_field;

/// Voxels of MNI152 at 2 mm.
pub const SHAPE: [usize; 3] = [91, 109, 91];

/// Edge of a voxel, mm.
pub const VOXEL_MM: f64 = 2.0;

/// RAS, its first voxel where FSL's MNI152 has it.
const ORIGIN_MM: [f64; 3] = [-90.0, -126.0, -72.0];

/// How many voxels below the grid's middle the brain's middle lies, as MNI152's does: its top at 80 mm, its stem cut at
/// -66 mm.
const DOWN: usize = 6;

/// The anatomy's own lift over the middle, mm.
const LIFT_MM: f64 = 2.0;

/// The anatomy is drawn this much smaller and read at full size: its folds are as fine as heads of 1 mm ask, and gyri
/// of a map of 2 mm are wider.
const DRAWN: f64 = 0.8;

/// MNI's grid.
pub fn grid() -> Grid {
    let [x, y, z] = ORIGIN_MM;
    let mm = VOXEL_MM;
    Grid::new(SHAPE, Affine([[mm, 0.0, 0.0, x], [0.0, mm, 0.0, y], [0.0, 0.0, mm, z]]))
}

/// Shares of tissue; they add up to 1 inside the brain, to 0 outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// MNI's.
    pub grid: Grid,
    /// Whose.
    pub person: Person,
    /// What skull stripping leaves.
    pub brain: Vec<bool>,
    /// Cerebrospinal fluid.
    pub csf: Vec<f32>,
    /// Cortex and nuclei.
    pub grey: Vec<f32>,
    /// White matter.
    pub white: Vec<f32>,
}

impl Head {
    /// Of a person.
    pub fn new(person: &Person) -> Self {
        let grid = grid();
        // The anatomy draws about its own middle; it is carried down by whole voxels.
        let drawn = Person {
            size: person.size.map(|one| one * DRAWN),
            cortex_mm: person.cortex_mm * DRAWN,
            sulcus_mm: person.sulcus_mm * DRAWN,
            ..*person
        };
        let middle = Anatomy::new(&drawn, Grid::centred(SHAPE, [VOXEL_MM * DRAWN; 3]));
        let slab = DOWN * SHAPE[0] * SHAPE[1];
        let down = |shares: &[f32]| [&shares[slab..], &vec![0.0; slab]].concat();
        let mut made = Self {
            grid,
            person: *person,
            brain: [&middle.brain[slab..], &vec![false; slab]].concat(),
            csf: down(&middle.csf),
            grey: down(&middle.grey),
            white: down(&middle.white),
        };
        made.carve();
        made.cleave();
        made
    }

    /// Where a voxel lies in a head of mean size, mm right, front and up of its middle.
    pub fn place(&self, at: usize) -> [f64; 3] {
        let voxel = self.grid.voxel(at).map(|index| index as f64);
        let [x, y, z] = self.grid.mm_of(voxel);
        let [wide, deep, tall] = self.person.size;
        [x / wide, y / deep, (z + DOWN as f64 * VOXEL_MM - LIFT_MM / DRAWN) / tall]
    }

    /// The capsule between the nuclei is wider than the gap that the anatomy leaves.
    fn carve(&mut self) {
        for at in 0..self.grid.voxels() {
            if self.brain[at] {
                let white = capsule(self.place(at)) as f32;
                let more = (white * self.grey[at]).min(self.grey[at]);
                self.grey[at] -= more;
                self.white[at] += more;
            }
        }
    }

    /// The Sylvian fissure and the insula on its floor, which the anatomy does not have.
    fn cleave(&mut self) {
        let (thick, half) = (self.person.cortex_mm, 0.3 + self.person.sulcus_mm / 2.0);
        let sway = smooth_field(self.grid, [16.0; 3], self.person.seed, "sylvian");
        for (at, sway) in sway.into_iter().enumerate() {
            let place = self.place(at);
            if !self.brain[at] || place[0].abs() < 30.0 {
                continue;
            }
            let [x, y, z] = place;
            let fluid = sylvian([x, y, z + 3.5 * f64::from(sway)]) - half;
            let csf = share(fluid, VOXEL_MM) as f32;
            let grey = share(fluid - thick, VOXEL_MM) as f32;
            self.csf[at] = self.csf[at].max(csf);
            self.grey[at] = self.grey[at].max(grey).min(1.0 - self.csf[at]);
            self.white[at] = 1.0 - self.csf[at] - self.grey[at];
        }
    }

    /// Whether a place is among ventricles and nuclei, where no cortex is.
    pub fn is_deep([x, y, z]: [f64; 3]) -> bool {
        let stretch = if y < -8.0 { 62.0 } else { 50.0 };
        (x / 36.0).powi(2) + ((y + 8.0) / stretch).powi(2) + ((z - 4.0) / 30.0).powi(2) < 1.0
    }

    /// Distance of each voxel from fluid deep in the brain, mm, up to about 60.
    pub fn from_ventricles(&self) -> Vec<f32> {
        self.distance(|head, at| head.csf[at] > 0.5 && Self::is_deep(head.place(at)) && head.place(at)[0].abs() > 3.0)
    }

    /// Distance of each voxel from cortex, mm.
    pub fn from_cortex(&self) -> Vec<f32> {
        self.distance(|head, at| head.grey[at] > 0.5 && !Self::is_deep(head.place(at)))
    }

    /// From the nearest of some voxels by steps to neighbours, two passes; a few hundredths too long between axes.
    fn distance(&self, is_source: impl Fn(&Self, usize) -> bool) -> Vec<f32> {
        const FAR: f32 = 60.0;
        let [nx, ny, nz] = SHAPE.map(|size| size as i64);
        let source = |at: usize| if self.brain[at] && is_source(self, at) { 0.0 } else { FAR };
        let mut mm: Vec<f32> = (0..self.grid.voxels()).map(source).collect();
        let before: Vec<([i64; 3], f32)> = (-1..=1)
            .flat_map(|z| (-1..=1).flat_map(move |y| (-1..=1).map(move |x| [x, y, z])))
            .filter(|&[x, y, z]| (z, y, x) < (0, 0, 0))
            .map(|step| (step, VOXEL_MM as f32 * (step.iter().map(|one| one * one).sum::<i64>() as f32).sqrt()))
            .collect();
        for backwards in [false, true] {
            for count in 0..mm.len() {
                let at = if backwards { mm.len() - 1 - count } else { count };
                if mm[at] == 0.0 || !self.brain[at] {
                    continue;
                }
                let voxel = self.grid.voxel(at).map(|one| one as i64);
                for (step, far) in &before {
                    let sign = if backwards { -1 } else { 1 };
                    let [x, y, z]: [i64; 3] = std::array::from_fn(|axis| voxel[axis] + sign * step[axis]);
                    if (0..nx).contains(&x) && (0..ny).contains(&y) && (0..nz).contains(&z) {
                        mm[at] = mm[at].min(mm[(x + nx * (y + ny * z)) as usize] + far);
                    }
                }
            }
        }
        mm
    }
}

/// Distance from the middle of the Sylvian fissure, mm: a cleft that rises backwards, and the insula at its end.
fn sylvian([x, y, z]: [f64; 3]) -> f64 {
    let height = z - (3.0 - 0.3 * y);
    let beyond = |value: f64, reach: f64| (value.abs() - reach).max(0.0);
    let side = x.abs();
    // The insula bulges outwards in its middle.
    let floor = side - (41.0 - 0.004 * (y - 1.0).powi(2));
    let plate = floor.hypot(beyond(y - 1.0, 20.0)).hypot(beyond(height, 9.0));
    let cleft = height.hypot(beyond(y + 2.0, 26.0)).hypot((-floor).max(0.0));
    plate.min(cleft)
}

/// Where the sheet of the internal capsule lies to the side, mm, at a place's depth and height.
pub(super) fn capsule_mm(y: f64, z: f64) -> f64 {
    let bent = 17.5 + 0.18 * y.max(0.0) + 0.3 * (-y).max(0.0);
    bent + 0.28 * (z - 14.0).max(0.0) - 0.35 * (-4.0 - z).max(0.0)
}

/// Share of the internal capsule at a place, 0 to 1.
pub(super) fn capsule([x, y, z]: [f64; 3]) -> f64 {
    let off = (x.abs() - capsule_mm(y, z)).abs();
    let long = rise(y, -30.0, -24.0) * (1.0 - rise(y, 20.0, 27.0));
    let tall = rise(z, -14.0, -9.0) * (1.0 - rise(z, 22.0, 28.0));
    (1.0 - rise(off, 2.4, 4.4)) * long * tall
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;

    #[test]
    fn a_head_lies_where_mni_has_it() {
        let head = Head::new(&Person::draw(RunSeed(3)));
        assert_eq!(head.grid.affine().place([0.0; 3]), ORIGIN_MM);
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for at in (0..head.grid.voxels()).filter(|&at| head.brain[at]) {
            let sum = head.csf[at] + head.grey[at] + head.white[at];
            assert!((sum - 1.0).abs() < 1e-5 && head.white[at] >= -1e-6);
            let mm = head.grid.affine().place(head.grid.voxel(at).map(|one| one as f64));
            (0..3).for_each(|axis| {
                low[axis] = low[axis].min(mm[axis]);
                high[axis] = high[axis].max(mm[axis]);
            });
        }
        // The box of MNI152's mask: -72 to 72, -108 to 72, -72 to 82.
        for (found, wanted) in low.into_iter().chain(high).zip([-72.0, -108.0, -72.0, 72.0, 72.0, 82.0]) {
            assert!((found - wanted).abs() <= 12.0, "{low:?} {high:?}");
        }
        let ventricles = head.from_ventricles();
        assert!(ventricles.contains(&0.0) && ventricles.iter().all(|&mm| (0.0..=60.0).contains(&mm)));
    }
}
