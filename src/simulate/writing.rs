//! How what is simulated is written: what changes nothing in it.

use crate::problem::{Problem, Result};

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
