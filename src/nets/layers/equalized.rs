//! Layers whose weights are stored at unit variance and scaled at run time (Karras et al. 2018, section 4.1).

use tch::Tensor;

use super::activation::{self, clamp, leaky_relu};
use super::axes;
use super::resample::{Resampling, downsample2};
use crate::engine::fused;
use crate::nets::network::{Init, Role, Visitor, join};

/// What follows the linear part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Linear,
    /// Slope 0.2, and a gain of sqrt(2).
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
    /// Weights from N(0, 1), biases 0. `multiplier` lowers the layer's learning rate: values are stored divided by it.
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

    /// x \[N, in\] -> \[N, out\].
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

    /// Shows the layer's tensors, whose names begin with `path`.
    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        visit(join(path, "bias"), &self.bias, Role::Parameter);
    }
}

/// Convolution \[N, in, H, W\] -> \[N, out, H', W'\], optionally after low-pass filtering and halving, in the precision
/// of the scope; of volumes likewise.
#[derive(Debug)]
pub struct Conv {
    weight: Tensor,
    bias: Option<Tensor>,
    weight_gain: f64,
    activation: Activation,
    halve: Option<Resampling>,
    /// Bound at gain 1.
    bound: Option<f64>,
    /// Factor on the layer's output, bound included.
    gain: f64,
}

/// Shape and kind of a [`Conv`].
#[derive(Clone, Copy, Debug)]
pub struct ConvShape {
    /// Channels in.
    pub inputs: i64,
    /// Channels out.
    pub outputs: i64,
    /// Side of the kernel: 1 or 3.
    pub kernel: i64,
    /// Axes of space: 2 or 3.
    pub dimensions: i64,
    /// What follows the convolution.
    pub activation: Activation,
    /// Whether it adds a bias.
    pub bias: bool,
    /// How each side is halved; `None` keeps it.
    pub halve: Option<Resampling>,
    /// Factor on the output, bound included.
    pub gain: f64,
}

impl Conv {
    /// Weights from N(0, 1), biases 0; the output, before its gain, is kept within `bound`.
    pub fn new(init: &Init, shape: ConvShape, bound: Option<f64>) -> Self {
        let ConvShape { inputs, outputs, kernel, dimensions, activation, bias, halve, gain } = shape;
        let weight = init.normal("weight", &axes::kernel(outputs, inputs, kernel, dimensions), 1.0);
        let terms: i64 = weight.size()[1..].iter().product();
        Self {
            weight,
            bias: bias.then(|| init.constant("bias", &[outputs], 0.0)),
            weight_gain: 1.0 / (terms as f64).sqrt(),
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
            (None, _) => fused::convolution(x, &self.weight, gain, 1, pad),
            (Some(_), 0) => fused::convolution(&downsample2(x), &self.weight, gain, 1, 0),
            (Some(resampling), _) => resampling.conv_down2(x, &self.weight, gain),
        };
        self.finish(&y)
    }

    /// `forward` of a 1x1 convolution that takes images (float32, few channels).
    pub fn forward_image(&self, images: &Tensor) -> Tensor {
        let kernel = &self.weight * (self.weight_gain * self.output_gain());
        self.finish(&fused::from_image(images, &kernel.flatten(1, -1).tr().unsqueeze(0)))
    }

    /// `forward` of a linear 1x1 convolution that gives images: x \[N, C, H, W\] in any precision -> float32.
    pub fn forward_to_image(&self, x: &Tensor) -> Tensor {
        debug_assert_eq!(self.activation, Activation::Linear);
        let kernel = &self.weight * (self.weight_gain * self.output_gain());
        let y = fused::to_image(x, &kernel.flatten(1, -1).unsqueeze(0));
        self.finish(&y)
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
                let shifted = bias.map(|bias| y + axes::per_channel(&(bias * gain), y).to_kind(y.kind()));
                clamp(shifted.unwrap_or_else(|| y.shallow_clone()), bound)
            }
        }
    }

    /// Shows the layer's tensors, whose names begin with `path`.
    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        if let Some(bias) = &self.bias {
            visit(join(path, "bias"), bias, Role::Parameter);
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::seed::RunSeed;

    fn init() -> Init {
        Init::new(RunSeed(1), Device::Cpu, "layer")
    }

    fn shape(dimensions: i64) -> ConvShape {
        let (activation, bias, halve, gain) = (Activation::Linear, true, None, 1.0);
        ConvShape { inputs: 2, outputs: 1, kernel: 1, dimensions, activation, bias, halve, gain }
    }

    /// Weights 3 and 5, bias 1.
    fn known(shape: ConvShape, bound: Option<f64>) -> Conv {
        let layer = Conv::new(&init(), shape, bound);
        tch::no_grad(|| {
            layer.weight.shallow_clone().copy_(&Tensor::from_slice(&[3.0_f32, 5.0]).view_as(&layer.weight));
            let _ = layer.bias.as_ref().map(|bias| bias.shallow_clone().fill_(1.0));
        });
        layer
    }

    fn values(x: &Tensor) -> Vec<f32> {
        Vec::try_from(x.reshape([-1])).unwrap()
    }

    fn near(found: &Tensor, expected: &[f64]) {
        let found = values(found);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} for {expected}");
        }
    }

    #[test]
    fn a_1x1_convolution_is_a_weighted_sum_over_the_root_of_its_terms() {
        let root = 2f64.sqrt();
        for (dimensions, size) in [(2, vec![1, 2, 1, 2]), (3, vec![1, 2, 1, 1, 2])] {
            // Channel 0 holds 1 and 2, channel 1 holds 10 and -20.
            let x = Tensor::from_slice(&[1.0_f32, 2.0, 10.0, -20.0]).reshape(size);
            let linear = known(shape(dimensions), None).forward(&x);
            near(&linear, &[(3.0 + 50.0) / root + 1.0, (6.0 - 100.0) / root + 1.0]);
            near(&known(shape(dimensions), Some(40.0)).forward_to_image(&x), &[53.0 / root + 1.0, -40.0]);
            // With the gain of the leaky ReLU the root cancels; below zero a fifth is left.
            let curved = ConvShape { activation: Activation::LeakyRelu, gain: 0.5, ..shape(dimensions) };
            near(&known(curved, None).forward(&x), &[0.5 * (53.0 + root), 0.5 * 0.2 * (-94.0 + root)]);
            // The bound is that of the output before its gain.
            near(&known(curved, Some(4.0)).forward(&x), &[2.0, -2.0]);
            near(
                &known(ConvShape { bias: false, ..shape(dimensions) }, None).forward_image(&x),
                &[53.0 / root, -94.0 / root],
            );
        }
    }

    #[test]
    fn halving_keeps_a_constant_image_inside() {
        let halved = known(ConvShape { halve: Some(Resampling::Filter), bias: false, ..shape(2) }, None);
        let y = halved.forward(&Tensor::ones([1, 2, 8, 8], (Kind::Float, Device::Cpu)));
        assert_eq!(y.size(), [1, 1, 4, 4]);
        near(&y.narrow(2, 1, 2).narrow(3, 1, 2), &[8.0 / 2f64.sqrt(); 4]);
    }

    #[test]
    fn a_linear_layer_learns_slowly_and_computes_the_same() {
        let layer = Linear::new(&init(), 4, 1, Activation::Linear, 0.01);
        tch::no_grad(|| {
            // As stored: a hundred times the weights 1, 2, 3, 4 and the bias 0.5.
            layer.weight.shallow_clone().copy_(&Tensor::from_slice(&[100.0_f32, 200.0, 300.0, 400.0]).view([1, 4]));
            let _ = layer.bias.shallow_clone().fill_(50.0);
        });
        let x = Tensor::from_slice(&[1.0_f32, 1.0, 1.0, -1.0]).view([1, 4]);
        // The root of four inputs is 2.
        near(&layer.forward(&x), &[2.0 / 2.0 + 0.5]);
        near(&layer.forward_scaled(&x, 3.0), &[4.5]);
        // Styles begin at one.
        near(&Linear::affine(&init(), 4, 2).forward(&x.zeros_like()), &[1.0, 1.0]);
    }
}
