//! Volumes as NIfTI files: one header, one reader, one writer, one grid, one affine.

pub mod affine;

pub mod grid;

pub mod volume;

pub mod ras;

pub mod header;

pub mod intent;

pub mod layout;

pub mod forms;

pub mod placement;

pub mod gaps;

mod foreign;

mod members;

mod voxels;

pub mod reader;

pub mod writer;

pub use affine::Affine;
pub use forms::Form;
pub use gaps::{Gap, Gaps};
pub use grid::Grid;
pub use intent::Intent;
pub use layout::Part;
pub use placement::Placement;
pub use ras::{RasAxes, RasVolume};
pub use reader::{MAX_HOLES, NiftiFile, OpenVolume, ScannedFile, open, open_part};
pub use volume::Volume;
pub use writer::{write, write_slice};
