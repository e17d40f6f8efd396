//! One example as files: a NIfTI volume a channel, and one of its label.

use std::path::Path;

use crate::name::Inside;
use crate::nifti::{self, Affine, Grid, Volume};
use crate::problem::Result;

/// An image with its label.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Depth, height, width.
    pub shape: [usize; 3],
    /// Where its voxels lie, x along the width.
    pub affine: Affine,
    /// Each \[depth, height, width\], in the unit that files have it in.
    pub channels: Vec<Vec<f32>>,
    /// \[depth, height, width\]; absent where the label is a class.
    pub label: Option<Vec<u8>>,
}

/// Where the parts of an example go, relative to the folder that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// One a channel.
    pub images: Vec<Inside>,
    /// Where there is a map.
    pub label: Option<Inside>,
}

impl Files {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Inside> {
        self.images.iter().chain(&self.label)
    }
}

impl Example {
    /// Writes the parts below `root`; `what` says of each channel what it is, and last of the label.
    ///
    /// # Errors
    /// As [`nifti::write`].
    pub fn write(&self, root: &Path, files: &Files, what: &[String]) -> Result<()> {
        let [depth, height, width] = self.shape;
        let grid = Grid::new([width, height, depth], self.affine);
        for ((values, file), what) in self.channels.iter().zip(&files.images).zip(what) {
            nifti::write(&file.under(root), &Volume { grid, data: values.clone() }, what)?;
        }
        match (&self.label, &files.label, what.last()) {
            (Some(label), Some(file), Some(what)) => {
                nifti::write(&file.under(root), &Volume { grid, data: label.clone() }, what)
            }
            _ => Ok(()),
        }
    }
}
