//! What a person sets about drawing.

use clap::ValueEnum;
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
    pub noise: NoiseMode,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseMode {
    /// The network's own noise maps.
    Const,
    /// Fresh maps for each image, a function of its seed.
    Random,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
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

impl NoiseMode {
    /// As written in a study file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Const => "const",
            Self::Random => "random",
            Self::None => "none",
        }
    }
}

/// "0-99" or "1,5,7-9", in the order given.
pub fn parse_seeds(text: &str) -> Result<Vec<u32>> {
    let wrong = || Problem::usage(format!("seeds {text:?}")).expected("numbers and ranges, e.g. 0-99 or 1,5,7-9");
    let mut seeds = Vec::new();
    for part in text.split(',') {
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        match part.split_once('-') {
            None => seeds.push(number(part)?),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last || last - first >= 10_000_000 {
                    return Err(wrong());
                }
                seeds.extend(first..=last);
            }
        }
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_of_seeds() {
        assert_eq!(parse_seeds("0-3").unwrap(), [0, 1, 2, 3]);
        assert_eq!(parse_seeds("1, 5,7-9").unwrap(), [1, 5, 7, 8, 9]);
        for wrong in ["", "a", "3-1", "-1", "1-", "0-4294967295"] {
            assert_eq!(parse_seeds(wrong).unwrap_err().kind(), crate::problem::Kind::Usage, "{wrong}");
        }
    }
}
