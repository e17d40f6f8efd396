//! The base generators that come with the program: fine-tuning starts there where random weights would take too long.

use tch::Device;

use crate::nets::weights::SavedNetwork;
use crate::problem::{Problem, Result};
use crate::records::label::Contrast;

/// Both trained by `scripts/make_base_generator.sh` on a simulated cohort of its own (seed 90210), independent of
/// every study's.
const SUSCEPTIBILITY: &[u8] = include_bytes!("../../assets/base-generator.safetensors");
/// QSM, rim map and FLAIR together.
const MULTI_CONTRAST: &[u8] = include_bytes!("../../assets/base-multi-contrast.safetensors");

/// The base generator for data with these channels, with its discriminator, and its name.
///
/// # Errors
/// No room for a temporary file.
pub fn base_network(contrasts: &[Contrast], device: Device) -> Result<(String, SavedNetwork)> {
    let beyond = contrasts.iter().any(|contrast| ["rim", "flair"].contains(&contrast.name.as_str()));
    let (name, bytes) = match beyond {
        true => ("embedded base generator of QSM, rim map and FLAIR", MULTI_CONTRAST),
        false => ("embedded base generator", SUSCEPTIBILITY),
    };
    let file = tempfile::NamedTempFile::new().map_err(|e| Problem::io(std::env::temp_dir(), "making a file", e))?;
    std::fs::write(file.path(), bytes).map_err(|e| Problem::io(file.path(), "writing", e))?;
    Ok((name.to_owned(), crate::nets::weights::load_network(file.path(), device)?))
}
