//! A hypernetwork: what an image and its reconstruction say of how the generator's weights should differ for that image
//! alone (Alaluf et al. 2022, HyperStyle, section 3.2), from a trunk and heads that two cores can train.
//!
//! As published it sees target and reconstruction side by side, gives one offset for each pair of channels of every
//! styled convolution and none for the layers to the image, and is asked again about what it made: the offsets of
//! successive passes are added. Its heads begin at 0, so that the first image is the encoder's to the bit. A head of
//! low rank gives factors of the offsets in place of each (RefineStyle, arXiv 2410.06104).

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::encoder::silent;
use super::trunk::{LAST, Trunk, TrunkConfig};
use crate::nets::layers::equalized::{Activation, Linear};
use crate::nets::layers::offset::Offset;
use crate::nets::network::{Init, Network, Visitor, join};
use crate::nets::{Generator, Modulation, Noise};
use crate::problem::{Problem, Result};
use crate::records::spelling;
use crate::seed::RunSeed;

/// What a head gives for its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// An offset for each pair of channels, as published.
    Dense,
    /// Factors of so many ranks.
    LowRank(i64),
}

/// A styled convolution of the generator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// "b8.conv0".
    pub name: String,
    /// Channels out.
    pub outputs: i64,
    /// Channels in.
    pub inputs: i64,
}

impl Kernel {
    /// Those of a generator, in its order.
    ///
    /// # Errors
    /// Its styles do not scale kernels: offsets are of what is modulated and demodulated.
    pub fn of(generator: &Generator) -> Result<Vec<Self>> {
        if generator.config().modulation != Modulation::Weights {
            let found = spelling::name(&generator.config().modulation);
            return Err(Problem::usage(format!("offsets of kernels for a network with modulation = {found:?}"))
                .expected("one with modulation = \"weights\", whose styles scale its kernels")
                .advice("refine by pivotal tuning, which changes any network"));
        }
        let kernel = |(name, [outputs, inputs]): (String, [i64; 2])| Self { name, outputs, inputs };
        Ok(generator.synthesis.kernels().into_iter().map(kernel).collect())
    }
}

/// Sizes of a hypernetwork.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HypernetworkConfig {
    /// Its residual network, whose channels are twice the image's.
    pub trunk: TrunkConfig,
    /// Numbers that all heads read.
    pub features: i64,
    /// What each head gives.
    pub head: Head,
    /// The layers, in the generator's order.
    pub kernels: Vec<Kernel>,
}

#[derive(Debug)]
enum LayerHead {
    Dense(Linear),
    LowRank { outputs: Linear, inputs: Linear },
}

/// Image and reconstruction to offsets.
#[derive(Debug)]
pub struct Hypernetwork {
    trunk: Trunk,
    fc: Linear,
    heads: Vec<LayerHead>,
    config: HypernetworkConfig,
}

impl Hypernetwork {
    /// One whose offsets are all 0.
    pub fn new(config: &HypernetworkConfig, seed: RunSeed, device: Device) -> Self {
        let init = Init::new(seed, device, "hypernetwork");
        let HypernetworkConfig { trunk, features, head, kernels } = config;
        let linear = |init: &Init, outputs: i64| Linear::new(init, *features, outputs, Activation::Linear, 1.0);
        let of_layer = |Kernel { name, outputs, inputs }: &Kernel| {
            let init = init.sub(&name.replace('.', "_"));
            match *head {
                Head::Dense => LayerHead::Dense(silent(linear(&init.sub("offsets"), outputs * inputs))),
                Head::LowRank(rank) => LayerHead::LowRank {
                    outputs: silent(linear(&init.sub("outputs"), outputs * rank)),
                    inputs: linear(&init.sub("inputs"), rank * inputs),
                },
            }
        };
        Self {
            trunk: Trunk::new(&init.sub("trunk"), trunk),
            fc: Linear::new(&init.sub("fc"), trunk.last() * LAST * LAST, *features, Activation::LeakyRelu, 1.0),
            heads: kernels.iter().map(of_layer).collect(),
            config: config.clone(),
        }
    }

    /// Images and their reconstructions, each \[N, C, S, S\] in -1..1, to an offset for each layer.
    pub fn forward(&self, images: &Tensor, reconstructions: &Tensor) -> Vec<Offset> {
        let seen = self.trunk.forward(&Tensor::cat(&[images, reconstructions], 1));
        let features = self.fc.forward(&seen.flatten(1, -1));
        let of_layer = |(head, kernel): (&LayerHead, &Kernel)| match head {
            LayerHead::Dense(offsets) => {
                Offset::Dense(offsets.forward(&features).view([-1, kernel.outputs, kernel.inputs]))
            }
            LayerHead::LowRank { outputs, inputs } => Offset::LowRank {
                outputs: outputs.forward(&features).view([features.size()[0], kernel.outputs, -1]),
                inputs: inputs.forward(&features).view([features.size()[0], -1, kernel.inputs]),
            },
        };
        self.heads.iter().zip(&self.config.kernels).map(of_layer).collect()
    }

    /// So many passes from the images that codes `ws` \[N, num_ws, w_dim\] have without offsets. `after` sees each
    /// pass's offsets and image \[N, C, S, S\], which know their history back to the pass before; returns the last.
    pub fn passes(
        &self,
        generator: &Generator,
        [images, ws]: [&Tensor; 2],
        count: u64,
        mut after: impl FnMut(&Tensor),
    ) -> (Vec<Offset>, Tensor) {
        let mut shown = tch::no_grad(|| generator.synthesis.forward(ws, &Noise::Const));
        let mut offsets: Vec<Offset> = Vec::new();
        for _ in 0..count {
            let more = self.forward(images, &shown);
            let sum: Vec<Offset> = match offsets.as_slice() {
                [] => more,
                before => before.iter().zip(&more).map(|(before, more)| before.plus(more)).collect(),
            };
            let image = generator.synthesis.forward_with(ws, &Noise::Const, &sum);
            after(&image);
            shown = image.detach();
            offsets = sum.iter().map(Offset::detach).collect();
        }
        (offsets, shown)
    }

    /// Trainable numbers of the heads alone.
    pub fn head_parameters(&self) -> u64 {
        let mut count = 0;
        self.visit_heads(&mut |_, tensor, _| count += tensor.numel() as u64);
        count
    }

    fn visit_heads(&self, visit: &mut Visitor<'_>) {
        for (head, kernel) in self.heads.iter().zip(&self.config.kernels) {
            let path = join("heads", &kernel.name.replace('.', "_"));
            match head {
                LayerHead::Dense(offsets) => offsets.visit(&join(&path, "offsets"), visit),
                LayerHead::LowRank { outputs, inputs } => {
                    outputs.visit(&join(&path, "outputs"), visit);
                    inputs.visit(&join(&path, "inputs"), visit);
                }
            }
        }
    }
}

impl Network for Hypernetwork {
    fn visit(&self, visit: &mut Visitor<'_>) {
        self.trunk.visit("trunk", visit);
        self.fc.visit("fc", visit);
        self.visit_heads(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::GeneratorConfig;
    use tch::Kind;

    fn config(generator: &Generator, head: Head) -> HypernetworkConfig {
        let GeneratorConfig { channels, resolution, .. } = *generator.config();
        let trunk = TrunkConfig { channels: 2 * channels, side: resolution, width: 4, most: 16 };
        HypernetworkConfig { trunk, features: 128, head, kernels: Kernel::of(generator).unwrap() }
    }

    fn tiny(channels: i64) -> Generator {
        let small = GeneratorConfig::small(16, channels);
        let sizes = GeneratorConfig { z_dim: 8, w_dim: 6, channel_base: 64, channel_max: 8, ..small };
        Generator::new(&sizes, RunSeed(1), Device::Cpu).unwrap()
    }

    /// Heads alone, 128 features, on the small network of 64 pixels: each layer's O I, or r (O + I), numbers times 129.
    #[test]
    fn heads_have_as_many_numbers_as_their_layers_say() {
        let generator = Generator::new(&GeneratorConfig::small(64, 1), RunSeed(1), Device::Cpu).unwrap();
        let pairs: i64 = Kernel::of(&generator).unwrap().iter().map(|kernel| kernel.outputs * kernel.inputs).sum();
        assert_eq!((pairs, 9 * pairs), (24_320, 218_880), "kernels of 3 x 3");
        for (head, expected) in [(Head::Dense, 3_137_280), (Head::LowRank(4), 454_080)] {
            let network = Hypernetwork::new(&config(&generator, head), RunSeed(1), Device::Cpu);
            assert_eq!(network.head_parameters(), expected);
        }
    }

    #[test]
    fn a_network_that_scales_no_kernels_is_refused() {
        let adain = GeneratorConfig { modulation: Modulation::Adain, ..GeneratorConfig::small(8, 1) };
        let generator = Generator::new(&adain, RunSeed(1), Device::Cpu).unwrap();
        let problem = Kernel::of(&generator).unwrap_err().to_string();
        assert!(problem.contains("modulation = \"adain\"") && problem.contains("pivotal tuning"), "{problem}");
    }

    #[test]
    fn before_it_has_learnt_anything_every_pass_is_the_first_image_to_the_bit() {
        for (channels, head) in [(1, Head::Dense), (3, Head::LowRank(2)), (2, Head::LowRank(1))] {
            let generator = tiny(channels);
            let network = Hypernetwork::new(&config(&generator, head), RunSeed(2), Device::Cpu);
            let images = Tensor::randn([3, channels, 16, 16], (Kind::Float, Device::Cpu));
            let ws = Tensor::randn([3, generator.synthesis.num_ws(), 6], (Kind::Float, Device::Cpu));
            let first = tch::no_grad(|| generator.synthesis.forward(&ws, &Noise::Const));
            let mut seen = 0;
            let (offsets, last) = tch::no_grad(|| {
                network.passes(&generator, [&images, &ws], 3, |image| {
                    assert!(image.equal(&first));
                    seen += 1;
                })
            });
            assert!(seen == 3 && last.equal(&first) && offsets.len() == 5);
        }
    }

    /// Each pass's loss reaches the heads, and nothing before the pass.
    #[test]
    fn a_pass_knows_no_pass_before_it() {
        let generator = tiny(1);
        let network = Hypernetwork::new(&config(&generator, Head::LowRank(2)), RunSeed(2), Device::Cpu);
        let images = Tensor::randn([2, 1, 16, 16], (Kind::Float, Device::Cpu));
        let ws = Tensor::randn([2, generator.synthesis.num_ws(), 6], (Kind::Float, Device::Cpu));
        let weights: Vec<Tensor> = network.parameters().into_iter().map(|(_, tensor)| tensor).collect();
        let mut norms = Vec::new();
        let _ = network.passes(&generator, [&images, &ws], 2, |image| {
            let loss = (image - &images).square().mean(Kind::Float);
            let gradients = Tensor::run_backward(&[loss], &weights, false, false);
            let defined = gradients.iter().filter(|gradient| gradient.defined());
            norms.push(defined.map(|gradient| gradient.square().sum(Kind::Double).double_value(&[])).sum::<f64>());
        });
        assert!(norms.len() == 2 && norms.iter().all(|norm| *norm > 0.0), "{norms:?}");
    }
}
