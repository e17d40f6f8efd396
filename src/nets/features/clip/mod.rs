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
        let words = known.form.words();
        let block = |at: i64| {
            let of = |part: &str| words.of_block(at, part);
            Block {
                first: both(&of(words.first)),
                in_proj: match known.form {
                    Form::OpenAi => Affine(own(&of("attn.in_proj_weight")), own(&of("attn.in_proj_bias"))),
                    Form::Transformers => {
                        let parts = ["q", "k", "v"].map(|part| both(&of(&format!("self_attn.{part}_proj"))));
                        let all =
                            |of: fn(&Affine) -> &Tensor| Tensor::cat(&parts.iter().map(of).collect::<Vec<_>>(), 0);
                        Affine(all(|part| &part.0), all(|part| &part.1))
                    }
                },
                out_proj: both(&of(words.out_proj)),
                second: both(&of(words.second)),
                up: both(&of(words.up)),
                down: both(&of(words.down)),
            }
        };
        let projection = own(words.projection);
        Self {
            size: known.size,
            patches: own(words.patches),
            class: own(words.class),
            positions: own(words.positions),
            before: both(words.before),
            blocks: (0..known.size.layers).map(block).collect(),
            after: both(words.after),
            projection: if known.form == Form::OpenAi { projection } else { projection.tr() },
            mean: colours(MEAN),
            deviation: colours(DEVIATION),
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
