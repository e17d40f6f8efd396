//! Layers whose weights are stored at unit variance and scaled at run time (Karras et al. 2018, section 4.1).

use tch::Tensor;

use super::activation::{self, clamp, leaky_relu};
use super::resample;
use crate::engine::fused;
use crate::nets::network::{Init, Role, Visitor, join};

/// What follows the linear part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Linear,
    LeakyRelu,
}

impl Activation {
    fn gain(self) -> f64 {
        match self {
            Self::Linear => 1.0,
            Self::LeakyRelu => activation::GAIN,
        }
    }
}

/// Fully connected layer \[N, in\] -> \[N, out\].
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
    weight_gain: f64,
    bias_gain: f64,
    activation: Activation,
}

impl Linear {
    /// `multiplier` lowers the layer's learning rate: values are stored divided by it.
    pub fn new(init: &Init, inputs: i64, outputs: i64, activation: Activation, multiplier: f64) -> Self {
        Self {
            weight: init.normal("weight", &[outputs, inputs], 1.0 / multiplier),
            bias: init.constant("bias", &[outputs], 0.0),
            weight_gain: multiplier / (inputs as f64).sqrt(),
            bias_gain: multiplier,
            activation,
        }
    }

    /// The affine map from w to styles: linear, bias starts at one.
    pub fn affine(init: &Init, inputs: i64, outputs: i64) -> Self {
        Self {
            bias: init.constant("bias", &[outputs], 1.0),
            ..Self::new(init, inputs, outputs, Activation::Linear, 1.0)
        }
    }

    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.forward_scaled(x, 1.0)
    }

    /// `forward` times `gain`, at no extra cost.
    pub fn forward_scaled(&self, x: &Tensor, gain: f64) -> Tensor {
        let gain = gain * self.activation.gain();
        let y = fused::linear(x, &self.weight, &self.bias, self.weight_gain * gain, self.bias_gain * gain);
        match self.activation {
            Activation::Linear => y,
            Activation::LeakyRelu => leaky_relu(&y),
        }
    }

    /// Stored weight \[out, in\] (SeFa factorises it).
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        visit(join(path, "bias"), &self.bias, Role::Parameter);
    }
}

/// Convolution \[N, in, H, W\] -> \[N, out, H', W'\], optionally after low-pass filtering and halving, in the precision of
/// the scope.
#[derive(Debug)]
pub struct Conv {
    weight: Tensor,
    bias: Option<Tensor>,
    weight_gain: f64,
    activation: Activation,
    halve: bool,
    /// Bound at gain 1.
    bound: Option<f64>,
    /// Factor on the layer's output, bound included.
    gain: f64,
}

/// Shape and kind of a [`Conv`].
#[derive(Clone, Copy, Debug)]
pub struct ConvShape {
    pub inputs: i64,
    pub outputs: i64,
    /// 1 or 3.
    pub kernel: i64,
    pub activation: Activation,
    pub bias: bool,
    pub halve: bool,
    pub gain: f64,
}

impl Conv {
    pub fn new(init: &Init, shape: ConvShape, bound: Option<f64>) -> Self {
        let ConvShape { inputs, outputs, kernel, activation, bias, halve, gain } = shape;
        Self {
            weight: init.normal("weight", &[outputs, inputs, kernel, kernel], 1.0),
            bias: bias.then(|| init.constant("bias", &[outputs], 0.0)),
            weight_gain: 1.0 / ((inputs * kernel * kernel) as f64).sqrt(),
            activation,
            halve,
            bound,
            gain,
        }
    }

    /// x in the precision of the scope; so is the result.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let pad = self.weight.size()[2] / 2;
        let gain = self.weight_gain * self.output_gain();
        let y = match (self.halve, pad) {
            (false, _) => fused::convolution(x, &self.weight, gain, 1, pad),
            (true, 0) => fused::convolution(&resample::downsample2(x), &self.weight, gain, 1, 0),
            (true, _) => resample::conv_down2(x, &self.weight, gain),
        };
        self.finish(&y)
    }

    /// `forward` of a 1x1 convolution that takes images (float32, few channels).
    pub fn forward_image(&self, images: &Tensor) -> Tensor {
        let kernel = &self.weight * (self.weight_gain * self.output_gain());
        self.finish(&fused::from_image(images, &kernel.flatten(1, -1).tr().unsqueeze(0)))
    }

    fn output_gain(&self) -> f64 {
        self.gain * self.activation.gain()
    }

    /// Bias, activation and bound.
    fn finish(&self, y: &Tensor) -> Tensor {
        let (bound, gain) = (self.bound.map(|bound| bound * self.gain), self.output_gain());
        let bias = self.bias.as_ref();
        match self.activation {
            Activation::LeakyRelu => {
                fused::activate(y, fused::Before { bias, gain, ..fused::Before::default() }, bound)
            }
            Activation::Linear => {
                let shifted = bias.map(|bias| y + (bias * gain).reshape([1, -1, 1, 1]).to_kind(y.kind()));
                clamp(shifted.unwrap_or_else(|| y.shallow_clone()), bound)
            }
        }
    }

    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        if let Some(bias) = &self.bias {
            visit(join(path, "bias"), bias, Role::Parameter);
        }
    }
}
