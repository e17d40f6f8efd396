//! Self-attention over all places of an activation (Zhang et al. 2019, SAGAN, section 3).
//!
//! Of plain operations alone, each of which can be differentiated twice; the fused ones of libtorch cannot.

use tch::{Kind, Tensor};

use super::equalized::{Activation, Conv, ConvShape};
use crate::nets::network::{Init, Role, Visitor, join};

/// x + gamma o, where o at each place is a mean over all places, weighted by how well their keys fit its query. Of
/// images; memory for the weights is the fourth power of the side.
#[derive(Debug)]
pub struct Attention {
    query: Conv,
    key: Conv,
    value: Conv,
    out: Conv,
    gamma: Tensor,
}

/// Channels of query and key, and of the value, of an activation with so many.
pub fn widths(channels: i64) -> [i64; 2] {
    [(channels / 8).max(1), (channels / 2).max(1)]
}

impl Attention {
    /// Weights from N(0, 1), gamma 0: at first the output is the input.
    pub fn new(init: &Init, channels: i64) -> Self {
        let layer = |name: &str, inputs: i64, outputs: i64| {
            let (activation, bias, halve, gain) = (Activation::Linear, false, None, 1.0);
            let shape = ConvShape { inputs, outputs, kernel: 1, dimensions: 2, activation, bias, halve, gain };
            Conv::new(&init.sub(name), shape, None)
        };
        let [compared, passed] = widths(channels);
        Self {
            query: layer("query", channels, compared),
            key: layer("key", channels, compared),
            value: layer("value", channels, passed),
            out: layer("out", passed, channels),
            gamma: init.constant("gamma", &[], 0.0),
        }
    }

    /// x \[N, C, H, W\] -> the same shape and kind; within, float32.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (count, _, height, width) = x.size4().expect("attention is of images");
        let full = x.to_kind(Kind::Float);
        // [N, c, H W].
        let flat = |layer: &Conv| layer.forward(&full).flatten(2, -1);
        let (query, key, value) = (flat(&self.query), flat(&self.key), flat(&self.value));
        // [N, places that ask, places that answer].
        let weights = query.transpose(1, 2).matmul(&key).softmax(-1, Kind::Float);
        let mean = value.matmul(&weights.transpose(1, 2)).reshape([count, -1, height, width]);
        x + (self.out.forward(&mean) * &self.gamma).to_kind(x.kind())
    }

    /// Shows the layer's tensors, whose names begin with `path`.
    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        for (name, layer) in [("query", &self.query), ("key", &self.key), ("value", &self.value), ("out", &self.out)] {
            layer.visit(&join(path, name), visit);
        }
        visit(join(path, "gamma"), &self.gamma, Role::Parameter);
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::seed::RunSeed;

    const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn layer(channels: i64) -> Attention {
        Attention::new(&Init::new(RunSeed(1), Device::Cpu, "layer"), channels)
    }

    fn set(attention: &Attention, values: &[(&str, &[f32])]) {
        attention.visit("", &mut |name, tensor, _| {
            if let Some((_, values)) = values.iter().find(|(own, _)| *own == name) {
                let values = Tensor::from_slice(values).view_as(tensor);
                tch::no_grad(|| tensor.shallow_clone().copy_(&values));
            }
        });
    }

    #[test]
    fn at_first_the_output_is_the_input_to_the_bit() {
        tch::manual_seed(1);
        let layer = layer(16);
        for kind in [Kind::Float, Kind::BFloat16] {
            let x = Tensor::randn([2, 16, 4, 6], OPTIONS).to_kind(kind);
            let y = layer.forward(&x);
            assert!(y.kind() == kind && y.equal(&x));
        }
        // Gamma has a gradient all the same, or it would never leave 0.
        let gradient = Tensor::run_backward(
            &[layer.forward(&Tensor::randn([1, 16, 4, 4], OPTIONS)).square().sum(Kind::Float)],
            &[&layer.gamma],
            false,
            false,
        );
        assert!(gradient[0].double_value(&[]).abs() > 1e-3);
    }

    /// Two channels x, y at three places: query x, key x, value y. Weights of a place are the softmax, over the places
    /// that answer, of its own x times theirs.
    #[test]
    fn three_places_by_hand() {
        let layer = layer(2);
        let root = 2f32.sqrt();
        set(
            &layer,
            &[
                ("query.weight", &[root, 0.0]),
                ("key.weight", &[root, 0.0]),
                ("value.weight", &[0.0, root]),
                ("out.weight", &[1.0, 0.0]),
                ("gamma", &[2.0]),
            ],
        );
        let (asks, values) = ([0.0, 1.0, 2.0], [1.0, -1.0, 3.0]);
        let x = Tensor::from_slice(&[asks, values].concat()).to_kind(Kind::Float).view([1, 2, 1, 3]);
        let y = Vec::<f32>::try_from(layer.forward(&x).reshape([-1])).unwrap();
        for (place, ask) in asks.iter().enumerate() {
            let fits = asks.map(|key: f64| (ask * key).exp());
            let sum: f64 = fits.iter().sum();
            let mean: f64 = fits.iter().zip(values).map(|(fit, value)| fit * value / sum).sum();
            approx::assert_abs_diff_eq!(f64::from(y[place]), ask + 2.0 * mean, epsilon = 1e-5);
            // The second channel takes nothing.
            assert_eq!(f64::from(y[3 + place]), values[place]);
        }
    }

    #[test]
    fn how_the_input_lies_in_memory_changes_nothing() {
        tch::manual_seed(2);
        let layer = layer(8);
        set(&layer, &[("gamma", &[0.7])]);
        let x = Tensor::randn([2, 8, 4, 6], OPTIONS);
        let last = x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
        assert!(!last.is_contiguous());
        let error = (layer.forward(&x) - layer.forward(&last)).abs().max().double_value(&[]);
        assert!(error < 1e-6, "{error}");
    }

    /// Width 1 is the least, and the value's is half.
    #[test]
    fn widths_are_an_eighth_and_a_half() {
        assert_eq!([1, 4, 8, 64].map(widths), [[1, 1], [1, 2], [1, 4], [8, 32]]);
    }
}
