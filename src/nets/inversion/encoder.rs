//! Images to codes w: an offset from the mean of w by a residual network and one equalised linear layer (the W-encoder
//! of Alaluf et al. 2022, HyperStyle, section 3.3, on a trunk that two cores can train).

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::trunk::{Trunk, TrunkConfig};
use crate::nets::layers::equalized::{Activation, Linear};
use crate::nets::network::{Init, Network, Role, Visitor};
use crate::seed::RunSeed;

/// Sizes of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderConfig {
    /// Its residual network.
    pub trunk: TrunkConfig,
    /// Places a side that the last activations are averaged to: 1 for a global mean, as published, 4 for none, so that
    /// it knows where things lie.
    pub pool: i64,
    /// Length of w.
    pub w_dim: i64,
    /// Codes of an image: 1 for one w, or as many as the synthesis takes.
    pub layers: i64,
}

/// Images to w.
#[derive(Debug)]
pub struct Encoder {
    trunk: Trunk,
    map: Linear,
    /// \[w_dim\]: what it gives before it has learnt anything.
    centre: Tensor,
    /// What its numbers are multiplied by \[\].
    unit: Tensor,
    config: EncoderConfig,
}

impl Encoder {
    /// Begins at `centre` \[w_dim\] for every image; `unit` is the deviation of one number of w.
    pub fn new(config: &EncoderConfig, centre: &Tensor, unit: f64, seed: RunSeed) -> Self {
        let device = centre.device();
        let init = Init::new(seed, device, "w encoder");
        let inputs = config.trunk.last() * config.pool * config.pool;
        let outputs = config.w_dim * config.layers;
        Self {
            trunk: Trunk::new(&init.sub("trunk"), &config.trunk),
            map: silent(Linear::new(&init.sub("map"), inputs, outputs, Activation::Linear, 1.0)),
            centre: centre.detach().copy(),
            unit: Tensor::from(unit as f32).to_device(device),
            config: *config,
        }
    }

    /// One of the same sizes whose values are all to be loaded.
    pub fn unfilled(config: &EncoderConfig, device: Device) -> Self {
        let centre = Tensor::zeros([config.w_dim], (tch::Kind::Float, device));
        Self::new(config, &centre, 1.0, RunSeed(0))
    }

    /// Images \[N, C, S, S\] in -1..1 -> w \[N, L, w_dim\].
    pub fn forward(&self, images: &Tensor) -> Tensor {
        let EncoderConfig { pool, w_dim, layers, .. } = self.config;
        let places = self.trunk.forward(images).adaptive_avg_pool2d([pool, pool]).flatten(1, -1);
        self.map.forward(&places).view([-1, layers, w_dim]) * &self.unit + &self.centre
    }

    /// Its sizes.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }
}

/// A layer that gives 0 until it has learnt something.
pub(super) fn silent(layer: Linear) -> Linear {
    let _ = tch::no_grad(|| layer.weight().shallow_clone().zero_());
    layer
}

impl Network for Encoder {
    fn visit(&self, visit: &mut Visitor<'_>) {
        self.trunk.visit("trunk", visit);
        self.map.visit("map", visit);
        visit("centre".into(), &self.centre, Role::Buffer);
        visit("unit".into(), &self.unit, Role::Buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    fn config(side: i64, channels: i64) -> EncoderConfig {
        let trunk = TrunkConfig { channels, side, width: 4, most: 16 };
        EncoderConfig { trunk, pool: 1, w_dim: 5, layers: 1 }
    }

    #[test]
    fn begins_at_the_mean_for_images_of_any_size_and_number_of_channels() {
        let centre = Tensor::arange(5, (Kind::Float, Device::Cpu));
        for (side, channels, pool, layers) in [(8, 1, 1, 1), (32, 3, 4, 8), (64, 2, 2, 1)] {
            let config = EncoderConfig { pool, layers, ..config(side, channels) };
            let encoder = Encoder::new(&config, &centre, 2.0, RunSeed(1));
            let images = Tensor::randn([2, channels, side, side], (Kind::Float, Device::Cpu));
            let w = encoder.forward(&images);
            assert_eq!(w.size(), [2, layers, 5]);
            assert!((w - &centre).abs().max().double_value(&[]) == 0.0);
        }
    }

    #[test]
    fn what_is_stored_comes_back() {
        let centre = Tensor::arange(5, (Kind::Float, Device::Cpu));
        let encoder = Encoder::new(&config(16, 1), &centre, 2.0, RunSeed(1));
        tch::no_grad(|| encoder.map.weight().shallow_clone().copy_(&Tensor::ones([5, 16], (Kind::Float, Device::Cpu))));
        let mut other = Encoder::unfilled(&config(16, 1), Device::Cpu);
        other.load(&encoder.tensors()).unwrap();
        let images = Tensor::randn([2, 1, 16, 16], (Kind::Float, Device::Cpu));
        let (w, again) = (encoder.forward(&images), other.forward(&images));
        assert!(w.equal(&again) && (w - centre).abs().max().double_value(&[]) > 0.01);
    }
}
