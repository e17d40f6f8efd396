//! Which operations the augmentation may take, how often and how strongly.

use serde::{Deserialize, Serialize};

use super::differentiable::Differentiable;
use super::named::Group;
use crate::problem::{Problem, Result};

/// What may happen to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelRule {
    /// An image: every operation.
    Image,
    /// A mask or probability: moved with the images, its values untouched.
    GeometryOnly,
}

/// Operations with their multipliers (an operation happens with probability multiplier x p; 0 is off) and strengths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Mirror left to right.
    pub flip: f64,
    /// Turn by a multiple of 90 degrees.
    pub quarter_turns: f64,
    /// Shift by whole pixels.
    pub shift: f64,
    /// Largest shift, as a share of the side.
    pub shift_max: f64,

    /// Enlarge by 2^(std n), n normal, in both directions alike.
    pub scale: f64,
    /// Of the exponent.
    pub scale_std: f64,
    /// Turn by any angle.
    pub rotate: f64,
    /// Largest angle, as a share of 180 degrees.
    pub rotate_max: f64,
    /// Stretch by 2^(std n) in one direction and by its inverse in the other.
    pub stretch: f64,
    /// Of the exponent.
    pub stretch_std: f64,
    /// Shift by std n of the side.
    pub fine_shift: f64,
    /// Of the shift, as a share of the side.
    pub fine_shift_std: f64,

    /// Add std n to all channels.
    pub brightness: f64,
    /// Of what is added; values are in -1..1.
    pub brightness_std: f64,
    /// Multiply by 2^(std n).
    pub contrast: f64,
    /// Of the exponent.
    pub contrast_std: f64,
    /// Mirror brightness; negates a grey image, so a rim becomes an anti-rim.
    pub luma_flip: f64,
    /// Turn the colours of an RGB image.
    pub hue: f64,
    /// Scale the colourfulness of an RGB image by 2^(std n).
    pub saturation: f64,
    /// Of the exponent.
    pub saturation_std: f64,

    /// Amplify each of four frequency bands by 2^(std n) at equal expected power.
    pub bands: f64,
    /// Of the exponent.
    pub bands_std: f64,
    /// Add noise of standard deviation std |n|.
    pub noise: f64,
    /// Of the noise's own standard deviation; values are in -1..1.
    pub noise_std: f64,
    /// Blank a rectangle.
    pub cutout: f64,
    /// Its side as a share of the image's.
    pub cutout_size: f64,

    /// DiffAugment in the place of all others: on every image, whatever p.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differentiable: Option<Differentiable>,

    /// One rule a channel; empty treats all as images.
    pub channels: Vec<ChannelRule>,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self::medical()
    }
}

impl AugmentConfig {
    /// Nothing happens; strengths are those of the paper.
    pub fn none() -> Self {
        Self {
            flip: 0.0,
            quarter_turns: 0.0,
            shift: 0.0,
            shift_max: 0.125,
            scale: 0.0,
            scale_std: 0.2,
            rotate: 0.0,
            rotate_max: 1.0,
            stretch: 0.0,
            stretch_std: 0.2,
            fine_shift: 0.0,
            fine_shift_std: 0.125,
            brightness: 0.0,
            brightness_std: 0.2,
            contrast: 0.0,
            contrast_std: 0.5,
            luma_flip: 0.0,
            hue: 0.0,
            saturation: 0.0,
            saturation_std: 1.0,
            bands: 0.0,
            bands_std: 1.0,
            noise: 0.0,
            noise_std: 0.1,
            cutout: 0.0,
            cutout_size: 0.5,
            differentiable: None,
            channels: Vec::new(),
        }
    }

    /// For quantitative maps: geometry as published (half the shift), mild brightness and contrast, and nothing that
    /// changes the sign of a contrast or mixes channels.
    pub fn medical() -> Self {
        Self {
            flip: 1.0,
            quarter_turns: 1.0,
            shift: 1.0,
            shift_max: 0.0625,
            scale: 1.0,
            rotate: 1.0,
            stretch: 1.0,
            fine_shift: 1.0,
            fine_shift_std: 0.0625,
            brightness: 1.0,
            brightness_std: 0.05,
            contrast: 1.0,
            contrast_std: 0.15,
            ..Self::none()
        }
    }

    /// For volumes of heads: left-right mirror, turns of up to 15 degrees about each axis, scale by a tenth of an
    /// octave, shifts by a thirtieth of the side, and gains; no quarter turns, which no patient lies in.
    pub fn volumes() -> Self {
        Self {
            flip: 1.0,
            scale: 1.0,
            scale_std: 0.1,
            rotate: 1.0,
            rotate_max: 1.0 / 12.0,
            fine_shift: 1.0,
            fine_shift_std: 1.0 / 30.0,
            contrast: 1.0,
            contrast_std: 0.15,
            ..Self::none()
        }
    }

    /// The paper's operations of these groups, each with multiplier 1.
    pub fn published(groups: &[Group]) -> Self {
        let mut config = Self::none();
        for group in groups {
            match group {
                Group::Blit => (config.flip, config.quarter_turns, config.shift) = (1.0, 1.0, 1.0),
                Group::Geom => (config.scale, config.rotate, config.stretch, config.fine_shift) = (1.0, 1.0, 1.0, 1.0),
                Group::Color => {
                    (config.brightness, config.contrast) = (1.0, 1.0);
                    (config.luma_flip, config.hue, config.saturation) = (1.0, 1.0, 1.0);
                }
                Group::Filter => config.bands = 1.0,
                Group::Noise => config.noise = 1.0,
                Group::Cutout => config.cutout = 1.0,
            }
        }
        config
    }

    /// The same with one rule a channel.
    pub fn with_channels(self, channels: Vec<ChannelRule>) -> Self {
        Self { channels, ..self }
    }

    /// Whether channel `index` takes operations on values.
    pub fn is_image(&self, index: usize) -> bool {
        self.channels.get(index).is_none_or(|rule| *rule == ChannelRule::Image)
    }

    /// Whether the colour operations mix the three channels of an RGB image.
    pub(crate) fn mixes_channels(&self) -> bool {
        self.luma_flip > 0.0 || self.hue > 0.0 || self.saturation > 0.0
    }

    /// Refuses values out of range, and rules that do not fit `channels` channels.
    pub fn validate(&self, channels: usize) -> Result<()> {
        let multipliers = [
            ("flip", self.flip),
            ("quarter_turns", self.quarter_turns),
            ("shift", self.shift),
            ("scale", self.scale),
            ("rotate", self.rotate),
            ("stretch", self.stretch),
            ("fine_shift", self.fine_shift),
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("luma_flip", self.luma_flip),
            ("hue", self.hue),
            ("saturation", self.saturation),
            ("bands", self.bands),
            ("noise", self.noise),
            ("cutout", self.cutout),
            ("shift_max", self.shift_max),
            ("rotate_max", self.rotate_max),
            ("cutout_size", self.cutout_size),
        ];
        let strengths = [
            ("scale_std", self.scale_std),
            ("stretch_std", self.stretch_std),
            ("fine_shift_std", self.fine_shift_std),
            ("brightness_std", self.brightness_std),
            ("contrast_std", self.contrast_std),
            ("saturation_std", self.saturation_std),
            ("bands_std", self.bands_std),
            ("noise_std", self.noise_std),
        ];
        for (name, value) in multipliers {
            if !(0.0..=1.0).contains(&value) {
                return Err(Problem::usage(format!("augment.{name} = {value}")).expected("0 to 1"));
            }
        }
        for (name, value) in strengths {
            if !(0.0..=10.0).contains(&value) {
                return Err(Problem::usage(format!("augment.{name} = {value}")).expected("0 to 10"));
            }
        }
        if !self.channels.is_empty() && self.channels.len() != channels {
            return Err(Problem::usage(format!("augment.channels has {} rules", self.channels.len()))
                .expected(format!("{channels}, one for each channel")));
        }
        let grey_or_rgb = channels == 1 || (channels == 3 && (0..3).all(|i| self.is_image(i)));
        if self.mixes_channels() && !grey_or_rgb {
            return Err(Problem::usage("augment.luma_flip, hue or saturation on channels that are no colours")
                .expected("one channel, or three image channels")
                .advice("set them to 0"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_medical_set_never_changes_a_sign_or_mixes_channels() {
        let medical = AugmentConfig::medical();
        assert!(!medical.mixes_channels());
        assert_eq!((medical.bands, medical.noise, medical.cutout), (0.0, 0.0, 0.0));
    }

    #[test]
    fn refuses_hue_on_maps_and_rules_that_do_not_fit() {
        let color = AugmentConfig::published(&[Group::Color]);
        assert!(color.validate(1).is_ok() && color.validate(3).is_ok());
        assert!(color.validate(2).is_err());
        let rules = vec![ChannelRule::Image, ChannelRule::GeometryOnly, ChannelRule::Image];
        assert!(color.with_channels(rules.clone()).validate(3).is_err());
        assert!(AugmentConfig::medical().with_channels(rules.clone()).validate(3).is_ok());
        assert!(AugmentConfig::medical().with_channels(rules).validate(1).is_err());
        assert!(AugmentConfig { flip: 1.5, ..AugmentConfig::none() }.validate(1).is_err());
    }
}
