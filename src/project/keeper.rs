//! What is done with a descent while it runs: nothing, or a trace of it kept so that a stopped one goes on.

use tch::Device;

use super::{Moment, Underway};
use crate::problem::Result;

/// What one descent projects, and into what.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// Of the targets, which their files carry.
    pub names: &'a [String],
    /// Number of the class, 0 without classes. An estimate may come out differently when it is made again: with other
    /// threads, or beside other images.
    pub class: usize,
}

/// What is done with a descent while it runs.
pub trait Keeper {
    /// Where an earlier attempt at `images` got to.
    ///
    /// # Errors
    /// What was kept cannot be looked for.
    fn resume(&mut self, images: Images<'_>, device: Device) -> Result<Option<Underway>>;

    /// After each step; `last_chance` where the descent is about to be stopped.
    ///
    /// # Errors
    /// Whatever keeps it from being kept; the descent then ends.
    fn keep(&mut self, images: Images<'_>, moment: &Moment<'_>, last_chance: bool) -> Result<()>;
}

/// For descents that are short or need no trace.
pub struct NothingKept;

impl Keeper for NothingKept {
    fn resume(&mut self, _: Images<'_>, _: Device) -> Result<Option<Underway>> {
        Ok(None)
    }

    fn keep(&mut self, _: Images<'_>, _: &Moment<'_>, _: bool) -> Result<()> {
        Ok(())
    }
}
