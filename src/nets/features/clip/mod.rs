//! CLIP's image encoder (Radford et al. 2021, section 2.4): a vision transformer (Dosovitskiy et al. 2021) whose class
//! token, projected, is the embedding of an image. CMMD compares sets of images by it (Jayasumana et al. 2024).
//!
//! The activation is OpenAI's x sigmoid(1.702 x). Encoders of others that were trained with GELU have the same tensors;
//! nothing in a file of weights tells them apart, so that what is measured with weights which are not OpenAI's own
//! carries their hash in its name.

use tch::{Device, Kind, Tensor};

pub mod names;

use self::names::{Encoder, Form, Size};
use crate::nets::network::Named;

/// Of images in 0..1, as OpenAI normalises them.
const MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
const DEVIATION: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];

/// Added to the variances of layer normalisation.
const EPSILON: f64 = 1e-5;

/// Weights of one block.
struct Block {
    first: Affine,
    in_proj: Affine,
    out_proj: Affine,
    second: Affine,
    up: Affine,
    down: Affine,
}

/// A weight and its bias.
struct Affine(Tensor, Tensor);

impl Affine {
    fn linear(&self, x: &Tensor) -> Tensor {
        x.linear(&self.0, Some(&self.1))
    }

    fn norm(&self, x: &Tensor) -> Tensor {
        x.layer_norm([self.0.size()[0]], Some(&self.0), Some(&self.1), EPSILON, true)
    }
}

/// The encoder with its weights.
pub struct Clip {
    size: Size,
    patches: Tensor,
    class: Tensor,
    positions: Tensor,
    before: Affine,
    blocks: Vec<Block>,
    after: Affine,
    /// \[width, out\].
    projection: Tensor,
    mean: Tensor,
    deviation: Tensor,
}

impl Clip {
    /// The encoder of `known`, whose tensors are `tensors` by the file's names.
    pub fn new(known: &Encoder, tensors: &Named, device: Device) -> Self {
        let own = |name: &str| tensors[&known.names[name]].to_kind(Kind::Float).to_device(device);
        let both = |name: &str| Affine(own(&format!("{name}.weight")), own(&format!("{name}.bias")));
        let colours =
            |values: [f64; 3]| Tensor::from_slice(&values).to_kind(Kind::Float).reshape([1, 3, 1, 1]).to_device(device);
        let (mean, deviation) = (colours(MEAN), colours(DEVIATION));
        let layers = 0..known.size.layers;
        match known.form {
            Form::OpenAi => {
                let block = |at: i64| {
                    let of = |name: &str| format!("transformer.resblocks.{at}.{name}");
                    Block {
                        first: both(&of("ln_1")),
                        in_proj: Affine(own(&of("attn.in_proj_weight")), own(&of("attn.in_proj_bias"))),
                        out_proj: both(&of("attn.out_proj")),
                        second: both(&of("ln_2")),
                        up: both(&of("mlp.c_fc")),
                        down: both(&of("mlp.c_proj")),
                    }
                };
                Self {
                    size: known.size,
                    patches: own("conv1.weight"),
                    class: own("class_embedding"),
                    positions: own("positional_embedding"),
                    before: both("ln_pre"),
                    blocks: layers.map(block).collect(),
                    after: both("ln_post"),
                    projection: own("proj"),
                    mean,
                    deviation,
                }
            }
            Form::Transformers => {
                let block = |at: i64| {
                    let of = |name: &str| format!("encoder.layers.{at}.{name}");
                    let parts = ["q", "k", "v"].map(|part| both(&of(&format!("self_attn.{part}_proj"))));
                    let all = |of: fn(&Affine) -> &Tensor| Tensor::cat(&parts.iter().map(of).collect::<Vec<_>>(), 0);
                    Block {
                        first: both(&of("layer_norm1")),
                        in_proj: Affine(all(|part| &part.0), all(|part| &part.1)),
                        out_proj: both(&of("self_attn.out_proj")),
                        second: both(&of("layer_norm2")),
                        up: both(&of("mlp.fc1")),
                        down: both(&of("mlp.fc2")),
                    }
                };
                Self {
                    size: known.size,
                    patches: own("embeddings.patch_embedding.weight"),
                    class: own("embeddings.class_embedding"),
                    positions: own("embeddings.position_embedding.weight"),
                    before: both("pre_layrnorm"),
                    blocks: layers.map(block).collect(),
                    after: both("post_layernorm"),
                    projection: own("visual_projection.weight").tr(),
                    mean,
                    deviation,
                }
            }
        }
    }

    /// Its sizes.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Embeddings \[N, F\] of unit length, without gradient, of images \[N, C, H, W\] in -1..1: three channels as
    /// colours, any other number as so many grey images, whose embeddings lie side by side.
    ///
    /// As CMMD's published code does, images are pictures of 256 levels, of which the square in the middle is brought
    /// to the encoder's side as Pillow does (bicubic, rounded and cut off at black and white), within a level or two.
    pub fn embeddings(&self, images: &Tensor) -> Tensor {
        tch::no_grad(|| {
            let size = images.size();
            let (n, channels, height, width) = (size[0], size[1], size[2], size[3]);
            let (square, side) = (height.min(width), self.size.side());
            let levels = ((images.to_kind(Kind::Float).clamp(-1.0, 1.0) + 1.0) * 127.5).round();
            let middle = levels.narrow(2, (height - square) / 2, square).narrow(3, (width - square) / 2, square);
            // Of whole numbers it rounds between its two passes, too; only on the CPU.
            let levels = middle.to_device(Device::Cpu).to_kind(Kind::Uint8).contiguous();
            let resized = levels.internal_upsample_bicubic2d_aa([side, side], false, None, None);
            let unit = resized.to_device(images.device()).to_kind(Kind::Float) / 255.0;
            let resized = match channels {
                3 => unit,
                _ => unit.reshape([n * channels, 1, side, side]).expand([n * channels, 3, side, side], false),
            };
            let found = self.forward(&((resized - &self.mean) / &self.deviation));
            let length = found.square().sum_dim_intlist(1, true, Kind::Float).sqrt();
            let unit = (found / length.clamp_min(f64::from(f32::MIN_POSITIVE))).reshape([n, -1]);
            // Each of the channels weighs the same.
            &unit / (unit.size()[1] as f64 / self.size.out as f64).sqrt()
        })
    }

    /// Normalised images \[N, 3, side, side\] -> \[N, out\].
    fn forward(&self, images: &Tensor) -> Tensor {
        let Size { width, patch, .. } = self.size;
        let n = images.size()[0];
        let patches = images.conv2d(&self.patches, None::<&Tensor>, [patch, patch], [0, 0], [1, 1], 1);
        let tokens = patches.flatten(2, -1).transpose(1, 2);
        let class = self.class.reshape([1, 1, width]).expand([n, 1, width], false);
        let mut x = self.before.norm(&(Tensor::cat(&[class, tokens], 1) + &self.positions));
        for block in &self.blocks {
            x = &x + self.attention(block, &block.first.norm(&x));
            let up = block.up.linear(&block.second.norm(&x));
            x += block.down.linear(&(&up * (&up * 1.702).sigmoid()));
        }
        self.after.norm(&x.select(1, 0)).matmul(&self.projection)
    }

    fn attention(&self, block: &Block, x: &Tensor) -> Tensor {
        let (size, heads) = (x.size(), self.size.heads());
        let (n, tokens, width) = (size[0], size[1], size[2]);
        // [3, N, heads, tokens, width / heads]
        let parts = block.in_proj.linear(x).reshape([n, tokens, 3, heads, width / heads]).permute([2, 0, 3, 1, 4]);
        let part = |at: i64| parts.select(0, at);
        let (q, k, v) = (part(0), part(1), part(2));
        let mixed = Tensor::scaled_dot_product_attention(&q, &k, &v, None::<&Tensor>, 0.0, false, None, false);
        block.out_proj.linear(&mixed.transpose(1, 2).reshape([n, tokens, width]))
    }
}
