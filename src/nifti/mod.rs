//! Volumes as NIfTI-1 files: one header, one reader, one writer, one grid, one affine.

pub mod affine;

pub mod grid;

pub mod volume;

pub mod ras;

pub mod header;

pub mod layout;

mod voxels;

pub mod reader;

pub mod writer;

pub use affine::Affine;
pub use grid::Grid;
pub use ras::{RasAxes, RasVolume};
pub use reader::{NiftiFile, ScannedFile, read, read_into, scan};
pub use volume::Volume;
pub use writer::{write, write_slice};
