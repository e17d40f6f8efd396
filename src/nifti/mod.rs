//! Volumes as NIfTI-1 files: one reader, one writer, one grid.

pub mod grid;

pub mod volume;

pub mod header;

mod voxels;

pub mod reader;

pub mod writer;

pub use reader::{NiftiFile, ScannedFile, read, read_into, scan};
