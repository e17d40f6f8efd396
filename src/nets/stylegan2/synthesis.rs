//! ws to image: a learnt 4x4 constant, styled convolutions, and an image that each resolution adds to (skip generator,
//! Karras et al. 2020, section 4.1).

use tch::Tensor;

use super::config::{GeneratorConfig, resolutions};
use super::styled::{Shown, Styled};
use crate::nets::layers::attention::Attention;
use crate::nets::layers::modulated::{StyledShape, ToImageShape};
use crate::nets::layers::offset::Offset;
use crate::nets::layers::resample::upsample2;
use crate::nets::network::{Init, Role, Visitor, join};

/// Where the noise of the styled convolutions comes from.
#[derive(Clone, Copy, Debug)]
pub enum Noise<'a> {
    /// The network's own maps, the same for every image.
    Const,
    /// No noise.
    None,
    /// One \[1 or N, 1, r, r\] (a volume's \[1 or N, 1, r, r, r\]) per styled convolution, in the order of
    /// [`Synthesis::noise_shapes`].
    Given(&'a [Tensor]),
}

/// Layers at one resolution.
#[derive(Debug)]
struct Block {
    name: String,
    /// Absent at 4x4.
    conv0: Option<Styled>,
    conv1: Styled,
    attention: Option<Attention>,
    to_image: Shown,
}

impl Block {
    fn convs(&self) -> impl Iterator<Item = (&'static str, &Styled)> {
        self.conv0.iter().map(|conv| ("conv0", conv)).chain(std::iter::once(("conv1", &self.conv1)))
    }
}

/// The generator's synthesis network.
#[derive(Debug)]
pub struct Synthesis {
    /// Learnt start \[C, 4, 4\], or \[C, 4, 4, 4\].
    constant: Tensor,
    blocks: Vec<Block>,
    num_ws: i64,
}

impl Synthesis {
    pub(crate) fn new(init: &Init, config: &GeneratorConfig) -> Self {
        let mut inputs = config.channels_at(4);
        let GeneratorConfig { channels, w_dim, dimensions, modulation, conv_clamp: bound, .. } = *config;
        let start: Vec<i64> = std::iter::once(inputs).chain((0..dimensions).map(|_| 4)).collect();
        let constant = init.sub("b4").normal("const", &start, 1.0);
        let mut blocks = Vec::new();
        for resolution in resolutions(config.resolution) {
            let name = format!("b{resolution}");
            let init = init.sub(&name);
            let outputs = config.channels_at(resolution);
            let styled = |layer: &str, inputs: i64, double| {
                let shape = StyledShape { inputs, outputs, w_dim, resolution, dimensions, double };
                Styled::new(&init.sub(layer), modulation, shape, bound)
            };
            let image = ToImageShape { inputs: outputs, channels, w_dim, dimensions };
            blocks.push(Block {
                conv0: (resolution > 4).then(|| styled("conv0", inputs, Some(config.resampling))),
                conv1: styled("conv1", outputs, None),
                attention: (config.attention == Some(resolution))
                    .then(|| Attention::new(&init.sub("attention"), outputs)),
                to_image: Shown::new(&init.sub("torgb"), modulation, image, bound),
                name,
            });
            inputs = outputs;
        }
        Self { constant, blocks, num_ws: config.num_ws() }
    }

    /// ws \[N, num_ws, w_dim\] -> images \[N, C, R, R\], or volumes \[N, C, R, R, R\], float32, about -1..1.
    pub fn forward(&self, ws: &Tensor, noise: &Noise<'_>) -> Tensor {
        self.forward_with(ws, noise, &[])
    }

    /// The same with kernels of the styled convolutions that are offset for each image, one [`Offset`] for each in the
    /// order of [`Synthesis::kernels`]; none for none.
    pub fn forward_with(&self, ws: &Tensor, noise: &Noise<'_>, offsets: &[Offset]) -> Tensor {
        let (batch, count, _) = ws.size3().expect("ws has 3 axes");
        assert_eq!(count, self.num_ws, "ws holds {count} vectors, the synthesis takes {}", self.num_ws);
        if let Noise::Given(maps) = noise {
            assert_eq!(maps.len(), self.noise_shapes().len(), "one noise map for each styled convolution");
        }
        assert!(offsets.is_empty() || offsets.len() == self.styled().count(), "one offset for each styled convolution");
        let ws = ws.unbind(1);
        let shape: Vec<i64> = std::iter::once(batch).chain(self.constant.size()).collect();
        let mut x = self.constant.unsqueeze(0).expand(shape, false);
        let mut image: Option<Tensor> = None;
        let mut layer = 0;
        for block in &self.blocks {
            for (_, conv) in block.convs() {
                x = conv.forward_with(&x, &ws[layer], noise_of(noise, layer, conv).as_ref(), offsets.get(layer));
                layer += 1;
            }
            if let Some(attention) = &block.attention {
                x = attention.forward(&x);
            }
            // The image layer takes the next block's first w without using it up.
            let added = block.to_image.forward(&x, &ws[layer]);
            image = Some(match image {
                Some(image) => upsample2(&image) + added,
                None => added,
            });
        }
        image.expect("at least one block")
    }

    /// Name ("b8.conv0") and side of each noise map, in order; a volume's map has that side three times.
    pub fn noise_shapes(&self) -> Vec<(String, i64)> {
        self.styled().map(|(name, conv)| (name, conv.resolution())).collect()
    }

    /// Name ("b8.conv0"), channels out and channels in of each styled convolution whose kernels can be offset, in
    /// order: all where styles scale kernels, else none.
    pub fn kernels(&self) -> Vec<(String, [i64; 2])> {
        self.styled().filter_map(|(name, conv)| Some((name, conv.kernel()?))).collect()
    }

    /// Number of w vectors that `forward` takes.
    pub fn num_ws(&self) -> i64 {
        self.num_ws
    }

    fn styled(&self) -> impl Iterator<Item = (String, &Styled)> {
        self.blocks
            .iter()
            .flat_map(|block| block.convs().map(move |(layer, conv)| (format!("{}.{layer}", block.name), conv)))
    }

    pub(crate) fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "b4.const"), &self.constant, Role::Parameter);
        for block in &self.blocks {
            let path = join(path, &block.name);
            for (layer, conv) in block.convs() {
                conv.visit(&join(&path, layer), visit);
            }
            if let Some(attention) = &block.attention {
                attention.visit(&join(&path, "attention"), visit);
            }
            block.to_image.visit(&join(&path, "torgb"), visit);
        }
    }
}

fn noise_of(noise: &Noise<'_>, layer: usize, conv: &Styled) -> Option<Tensor> {
    match noise {
        Noise::Const => Some(conv.noise_const().unsqueeze(0).unsqueeze(0)),
        Noise::None => None,
        Noise::Given(maps) => Some(maps[layer].shallow_clone()),
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::seed::RunSeed;
    use tch::Kind;

    /// 8 x 8 pixels, or voxels, of one channel, all of whose weights are zero.
    fn empty(dimensions: i64) -> (Synthesis, Vec<(String, Tensor)>) {
        let config = GeneratorConfig { w_dim: 4, channel_base: 64, channel_max: 4, ..GeneratorConfig::small(8, 1) };
        let config = GeneratorConfig { dimensions, ..config };
        let synthesis = Synthesis::new(&Init::new(RunSeed(1), Device::Cpu, "synthesis"), &config);
        let mut stored = vec![];
        synthesis.visit("", &mut |name, tensor, role| {
            if role == Role::Parameter {
                let _ = tch::no_grad(|| tensor.shallow_clone().zero_());
                stored.push((name, tensor.shallow_clone()));
            }
        });
        (synthesis, stored)
    }

    #[test]
    fn without_weights_the_image_is_the_sum_of_its_biases() {
        for (dimensions, inside) in [(2, 36), (3, 216)] {
            let (synthesis, stored) = empty(dimensions);
            for (name, value) in [("b4.torgb.bias", 2.0), ("b8.torgb.bias", 0.5)] {
                let tensor = stored.iter().find(|(known, _)| known == name).map(|(_, tensor)| tensor).unwrap();
                let _ = tch::no_grad(|| tensor.shallow_clone().fill_(value));
            }
            let ws = Tensor::ones([1, synthesis.num_ws(), 4], (Kind::Float, Device::Cpu));
            // The maps are there, their strength is zero.
            let image = synthesis.forward(&ws, &Noise::Const);
            let inner = (2..2 + dimensions).fold(image, |image, axis| image.narrow(axis, 1, 6));
            assert_eq!(Vec::<f32>::try_from(inner.reshape([-1])).unwrap(), vec![2.5; inside]);
        }
    }

    #[test]
    fn one_noise_map_for_each_styled_convolution() {
        let names = |synthesis: &Synthesis| synthesis.noise_shapes();
        let expected = [("b4.conv1", 4), ("b8.conv0", 8), ("b8.conv1", 8)].map(|(name, side)| (name.to_owned(), side));
        for (dimensions, sizes) in [(2, [16, 64, 64]), (3, [64, 512, 512])] {
            let (synthesis, _) = empty(dimensions);
            assert_eq!(names(&synthesis), expected);
            let found = synthesis.styled().map(|(_, conv)| conv.noise_const().numel());
            assert_eq!(found.collect::<Vec<_>>(), sizes);
            assert_eq!(synthesis.num_ws(), 4);
        }
    }
}
