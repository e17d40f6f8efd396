//! The base generator that comes with the program.

use tch::Device;

use crate::nets::weights::SavedNetwork;
use crate::problem::{Kind, Problem, Result};

/// Its network file's bytes.
const BASE: Option<&[u8]> = None;

/// # Errors
/// This build comes without one.
pub fn base_network(device: Device) -> Result<SavedNetwork> {
    let Some(bytes) = BASE else {
        return Err(Problem::new(Kind::Usage, "this build comes without a base generator")
            .advice("use --base none, or --base FILE with a network trained by `rimforge train`"));
    };
    let file = tempfile::NamedTempFile::new().map_err(|e| Problem::io(std::env::temp_dir(), "making a file", e))?;
    std::fs::write(file.path(), bytes).map_err(|e| Problem::io(file.path(), "writing", e))?;
    crate::nets::weights::load_network(file.path(), device)
}
