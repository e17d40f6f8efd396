//! What is handed to the arms beside the data set: drawn and projected slices, and the generators that made them.

use std::path::PathBuf;

use tch::Tensor;

use super::labelled::Labelled;
use crate::nets::Generator;
use crate::records::label::Padding;

/// Drawn from a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Synthetic {
    /// \[C, H, W\] in \[-1, 1\], row-major.
    pub pixels: Vec<f32>,
}

/// The projections of one training lesion.
#[derive(Clone, Debug, PartialEq)]
pub struct Denoised {
    /// Index into the manifest's lesions.
    pub lesion: u32,
    /// Slice index within the patch, and its projection \[C, H, W\] in \[-1, 1\]; ascending, at least one.
    pub slices: Vec<(u32, Vec<f32>)>,
}

/// What projections as of either class say of a contested lesion.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoSided {
    /// The projections as of the class that it fits better.
    pub better: Denoised,
    /// To be of interest, 0 to 1.
    pub probability: f32,
}

/// The generator that lesions were projected into, to draw other images with.
#[derive(Debug)]
pub struct Network {
    /// Its moving average.
    pub generator: Generator,
    /// Where an image of the data set lies in its square.
    pub padding: Padding,
    /// The class of interest \[1, c_dim\] where it knows classes.
    pub class: Option<Tensor>,
    /// Its file.
    pub file: PathBuf,
    /// Of its file.
    pub sha256: String,
}

/// What is handed over beside the data set, as far as an arm asks for it.
#[derive(Debug, Default)]
pub struct Extras {
    /// Of generators of the class of interest, a list of each.
    pub synthetic: Vec<Vec<Synthetic>>,
    /// Of a conditional generator, asked for the class of interest.
    pub conditional: Option<Vec<Synthetic>>,
    /// Projections of contested lesions, a list of each generator, all of the same slices.
    pub denoised: Vec<Vec<Denoised>>,
    /// Projections of agreed lesions of interest.
    pub projected_interest: Option<Vec<Denoised>>,
    /// Projections of agreed lesions of the other class.
    pub projected_others: Option<Vec<Denoised>>,
    /// Contested lesions with their probabilities and the projections that fit better.
    pub two_sided: Option<Vec<TwoSided>>,
    /// Of conditional generators, each image with its class, a list of each generator.
    pub drawn_by_class: Vec<Vec<Labelled>>,
    /// Training lesions edited, each with its class.
    pub edited: Option<Vec<Labelled>>,
    /// Lesion and w \[num_ws, w_dim\] of each projected slice of interest.
    pub latents: Option<Vec<(u32, Vec<f32>)>>,
    /// What contested lesions were projected into, generator by generator.
    pub networks: Vec<Network>,
    /// Whether each of the manifest's lesions truly is of interest; for the control that is given it.
    pub truth: Option<Vec<bool>>,
}

/// What was read, and what the reader of the results should know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<T> {
    /// In their order.
    pub items: Vec<T>,
    /// For the record.
    pub notes: Vec<String>,
}

impl<T> Loaded<T> {
    /// The items; what should be known about them goes to `notes`.
    pub fn noted(self, notes: &mut Vec<String>) -> Vec<T> {
        notes.extend(self.notes);
        self.items
    }
}
