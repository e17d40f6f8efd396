//! The three sides of the split as types.

use super::manifest::Split;

/// The training side.
#[derive(Clone, Copy, Debug)]
pub struct Train;

/// The validation side: thresholds and early choices.
#[derive(Clone, Copy, Debug)]
pub struct Validation;

/// The test side: scored once, shown to no generator or fit, and to no projector but that whose residuals are scored.
#[derive(Clone, Copy, Debug)]
pub struct Test;

/// One of the three sides of the split, as a type.
pub trait Side: Copy + Send + Sync + 'static {
    /// The same as a value.
    const SPLIT: Split;
}

impl Side for Train {
    const SPLIT: Split = Split::Train;
}

impl Side for Validation {
    const SPLIT: Split = Split::Validation;
}

impl Side for Test {
    const SPLIT: Split = Split::Test;
}
