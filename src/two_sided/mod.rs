//! Is a contested lesion more like a rim or more like none? Its projections into a generator that knows both classes,
//! once as of the one and once as of the other, compared and calibrated into a probability.
//!
//! [`pairs`] puts the projections of each lesion side by side, [`judge`] makes probabilities of their losses, [`stage`]
//! writes what came out; [`truth`] scores it where a simulation knows. The projections themselves are `project`'s.
//!
//! Four traps, each with a test in [`judge`]: a class that the generator learnt from more images fits everything
//! better (the calibration's intercept takes that up, and its own class sizes are taken out); lesions that the
//! generator has seen fit their own class too well (so calibration is on the validation side unless asked otherwise);
//! a simple lesion fits both (so it is the difference that counts, as a share of both losses, beside their size); and
//! where rims are the larger lesions a calibration that is told the size may live on that alone (so its slopes, and
//! what it says without the difference, stand in the record).

pub mod config;

pub mod judge;

pub mod pairs;

mod score;

mod sheet;

pub mod stage;

pub mod truth;

pub use config::{Side, TwoSidedConfig};
pub use stage::{Inputs, run_stage};
