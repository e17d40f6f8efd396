//! DenseNet-BC (Huang et al., CVPR 2017, arXiv 1608.06993): four blocks of layers, each of which sees the maps of all
//! before it in the block, with transitions between that halve channels, height and width; global average pooling, a
//! linear head.
//!
//! Tensors are called as torchvision calls them. Beside those there are buffers of ours: what images are shifted and
//! scaled by, and the stride of the first convolution.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::{Classifier, Mode};
use crate::digest;
use crate::engine::fused;
use crate::nets::network::{Init, Named, Network, Role, Visitor};
use crate::seed::RunSeed;
use parts::{BOTTLENECK, DenseLayer, Maps, Norm, Transition, kernel};

mod parts;

/// Blocks of layers.
pub const BLOCKS: usize = 4;

/// Name of the linear head.
pub const HEAD: &str = "classifier";

/// Buffers that torchvision's networks have not.
pub const OWN: [&str; 3] = ["input.mean", "input.deviation", "stem.stride"];

/// Mean and standard deviation of ImageNet's channels in \[0, 1\], as torchvision's networks were trained with.
const IMAGENET: [[f64; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

/// How the first convolution takes an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stem {
    /// As published: stride 2 and a pooling of stride 2, which leave a quarter of height and width.
    Full,
    /// Stride 1 and no pooling: of an image of 64 pixels the last block sees 8 x 8 places, not 2 x 2.
    Small,
}

impl Stem {
    /// Small below 128 pixels.
    pub fn for_side(side: usize) -> Self {
        if side < 128 { Self::Small } else { Self::Full }
    }
}

/// The file whose weights a network starts from, by its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start(pub [u8; 32]);

impl Serialize for Start {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&digest::hex(self.0))
    }
}

/// Shape of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DensenetConfig {
    /// Channels of an image.
    pub channels: i64,
    /// Channels that a layer adds.
    pub growth: i64,
    /// Channels of the first convolution.
    pub first: i64,
    /// Layers of each block.
    pub blocks: [i64; BLOCKS],
    /// Classes that are told apart, at least 2.
    pub classes: i64,
    /// How large images may be.
    pub stem: Stem,
    /// Where its first weights come from; drawn where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
}

impl DensenetConfig {
    /// DenseNet-121, 169 or 201 by the layers of its blocks, of two classes.
    pub fn published(blocks: [i64; BLOCKS], channels: i64, stem: Stem) -> Self {
        Self { channels, growth: 32, first: 64, blocks, classes: 2, stem, start: None }
    }

    /// For two cores and tests: 8 channels a layer, two layers a block; 28,791 parameters for seven classes in RGB.
    pub fn small(channels: i64, stem: Stem) -> Self {
        Self { growth: 8, first: 16, ..Self::published([2; BLOCKS], channels, stem) }
    }

    /// The shape of the network that tensors of these names and shapes are of; `None` where they fit none.
    pub fn of(tensors: &Named) -> Option<Self> {
        let size = |name: &str| tensors.get(name).map(Tensor::size);
        let [first, channels, 7, 7] = size("features.conv0.weight")?[..] else { return None };
        let [growth, _, 3, 3] = size(&format!("{}.conv2.weight", layer_name(0, 0)))?[..] else { return None };
        let stem = match i64::try_from(tensors.get("stem.stride").filter(|own| own.numel() == 1)?).ok()? {
            1 => Stem::Small,
            2 => Stem::Full,
            _ => return None,
        };
        let classes = *size("classifier.bias")?.first()?;
        let count = |block: usize| {
            (0..).take_while(|&at| tensors.contains_key(&format!("{}.conv1.weight", layer_name(block, at)))).count()
        };
        let blocks = std::array::from_fn(|block| count(block) as i64);
        let config = Self { channels, growth, first, blocks, classes, stem, start: None };
        let fits = size("classifier.weight")? == [classes, config.features()]
            && size(&format!("{}.conv1.weight", layer_name(0, 0)))?[0] == BOTTLENECK * growth;
        (fits && classes >= 2 && !blocks.contains(&0)).then_some(config)
    }

    /// The same for another number of classes.
    pub fn of_classes(self, classes: usize) -> Self {
        Self { classes: classes as i64, ..self }
    }

    /// Channels that the head sees: 1024, 1664, 1920 of the published ones.
    fn features(&self) -> i64 {
        let added = |block: usize| self.blocks[block] * self.growth;
        (1..BLOCKS).fold(self.first + added(0), |channels, block| channels / 2 + added(block))
    }

    /// Images must be at least this wide and high: one pixel is left behind the last transition.
    pub fn smallest(&self) -> i64 {
        match self.stem {
            Stem::Small => 8,
            Stem::Full => 32,
        }
    }

    /// In words.
    pub fn title(&self) -> &'static str {
        match self.blocks {
            [6, 12, 24, 16] => "DenseNet-121",
            [6, 12, 32, 32] => "DenseNet-169",
            [6, 12, 48, 32] => "DenseNet-201",
            _ => "a small DenseNet",
        }
    }
}

fn layer_name(block: usize, at: usize) -> String {
    format!("features.denseblock{}.denselayer{}", block + 1, at + 1)
}

/// The classifier.
#[derive(Debug)]
pub struct Densenet {
    /// What images, in \[-1, 1\], are shifted and scaled by, \[C\].
    mean: Tensor,
    deviation: Tensor,
    /// Of the first convolution, 1 or 2; with 2 its maps are pooled.
    stride: Tensor,
    stem: Stem,
    conv0: Tensor, // [first, C, 7, 7]
    norm0: Norm,
    blocks: Vec<Vec<DenseLayer>>,
    transitions: Vec<Transition>,
    norm5: Norm,
    head_weight: Tensor, // [k, features]
    head_bias: Tensor,   // [k]
}

/// What the network does one after the other, between image and head.
#[derive(Clone, Copy)]
enum Stage {
    Conv0,
    Norm0,
    Block(usize),
    Transition(usize),
    Norm5,
}

/// The stages in their order.
fn stages() -> Vec<Stage> {
    let block = |at: usize| [Some(Stage::Block(at)), (at + 1 < BLOCKS).then_some(Stage::Transition(at))];
    let blocks = (0..BLOCKS).flat_map(block).flatten();
    [Stage::Conv0, Stage::Norm0].into_iter().chain(blocks).chain([Stage::Norm5]).collect()
}

impl Stage {
    fn name(self) -> String {
        match self {
            Self::Conv0 => "features.conv0".into(),
            Self::Norm0 => "features.norm0".into(),
            Self::Block(at) => format!("features.denseblock{}", at + 1),
            Self::Transition(at) => format!("features.transition{}", at + 1),
            Self::Norm5 => "features.norm5".into(),
        }
    }
}

impl Densenet {
    /// First values depend on `seed` alone, not on libtorch's generator. One that starts from weights of ImageNet
    /// shifts and scales images as those were; the weights themselves are for the caller to load.
    pub fn new(config: &DensenetConfig, seed: RunSeed, device: Device) -> Self {
        let init = Init::new(seed, device, "classifier");
        let features = init.sub("features");
        let mut channels = config.first;
        let (mut blocks, mut transitions) = (vec![], vec![]);
        for (block, &layers) in config.blocks.iter().enumerate() {
            if block > 0 {
                transitions.push(Transition::new(&features.sub(&format!("transition{block}")), channels));
                channels /= 2;
            }
            let layer = |at: i64| {
                let inputs = channels + at * config.growth;
                DenseLayer::new(&init.sub(&layer_name(block, at as usize)), inputs, config.growth)
            };
            blocks.push((0..layers).map(layer).collect());
            channels += layers * config.growth;
        }
        let head = init.sub(HEAD);
        let [mean, deviation] = shift_and_scale(config, device);
        Self {
            mean,
            deviation,
            stride: Tensor::from(if config.stem == Stem::Small { 1f32 } else { 2.0 }).to_device(device),
            stem: config.stem,
            conv0: kernel(&features.sub("conv0"), [config.first, config.channels, 7]),
            norm0: Norm::new(&features.sub("norm0"), config.first),
            blocks,
            transitions,
            norm5: Norm::new(&features.sub("norm5"), channels),
            head_weight: head.normal("weight", &[config.classes, channels], (1.0 / channels as f64).sqrt()),
            head_bias: head.constant("bias", &[config.classes], 0.0),
        }
    }

    fn stage(&self, stage: Stage, maps: &Maps, mode: Mode) -> Maps {
        match stage {
            Stage::Conv0 => {
                let stride = if self.stem == Stem::Small { 1 } else { 2 };
                let (mean, deviation) = (self.mean.view([1, -1, 1, 1]), self.deviation.view([1, -1, 1, 1]));
                maps.map(|x| fused::convolution(&((x - &mean) / &deviation), &self.conv0, 1.0, stride, 3))
            }
            Stage::Norm0 => {
                let maps = self.norm0.forward(maps, mode);
                match self.stem {
                    Stem::Small => maps,
                    Stem::Full => maps.map(|x| x.max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)),
                }
            }
            Stage::Block(at) => {
                let start = Maps::of(&maps.own, maps.beside.as_ref());
                self.blocks[at].iter().fold(start, |maps, layer| layer.forward(&maps, mode))
            }
            Stage::Transition(at) => self.transitions[at].forward(maps, mode),
            Stage::Norm5 => self.norm5.forward(maps, mode),
        }
    }

    fn through(&self, maps: Maps, stages: &[Stage], mode: Mode) -> Maps {
        stages.iter().fold(maps, |maps, &stage| self.stage(stage, &maps, mode))
    }

    /// What the first `count` stages make of images, in evaluation mode.
    fn evaluated(&self, images: &Tensor, count: usize) -> Tensor {
        self.through(Maps::of(images, None), &stages()[..count], Mode::Evaluate).own
    }

    fn head(&self, maps: &Tensor) -> Tensor {
        maps.mean_dim([2i64, 3].as_slice(), false, Kind::Float).linear(&self.head_weight, Some(&self.head_bias))
    }
}

/// What images in \[-1, 1\] are shifted and scaled by: nothing, or as ImageNet's were.
fn shift_and_scale(config: &DensenetConfig, device: Device) -> [Tensor; 2] {
    let count = config.channels as usize;
    let values: [Vec<f32>; 2] = match config.start {
        None => [vec![0.0; count], vec![1.0; count]],
        Some(_) => {
            let [mean, deviation] = IMAGENET;
            let of = |values: [f64; 3], map: fn(f64) -> f64| (0..count).map(|at| map(values[at % 3]) as f32).collect();
            [of(mean, |mean| 2.0 * mean - 1.0), of(deviation, |deviation| 2.0 * deviation)]
        }
    };
    values.map(|values| Tensor::from_slice(&values).to_device(device))
}

impl Classifier for Densenet {
    fn classes(&self) -> i64 {
        self.head_bias.size()[0]
    }

    fn channels(&self) -> i64 {
        self.conv0.size()[1]
    }

    fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.head(&self.through(Maps::of(images, None), &stages(), mode).own)
    }

    fn forward_beside(&self, images: &Tensor, beside: &Tensor) -> (Tensor, Tensor) {
        let Maps { own, beside: others } = self.through(Maps::of(images, Some(beside)), &stages(), Mode::Train);
        (self.head(&own), others.map_or_else(|| own.zeros_like(), |others| self.head(&others)))
    }

    fn layers(&self) -> Vec<String> {
        stages().into_iter().map(Stage::name).chain([HEAD.to_owned()]).collect()
    }

    fn features(&self, images: &Tensor, layers: usize) -> Tensor {
        self.evaluated(images, layers)
    }

    fn logits_of(&self, features: &Tensor, layers: usize) -> Tensor {
        self.head(&self.through(Maps::of(features, None), &stages()[layers..], Mode::Evaluate).own)
    }

    /// The map is a thirty-second of the image's height and width, an eighth with the small stem.
    fn activation(&self, images: &Tensor, class: i64) -> Tensor {
        let others: Vec<i64> = (0..self.classes()).filter(|&other| other != class).collect();
        let others = Tensor::from_slice(&others).to_device(self.head_bias.device());
        let above = |head: &Tensor| {
            head.get(class) - head.index_select(0, &others).mean_dim([0i64].as_slice(), false, Kind::Float)
        };
        let weight = above(&self.head_weight).view([1, -1, 1, 1]);
        let maps = self.evaluated(images, stages().len());
        (maps * weight).sum_dim_intlist(1, false, Kind::Float) + above(&self.head_bias)
    }
}

impl Network for Densenet {
    fn visit(&self, visit: &mut Visitor<'_>) {
        let [mean, deviation, stride] = OWN;
        visit(mean.into(), &self.mean, Role::Buffer);
        visit(deviation.into(), &self.deviation, Role::Buffer);
        visit(stride.into(), &self.stride, Role::Buffer);
        visit("features.conv0.weight".into(), &self.conv0, Role::Parameter);
        self.norm0.visit("features.norm0", visit);
        for (block, layers) in self.blocks.iter().enumerate() {
            layers.iter().enumerate().for_each(|(at, layer)| layer.visit(&layer_name(block, at), visit));
        }
        for (at, transition) in self.transitions.iter().enumerate() {
            transition.visit(&format!("features.transition{}", at + 1), visit);
        }
        self.norm5.visit("features.norm5", visit);
        visit("classifier.weight".into(), &self.head_weight, Role::Parameter);
        visit("classifier.bias".into(), &self.head_bias, Role::Parameter);
    }
}

#[cfg(test)]
mod tests;
