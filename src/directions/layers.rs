//! Which styles a w feeds, and which of them stand for a group of layers.
//!
//! w of index i feeds the i-th styled convolution and, but for the first, the image layer of the block before: "what
//! moves when w of index i moves" is both. With num_ws = 2 log2 R - 2 the last index feeds the last image layer alone.
//! With adaptive normalisation no image layer has a style, and the last index feeds nothing.

use serde::{Deserialize, Serialize};
use std::ops::Range;
use tch::{Device, Kind, Tensor};

use crate::nets::stylegan2::config::resolutions;
use crate::nets::{Generator, Network};

/// The map from w to the styles of one layer.
#[derive(Debug)]
pub struct StyleLayer {
    /// "b8.conv0", "b4.torgb".
    pub name: String,
    /// Of the w that it takes.
    pub index: usize,
    /// Whether it is an image layer.
    pub to_image: bool,
    /// Stored weights \[styles, w_dim\], float64 on the CPU: one row for each input of the layer; with adaptive
    /// normalisation one for each output's scale, then one for each output's shift.
    pub weight: Tensor,
}

/// Every layer of a generator that takes a w, by index; the image layer of a block behind the convolution of the next.
pub fn of(generator: &Generator) -> Vec<StyleLayer> {
    let tensors = generator.tensors();
    let mut found = Vec::new();
    let mut index = 0;
    for resolution in resolutions(generator.config().resolution) {
        let layer = |name: &str, index: usize| {
            let name = format!("b{resolution}.{name}");
            let weight = tensors.get(&format!("synthesis.{name}.affine.weight"))?;
            let weight = weight.detach().to_device(Device::Cpu).to_kind(Kind::Double);
            Some(StyleLayer { to_image: name.ends_with("torgb"), name, index, weight })
        };
        for name in ["conv0", "conv1"] {
            if let Some(own) = layer(name, index) {
                found.push(own);
                index += 1;
            }
        }
        found.extend(layer("torgb", index));
    }
    found.sort_by_key(|layer| (layer.index, layer.to_image));
    found
}

/// Layers that are moved together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerGroup {
    /// Every w.
    All,
    /// Indices 0 and 1: what is at 4 and begins at 8 pixels.
    Coarse,
    /// Indices 2 to 5: from 8 to 32 pixels.
    Middle,
    /// From index 6 on: from 32 pixels on.
    Fine,
}

impl LayerGroup {
    /// In the order of the record.
    pub const EVERY: [Self; 4] = [Self::All, Self::Coarse, Self::Middle, Self::Fine];

    /// Its w of a network that takes so many; empty where the network is too small to have any.
    pub fn indices(self, num_ws: usize) -> Range<usize> {
        let (first, end) = match self {
            Self::All => (0, num_ws),
            Self::Coarse => (0, 2),
            Self::Middle => (2, 6),
            Self::Fine => (6, num_ws),
        };
        first.min(num_ws)..end.min(num_ws).max(first.min(num_ws))
    }

    /// As written in settings and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Coarse => "coarse",
            Self::Middle => "middle",
            Self::Fine => "fine",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::factorised::{Stack, Variant};
    use super::*;
    use crate::nets::{GeneratorConfig, Modulation};
    use crate::seed::RunSeed;

    /// By hand from the order of `Synthesis::forward`, for 16 pixels.
    #[test]
    fn each_w_feeds_a_convolution_and_the_image_layer_before() {
        let config =
            GeneratorConfig { z_dim: 4, w_dim: 4, channel_base: 64, channel_max: 8, ..GeneratorConfig::small(16, 3) };
        let generator = Generator::new(&config, RunSeed(1), Device::Cpu).unwrap();
        let found: Vec<(usize, String)> = of(&generator).into_iter().map(|layer| (layer.index, layer.name)).collect();
        let expected = [
            (0, "b4.conv1"),
            (1, "b8.conv0"),
            (1, "b4.torgb"),
            (2, "b8.conv1"),
            (3, "b16.conv0"),
            (3, "b8.torgb"),
            (4, "b16.conv1"),
            (5, "b16.torgb"),
        ];
        assert_eq!(found, expected.map(|(index, name)| (index, name.to_owned())));
        assert_eq!(generator.synthesis.num_ws(), 6);
    }

    /// Scales and shifts are styles alike, and every group of layers that a w belongs to has some.
    #[test]
    fn adaptive_normalisation_has_two_styles_a_channel_and_none_to_the_image() {
        let small =
            GeneratorConfig { z_dim: 4, w_dim: 4, channel_base: 64, channel_max: 8, ..GeneratorConfig::small(64, 3) };
        let config = GeneratorConfig { modulation: Modulation::Adain, attention: Some(8), ..small };
        let generator = Generator::new(&config, RunSeed(1), Device::Cpu).unwrap();
        let layers = of(&generator);
        let rows: Vec<(usize, i64)> = layers.iter().map(|layer| (layer.index, layer.weight.size()[0])).collect();
        assert_eq!(rows, [(0, 16), (1, 16), (2, 16), (3, 8), (4, 8), (5, 4), (6, 4), (7, 2), (8, 2)]);
        assert!(layers.iter().all(|layer| !layer.to_image));
        for group in LayerGroup::EVERY {
            for variant in [Variant::Normalised, Variant::Published] {
                let stack = Stack::new(&layers, &group.indices(10), variant).unwrap();
                let found = stack.directions(variant).unwrap();
                assert!(found.vectors.len() == 4 && found.values.iter().all(|value| value.is_finite()));
            }
        }
    }

    #[test]
    fn groups_are_by_resolution() {
        // 64 pixels have ten w.
        assert_eq!(LayerGroup::EVERY.map(|group| group.indices(10)), [0..10, 0..2, 2..6, 6..10]);
        assert_eq!(LayerGroup::EVERY.map(|group| group.indices(4)), [0..4, 0..2, 2..4, 4..4]);
    }
}
