//! A case as one volume with equal sides, padded and never stretched, averaged over whole voxels; its axes lie as those
//! of slices do, so that each axial slice of it is what a network of slices knows.

use super::config::VolumeClasses;
use super::layout::{CaseFiles, LABELS};
use super::planes::last_first;
use super::{Done, Work, lacking};
use crate::data::brats::case::CaseVolumes;
use crate::data::extracted::PATCHES;
use crate::data::manifest::{Class, Lesion, Split};
use crate::data::patch_file;
use crate::name::Inside;
use crate::nifti::{Affine, Grid};
use crate::problem::{Problem, Result};

/// Side of a volume where nothing else is asked for, in voxels.
pub(super) const SIDE: u32 = 32;

/// Largest side of a volume: networks of volumes take no more.
const LARGEST: usize = 256;

/// Regions besides the background.
const REGIONS: std::ops::Range<u8> = 1..4;

/// A volume on a grid, in the middle of a cube.
#[derive(Clone, Copy, Debug)]
struct Cube {
    /// x, y and z, in RAS+ order.
    shape: [usize; 3],
    /// Voxels each way of the result.
    side: usize,
    /// Voxels each way that become one.
    factor: usize,
}

impl Cube {
    /// The smallest cube that holds the volume and whose side is a multiple of `side`.
    fn new(grid: &Grid, side: usize) -> Self {
        let most = grid.shape.into_iter().max().unwrap_or(1);
        Self { shape: grid.shape, side, factor: most.div_ceil(side) }
    }

    /// Where the result's voxels (width, height, depth) lie, of a volume that lies where `volume` says.
    fn affine(&self, volume: Affine) -> Affine {
        let axis = |axis: usize| {
            let (first, step) = last_first(self.shape[axis], self.side * self.factor, self.factor as f64);
            (axis, first, step)
        };
        volume.along([axis(0), axis(1), axis(2)])
    }

    /// Means \[side, side, side\] of a level of each voxel, 0 outside. Depth runs from the top, height from the front,
    /// width from the patient's right.
    fn means(&self, level: impl Fn(usize) -> f64) -> Vec<f32> {
        let [nx, ny, nz] = self.shape;
        let cube = self.side * self.factor;
        // Where the last voxel of an axis, which comes first, lies.
        let place = |count: usize, at: usize| ((cube - count) / 2 + count - 1 - at) / self.factor;
        let mut sums = vec![0.0f64; self.side.pow(3)];
        for z in 0..nz {
            for y in 0..ny {
                let row = (place(nz, z) * self.side + place(ny, y)) * self.side;
                for x in 0..nx {
                    sums[row + place(nx, x)] += level(x + nx * (y + ny * z));
                }
            }
        }
        let voxels = self.factor.pow(3) as f64;
        sums.into_iter().map(|sum| (sum / voxels) as f32).collect()
    }

    /// The region that most of each voxel is of; of regions that are alike the lowest.
    fn regions(&self, regions: &[u8]) -> Vec<u8> {
        let shares: Vec<Vec<f32>> =
            REGIONS.map(|region| self.means(|at| f64::from(u8::from(regions[at] == region)))).collect();
        let most = |voxel: usize| {
            let nothing = 1.0 - shares.iter().map(|share| share[voxel]).sum::<f32>();
            let mut best = (0u8, nothing);
            for (region, share) in REGIONS.zip(&shares) {
                if share[voxel] > best.1 + 1e-6 {
                    best = (region, share[voxel]);
                }
            }
            best.0
        };
        (0..self.side.pow(3)).map(most).collect()
    }
}

impl Work<'_> {
    /// Adds the case as one item.
    pub(super) fn whole(&self, case: &CaseFiles, volumes: &CaseVolumes, done: &mut Done) -> Result<()> {
        let brats = &self.config.brats;
        let cube = Cube::new(&volumes.grid, self.side);
        self.require_volume(case, volumes)?;
        let regions = volumes.regions.as_deref().map(|regions| cube.regions(regions));
        let mut levels = Vec::with_capacity(self.contrasts.len() * self.side.pow(3));
        for (contrast, values) in self.contrasts.iter().zip(&volumes.channels) {
            match &regions {
                Some(regions) if contrast == LABELS => levels.extend(regions.iter().map(|&region| f32::from(region))),
                _ => levels.extend(cube.means(|at| f64::from(values[at]))),
            }
        }
        let [x, y, z] = volumes.grid.voxel_mm().map(|mm| mm * cube.factor as f64);
        // As the items lie: depth from above, height from the front, width from the right.
        done.mm.push([z, y, x]);
        let enhances = volumes.regions.as_deref().is_some_and(|regions| regions.contains(&3));
        let class = class(enhances, &case.population, brats.volume_classes);
        let side = self.side as u64;
        let shape = [self.contrasts.len() as u64, side, side, side];
        let id = case.id.with("_volume");
        let patch = Inside::of(PATCHES, &id, ".npy");
        (self.target.free)(vec![patch.as_str().to_owned()])?;
        let sha256 = patch_file::write(&self.target.out.join(&patch), &shape, &levels)?;
        let mask: Option<Vec<u8>> =
            regions.map(|regions| regions.into_iter().map(|region| u8::from(region != 0)).collect());
        let voxels = mask.as_deref().map_or(0, |mask| mask.iter().filter(|&&inside| inside == 1).count() as u32);
        let (mask, mask_sha256) = match mask {
            None => (None, None),
            Some(mask) => {
                let path = Inside::of(PATCHES, &id, "_mask.npy");
                let sha256 = patch_file::write(&self.target.out.join(&path), &shape[1..], &mask)?;
                (Some(path), Some(sha256))
            }
        };
        let name = case.id.to_string();
        done.hashes.extend(self.hashes(case, &levels, &name));
        done.voxels.push(voxels);
        done.lesions.push(Lesion {
            id,
            patient: case.patient.clone(),
            centre: volumes.grid.shape.map(|size| size as i64 / 2),
            affine: volumes.grid.affine(),
            patch_affine: Some(cube.affine(volumes.grid.affine())),
            reader1: None,
            reader2: None,
            label: Some(class.name().to_owned()),
            class,
            split: Split::Train,
            voxels: u64::from(voxels),
            patch,
            mask,
            sha256,
            mask_sha256,
        });
        Ok(())
    }

    /// Refuses what is no volume, and labels that say nothing where they are asked for.
    fn require_volume(&self, case: &CaseFiles, volumes: &CaseVolumes) -> Result<()> {
        let place = case.place();
        let at = place.parent().unwrap_or(&place);
        if volumes.grid.shape.iter().any(|&size| size < 2) {
            return Err(Problem::input(at, format!("volumes of {:?} voxels of {}", volumes.grid.shape, case.id))
                .expected("at least two voxels in each direction")
                .advice("leave the case out, or prepare slices, without --volumes"));
        }
        if !(8..=LARGEST).contains(&self.side) || !self.side.is_power_of_two() {
            return Err(Problem::usage(format!("prepare.side (--side) = {} with whole volumes", self.side))
                .expected("8, 16, 32, 64, 128 or 256 voxels"));
        }
        if lacking::wanted(self.contrasts, self.config).is_none() {
            return Ok(());
        }
        // That each case has a label map was seen before any was read.
        if volumes.regions.as_deref().is_some_and(|regions| regions.iter().all(|&region| region == 0)) {
            return Err(Problem::input(at, format!("a label map of {} without a labelled voxel", case.id))
                .expected("a label map with a tumour, which channels or classes are made of")
                .advice("leave the case out, or prepare without seg and with --volume-classes population"));
        }
        Ok(())
    }
}

/// "SSA", "enhancing", "enhancing-SSA".
fn class(enhances: bool, population: &str, classes: VolumeClasses) -> Class {
    let word = if enhances { "enhancing" } else { "not-enhancing" };
    Class::new(match classes {
        VolumeClasses::Population => population.to_owned(),
        VolumeClasses::Enhancement => word.to_owned(),
        VolumeClasses::EnhancementPopulation => format!("{word}-{population}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 to the right, 3 to the front, 2 up: the level says where it is.
    fn volume() -> (Grid, Vec<f32>) {
        let grid = Grid::centred([4, 3, 2], [1.0; 3]);
        let level = |at: usize| {
            let [x, y, z] = grid.voxel(at);
            (100 * x + 10 * y + z) as f32
        };
        (grid, (0..24).map(level).collect())
    }

    #[test]
    fn an_axial_slice_of_a_volume_is_that_of_the_slices() {
        let (grid, values) = volume();
        let cube = Cube::new(&grid, 4);
        let whole = cube.means(|at| f64::from(values[at]));
        let cut = super::super::planes::Cut::new(&grid, super::super::config::Plane::Axial, 4);
        // One slice of zeros above, two with levels, the upper first, one of zeros below.
        for (depth, at) in [(1, 1), (2, 0)] {
            let (places, size) = cut.places(at);
            assert_eq!(whole[16 * depth..][..16], cut.levels(&values, (&places, size)));
        }
        assert!(whole[..16].iter().chain(&whole[48..]).all(|&level| level == 0.0));
        // Coronal: depth against width in the second row from the front of three.
        let coronal: Vec<f32> = (0..4).map(|column| whole[16 + 4 + column]).collect();
        assert_eq!(coronal, [311.0, 211.0, 111.0, 11.0]);
    }

    #[test]
    fn a_smaller_cube_averages_whole_voxels_and_takes_the_region_of_most() {
        let (grid, values) = volume();
        let cube = Cube::new(&grid, 2);
        assert_eq!(cube.factor, 2);
        let whole = cube.means(|at| f64::from(values[at]));
        // The cube of 4 has nothing above its first slice: the upper half of the first voxel is outside.
        assert_eq!(whole[0], (321.0 + 221.0 + 311.0 + 211.0) / 8.0);
        let mut regions = vec![0u8; 24];
        for [x, y, z] in [[3, 2, 1], [2, 2, 1], [3, 1, 1], [2, 1, 1]] {
            regions[grid.index([x, y, z])] = 3;
        }
        // Half of the voxel is labelled, half is not: the lower number.
        assert_eq!(cube.regions(&regions), [0; 8]);
        assert_eq!(Cube::new(&grid, 4).regions(&regions).iter().filter(|&&region| region == 3).count(), 4);
    }

    #[test]
    fn classes_name_what_is_asked_for() {
        assert_eq!(class(true, "SSA", VolumeClasses::Population).name(), "SSA");
        assert_eq!(class(false, "SSA", VolumeClasses::Enhancement).name(), "not-enhancing");
        assert_eq!(class(true, "SSA", VolumeClasses::EnhancementPopulation).name(), "enhancing-SSA");
    }
}
