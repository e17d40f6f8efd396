//! Simulated diffusion-weighted examinations and their maps of fractional anisotropy: healthy persons, and persons with
//! multiple sclerosis.
//!
//! plan (whose brains, how many lesions) -> head (shares of tissue on MNI's grid) and lesions -> tracts (which way
//! fibres run) -> signal (compartments, spread, Rician noise) -> tensor and maps -> files as BIDS has derivatives of
//! diffusion. Gates hold the files to published sizes. After the data of Güllmar, Hsu, Ropele and Reichenbach (ISMRM):
//! 408 maps, 79 of them of healthy persons, to ask what a generator makes of lesions.

mod vectors;

pub mod protocol;

pub mod tensor;

pub mod head;

pub mod tracts;

pub mod lesions;

pub mod signal;

pub mod maps;

pub mod flair;

pub mod plan;

pub mod subject;

pub mod layout;

mod tables;

mod measured;

pub mod gates;

mod gallery;

pub mod stage;

pub use layout::{FA, FLAIR, GALLERY, LESIONS, MASK, PARTICIPANTS, file};
pub use plan::{DiffusionConfig, Group, Subject, plan};
pub use stage::{OWNER, run_stage};
