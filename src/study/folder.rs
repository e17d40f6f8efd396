//! The folder of a study: made where it is not there, held by one run at a time, with the settings that it is run with.

use super::cache::STAMPS;
use super::changes;
use crate::files::{self, FolderLock};
use crate::problem::Result;
use crate::run_dir::StudyDir;

/// Makes and locks the study folder and leaves the resolved `settings` in it; the folder is held until the result is
/// dropped.
///
/// # Errors
/// Another run holds the folder, or it cannot be written to.
pub fn open(dir: &StudyDir, settings: &str) -> Result<FolderLock> {
    files::make_folder(dir.root())?;
    let lock = files::lock(dir.lock(), &[dir.root().join(STAMPS)])?;
    changes::tell(&dir.settings(), settings);
    files::write(dir.settings(), settings.as_bytes())?;
    Ok(lock)
}
