//! What a person sets about drawing.

use crate::latent::draw::NoiseMode;
use crate::latent::seeds::parse_seeds;
use serde::{Deserialize, Serialize};

use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::records::spelling;
use crate::settings::Settings;

/// Word for the classes of a conditional network in turn: a seed is of the class that is left of it divided by their
/// number. A class of this name goes before.
pub const EACH: &str = "each";

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
    /// Class of a conditional network, or [`EACH`].
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
    /// A list that is none, or that names a seed twice.
    pub fn seed_numbers(&self) -> Result<Vec<u32>> {
        let refused = |expected: &str| Self::refuse("seeds", format!("{:?}", self.seeds), expected);
        let expected = "numbers and ranges, e.g. \"0-99\" or \"1,5,7-9\", ten million seeds at most";
        let seeds = parse_seeds(&self.seeds).map_err(|_| refused(expected))?;
        let mut sorted = seeds.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|two| two[0] == two[1]) {
            // Its image would be drawn twice and be there once.
            Some(twice) => Err(refused(&format!("each seed once: seed {} is named twice", twice[0]))),
            None => Ok(seeds),
        }
    }
}

impl Settings for GenerateConfig {
    const SECTION: &'static str = "generate";

    fn check(&self) -> Result<()> {
        self.seed_numbers()?;
        Self::within("truncation", self.truncation, 0.0, 2.0)?;
        let twice = (1..self.formats.len()).any(|at| self.formats[..at].contains(&self.formats[at]));
        if self.formats.is_empty() || twice {
            let found = format!("{:?}", self.formats.iter().map(spelling::name).collect::<Vec<_>>());
            return Err(Self::refuse("formats", found, "at least one of \"png\", \"npy\", \"nifti\", each once"));
        }
        match &self.class {
            Some(class) if !class.could_be() => {
                Err(Self::refuse("class", class.quoted(), "the name of a class, or its number from 0"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_named_twice_is_refused() {
        let seeds = |text: &str| GenerateConfig { seeds: text.into(), ..GenerateConfig::default() }.seed_numbers();
        assert_eq!(seeds("7,0-2").unwrap(), [7, 0, 1, 2]);
        for (text, twice) in [("0-9,0-9", 0), ("3,1-3", 3)] {
            let problem = seeds(text).unwrap_err().to_string();
            assert!(problem.contains(&format!("seed {twice} is named twice")), "{problem}");
        }
    }
}
