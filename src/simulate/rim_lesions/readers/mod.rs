//! Two simulated readers: what the reconstructed patch shows of a rim, and what each of them makes of it.
//!
//! Nothing here knows the truth: a lesion that hides its rim is missed, and one that a vein hugs may be called a rim.

mod layers;

mod plane;

pub mod visibility;

pub mod vote;

pub use visibility::{Visibility, standardised, visibilities, visibility};
pub use vote::{ReaderConfig, Readers, Votes, vote, vote_on};
