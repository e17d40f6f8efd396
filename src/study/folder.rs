//! The folder of a study: made where it is not there, held by one run at a time, with the settings that it is run with.

use super::changes;
use super::errand::Errand;
use crate::files::{self, Claim, Input, OutFolder};
use crate::problem::Result;
use crate::report::folder::{OWNER, written};
use crate::run_dir::StudyDir;

/// Makes and claims the study folder and leaves the resolved `settings` in it; the folder is held until the result is
/// dropped. `inputs` are what the study reads, `stages` the folders that its stages will write.
///
/// # Errors
/// The folder or one of a stage has something else in it; another run holds the folder; it cannot be written to.
pub fn open(dir: &StudyDir, settings: &str, inputs: &[Input<'_>], stages: &[OutFolder<'_>]) -> Result<Claim> {
    let folder = OutFolder::new(OWNER, dir.root()).apart_from(inputs.iter().copied());
    folder.check()?;
    stages.iter().try_for_each(OutFolder::check)?;
    let mut claim = folder.claim()?;
    claim.will_write(written())?;
    changes::tell(&dir.settings(), settings);
    files::write(dir.settings(), settings.as_bytes())?;
    Ok(claim)
}

/// As [`open`], for an errand: one that only reads the folder looks whether it is the study's, and holds and writes
/// nothing.
///
/// # Errors
/// Those of [`open`].
pub fn open_for(
    errand: &Errand,
    dir: &StudyDir,
    settings: &str,
    inputs: &[Input<'_>],
    stages: &[OutFolder<'_>],
) -> Result<Option<Claim>> {
    if !errand.only_reads() {
        return open(dir, settings, inputs, stages).map(Some);
    }
    OutFolder::new(OWNER, dir.root()).apart_from(inputs.iter().copied()).check()?;
    stages.iter().try_for_each(OutFolder::check)?;
    Ok(None)
}
