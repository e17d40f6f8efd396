//! Convolution whose kernels are scaled per image by a style (Karras et al. 2020, section 2.2).
//!
//! Scaling the kernels per image would need grouped convolutions. Scaling the input's channels by the style and the
//! output's channels by the demodulation factor is the same sum, with one shared kernel.

use tch::{Kind, Tensor};

use super::activation::{self, clamp};
use super::axes;
use super::equalized::Linear;
use super::offset::{Layer, Offset};
use super::resample::Resampling;
use crate::engine::{fused, precision};
use crate::nets::network::{Init, Role, Visitor, join};

/// One styled convolution of the synthesis: 3x3 (in a volume 3x3x3), demodulated, noise, bias, leaky ReLU.
#[derive(Debug)]
pub struct StyledConv {
    weight: Tensor,
    bias: Tensor,
    noise_strength: Tensor,
    noise_const: Tensor,
    affine: Linear,
    double: Option<Resampling>,
    bound: Option<f64>,
}

/// Shape of a [`StyledConv`].
#[derive(Clone, Copy, Debug)]
pub struct StyledShape {
    /// Channels in.
    pub inputs: i64,
    /// Channels out.
    pub outputs: i64,
    /// Length of w.
    pub w_dim: i64,
    /// Side of the output.
    pub resolution: i64,
    /// Axes of space: 2 or 3.
    pub dimensions: i64,
    /// How the output's side comes to be twice the input's; `None` keeps it.
    pub double: Option<Resampling>,
}

impl StyledConv {
    /// Weights and noise maps from N(0, 1), strength and biases 0; the output is kept within `bound`.
    pub fn new(init: &Init, shape: StyledShape, bound: Option<f64>) -> Self {
        let StyledShape { inputs, outputs, w_dim, resolution, dimensions, double } = shape;
        let places: Vec<i64> = (0..dimensions).map(|_| resolution).collect();
        Self {
            weight: init.normal("weight", &axes::kernel(outputs, inputs, 3, dimensions), 1.0),
            bias: init.constant("bias", &[outputs], 0.0),
            noise_strength: init.constant("noise_strength", &[], 0.0),
            noise_const: init.normal_buffer("noise_const", &places),
            affine: Linear::affine(&init.sub("affine"), w_dim, inputs),
            double,
            bound,
        }
    }

    /// Side of the output.
    pub fn resolution(&self) -> i64 {
        self.noise_const.size()[0]
    }

    /// The constant noise map \[R, R\], or \[R, R, R\].
    pub fn noise_const(&self) -> &Tensor {
        &self.noise_const
    }

    /// x \[N, I, H, W\], w \[N, w_dim\], noise \[1 or N, 1, R, R\] -> \[N, O, R, R\]; of volumes likewise.
    pub fn forward(&self, x: &Tensor, w: &Tensor, noise: Option<&Tensor>) -> Tensor {
        self.forward_with(x, w, noise, None)
    }

    /// The same with kernels that are offset for each image; where an offset is 0, to the bit what it is without.
    pub fn forward_with(&self, x: &Tensor, w: &Tensor, noise: Option<&Tensor>, offset: Option<&Offset>) -> Tensor {
        let (styles, weight) = self.in_range(self.affine.forward(w));
        let x = fused::scale_channels(&precision::lowered(x), &styles);
        // The activation's gain goes into the kernel, bias and noise; the demodulation undoes only the styles.
        let gain = activation::GAIN;
        let convolve = |x: &Tensor| match self.double {
            Some(resampling) => resampling.conv_up2(x, &weight, gain),
            None => fused::convolution(x, &weight, gain, 1, 1),
        };
        let y = convolve(&x);
        let y = match offset {
            Some(offset) => y + offset.convolved(&x, Layer { weight: &weight, gain, double: self.double }, convolve),
            None => y,
        };
        let scale = demodulation(&weight, &styles, offset);
        let noise = noise.map(|map| (map, &self.noise_strength));
        fused::activate(&y, fused::Before { scale: Some(&scale), bias: Some(&self.bias), noise, gain }, self.bound)
    }

    /// Styles \[N, I\] and kernels \[O, I, 3, 3\] whose sums stay within what float16 holds (65504): no style and no
    /// kernel's entry above 1, over the root of the number of terms. The demodulation undoes all of it. Other
    /// precisions need none.
    fn in_range(&self, styles: Tensor) -> (Tensor, Tensor) {
        if precision::kind() != Kind::Half {
            return (styles, self.weight.shallow_clone());
        }
        let terms: i64 = self.weight.size()[1..].iter().product();
        let of_an_output: Vec<i64> = (1..self.weight.dim() as i64).collect();
        let largest = |x: &Tensor, axes: &[i64]| x.abs().amax(axes, true).clamp_min(1e-8);
        let weight = &self.weight / (largest(&self.weight, &of_an_output) * (terms as f64).sqrt());
        (&styles / largest(&styles, &[1]), weight)
    }

    /// Shows the layer's tensors, whose names begin with `path`.
    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        visit(join(path, "bias"), &self.bias, Role::Parameter);
        visit(join(path, "noise_strength"), &self.noise_strength, Role::Parameter);
        visit(join(path, "noise_const"), &self.noise_const, Role::Buffer);
        self.affine.visit(&join(path, "affine"), visit);
    }

    /// The map from w to styles \[N, I\].
    pub fn affine(&self) -> &Linear {
        &self.affine
    }

    /// Channels out and in.
    pub fn channels(&self) -> [i64; 2] {
        [self.weight.size()[0], self.weight.size()[1]]
    }
}

/// 1/sqrt(sum over inputs and taps of (weight * style)^2 + 1e-8): weight \[O, I, k, k\], styles \[N, I\] -> \[N, O\]
/// (Karras et al. 2020, equation 3); the weight is that with the image's offsets.
fn demodulation(weight: &Tensor, styles: &Tensor, offset: Option<&Offset>) -> Tensor {
    let energy = weight.square().sum_dim_intlist(axes::of_space(weight), false, None::<Kind>);
    let squares = styles.square();
    let sum = squares.matmul(&energy.tr());
    let sum = match offset {
        // A sum of squares; rounding may leave less than 0 of it where the offsets are near -1.
        Some(offset) => (sum + offset.energy(&energy, &squares)).clamp_min(0.0),
        None => sum,
    };
    (sum + 1e-8).rsqrt()
}

/// 1x1 styled convolution to image channels: no demodulation, no noise, linear.
#[derive(Debug)]
pub struct ToImage {
    weight: Tensor,
    bias: Tensor,
    affine: Linear,
    bound: Option<f64>,
}

/// Shape of a [`ToImage`].
#[derive(Clone, Copy, Debug)]
pub struct ToImageShape {
    /// Channels in.
    pub inputs: i64,
    /// Channels of the image.
    pub channels: i64,
    /// Length of w.
    pub w_dim: i64,
    /// Axes of space: 2 or 3.
    pub dimensions: i64,
}

impl ToImage {
    /// Weights from N(0, 1), biases 0; the output is kept within `bound`.
    pub fn new(init: &Init, shape: ToImageShape, bound: Option<f64>) -> Self {
        let ToImageShape { inputs, channels, w_dim, dimensions } = shape;
        Self {
            weight: init.normal("weight", &axes::kernel(channels, inputs, 1, dimensions), 1.0),
            bias: init.constant("bias", &[channels], 0.0),
            affine: Linear::affine(&init.sub("affine"), w_dim, inputs),
            bound,
        }
    }

    /// x \[N, I, R, R\], w \[N, w_dim\] -> \[N, C, R, R\], float32.
    pub fn forward(&self, x: &Tensor, w: &Tensor) -> Tensor {
        let inputs = x.size()[1];
        let styles = self.affine.forward_scaled(w, 1.0 / (inputs as f64).sqrt());
        // Few outputs: a kernel for each image [N, C, I] spares the scaled copy of x.
        let kernels = self.weight.reshape([1, -1, inputs]) * styles.unsqueeze(1);
        clamp(fused::to_image(x, &kernels) + axes::per_channel(&self.bias, x), self.bound)
    }

    /// Shows the layer's tensors, whose names begin with `path`.
    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        visit(join(path, "bias"), &self.bias, Role::Parameter);
        self.affine.visit(&join(path, "affine"), visit);
    }

    /// The map from w to styles \[N, I\].
    pub fn affine(&self) -> &Linear {
        &self.affine
    }
}

#[cfg(test)]
#[path = "offset_tests.rs"]
mod offset_tests;

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::engine::Precision;
    use crate::engine::precision::Scope;
    use crate::seed::RunSeed;

    fn layer(resolution: i64, dimensions: i64, double: Option<Resampling>) -> StyledConv {
        let shape = StyledShape { inputs: 3, outputs: 2, w_dim: 4, resolution, dimensions, double };
        StyledConv::new(&Init::new(RunSeed(1), Device::Cpu, "layer"), shape, None)
    }

    fn set(tensor: &Tensor, values: &Tensor) {
        tch::no_grad(|| tensor.shallow_clone().copy_(values));
    }

    #[test]
    fn without_weights_and_noise_the_bias_is_left() {
        for (dimensions, size) in [(2, vec![1, 3, 4, 4]), (3, vec![1, 3, 4, 4, 4])] {
            let layer = layer(4, dimensions, None);
            set(&layer.weight, &layer.weight.zeros_like());
            set(&layer.bias, &Tensor::from_slice(&[1.0_f32, -1.0]));
            let options = (Kind::Float, Device::Cpu);
            let (x, w) = (Tensor::randn(size, options), Tensor::randn([1, 4], options));
            let map = layer.noise_const().unsqueeze(0).unsqueeze(0);
            // Strength 0: the noise is not seen.
            let y = layer.forward(&x, &w, Some(&map)).flatten(2, -1);
            let root = 2f64.sqrt();
            for (channel, expected) in [(0, root), (1, -0.2 * root)] {
                assert!((y.select(1, channel) - expected).abs().max().double_value(&[]) < 1e-6);
            }
            // Strength 2: twice the map, before the leaky ReLU with its gain.
            set(&layer.noise_strength, &Tensor::from(2.0_f32));
            let y = layer.forward(&x, &w, Some(&map)).select(1, 0).flatten(1, -1);
            let before = layer.noise_const().flatten(0, -1) * 2.0 + 1.0;
            let expected = before.maximum(&(&before * 0.2)) * root;
            assert!((y - expected).abs().max().double_value(&[]) < 1e-5);
        }
    }

    #[test]
    fn a_1x1_kernel_to_the_image_is_weighted_by_its_style() {
        let shape = ToImageShape { inputs: 4, channels: 1, w_dim: 2, dimensions: 2 };
        let layer = ToImage::new(&Init::new(RunSeed(1), Device::Cpu, "image"), shape, None);
        set(&layer.weight, &Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).view([1, 4, 1, 1]));
        set(&layer.bias, &Tensor::from_slice(&[0.5_f32]));
        // At w = 0 each style is the one that the affine map begins with; the root of four inputs is 2.
        let options = (Kind::Float, Device::Cpu);
        let image = layer.forward(&Tensor::ones([1, 4, 1, 1], options), &Tensor::zeros([1, 2], options));
        assert_eq!(image.double_value(&[0, 0, 0, 0]), 10.0 / 2.0 + 0.5);
    }

    /// A kernel of an image as the middle of a volume's: where nothing changes with depth, each depth is that image.
    #[test]
    fn an_inflated_kernel_does_in_each_depth_what_it_did_in_an_image() {
        tch::manual_seed(2);
        let options = (Kind::Float, Device::Cpu);
        let (x, w) = (Tensor::randn([2, 3, 8, 8], options), Tensor::randn([2, 4], options));
        for (double, side, border) in [(None, 8, 0), (Some(Resampling::Filter), 16, 3)] {
            let (flat, deep) = (layer(side, 2, double), layer(side, 3, double));
            let inflated = Tensor::zeros_like(&deep.weight);
            inflated.select(2, 1).copy_(&flat.weight.detach());
            set(&deep.weight, &inflated);
            let expected = flat.forward(&x, &w, None);
            let found = deep.forward(&x.unsqueeze(2).expand([-1, -1, 8, -1, -1], false), &w, None);
            assert_eq!(found.size(), [2, 2, side, side, side]);
            let inner = found.narrow(2, border, side - 2 * border);
            let error = (inner - expected.unsqueeze(2)).abs().max().double_value(&[]);
            assert!(error < 1e-5, "{double:?} {error}");
        }
    }

    #[test]
    fn float16_holds_large_styles_and_activations() {
        tch::manual_seed(1);
        let init = Init::new(RunSeed(1), Device::Cpu, "layer");
        for double in [None, Some(Resampling::Filter), Some(Resampling::Transposed)] {
            let resolution = if double.is_some() { 16 } else { 8 };
            let shape = StyledShape { inputs: 64, outputs: 8, w_dim: 16, resolution, dimensions: 2, double };
            let layer = StyledConv::new(&init.sub("conv"), shape, Some(256.0));
            let options = (Kind::Float, Device::Cpu);
            // Activations at their bound, styles in the hundreds: the plain sums are near a million.
            let x = Tensor::randn([2, 64, 8, 8], options).sign() * 256.0;
            let w = Tensor::randn([2, 16], options) * 300.0;
            let exact = layer.forward(&x, &w, None);
            let low = {
                let _scope = Scope::enter(Precision::Float16);
                layer.forward(&x, &w, None)
            };
            assert_eq!(low.kind(), Kind::Half);
            let error = (low.to_kind(Kind::Float) - &exact).abs().max() / exact.abs().max();
            assert!(error.double_value(&[]) < 4e-3, "{error}");
        }
    }
}
