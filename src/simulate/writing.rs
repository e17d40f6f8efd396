//! How what is simulated is written: what changes nothing in it.

use std::path::Path;

use serde::Serialize;

use crate::digest;
use crate::files::{self, Claim, OutFolder, Owner};
use crate::problem::{Kind, Problem, Result};

/// A hash in hexadecimal digits and a line's end have 65 bytes.
const LONGEST_KEY: u64 = 100;

/// What to do with a folder that holds another simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Leave it as it is, and say so.
    #[default]
    Refuse,
    /// Delete it, and nothing else that may lie there.
    Replace,
}

/// How a simulation is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Writing {
    /// What to do with a simulation of other settings that is there.
    pub existing: Existing,
    /// Patients, or lesions, at once; all cores where it does not say. The result does not depend on it.
    pub threads: Option<usize>,
}

impl Writing {
    /// How many at once, 1 or more.
    ///
    /// # Errors
    /// None at all were asked for.
    pub(super) fn threads(self) -> Result<usize> {
        match self.threads {
            Some(0) => Err(Problem::usage("0 threads").expected("1 or more")),
            Some(threads) => Ok(threads),
            None => Ok(std::thread::available_parallelism().map_or(1, |cores| cores.get())),
        }
    }
}

/// What a simulation keeps in its folder beside the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Knows the folders.
    pub owner: Owner,
    /// File of the hash of the settings that it was made with.
    pub key: &'static str,
    /// File of the settings.
    pub settings: &'static str,
}

/// The folder `out`, made the simulation's own and ready for the files `written`; what another simulation left there is
/// deleted only where asked.
///
/// # Errors
/// A folder with something else in it, or with a set of other settings that is to stay.
pub(super) fn claim<C: Serialize>(
    kept: &Kept,
    config: &C,
    out: &Path,
    existing: Existing,
    written: Vec<String>,
) -> Result<Claim> {
    let mut claim = OutFolder::new(kept.owner, out).claim()?;
    let key = digest::sha256(files::json_line(&(env!("CARGO_PKG_VERSION"), config))?);
    match files::read_if_there(out.join(kept.key), LONGEST_KEY, "the key of a simulation")? {
        Some(found) if found.trim_ascii() == key.as_bytes() => {}
        Some(_) if existing == Existing::Refuse => {
            return Err(Problem::new(Kind::Usage, "a simulated set with other settings, or of another version")
                .at(out)
                .advice("choose another --out, or add --replace to make it anew"));
        }
        // The key goes last: while it is there, a run that was killed here is known to have been of other settings.
        _ => {
            claim.forget(|name| name != kept.key)?;
            claim.forget(|_| true)?;
        }
    }
    claim.will_write(written)?;
    files::write(out.join(kept.key), format!("{key}\n").as_bytes())?;
    files::write_json(out.join(kept.settings), config)?;
    Ok(claim)
}
