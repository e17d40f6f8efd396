//! Halving residual blocks from an image down to 4x4, as many as its side needs: those of the discriminator (Karras et
//! al. 2020, section 4.1), at whose learning rates all equalised layers learn.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::engine::precision;
use crate::nets::layers::equalized::{Activation, Conv, ConvShape};
use crate::nets::layers::resample::Resampling;
use crate::nets::network::{Init, Visitor, join};

/// Side of what is left.
pub const LAST: i64 = 4;

/// Sizes of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkConfig {
    /// Channels of what it is shown.
    pub channels: i64,
    /// Side of it, a power of two from 8 up.
    pub side: i64,
    /// Channels of its first layer; they double with each halving ...
    pub width: i64,
    /// ... up to this.
    pub most: i64,
}

impl TrunkConfig {
    fn channels_at(&self, side: i64) -> i64 {
        (self.width * (self.side / side)).min(self.most)
    }

    /// Channels of what is left.
    pub fn last(&self) -> i64 {
        self.channels_at(LAST)
    }
}

#[derive(Debug)]
struct Block {
    conv0: Conv,
    conv1: Conv,
    skip: Conv,
}

/// Images to activations of side 4.
#[derive(Debug)]
pub struct Trunk {
    from_image: Conv,
    blocks: Vec<(String, Block)>,
}

impl Trunk {
    /// First values by `init`.
    pub fn new(init: &Init, config: &TrunkConfig) -> Self {
        let plain = |inputs, outputs| ConvShape {
            inputs,
            outputs,
            kernel: 3,
            dimensions: 2,
            activation: Activation::LeakyRelu,
            bias: true,
            halve: None,
            gain: 1.0,
        };
        let block = |side: i64| {
            let name = format!("b{side}");
            let init = init.sub(&name);
            let (here, below) = (config.channels_at(side), config.channels_at(side / 2));
            // Two branches are added: each at sqrt(1/2) keeps the variance.
            let conv1 = ConvShape {
                halve: Some(Resampling::Filter),
                gain: std::f64::consts::FRAC_1_SQRT_2,
                ..plain(here, below)
            };
            let skip = ConvShape { activation: Activation::Linear, bias: false, kernel: 1, ..conv1 };
            let block = Block {
                conv0: Conv::new(&init.sub("conv0"), plain(here, here), None),
                conv1: Conv::new(&init.sub("conv1"), conv1, None),
                skip: Conv::new(&init.sub("skip"), skip, None),
            };
            (name, block)
        };
        let sides = std::iter::successors(Some(config.side), |side| Some(side / 2)).take_while(|&side| side > LAST);
        Self {
            from_image: Conv::new(&init.sub("from_image"), plain(config.channels, config.width.min(config.most)), None),
            blocks: sides.map(block).collect(),
        }
    }

    /// Images \[N, C, S, S\] -> \[N, [`TrunkConfig::last`], 4, 4\], float32.
    pub fn forward(&self, images: &Tensor) -> Tensor {
        let first = self.from_image.forward(&precision::lowered(images));
        let last = self
            .blocks
            .iter()
            .fold(first, |x, (_, block)| block.conv1.forward(&block.conv0.forward(&x)) + block.skip.forward(&x));
        last.to_kind(Kind::Float)
    }

    /// Shows the tensors, whose names begin with `path`.
    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        self.from_image.visit(&join(path, "from_image"), visit);
        for (name, block) in &self.blocks {
            let path = join(path, name);
            block.conv0.visit(&join(&path, "conv0"), visit);
            block.conv1.visit(&join(&path, "conv1"), visit);
            block.skip.visit(&join(&path, "skip"), visit);
        }
    }
}
