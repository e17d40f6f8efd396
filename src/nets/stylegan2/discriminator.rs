//! The StyleGAN2 residual discriminator (Karras et al. 2020, section 4.1) with minibatch standard deviation
//! (Karras et al. 2018, section 3) and, where conditional, a projection onto the embedded class.

use tch::{Device, Kind, Tensor};

use super::config::{DiscriminatorConfig, resolutions};
use super::mapping::MappingLayers;
use super::variants::QuantiseConfig;
use crate::nets::layers::attention::Attention;
use crate::nets::layers::equalized::{Activation, Conv, ConvShape, Linear};
use crate::nets::layers::quantise::{Codes, CodesShape};
use crate::nets::network::{Init, Network, Visitor, join};
use crate::problem::Result;
use crate::seed::RunSeed;

/// One halving residual block.
#[derive(Debug)]
struct Block {
    name: String,
    /// Only in the first block.
    from_image: Option<Conv>,
    conv0: Conv,
    conv1: Conv,
    skip: Conv,
    attention: Option<Attention>,
    codes: Option<Codes>,
}

impl Block {
    fn forward(&self, x: &Tensor) -> Tensor {
        let image = self.from_image.as_ref().map(|layer| layer.forward_image(x));
        let x = image.as_ref().unwrap_or(x);
        let skip = self.skip.forward(x);
        let y = self.conv1.forward(&self.conv0.forward(x)) + skip;
        match &self.attention {
            Some(attention) => attention.forward(&y),
            None => y,
        }
    }
}

/// Images, or volumes, to logits.
#[derive(Debug)]
pub struct Discriminator {
    blocks: Vec<Block>,
    conv: Conv,
    fc: Linear,
    out: Linear,
    mapping: Option<MappingLayers>,
    config: DiscriminatorConfig,
}

impl Discriminator {
    /// A discriminator with first values drawn from `seed`.
    ///
    /// # Errors
    /// Sizes that no network can be built from.
    pub fn new(config: &DiscriminatorConfig, seed: RunSeed, device: Device) -> Result<Self> {
        config.validate()?;
        let init = Init::new(seed, device, "discriminator");
        let bound = config.conv_clamp;
        let plain = |inputs, outputs, kernel| ConvShape {
            inputs,
            outputs,
            kernel,
            dimensions: config.dimensions,
            activation: Activation::LeakyRelu,
            bias: true,
            halve: None,
            gain: 1.0,
        };
        let blocks = resolutions(config.resolution)
            .rev()
            .filter(|&resolution| resolution > 4)
            .map(|resolution| {
                let name = format!("b{resolution}");
                let init = init.sub(&name);
                let (here, below) = (config.channels_at(resolution), config.channels_at(resolution / 2));
                // Two branches are added: each at sqrt(1/2) keeps the variance.
                let half = std::f64::consts::FRAC_1_SQRT_2;
                let conv1 = ConvShape { halve: Some(config.resampling), gain: half, ..plain(here, below, 3) };
                let skip = ConvShape { activation: Activation::Linear, bias: false, kernel: 1, ..conv1 };
                let codes = |of: &QuantiseConfig| {
                    let QuantiseConfig { codes, decay, pass_on, .. } = *of;
                    Codes::new(&init.sub("codes"), CodesShape { codes, channels: below, decay, pass_on })
                };
                Block {
                    from_image: (resolution == config.resolution)
                        .then(|| Conv::new(&init.sub("fromrgb"), plain(config.channels, here, 1), bound)),
                    conv0: Conv::new(&init.sub("conv0"), plain(here, here, 3), bound),
                    conv1: Conv::new(&init.sub("conv1"), conv1, bound),
                    skip: Conv::new(&init.sub("skip"), skip, None),
                    attention: config.attends(resolution).then(|| Attention::new(&init.sub("attention"), below)),
                    codes: config.codes_of(resolution).map(codes),
                    name,
                }
            })
            .collect();
        let last = config.channels_at(4);
        let b4 = init.sub("b4");
        let outputs = if config.c_dim > 0 { last } else { 1 };
        let places = 4_i64.pow(config.dimensions as u32);
        Ok(Self {
            blocks,
            conv: Conv::new(&b4.sub("conv"), plain(last + 1, last, 3), bound),
            fc: Linear::new(&b4.sub("fc"), last * places, last, Activation::LeakyRelu, 1.0),
            out: Linear::new(&b4.sub("out"), last, outputs, Activation::Linear, 1.0),
            mapping: (config.c_dim > 0)
                .then(|| MappingLayers::new(&init.sub("mapping"), 0, config.c_dim, last, config.mapping_layers)),
            config: config.clone(),
        })
    }

    /// images \[N, C, R, R\], or volumes \[N, C, R, R, R\], c \[N, c_dim\] where conditional -> logits \[N, 1\]. N must
    /// be divisible by min(group, N).
    pub fn forward(&self, images: &Tensor, c: Option<&Tensor>) -> Tensor {
        self.forward_quantised(images, c).0
    }

    /// [`Self::forward`], and the commitment of the images' features to their codes, float32 \[\]: the mean of each
    /// quantised activation, summed over those; `None` where there is none.
    pub fn forward_quantised(&self, images: &Tensor, c: Option<&Tensor>) -> (Tensor, Option<Tensor>) {
        let (x, commitment) = self.trunk(images, None);
        (self.judge(&x, c), commitment)
    }

    /// [`Self::forward`] of two batches, whose images share the layers that see each image alone.
    pub fn forward_both(&self, batches: [(&Tensor, Option<&Tensor>); 2]) -> [Tensor; 2] {
        self.forward_both_quantised(batches, None).0
    }

    /// [`Self::forward_both`], and the commitment as [`Self::forward_quantised`] has it, its means over the images of
    /// both batches. Where `picks` is given, \[K\] int64 for each quantised block, highest resolution first, the codes
    /// then follow the features of all of these images ([`Codes::update`]).
    ///
    /// # Panics
    /// Other than [`Self::quantised_blocks`] tensors of picks.
    pub fn forward_both_quantised(
        &self,
        batches: [(&Tensor, Option<&Tensor>); 2],
        picks: Option<&[Tensor]>,
    ) -> ([Tensor; 2], Option<Tensor>) {
        let images = Tensor::cat(&batches.map(|(images, _)| images), 0);
        let (x, commitment) = self.trunk(&images, picks);
        let mut first = 0;
        let logits = batches.map(|(images, c)| {
            let count = images.size()[0];
            first += count;
            self.judge(&x.narrow(0, first - count, count), c)
        });
        (logits, commitment)
    }

    /// Blocks whose output is quantised.
    pub fn quantised_blocks(&self) -> usize {
        self.codes().count()
    }

    fn codes(&self) -> impl Iterator<Item = &Codes> {
        self.blocks.iter().filter_map(|block| block.codes.as_ref())
    }

    /// Last block: activations \[N, C, 4, 4\] to logits \[N, 1\].
    fn judge(&self, x: &Tensor, c: Option<&Tensor>) -> Tensor {
        let x = Tensor::cat(&[x, &minibatch_std(x, self.config.mbstd_group)], 1);
        let x = self.conv.forward(&x).flatten(1, -1).to_kind(Kind::Float);
        let x = self.out.forward(&self.fc.forward(&x));
        match &self.mapping {
            None => {
                assert!(c.is_none(), "an unconditional discriminator takes no class labels");
                x
            }
            Some(mapping) => {
                let width = x.size()[1] as f64;
                (x * mapping.forward(None, c)).sum_dim_intlist([1].as_slice(), true, None::<Kind>) / width.sqrt()
            }
        }
    }

    /// Logits \[N, c_dim\] of each image for every class, each judged alone (no deviation within a group).
    ///
    /// # Panics
    /// An unconditional discriminator.
    pub fn class_logits(&self, images: &Tensor) -> Tensor {
        let mapping = self.mapping.as_ref().expect("an unconditional discriminator has no classes");
        let (x, _) = self.trunk(images, None);
        // The deviation of an image from itself, as in `minibatch_std`.
        let mut alone = x.size();
        alone[1] = 1;
        let alone = Tensor::full(alone, 1e-8f64.sqrt(), (x.kind(), x.device()));
        let x = self.conv.forward(&Tensor::cat(&[x, alone], 1)).flatten(1, -1).to_kind(Kind::Float);
        let x = self.out.forward(&self.fc.forward(&x));
        let classes = mapping.forward(None, Some(&Tensor::eye(self.config.c_dim, (Kind::Float, x.device()))));
        x.matmul(&classes.transpose(0, 1)) / (x.size()[1] as f64).sqrt()
    }

    /// Activations \[N, C_r, r, r\] after each residual block, from R/2 down to 4; independent from image to image, and
    /// as they are: codes are not looked up.
    pub fn features(&self, images: &Tensor) -> Vec<Tensor> {
        let mut x = images.shallow_clone();
        let mut features = Vec::new();
        for block in &self.blocks {
            x = block.forward(&x);
            features.push(x.to_kind(Kind::Float));
        }
        features
    }

    /// All blocks but the last, and the commitment; the codes follow where `picks` is given.
    fn trunk(&self, images: &Tensor, picks: Option<&[Tensor]>) -> (Tensor, Option<Tensor>) {
        if let Some(picks) = picks {
            assert_eq!(picks.len(), self.quantised_blocks(), "picks for each quantised block");
        }
        let mut picks = picks.unwrap_or_default().iter();
        let mut x = images.shallow_clone();
        let mut commitment: Option<Tensor> = None;
        for block in &self.blocks {
            x = block.forward(&x);
            let Some(codes) = &block.codes else { continue };
            let (passed, own) = codes.forward(&x);
            if let Some(picks) = picks.next() {
                codes.update(&x, picks);
            }
            x = passed;
            commitment = Some(match commitment {
                Some(sum) => sum + own,
                None => own,
            });
        }
        (x, commitment)
    }

    /// Its sizes.
    pub fn config(&self) -> &DiscriminatorConfig {
        &self.config
    }
}

/// Mean over channels and pixels of the standard deviation within a group of images \[N, C, H, W\] -> \[N, 1, H, W\];
/// of volumes likewise. Image i belongs to group i mod (N / group size).
fn minibatch_std(x: &Tensor, group: i64) -> Tensor {
    let (batch, of_one) = (x.size()[0], x.size()[1..].to_vec());
    let group = group.min(batch);
    assert_eq!(batch % group, 0, "a batch of {batch} is not divisible into groups of {group}");
    let groups: Vec<i64> = [group, batch / group].into_iter().chain(of_one.iter().copied()).collect();
    let y = x.reshape(groups).to_kind(Kind::Float);
    let y = &y - y.mean_dim([0].as_slice(), true, None);
    let deviation = (y.square().mean_dim([0].as_slice(), false, None) + 1e-8).sqrt();
    let all: Vec<i64> = (1..x.dim() as i64).collect();
    let deviation = deviation.mean_dim(all, true, None);
    let copies: Vec<i64> = [group, 1].into_iter().chain(of_one[1..].iter().copied()).collect();
    deviation.repeat(copies).to_kind(x.kind())
}

impl Network for Discriminator {
    fn visit(&self, visit: &mut Visitor<'_>) {
        for block in &self.blocks {
            if let Some(from_image) = &block.from_image {
                from_image.visit(&join(&block.name, "fromrgb"), visit);
            }
            block.conv0.visit(&join(&block.name, "conv0"), visit);
            block.conv1.visit(&join(&block.name, "conv1"), visit);
            block.skip.visit(&join(&block.name, "skip"), visit);
            if let Some(attention) = &block.attention {
                attention.visit(&join(&block.name, "attention"), visit);
            }
            if let Some(codes) = &block.codes {
                codes.visit(&join(&block.name, "codes"), visit);
            }
        }
        self.conv.visit("b4.conv", visit);
        self.fc.visit("b4.fc", visit);
        self.out.visit("b4.out", visit);
        if let Some(mapping) = &self.mapping {
            mapping.visit("mapping", visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_within_a_group_is_one_more_channel() {
        // Four images of one value each: 0 and 4 make a group, 1 and 5 another.
        let x = Tensor::from_slice(&[0.0_f32, 1.0, 4.0, 5.0]);
        for size in [vec![4, 2, 4, 4], vec![4, 2, 4, 4, 4]] {
            let ones = vec![1; size.len() - 1];
            let images = x.reshape([vec![4], ones].concat()).expand(&size, false);
            let deviation = minibatch_std(&images, 2);
            assert_eq!((deviation.size()[0], deviation.size()[1], deviation.dim()), (4, 1, size.len()));
            assert!((deviation - 2.0).abs().max().double_value(&[]) < 1e-6);
        }
        // An image alone deviates from nothing.
        let alone = minibatch_std(&x.narrow(0, 1, 1).reshape([1, 1, 1, 1]), 4);
        assert!((alone.double_value(&[0, 0, 0, 0]) - 1e-4).abs() < 1e-9);
    }

    #[test]
    fn the_logit_of_a_class_is_that_of_an_image_judged_alone_as_of_it() {
        let small = DiscriminatorConfig { channel_base: 64, channel_max: 8, ..DiscriminatorConfig::default() };
        let config = DiscriminatorConfig { resolution: 8, c_dim: 3, ..small };
        let network = Discriminator::new(&config, RunSeed(1), Device::Cpu).unwrap();
        let images = Tensor::randn([2, 1, 8, 8], (Kind::Float, Device::Cpu));
        let logits = network.class_logits(&images);
        assert_eq!(logits.size(), [2, 3]);
        for (image, class) in [(0, 0), (0, 2), (1, 1)] {
            let c = Tensor::eye(3, (Kind::Float, Device::Cpu)).narrow(0, class, 1);
            let alone = network.forward(&images.narrow(0, image, 1), Some(&c)).double_value(&[0, 0]);
            assert!((logits.double_value(&[image, class]) - alone).abs() < 1e-5);
        }
    }

    #[test]
    fn without_weights_every_logit_is_the_last_bias() {
        for dimensions in [2, 3] {
            let small = DiscriminatorConfig { channel_base: 64, channel_max: 4, ..DiscriminatorConfig::default() };
            let config = DiscriminatorConfig { resolution: 8, dimensions, ..small };
            let network = Discriminator::new(&config, RunSeed(1), Device::Cpu).unwrap();
            for (name, parameter) in network.parameters() {
                let value = if name == "b4.out.bias" { 0.75 } else { 0.0 };
                let _ = tch::no_grad(|| parameter.shallow_clone().fill_(value));
            }
            let size: Vec<i64> = [2, 1].into_iter().chain((0..dimensions).map(|_| 8)).collect();
            let logits = network.forward(&Tensor::randn(size, (Kind::Float, Device::Cpu)), None);
            assert_eq!(Vec::<f32>::try_from(logits.reshape([-1])).unwrap(), [0.75, 0.75]);
        }
    }
}
