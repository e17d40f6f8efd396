//! What a person sets about maps of fractional anisotropy.

use serde::{Deserialize, Serialize};

use crate::problem::Result;
use crate::settings::Settings;

/// What a generator without condition learns from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Learns {
    /// Healthy persons alone, where the table of participants says who they are: what is not healthy is then foreign to
    /// it.
    #[default]
    Healthy,
    /// Everybody, as in the study that this was made for.
    All,
}

/// Settings of slices of maps of fractional anisotropy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaConfig {
    /// Axial slices of each map, at equal distances.
    pub slices: u32,
    /// They lie between the lowest and the highest slice whose brain is at least this share of the map's largest.
    pub least_area: f64,
    /// The column of participants.tsv that says who is healthy.
    pub group: String,
    /// What it says of them.
    pub healthy: String,
    /// What a generator without condition learns from.
    pub learns: Learns,
    /// A pixel counts as of a lesion from this share of its voxels on.
    pub lesion_share: f64,
}

impl Default for FaConfig {
    fn default() -> Self {
        Self {
            slices: 21,
            least_area: 0.5,
            group: "group".into(),
            healthy: "healthy".into(),
            learns: Learns::default(),
            lesion_share: 0.5,
        }
    }
}

impl Settings for FaConfig {
    const SECTION: &'static str = "prepare.fa";

    fn check(&self) -> Result<()> {
        Self::within("slices", self.slices, 1, 1000)?;
        Self::within("least_area", self.least_area, 0.0, 1.0)?;
        Self::named("group", &self.group)?;
        Self::named("healthy", &self.healthy)?;
        Self::within("lesion_share", self.lesion_share, 0.01, 1.0)
    }
}
