//! `[train.net]`: the sizes of the networks.

use serde::{Deserialize, Serialize};

use crate::nets::layers::resample::Resampling;
use crate::nets::stylegan2::config::{MOST, MOST_CHANNEL_BASE, MOST_LAYERS};
use crate::nets::{DiscriminatorConfig, GeneratorConfig, Modulation};
use crate::problem::Result;
use crate::settings::Settings;

/// A preset and what departs from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetConfig {
    /// The sizes from which the others depart.
    pub preset: Preset,
    /// Length of the input latent z; absent: of the preset.
    pub z_dim: Option<i64>,
    /// Length of the intermediate latent w; absent: of the preset.
    pub w_dim: Option<i64>,
    /// Channels at resolution R are min(channel_base / R, channel_max); absent: of the preset.
    pub channel_base: Option<i64>,
    /// Channels of a layer, at most; absent: of the preset.
    pub channel_max: Option<i64>,
    /// Fully connected layers of the mapping network; absent: of the preset.
    pub mapping_layers: Option<i64>,
    /// What a style does to a convolution of the generator.
    #[serde(skip_serializing_if = "usual")]
    pub modulation: Modulation,
    /// How convolutions double and halve the side.
    #[serde(skip_serializing_if = "usual")]
    pub resampling: Resampling,
    /// Side of the activations with self-attention, in both networks; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<i64>,
}

fn usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Sizes by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// For CPUs: channel base 1024, at most 64 channels, latents of 128; of volumes 256 and 32, from 128 voxels a side
    /// on 2048 and 128.
    #[default]
    Small,
    /// The published size: channel base 16384, at most 512 channels, latents of 512; of volumes 2048, 128 and 128.
    Paper,
}

impl NetConfig {
    /// Sizes of the generator for square images of `resolution` pixels.
    pub fn generator(&self, resolution: i64, channels: i64) -> GeneratorConfig {
        let preset = match self.preset {
            Preset::Small => GeneratorConfig::small(resolution, channels),
            Preset::Paper => GeneratorConfig::paper(resolution, channels),
        };
        GeneratorConfig {
            z_dim: self.z_dim.unwrap_or(preset.z_dim),
            w_dim: self.w_dim.unwrap_or(preset.w_dim),
            channel_base: self.channel_base.unwrap_or(preset.channel_base),
            channel_max: self.channel_max.unwrap_or(preset.channel_max),
            mapping_layers: self.mapping_layers.unwrap_or(preset.mapping_layers),
            modulation: self.modulation,
            resampling: self.resampling,
            attention: self.attention,
            ..preset
        }
    }

    /// Sizes of the generator for volumes of `resolution` voxels each way: of the small preset
    /// [`GeneratorConfig::volumes`], of the other channel base 2048 and at most 128 channels whatever the side.
    pub fn volumes(&self, resolution: i64, channels: i64) -> GeneratorConfig {
        let usual = GeneratorConfig::volumes(resolution, channels);
        let (base, most) = match self.preset {
            Preset::Small => (usual.channel_base, usual.channel_max),
            Preset::Paper => (2048, 128),
        };
        GeneratorConfig {
            z_dim: self.z_dim.unwrap_or(usual.z_dim),
            w_dim: self.w_dim.unwrap_or(usual.w_dim),
            channel_base: self.channel_base.unwrap_or(base),
            channel_max: self.channel_max.unwrap_or(most),
            mapping_layers: self.mapping_layers.unwrap_or(usual.mapping_layers),
            modulation: self.modulation,
            resampling: self.resampling,
            attention: self.attention,
            ..usual
        }
    }

    /// Refuses sizes that no machine can train at `resolution` pixels with so many channels.
    ///
    /// # Errors
    /// `Kind::Usage`: how many numbers the networks would have, and how many they may.
    pub fn check_size(&self, resolution: i64, channels: i64) -> Result<()> {
        let generator = self.generator(resolution, channels);
        generator.validate()?;
        DiscriminatorConfig::matching(&generator).validate()
    }
}

impl Settings for NetConfig {
    const SECTION: &'static str = "train.net";

    fn check(&self) -> Result<()> {
        let within =
            |name, value: Option<i64>, low, high| value.map_or(Ok(()), |value| Self::within(name, value, low, high));
        within("z_dim", self.z_dim, 1, MOST)?;
        within("w_dim", self.w_dim, 1, MOST)?;
        // At the smallest side, 8 pixels.
        within("channel_base", self.channel_base, 8, MOST_CHANNEL_BASE)?;
        within("channel_max", self.channel_max, 1, MOST)?;
        within("mapping_layers", self.mapping_layers, 1, MOST_LAYERS)?;
        if let Some(side) = self.attention.filter(|side| ![4, 8, 16, 32, 64].contains(side)) {
            return Err(Self::refuse("attention", side, "4, 8, 16, 32 or 64"));
        }
        // No images are smaller; those of the data are checked with their own side.
        Self { attention: None, ..self.clone() }.check_size(8, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_reach_both_networks_and_are_not_written_where_they_are_off() {
        let plain = NetConfig::default();
        let text = serde_json::to_string(&plain).unwrap();
        assert!(text.ends_with(r#""mapping_layers":null}"#), "{text}");
        let attention = NetConfig { attention: Some(16), modulation: Modulation::Adain, ..plain };
        attention.check().unwrap();
        assert!(attention.check_size(32, 1).is_ok());
        let problem = attention.check_size(16, 1).unwrap_err().to_string();
        assert!(problem.contains("attention = 16") && problem.contains("from 4 to 8"), "{problem}");
        let sizes = attention.generator(32, 1);
        assert_eq!((sizes.modulation, sizes.attention), (Modulation::Adain, Some(16)));
        assert_eq!(DiscriminatorConfig::matching(&sizes).attention, Some(16));
        let text = serde_json::to_string(&attention).unwrap();
        assert!(text.ends_with(r#""modulation":"adain","attention":16}"#), "{text}");
    }
}
