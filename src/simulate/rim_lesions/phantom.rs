//! One patient's tissue with its lesions, and the truth about each: what anatomy hands to the physics.

use serde::{Deserialize, Serialize};

use crate::nifti::Volume;

/// What the scanner measures, per voxel of the acquisition grid (partial volume included).
#[derive(Clone, Debug)]
pub struct Tissue {
    /// Magnetic susceptibility relative to water, ppb (parts per 1e9), before any referencing.
    pub chi_ppb: Volume<f32>,
    /// Effective transverse relaxation rate, 1/s.
    pub r2star_per_s: Volume<f32>,
    /// Signal at TE = 0 relative to white matter = 1.
    pub magnitude: Volume<f32>,
    /// Inside the brain: reconstruction and maps are confined to it.
    pub brain: Volume<bool>,
    /// Nearly pure cerebrospinal fluid, the zero reference of the map (MEDI+0).
    pub csf: Volume<bool>,
}

/// One patient's slab, everything on one grid.
#[derive(Clone, Debug)]
pub struct Phantom {
    /// What the scanner measures.
    pub tissue: Tissue,
    /// Each with its own label.
    pub lesions: Vec<LesionTruth>,
    /// Lesion label map: `LesionTruth::label`, 0 is background.
    pub labels: Volume<u16>,
    /// Mean of two simulated rim tracings, 0..1.
    pub rim_trace: Volume<f32>,
    /// FLAIR signal relative to white matter = 1, with its own blur, noise and misregistration.
    pub flair: Volume<f32>,
}

/// What is true of a lesion, whatever anyone sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LesionTruth {
    /// 1-based, unique in its patient.
    pub label: u16,
    /// Voxel x, y, z.
    pub centre: [i64; 3],
    /// Of the sphere of equal volume.
    pub diameter_mm: f64,
    /// What it looks like without noise.
    pub kind: LesionKind,
    /// Pathology: an iron-laden shell exists.
    pub true_rim: bool,
    /// Criterion: free of noise the shell covers at least 2/3 of the edge, on at least two slices.
    pub criterion_rim: bool,
    /// Share of the edge that the shell covers, 0..1; 0 without one.
    pub rim_fraction: f64,
    /// Mean excess of the shell over the lesion's core, ppb; 0 without one.
    pub rim_ppb: f64,
    /// Mean thickness of the shell, mm; 0 without one.
    pub rim_thickness_mm: f64,
    /// What makes a rim-less edge look like a rim.
    pub decoy: Option<Decoy>,
}

/// What a lesion is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LesionKind {
    /// Demyelinated core inside an iron shell.
    Rim,
    /// Evenly paramagnetic.
    Diffuse,
    /// Hardly visible on the susceptibility map.
    Isointense,
}

/// What can be taken for a rim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decoy {
    /// A vein along the edge.
    Vein,
    /// Cortex wrapped round a juxtacortical lesion.
    CorticalRibbon,
    /// The border of a deep grey nucleus.
    DeepGreyBorder,
    /// A punctate bleed.
    Microbleed,
}

/// As participants.tsv has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sex {
    /// F.
    Female,
    /// M.
    Male,
}
