//! Sets of augmentations by the names that a study file gives them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::AugmentConfig;
use super::differentiable::Differentiable;
use crate::records::spelling;

/// A group of the method's operations (Karras et al. 2020, "Training generative adversarial networks with limited
/// data", appendix B).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Mirror, quarter turns, shifts by whole pixels.
    Blit,
    /// Scale, turn, stretch, shift by fractions of a pixel.
    Geom,
    /// Brightness, contrast, luma flip, hue, saturation.
    Color,
    /// Frequency bands.
    Filter,
    /// Added noise.
    Noise,
    /// A blanked rectangle.
    Cutout,
}

impl Group {
    /// In the method's order.
    pub const ALL: [Self; 6] = [Self::Blit, Self::Geom, Self::Color, Self::Filter, Self::Noise, Self::Cutout];
}

/// `train.ada.augment`: "medical", "none", "bgc", "diffaugment", "diffaugment-medical", or groups joined by +, e.g.
/// "blit+geom".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AugmentSet {
    /// For quantitative maps: nothing that changes the sign of a contrast or mixes channels.
    #[default]
    Medical,
    /// No augmentation.
    None,
    /// The method's own for photographs: blit, geom and color.
    Bgc,
    /// DiffAugment, on every image.
    Differentiable(Differentiable),
    /// Groups of the method, each once.
    Groups(Vec<Group>),
}

impl AugmentSet {
    /// The operations with their strengths; one rule for all channels.
    pub fn config(&self) -> AugmentConfig {
        match self {
            Self::Medical => AugmentConfig::medical(),
            Self::None => AugmentConfig::none(),
            Self::Bgc => AugmentConfig::published(&[Group::Blit, Group::Geom, Group::Color]),
            Self::Differentiable(kind) => AugmentConfig { differentiable: Some(*kind), ..AugmentConfig::none() },
            Self::Groups(groups) => AugmentConfig::published(groups),
        }
    }

    /// The operations on volumes: all of them, none, or those of groups; `None` where one has no counterpart there.
    pub fn volumes(&self) -> Option<AugmentConfig> {
        let all = AugmentConfig::volumes();
        let groups = match self {
            Self::Medical | Self::Bgc => return Some(all),
            Self::None => return Some(AugmentConfig::none()),
            Self::Differentiable(_) => return None,
            Self::Groups(groups) => groups,
        };
        let mut config = AugmentConfig::none();
        for group in groups {
            config = match group {
                Group::Blit => AugmentConfig { flip: all.flip, ..config },
                Group::Geom => AugmentConfig {
                    scale: all.scale,
                    scale_std: all.scale_std,
                    rotate: all.rotate,
                    rotate_max: all.rotate_max,
                    fine_shift: all.fine_shift,
                    fine_shift_std: all.fine_shift_std,
                    ..config
                },
                Group::Color => AugmentConfig { contrast: all.contrast, contrast_std: all.contrast_std, ..config },
                Group::Filter | Group::Noise | Group::Cutout => return None,
            };
        }
        Some(config)
    }

    /// Whether every image is augmented, whatever p.
    pub fn is_differentiable(&self) -> bool {
        matches!(self, Self::Differentiable(_))
    }
}

impl fmt::Display for AugmentSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Medical => f.write_str("medical"),
            Self::None => f.write_str("none"),
            Self::Bgc => f.write_str("bgc"),
            Self::Differentiable(Differentiable::Published) => f.write_str("diffaugment"),
            Self::Differentiable(Differentiable::Medical) => f.write_str("diffaugment-medical"),
            Self::Groups(groups) => f.write_str(&groups.iter().map(spelling::name).collect::<Vec<_>>().join("+")),
        }
    }
}

impl FromStr for AugmentSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "medical" => return Ok(Self::Medical),
            "none" => return Ok(Self::None),
            "bgc" => return Ok(Self::Bgc),
            "diffaugment" => return Ok(Self::Differentiable(Differentiable::Published)),
            "diffaugment-medical" => return Ok(Self::Differentiable(Differentiable::Medical)),
            _ => {}
        }
        let mut groups = Vec::new();
        for name in text.split('+') {
            match Group::ALL.into_iter().find(|group| spelling::name(group) == name) {
                Some(group) if !groups.contains(&group) => groups.push(group),
                Some(_) => return Err(format!("group {name:?} twice in {text:?}, expected each once")),
                None => {
                    let known = spelling::names::<Group>().join(", ");
                    return Err(format!(
                        "augmentation {name:?}, expected medical, none, bgc, diffaugment, diffaugment-medical, or of {known}, \
                         joined by +"
                    ));
                }
            }
        }
        Ok(Self::Groups(groups))
    }
}

impl TryFrom<String> for AugmentSet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<AugmentSet> for String {
    fn from(set: AugmentSet) -> Self {
        set.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_written_as_they_are_read() {
        for text in [
            "medical",
            "none",
            "bgc",
            "diffaugment",
            "diffaugment-medical",
            "blit",
            "geom+blit",
            "blit+geom+color+filter+noise+cutout",
        ] {
            let set: AugmentSet = text.parse().unwrap();
            assert_eq!(set.to_string(), text);
            assert_eq!(serde_json::to_value(&set).unwrap(), text);
        }
        for wrong in ["", "blur", "blit+", "blit+blit", "medical+blit", "Blit"] {
            assert!(wrong.parse::<AugmentSet>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn bgc_is_blit_and_geom_and_color() {
        let groups = AugmentSet::Groups(vec![Group::Color, Group::Geom, Group::Blit]);
        assert_eq!(AugmentSet::Bgc.config(), groups.config());
        assert_eq!(AugmentSet::Groups(vec![Group::Cutout]).config().cutout, 1.0);
    }
}
