//! What a person sets about slices and volumes of brains.

use serde::{Deserialize, Serialize};

use super::labels::Scheme;
use crate::problem::Result;
use crate::records::spelling;
use crate::settings::Settings;

/// A plane through the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plane {
    /// Across the line from down to up.
    Axial,
    /// Across the line from back to front.
    Coronal,
    /// Across the line from left to right.
    Sagittal,
}

impl Plane {
    /// In classes and names.
    pub fn key(self) -> &'static str {
        match self {
            Self::Axial => "axial",
            Self::Coronal => "coronal",
            Self::Sagittal => "sagittal",
        }
    }

    /// The RAS+ axis that it lies across.
    pub(in crate::data) fn across(self) -> usize {
        match self {
            Self::Axial => 2,
            Self::Coronal => 1,
            Self::Sagittal => 0,
        }
    }
}

/// What a slice's class says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SliceClasses {
    /// Its plane.
    Plane,
    /// Its plane, and whether it cuts a tumour: "axial", "axial-tumour".
    #[default]
    PlaneTumour,
    /// The same for each population: "axial-tumour-SSA".
    PlaneTumourPopulation,
}

/// What a whole volume's class says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeClasses {
    /// Its population: "SSA".
    #[default]
    Population,
    /// Whether enhancing tumour is labelled: "enhancing", "not-enhancing".
    Enhancement,
    /// Both: "enhancing-SSA".
    EnhancementPopulation,
}

/// What of a volume's levels maps to -1..1; of voxels of the brain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeWindow {
    /// From the .5th to the 99.5th hundredth.
    #[default]
    Percentile,
    /// From the .1th to the 99.9th.
    Wide,
    /// From the lowest to the highest, as some publications have it: one bright vessel sets it.
    MinMax,
}

impl VolumeWindow {
    /// Parts of a thousand at both ends.
    pub(super) fn parts(self) -> [f64; 2] {
        match self {
            Self::Percentile => [5.0, 995.0],
            Self::Wide => [1.0, 999.0],
            Self::MinMax => [0.0, 1000.0],
        }
    }
}

/// Settings of slices of brains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BratsConfig {
    /// Which planes.
    pub planes: Vec<Plane>,
    /// What classes say.
    pub classes: SliceClasses,
    /// A slice is used if its brain is at least this share of the largest of its volume and plane.
    pub least_area: f64,
    /// A slice counts as cutting a tumour from so many labelled voxels on; with fewer it is left out.
    pub least_tumour: u32,
    /// Every so many-th slice of each plane.
    pub step: u32,
    /// What maps to -1..1.
    pub window: VolumeWindow,
    /// What the label maps' numbers mean.
    pub labels: Scheme,
    /// Also cases of BraTS-Africa that are no gliomas.
    pub other_neoplasms: bool,
    /// Each case one volume, not slices.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub volumes: bool,
    /// With `volumes`: what classes say.
    #[serde(skip_serializing_if = "of_populations")]
    pub volume_classes: VolumeClasses,
}

fn of_populations(classes: &VolumeClasses) -> bool {
    *classes == VolumeClasses::Population
}

impl Default for BratsConfig {
    fn default() -> Self {
        Self {
            planes: vec![Plane::Axial, Plane::Coronal, Plane::Sagittal],
            classes: SliceClasses::default(),
            least_area: 0.2,
            least_tumour: 20,
            step: 1,
            window: VolumeWindow::default(),
            labels: Scheme::default(),
            other_neoplasms: false,
            volumes: false,
            volume_classes: VolumeClasses::default(),
        }
    }
}

impl Settings for BratsConfig {
    const SECTION: &'static str = "prepare.brats";

    fn check(&self) -> Result<()> {
        let twice = (1..self.planes.len()).any(|at| self.planes[..at].contains(&self.planes[at]));
        if self.planes.is_empty() || twice {
            let found: Vec<&str> = self.planes.iter().map(|plane| plane.key()).collect();
            return Err(Self::refuse("planes", format!("{found:?}"), "axial, coronal or sagittal, each once"));
        }
        if !self.volumes && !of_populations(&self.volume_classes) {
            let found = format!("{:?}", spelling::name(&self.volume_classes));
            return Err(Self::refuse("volume_classes", found, "whole volumes: prepare.brats.volumes (--volumes)"));
        }
        let slices = Self { volumes: false, volume_classes: VolumeClasses::default(), ..self.clone() };
        let usual =
            Self { window: self.window, labels: self.labels, other_neoplasms: self.other_neoplasms, ..Self::default() };
        if self.volumes && slices != usual {
            let found = "true beside planes, classes, areas or steps of slices";
            return Err(Self::refuse("volumes", found, "settings of volumes alone: window, labels, volume_classes"));
        }
        Self::within("least_area", self.least_area, 0.0, 1.0)?;
        Self::within("least_tumour", self.least_tumour, 1, 1_000_000)?;
        Self::within("step", self.step, 1, 1000)
    }
}
