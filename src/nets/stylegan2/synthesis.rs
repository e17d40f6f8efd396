//! ws to image: a learnt 4x4 constant, styled convolutions, and an image that each resolution adds to (skip generator,
//! Karras et al. 2020, section 4.1).

use tch::Tensor;

use super::config::{GeneratorConfig, resolutions};
use crate::nets::layers::modulated::{StyledConv, ToImage};
use crate::nets::layers::resample::upsample2;
use crate::nets::network::{Init, Role, Visitor, join};

/// Where the noise of the styled convolutions comes from.
#[derive(Clone, Copy, Debug)]
pub enum Noise<'a> {
    /// The network's own maps, the same for every image.
    Const,
    None,
    /// One \[1 or N, 1, r, r\] per styled convolution, in the order of [`Synthesis::noise_shapes`].
    Given(&'a [Tensor]),
}

/// Layers at one resolution.
#[derive(Debug)]
struct Block {
    name: String,
    /// Absent at 4x4.
    conv0: Option<StyledConv>,
    conv1: StyledConv,
    to_image: ToImage,
}

impl Block {
    fn convs(&self) -> impl Iterator<Item = (&'static str, &StyledConv)> {
        self.conv0.iter().map(|conv| ("conv0", conv)).chain(std::iter::once(("conv1", &self.conv1)))
    }
}

/// The generator's synthesis network.
#[derive(Debug)]
pub struct Synthesis {
    /// Learnt start \[C, 4, 4\].
    constant: Tensor,
    blocks: Vec<Block>,
    num_ws: i64,
}

impl Synthesis {
    pub(crate) fn new(init: &Init, config: &GeneratorConfig) -> Self {
        let mut inputs = config.channels_at(4);
        let constant = init.sub("b4").normal("const", &[inputs, 4, 4], 1.0);
        let mut blocks = Vec::new();
        for resolution in resolutions(config.resolution) {
            let name = format!("b{resolution}");
            let init = init.sub(&name);
            let outputs = config.channels_at(resolution);
            let styled = |layer: &str, inputs: i64, double: bool| {
                StyledConv::new(&init.sub(layer), inputs, outputs, config.w_dim, resolution, double, config.conv_clamp)
            };
            blocks.push(Block {
                conv0: (resolution > 4).then(|| styled("conv0", inputs, true)),
                conv1: styled("conv1", outputs, false),
                to_image: ToImage::new(&init.sub("torgb"), outputs, config.channels, config.w_dim, config.conv_clamp),
                name,
            });
            inputs = outputs;
        }
        Self { constant, blocks, num_ws: config.num_ws() }
    }

    /// ws \[N, num_ws, w_dim\] -> images \[N, C, R, R\], float32, about -1..1.
    pub fn forward(&self, ws: &Tensor, noise: &Noise<'_>) -> Tensor {
        let (batch, count, _) = ws.size3().expect("ws has 3 axes");
        assert_eq!(count, self.num_ws, "ws holds {count} vectors, the synthesis takes {}", self.num_ws);
        if let Noise::Given(maps) = noise {
            assert_eq!(maps.len(), self.noise_shapes().len(), "one noise map for each styled convolution");
        }
        let ws = ws.unbind(1);
        let mut x = self.constant.unsqueeze(0).expand([batch, -1, -1, -1], false);
        let mut image: Option<Tensor> = None;
        let mut layer = 0;
        for block in &self.blocks {
            for (_, conv) in block.convs() {
                x = conv.forward(&x, &ws[layer], noise_of(noise, layer, conv).as_ref());
                layer += 1;
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

    /// Name ("b8.conv0") and side of each noise map, in order.
    pub fn noise_shapes(&self) -> Vec<(String, i64)> {
        self.styled().map(|(name, conv)| (name, conv.resolution())).collect()
    }

    /// The network's constant noise maps, each \[1, 1, r, r\], in the order of [`Self::noise_shapes`].
    pub fn noise_consts(&self) -> Vec<Tensor> {
        self.styled().map(|(_, conv)| conv.noise_const().unsqueeze(0).unsqueeze(0)).collect()
    }

    /// Number of w vectors that `forward` takes.
    pub fn num_ws(&self) -> i64 {
        self.num_ws
    }

    fn styled(&self) -> impl Iterator<Item = (String, &StyledConv)> {
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
            block.to_image.visit(&join(&path, "torgb"), visit);
        }
    }
}

fn noise_of(noise: &Noise<'_>, layer: usize, conv: &StyledConv) -> Option<Tensor> {
    match noise {
        Noise::Const => Some(conv.noise_const().unsqueeze(0).unsqueeze(0)),
        Noise::None => None,
        Noise::Given(maps) => Some(maps[layer].shallow_clone()),
    }
}
