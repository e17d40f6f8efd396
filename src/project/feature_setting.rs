//! Which feature net compares images, as a study file names it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::nets::features::{DiscriminatorFeatures, PixelPyramid, RandomVgg};
use crate::records::spelling;

/// Feature nets that come with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuiltIn {
    /// A VGG of random weights.
    RandomVgg,
    /// Multi-scale pixels.
    Pixels,
    /// The network's own discriminator; an imported network may come without one.
    Discriminator,
}

impl BuiltIn {
    /// In the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::RandomVgg, Self::Pixels, Self::Discriminator];

    /// How records call it.
    pub fn title(self) -> String {
        match self {
            Self::RandomVgg => RandomVgg::title(),
            Self::Pixels => PixelPyramid::TITLE.to_owned(),
            Self::Discriminator => DiscriminatorFeatures::TITLE.to_owned(),
        }
    }
}

/// Endings of files of weights.
const ENDINGS: [&str; 3] = [".pt", ".pth", ".safetensors"];

/// `project.features`: "auto", "random-vgg", "pixels", "discriminator", or a file of weights (.pt, .pth, .safetensors).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FeatureSetting {
    /// What a trial on held-out rims chose; without one the discriminator, or the random VGG where there is none.
    #[default]
    Auto,
    /// One that comes with the program.
    BuiltIn(BuiltIn),
    /// The weights of VGG16, AlexNet, SqueezeNet 1.1 or Inception v3, with or without those of LPIPS.
    Weights(PathBuf),
}

impl fmt::Display for FeatureSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::BuiltIn(net) => f.write_str(&spelling::name(net)),
            Self::Weights(path) => write!(f, "{}", path.display()),
        }
    }
}

impl FromStr for FeatureSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        if let Some(net) = BuiltIn::ALL.into_iter().find(|net| spelling::name(net) == text) {
            return Ok(Self::BuiltIn(net));
        }
        if ENDINGS.iter().any(|ending| text.strip_suffix(ending).is_some_and(|stem| !stem.is_empty())) {
            return Ok(Self::Weights(text.into()));
        }
        let known = spelling::names::<BuiltIn>().join(", ");
        Err(format!("feature net {text:?}, expected auto, {known}, or a file of weights ({})", ENDINGS.join(", ")))
    }
}

impl TryFrom<String> for FeatureSetting {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FeatureSetting> for String {
    fn from(setting: FeatureSetting) -> Self {
        setting.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nets_are_written_as_they_are_read() {
        for text in ["auto", "random-vgg", "pixels", "discriminator", "nets/vgg16.pt", "a.pth", "a.safetensors"] {
            let setting: FeatureSetting = text.parse().unwrap();
            assert_eq!(setting.to_string(), text);
            assert_eq!(serde_json::to_value(&setting).unwrap(), text);
        }
        for wrong in ["", "vgg", ".pt", "Pixels"] {
            assert!(wrong.parse::<FeatureSetting>().is_err(), "{wrong}");
        }
    }
}
