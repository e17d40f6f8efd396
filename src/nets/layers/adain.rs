//! Convolution whose output, not its kernel, takes the style: adaptive instance normalisation (Karras et al. 2019,
//! section 3).

use tch::{Kind, Tensor};

use super::activation::{self, clamp};
use super::axes;
use super::equalized::{Activation, Linear};
use super::modulated::StyledShape;
use super::resample::Resampling;
use crate::engine::{fused, precision};
use crate::nets::network::{Init, Role, Visitor, join};

/// Added to a variance; the published value.
const EPSILON: f64 = 1e-8;

/// The same at 4 x 4 pixels. What starts there is one map for all images, and where a channel of it is constant the
/// gradient is 1 / sqrt(epsilon): 1e4 with the published value.
const EPSILON_OF_START: f64 = 1e-5;

/// One styled convolution of the synthesis: 3x3, noise, bias, leaky ReLU, then each map at mean 0 and variance 1,
/// scaled and shifted by the style.
#[derive(Debug)]
pub struct AdainConv {
    weight: Tensor,
    bias: Tensor,
    noise_strength: Tensor,
    noise_const: Tensor,
    /// w to s_y and s_b, \[N, 2 O\].
    affine: Linear,
    weight_gain: f64,
    double: Option<Resampling>,
    bound: Option<f64>,
}

impl AdainConv {
    /// Weights and the noise map from N(0, 1), strength and biases 0, those of the style included: s_y and s_b start
    /// around 0. The output is kept within `bound`.
    ///
    /// # Panics
    /// A shape of volumes.
    pub fn new(init: &Init, shape: StyledShape, bound: Option<f64>) -> Self {
        let StyledShape { inputs, outputs, w_dim, resolution, dimensions, double } = shape;
        assert_eq!(dimensions, 2, "adaptive instance normalisation is of images");
        Self {
            weight: init.normal("weight", &axes::kernel(outputs, inputs, 3, dimensions), 1.0),
            bias: init.constant("bias", &[outputs], 0.0),
            noise_strength: init.constant("noise_strength", &[], 0.0),
            noise_const: init.normal_buffer("noise_const", &[resolution, resolution]),
            affine: Linear::new(&init.sub("affine"), w_dim, 2 * outputs, Activation::Linear, 1.0),
            weight_gain: 1.0 / ((9 * inputs) as f64).sqrt(),
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

    /// x \[N, I, H, W\], w \[N, w_dim\], noise \[1 or N, 1, R, R\] -> \[N, O, R, R\] in the precision of the scope.
    pub fn forward(&self, x: &Tensor, w: &Tensor, noise: Option<&Tensor>) -> Tensor {
        let x = precision::lowered(x);
        let gain = activation::GAIN;
        let kernel_gain = self.weight_gain * gain;
        let y = match self.double {
            Some(resampling) => resampling.conv_up2(&x, &self.weight, kernel_gain),
            None => fused::convolution(&x, &self.weight, kernel_gain, 1, 1),
        };
        let noise = noise.map(|map| (map, &self.noise_strength));
        let y = fused::activate(&y, fused::Before { scale: None, bias: Some(&self.bias), noise, gain }, None);
        let style = self.affine.forward(w).chunk(2, 1);
        let epsilon = if self.resolution() == 4 { EPSILON_OF_START } else { EPSILON };
        clamp(normalised(&y, [&style[0], &style[1]], epsilon), self.bound).to_kind(y.kind())
    }

    /// Shows the layer's tensors, whose names begin with `path`.
    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        visit(join(path, "bias"), &self.bias, Role::Parameter);
        visit(join(path, "noise_strength"), &self.noise_strength, Role::Parameter);
        visit(join(path, "noise_const"), &self.noise_const, Role::Buffer);
        self.affine.visit(&join(path, "affine"), visit);
    }
}

/// (1 + s_y) (x - mean) / sqrt(variance + epsilon) + s_b of each map of x \[N, C, H, W\], s_y and s_b \[N, C\]; the
/// variance is that of the places themselves (biased). In float32: a half's rounding is larger than epsilon.
fn normalised(x: &Tensor, [scale, shift]: [&Tensor; 2], epsilon: f64) -> Tensor {
    let x = match x.kind() {
        Kind::Double => x.shallow_clone(),
        _ => x.to_kind(Kind::Float),
    };
    let over_space = |x: &Tensor| x.mean_dim(axes::of_space(x), true, None::<Kind>);
    let of_places = |style: &Tensor| style.unsqueeze(-1).unsqueeze(-1);
    let centred = &x - over_space(&x);
    let deviation = over_space(&centred.square()) + epsilon;
    centred * (deviation.rsqrt() * (of_places(scale) + 1.0)) + of_places(shift)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::seed::RunSeed;

    fn layer(resolution: i64, double: Option<Resampling>) -> AdainConv {
        let shape = StyledShape { inputs: 3, outputs: 2, w_dim: 4, resolution, dimensions: 2, double };
        AdainConv::new(&Init::new(RunSeed(1), Device::Cpu, "layer"), shape, None)
    }

    /// Mean 3, variance 3.5.
    #[test]
    fn four_places_by_hand() {
        let x = Tensor::from_slice(&[1.0, 2.0, 3.0, 6.0]).view([1, 1, 2, 2]);
        let style = [0.5, -0.25].map(|value| Tensor::from_slice(&[value]).view([1, 1]));
        let y = normalised(&x, [&style[0], &style[1]], 1e-8);
        let found = Vec::<f64>::try_from(y.reshape([-1])).unwrap();
        approx::assert_abs_diff_eq!(found[..], [-1.853567, -1.051784, -0.25, 2.155351], epsilon = 1e-6);
        // A constant map is its shift.
        let y = normalised(&(&x * 0.0 + 7.0), [&style[0], &style[1]], 1e-8);
        assert_eq!(Vec::<f64>::try_from(y.reshape([-1])).unwrap(), [-0.25; 4]);
    }

    /// Whatever the style, each map has the mean and the deviation that the style says: rows of the affine map are
    /// first all scales, then all shifts.
    #[test]
    fn a_map_has_the_mean_and_deviation_of_its_style() {
        tch::manual_seed(1);
        let options = (Kind::Float, Device::Cpu);
        let (x, w) = (Tensor::randn([2, 3, 8, 8], options), Tensor::zeros([2, 4], options));
        for (double, side) in [(None, 8), (Some(Resampling::Filter), 16), (Some(Resampling::Transposed), 16)] {
            let layer = layer(side, double);
            let set = Tensor::from_slice(&[1.0_f32, 2.0, -3.0, 5.0]);
            layer.visit("", &mut |name, tensor, _| {
                if name == "affine.bias" {
                    tch::no_grad(|| tensor.shallow_clone().copy_(&set));
                }
            });
            let y = layer.forward(&x, &w, None);
            assert_eq!(y.size(), [2, 2, side, side]);
            for (channel, deviation, mean) in [(0, 2.0, -3.0), (1, 3.0, 5.0)] {
                let map = y.select(1, channel).select(0, 1);
                assert!((map.mean(Kind::Float).double_value(&[]) - mean).abs() < 1e-4);
                assert!((map.std(false).double_value(&[]) - deviation).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn noise_is_seen_by_its_strength() {
        let layer = layer(4, None);
        let options = (Kind::Float, Device::Cpu);
        let (x, w) = (Tensor::randn([1, 3, 4, 4], options), Tensor::zeros([1, 4], options));
        let map = layer.noise_const().unsqueeze(0).unsqueeze(0);
        let with = || layer.forward(&x, &w, Some(&map));
        assert!(with().equal(&layer.forward(&x, &w, None)));
        tch::no_grad(|| layer.noise_strength.shallow_clone().copy_(&Tensor::from(2.0_f32)));
        assert!((with() - layer.forward(&x, &w, None)).abs().max().double_value(&[]) > 0.1);
    }

    /// bfloat16 in, bfloat16 out, and no further from float32 than its rounding.
    #[test]
    fn a_low_precision_is_normalised_in_float32() {
        use crate::engine::Precision;
        use crate::engine::precision::Scope;
        tch::manual_seed(3);
        let options = (Kind::Float, Device::Cpu);
        let (layer, w) = (layer(8, None), Tensor::randn([1, 4], options));
        let x = Tensor::randn([1, 3, 8, 8], options) + 1.0;
        let exact = layer.forward(&x, &w, None);
        let low = {
            let _scope = Scope::enter(Precision::Bfloat16);
            layer.forward(&x, &w, None)
        };
        assert_eq!(low.kind(), Kind::BFloat16);
        let error = (low.to_kind(Kind::Float) - &exact).abs().max() / exact.abs().max();
        assert!(error.double_value(&[]) < 0.03, "{error}");
    }
}
