//! Settings of `two-sided`: on which agreed lesions losses become probabilities, and what is assumed of the contested.

use serde::{Deserialize, Serialize};

use crate::problem::Result;
use crate::records::classes::Split;
use crate::settings::Settings;

/// Settings of `two-sided`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwoSidedConfig {
    /// Agreed lesions of this side calibrate: "validation", which the generator has not seen, or "train", where each
    /// lesion is judged without its patient but the generator has seen them all, which flatters their own class.
    pub calibrate: Side,
    /// Share of those of interest that is assumed among the contested, 0 to 1, both excluded.
    pub prior: f64,
    /// Whether the size of both losses and of the lesion are inputs, too. What carries the probability stands in the
    /// record: where rims are the larger lesions it may be the size alone.
    pub covariates: bool,
    /// Agreed validation lesions of each class that a study projects both ways, at most.
    pub held_out: u64,
    /// Agreed training lesions of each class that it projects both ways, at most; 0 none.
    pub seen: u64,
}

/// Side of the split whose agreed lesions calibrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Not seen by the generator.
    Validation,
    /// Seen by it.
    Train,
}

impl Side {
    /// Both, those first that the generator has not seen.
    pub const ALL: [Self; 2] = [Self::Validation, Self::Train];

    /// As written in the settings and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Train => "train",
        }
    }

    /// `None` for the test side.
    pub fn of(split: Split) -> Option<Self> {
        match split {
            Split::Validation => Some(Self::Validation),
            Split::Train => Some(Self::Train),
            Split::Test => None,
        }
    }
}

/// Lesions of each class on the validation side, at most, unless told.
const HELD_OUT: u64 = 200;

impl Default for TwoSidedConfig {
    fn default() -> Self {
        Self { calibrate: Side::Validation, prior: 0.5, covariates: true, held_out: HELD_OUT, seen: 0 }
    }
}

impl Settings for TwoSidedConfig {
    const SECTION: &'static str = "two_sided";

    fn check(&self) -> Result<()> {
        if !(self.prior > 0.0 && self.prior < 1.0) {
            return Err(Self::refuse("prior", self.prior, "a share above 0 and below 1"));
        }
        Self::within("held_out", self.held_out, 0, 1_000_000)?;
        Self::within("seen", self.seen, 0, 1_000_000)?;
        let (key, number) = match self.calibrate {
            Side::Validation => ("held_out", self.held_out),
            Side::Train => ("seen", self.seen),
        };
        if number == 0 {
            let found = format!("0 with two_sided.calibrate = {:?}", self.calibrate.name());
            return Err(Self::refuse(key, found, "at least 1 lesion of each class on the side that calibrates"));
        }
        Ok(())
    }
}
