//! The one question of a comparison, as it is typed.

use clap::Args;

use super::choices::choice;
use crate::classify::Arm;
use crate::classify::primary::{Label, Metric, Primary};

/// The one question; what is left out is the default's.
#[derive(Args, Clone, Copy, Debug)]
pub struct PrimaryArgs {
    /// The arm whose difference from None is the one question; all other p values are corrected for their number
    /// [default: ada-gan-ld].
    #[arg(long, value_name = "ARM", value_parser = choice::<Arm>())]
    primary_arm: Option<Arm>,
    /// Of which metric [default: auprc].
    #[arg(long, value_name = "METRIC", value_parser = choice::<Metric>())]
    primary_metric: Option<Metric>,
    /// Against whose label; "auto" is the truth where it is known [default: auto].
    #[arg(long, value_name = "LABEL", value_parser = choice::<Label>())]
    primary_against: Option<Label>,
}

impl PrimaryArgs {
    /// With the default's where nothing was typed.
    pub fn question(self) -> Primary {
        let usual = Primary::default();
        Primary {
            arm: self.primary_arm.unwrap_or(usual.arm),
            metric: self.primary_metric.unwrap_or(usual.metric),
            against: self.primary_against.unwrap_or(usual.against),
        }
    }
}
