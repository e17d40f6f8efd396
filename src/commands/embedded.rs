//! The base generator that comes with the program: fine-tuning starts there where random weights would take too long.

use tch::Device;

use crate::nets::weights::SavedNetwork;
use crate::problem::{Problem, Result};

/// Trained by `scripts/make_base_generator.sh` on a simulated cohort of its own (seed 90210), independent of every study's.
const BASE: &[u8] = include_bytes!("../../assets/base-generator.safetensors");

/// The base generator with its discriminator.
///
/// # Errors
/// No room for a temporary file.
pub fn base_network(device: Device) -> Result<SavedNetwork> {
    let file = tempfile::NamedTempFile::new().map_err(|e| Problem::io(std::env::temp_dir(), "making a file", e))?;
    std::fs::write(file.path(), BASE).map_err(|e| Problem::io(file.path(), "writing", e))?;
    crate::nets::weights::load_network(file.path(), device)
}
