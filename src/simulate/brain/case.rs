//! One case: a brain, what grows in it, its images, its files.

use std::path::Path;

use super::anatomy::Anatomy;
use super::layout::file;
use super::plan::{Case, Stored};
use super::scanner::{CONTRASTS, Contrast, Examination, image};
use super::tumour::{Spread, spread};
use crate::files;
use crate::nifti::{self, Affine, Grid, Volume};
use crate::problem::Result;

/// The grid of the SRI24 atlas, to which all of BraTS is registered.
pub const SHAPE: [usize; 3] = [240, 240, 155];

/// Upright, 1 mm.
pub const GRID: Grid = Grid::centred(SHAPE, [1.0; 3]);

/// In every header.
pub const TOLD: &str = "SIMULATED by rimforge, no patient";

/// What a case is made of, before it is examined.
#[derive(Clone, Debug)]
pub struct Head {
    /// The brain.
    pub brain: Anatomy,
    /// The tumour.
    pub tumour: Spread,
}

impl Head {
    /// Of a case.
    pub fn new(case: &Case) -> Self {
        let brain = Anatomy::new(&case.person, GRID);
        let tumour = spread(&case.tumour, &brain);
        Self { brain, tumour }
    }

    /// Levels of one contrast on [`GRID`].
    pub fn image(&self, contrast: Contrast, examination: &Examination) -> Vec<f32> {
        image(contrast, &self.brain, &self.tumour, examination)
    }
}

/// Writes the files that are not there yet.
///
/// # Errors
/// A full disk, a folder that cannot be written.
pub fn write(case: &Case, head: &Head, root: &Path) -> Result<()> {
    let path = |suffix: &str| root.join(file(case, suffix));
    for contrast in CONTRASTS {
        let path = path(contrast.suffix());
        if !files::is_there(&path)? {
            nifti::write(&path, &stored(case.stored, &head.image(contrast, &case.examination)), TOLD)?;
        }
    }
    let path = path("seg");
    if !files::is_there(&path)? {
        nifti::write(&path, &stored(case.stored, &head.tumour.labels), TOLD)?;
    }
    Ok(())
}

/// As the set's files lie: the atlas has its first voxel at x 0, y 239 to the left and back.
fn stored<T: Copy>(stored: Stored, values: &[T]) -> Volume<T> {
    let [nx, ny, nz] = SHAPE;
    let (width, height) = (nx as f64 - 1.0, ny as f64 - 1.0);
    match stored {
        Stored::Ras => {
            let rows = [[1.0, 0.0, 0.0, -width], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
            Volume { grid: Grid::new(SHAPE, Affine(rows)), data: values.to_vec() }
        }
        Stored::Lps => {
            let rows = [[-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, height], [0.0, 0.0, 1.0, 0.0]];
            let mut data = Vec::with_capacity(values.len());
            for z in 0..nz {
                let plane = &values[z * nx * ny..][..nx * ny];
                data.extend(plane.iter().rev());
            }
            Volume { grid: Grid::new(SHAPE, Affine(rows)), data }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_way_a_value_lies_at_the_same_place() {
        let values: Vec<u32> = (0..GRID.voxels() as u32).collect();
        let [ras, lps] = [Stored::Ras, Stored::Lps].map(|way| stored(way, &values));
        for voxel in [[0, 0, 0], [7, 100, 33], [239, 239, 154]] {
            let mirrored = [239 - voxel[0], 239 - voxel[1], voxel[2]];
            assert_eq!(ras.at(voxel), lps.at(mirrored));
            let place = |grid: &Grid, voxel: [usize; 3]| grid.affine().place(voxel.map(|at| at as f64));
            assert_eq!(place(&ras.grid, voxel), place(&lps.grid, mirrored));
        }
    }
}
