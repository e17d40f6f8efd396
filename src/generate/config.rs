//! What a person sets about drawing.

use crate::latent::draw::NoiseMode;
use crate::latent::seeds::parse_seeds;
use serde::{Deserialize, Serialize};

use crate::nets::class::ClassChoice;
use crate::problem::{Problem, Result};

/// What `generate` makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerateConfig {
    /// "0-99", "1,5,7-9": each is NumPy's `RandomState(seed)`.
    pub seeds: String,
    /// Truncation psi: 1 keeps the full variety, 0 gives the mean image.
    pub truncation: f64,
    /// Where the noise maps come from.
    pub noise: NoiseMode,
    /// What is written for each seed.
    pub formats: Vec<Format>,
    /// Class of a conditional network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassChoice>,
}

impl Default for GenerateConfig {
    fn default() -> Self {
        Self {
            seeds: "0-99".into(),
            truncation: 1.0,
            noise: NoiseMode::Const,
            formats: vec![Format::Npy, Format::Png],
            class: None,
        }
    }
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// 8-bit picture for the eye.
    Png,
    /// float32 [channels, height, width] in the network's own range (-1..1).
    Npy,
    /// Physical units: ppm for a susceptibility map.
    Nifti,
}

impl GenerateConfig {
    /// The seeds in the order given.
    ///
    /// # Errors
    /// A list that is none, or a truncation outside 0..2.
    pub fn checked_seeds(&self) -> Result<Vec<u32>> {
        if !(0.0..=2.0).contains(&self.truncation) {
            return Err(Problem::usage(format!("truncation {}", self.truncation)).expected("0 to 2"));
        }
        parse_seeds(&self.seeds)
    }
}
