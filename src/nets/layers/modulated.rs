//! Convolution whose kernels are scaled per image by a style (Karras et al. 2020, section 2.2).
//!
//! Scaling the kernels per image would need grouped convolutions. Scaling the input's channels by the style and the
//! output's channels by the demodulation factor is the same sum, with one shared kernel.

use tch::{Kind, Tensor};

use super::activation::{self, clamp};
use super::equalized::Linear;
use super::resample;
use crate::engine::{fused, precision};
use crate::nets::network::{Init, Role, Visitor, join};

/// One styled convolution of the synthesis: 3x3, demodulated, noise, bias, leaky ReLU.
#[derive(Debug)]
pub struct StyledConv {
    weight: Tensor,
    bias: Tensor,
    noise_strength: Tensor,
    noise_const: Tensor,
    affine: Linear,
    double: bool,
    bound: Option<f64>,
}

impl StyledConv {
    /// `resolution` is that of the output; `double` doubles the input's.
    pub fn new(
        init: &Init,
        inputs: i64,
        outputs: i64,
        w_dim: i64,
        resolution: i64,
        double: bool,
        bound: Option<f64>,
    ) -> Self {
        Self {
            weight: init.normal("weight", &[outputs, inputs, 3, 3], 1.0),
            bias: init.constant("bias", &[outputs], 0.0),
            noise_strength: init.constant("noise_strength", &[], 0.0),
            noise_const: init.normal_buffer("noise_const", &[resolution, resolution]),
            affine: Linear::affine(&init.sub("affine"), w_dim, inputs),
            double,
            bound,
        }
    }

    /// Side of the output.
    pub fn resolution(&self) -> i64 {
        self.noise_const.size()[0]
    }

    /// The constant noise map \[R, R\].
    pub fn noise_const(&self) -> &Tensor {
        &self.noise_const
    }

    /// x \[N, I, H, W\], w \[N, w_dim\], noise broadcastable to \[N, 1, R, R\] -> \[N, O, R, R\].
    pub fn forward(&self, x: &Tensor, w: &Tensor, noise: Option<&Tensor>) -> Tensor {
        let (styles, weight) = self.in_range(self.affine.forward(w));
        let x = fused::scale_channels(&precision::lowered(x), &styles);
        // The activation's gain goes into the kernel, bias and noise; the demodulation undoes only the styles.
        let gain = activation::GAIN;
        let y = if self.double {
            resample::conv_up2(&x, &weight, gain)
        } else {
            fused::convolution(&x, &weight, gain, 1, 1)
        };
        let scale = demodulation(&weight, &styles);
        let noise = noise.map(|map| (map, &self.noise_strength));
        fused::activate(&y, fused::Before { scale: Some(&scale), bias: Some(&self.bias), noise, gain }, self.bound)
    }

    /// Styles and kernels whose sums stay within what float16 holds (65504): no style and no kernel's entry above 1, over the
    /// root of the number of terms. The demodulation undoes all of it. Other precisions need none.
    fn in_range(&self, styles: Tensor) -> (Tensor, Tensor) {
        if precision::kind() != Kind::Half {
            return (styles, self.weight.shallow_clone());
        }
        let terms: i64 = self.weight.size()[1..].iter().product();
        let largest = |x: &Tensor, axes: &[i64]| x.abs().amax(axes, true).clamp_min(1e-8);
        let weight = &self.weight / (largest(&self.weight, &[1, 2, 3]) * (terms as f64).sqrt());
        (&styles / largest(&styles, &[1]), weight)
    }

    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        visit(join(path, "bias"), &self.bias, Role::Parameter);
        visit(join(path, "noise_strength"), &self.noise_strength, Role::Parameter);
        visit(join(path, "noise_const"), &self.noise_const, Role::Buffer);
        self.affine.visit(&join(path, "affine"), visit);
    }

    pub fn affine(&self) -> &Linear {
        &self.affine
    }
}

/// 1/sqrt(sum over inputs and taps of (weight * style)^2 + 1e-8): weight \[O, I, k, k\], styles \[N, I\] -> \[N, O\].
fn demodulation(weight: &Tensor, styles: &Tensor) -> Tensor {
    let energy = weight.square().sum_dim_intlist([2, 3].as_slice(), false, None::<Kind>);
    (styles.square().matmul(&energy.tr()) + 1e-8).rsqrt()
}

/// 1x1 styled convolution to image channels: no demodulation, no noise, linear.
#[derive(Debug)]
pub struct ToImage {
    weight: Tensor,
    bias: Tensor,
    affine: Linear,
    bound: Option<f64>,
}

impl ToImage {
    pub fn new(init: &Init, inputs: i64, channels: i64, w_dim: i64, bound: Option<f64>) -> Self {
        Self {
            weight: init.normal("weight", &[channels, inputs, 1, 1], 1.0),
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
        clamp(fused::to_image(x, &kernels) + self.bias.reshape([1, -1, 1, 1]), self.bound)
    }

    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        visit(join(path, "bias"), &self.bias, Role::Parameter);
        self.affine.visit(&join(path, "affine"), visit);
    }

    pub fn affine(&self) -> &Linear {
        &self.affine
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::engine::Precision;
    use crate::engine::precision::Scope;
    use crate::seed::RunSeed;

    #[test]
    fn float16_holds_large_styles_and_activations() {
        tch::manual_seed(1);
        let init = Init::new(RunSeed(1), Device::Cpu, "layer");
        for double in [false, true] {
            let layer = StyledConv::new(&init.sub("conv"), 64, 8, 16, if double { 16 } else { 8 }, double, Some(256.0));
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
