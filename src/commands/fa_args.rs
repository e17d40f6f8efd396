//! Options of `rimforge prepare --fa`, named as the settings of `prepare.fa` that they set.

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use crate::data::fa_maps::config::Learns;

#[derive(Args, Clone, Debug, Serialize)]
pub(super) struct FaArgs {
    /// Maps: axial slices of each, at equal distances (21 unless told).
    #[arg(long, value_name = "N")]
    #[serde(rename = "fa.slices")]
    fa_slices: Option<u32>,
    /// Maps: the column of participants.tsv that says who is healthy ("group" unless told).
    #[arg(long, value_name = "COLUMN")]
    #[serde(rename = "fa.group")]
    group_column: Option<String>,
    /// Maps: what it says of them ("healthy" unless told).
    #[arg(long, value_name = "WORD")]
    #[serde(rename = "fa.healthy")]
    healthy: Option<String>,
    /// Maps: a generator without condition learns from the healthy (unless told) or from all.
    #[arg(long, value_name = "WHOM", value_parser = choice::<Learns>())]
    #[serde(rename = "fa.learns")]
    learns: Option<Learns>,
}
