//! Options of `rimforge prepare --brats`, named as the settings of `prepare.brats` that they set.

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use crate::data::brats::config::{Plane, SliceClasses, VolumeClasses, VolumeWindow};
use crate::data::brats::labels::Scheme;

#[derive(Args, Clone, Debug, Serialize)]
pub(super) struct BratsArgs {
    /// Brains: axial, coronal, sagittal (all three unless told).
    #[arg(long, value_delimiter = ',', value_parser = choice::<Plane>())]
    #[serde(rename = "brats.planes")]
    planes: Option<Vec<Plane>>,
    /// Brains: a class is a plane, a plane with or without tumour, or that for each population (plane-tumour unless
    /// told).
    #[arg(long, value_name = "CLASSES", value_parser = choice::<SliceClasses>())]
    #[serde(rename = "brats.classes")]
    slice_classes: Option<SliceClasses>,
    /// Brains: use slices with at least this share of the brain's largest slice (.2 unless told).
    #[arg(long, value_name = "SHARE")]
    #[serde(rename = "brats.least_area")]
    least_area: Option<f64>,
    /// Brains: every so many-th slice of each plane (each unless told).
    #[arg(long, value_name = "N")]
    #[serde(rename = "brats.step")]
    slice_step: Option<u32>,
    /// Brains: levels that map to -1..1, of each volume's brain: hundredths .5 to 99.5 (unless told), .1 to 99.9, or
    /// all.
    #[arg(long, value_name = "WINDOW", value_parser = choice::<VolumeWindow>())]
    #[serde(rename = "brats.window")]
    volume_window: Option<VolumeWindow>,
    /// Brains: what the label maps' numbers mean (by the files' names unless told).
    #[arg(long, value_name = "SCHEME", value_parser = choice::<Scheme>())]
    #[serde(rename = "brats.labels")]
    label_scheme: Option<Scheme>,
    /// Brains: also cases of BraTS-Africa that are no gliomas.
    #[arg(long)]
    #[serde(rename = "brats.other_neoplasms", skip_serializing_if = "std::ops::Not::not")]
    other_neoplasms: bool,
    /// Brains: each case one volume of --side voxels each way (32 unless told), padded and averaged, not slices.
    #[arg(long)]
    #[serde(rename = "brats.volumes", skip_serializing_if = "std::ops::Not::not")]
    volumes: bool,
    /// Volumes: a class is a population, whether tumour enhances, or both (population unless told).
    #[arg(long, value_name = "CLASSES", value_parser = choice::<VolumeClasses>(), requires = "volumes")]
    #[serde(rename = "brats.volume_classes")]
    volume_classes: Option<VolumeClasses>,
}
