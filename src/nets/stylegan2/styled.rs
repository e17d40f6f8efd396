//! Layers of the synthesis that differ with what a style does.

use tch::Tensor;

use super::variants::Modulation;
use crate::nets::layers::adain::AdainConv;
use crate::nets::layers::equalized::{Activation, Conv, ConvShape};
use crate::nets::layers::modulated::{StyledConv, StyledShape, ToImage, ToImageShape};
use crate::nets::layers::offset::Offset;
use crate::nets::network::{Init, Visitor};

/// A styled convolution.
#[derive(Debug)]
pub(super) enum Styled {
    Weights(StyledConv),
    Adain(AdainConv),
}

impl Styled {
    pub fn new(init: &Init, modulation: Modulation, shape: StyledShape, bound: Option<f64>) -> Self {
        match modulation {
            Modulation::Weights => Self::Weights(StyledConv::new(init, shape, bound)),
            Modulation::Adain => Self::Adain(AdainConv::new(init, shape, bound)),
        }
    }

    /// As [`StyledConv::forward_with`]; only scaled kernels can be offset.
    pub fn forward_with(&self, x: &Tensor, w: &Tensor, noise: Option<&Tensor>, offset: Option<&Offset>) -> Tensor {
        match self {
            Self::Weights(layer) => layer.forward_with(x, w, noise, offset),
            Self::Adain(layer) => {
                assert!(offset.is_none(), "offsets are of kernels that styles scale");
                layer.forward(x, w, noise)
            }
        }
    }

    /// Side of the output.
    pub fn resolution(&self) -> i64 {
        match self {
            Self::Weights(layer) => layer.resolution(),
            Self::Adain(layer) => layer.resolution(),
        }
    }

    /// The constant noise map \[R, R\], or \[R, R, R\].
    pub fn noise_const(&self) -> &Tensor {
        match self {
            Self::Weights(layer) => layer.noise_const(),
            Self::Adain(layer) => layer.noise_const(),
        }
    }

    /// Channels out and in of a kernel that can be offset.
    pub fn kernel(&self) -> Option<[i64; 2]> {
        match self {
            Self::Weights(layer) => Some(layer.channels()),
            Self::Adain(_) => None,
        }
    }

    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        match self {
            Self::Weights(layer) => layer.visit(path, visit),
            Self::Adain(layer) => layer.visit(path, visit),
        }
    }
}

/// A layer to the image, with a style or without.
#[derive(Debug)]
pub(super) enum Shown {
    Weights(ToImage),
    Plain(Conv),
}

impl Shown {
    pub fn new(init: &Init, modulation: Modulation, shape: ToImageShape, bound: Option<f64>) -> Self {
        match modulation {
            Modulation::Weights => Self::Weights(ToImage::new(init, shape, bound)),
            Modulation::Adain => {
                let ToImageShape { inputs, channels, dimensions, .. } = shape;
                let (activation, bias, halve, gain) = (Activation::Linear, true, None, 1.0);
                let shape =
                    ConvShape { inputs, outputs: channels, kernel: 1, dimensions, activation, bias, halve, gain };
                Self::Plain(Conv::new(init, shape, bound))
            }
        }
    }

    /// x \[N, I, R, R\], w \[N, w_dim\] -> \[N, C, R, R\], float32.
    pub fn forward(&self, x: &Tensor, w: &Tensor) -> Tensor {
        match self {
            Self::Weights(layer) => layer.forward(x, w),
            Self::Plain(layer) => layer.forward_to_image(x),
        }
    }

    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        match self {
            Self::Weights(layer) => layer.visit(path, visit),
            Self::Plain(layer) => layer.visit(path, visit),
        }
    }
}
