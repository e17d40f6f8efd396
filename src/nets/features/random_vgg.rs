//! A small VGG-like net with fixed random weights: unit-normalised activations at four scales.
//!
//! Random convolutional features already order images by perceptual similarity (Zhang et al. 2018, "The Unreasonable
//! Effectiveness of Deep Features", table 5, "random"); they need no download and no licence.

use rand::RngExt;
use rand_distr::StandardNormal;
use tch::{Device, Tensor};

use super::{FeatureNet, Places, at_most_largest_side, unit_normalised};
use crate::engine::fused;
use crate::problem::Result;
use crate::seed::RunSeed;

/// Seed of the weights. Part of the features' name: another seed is another distance.
pub const WEIGHT_SEED: u64 = 1703;

/// Channels of the four blocks; the side halves from one to the next.
const BLOCKS: [i64; 4] = [16, 32, 64, 128];

/// Standard deviation of the biases. Without biases ReLU features scale with the image, and the unit normalisation
/// would remove its contrast.
const BIAS_DEVIATION: f64 = 0.2;

/// Blocks of two 3x3 convolutions with ReLU, 2x2 average pooling between them.
pub struct RandomVgg {
    blocks: Vec<[Convolution; 2]>,
    name: String,
}

struct Convolution {
    weight: Tensor, // [O, I, 3, 3]
    bias: Tensor,   // [O]
}

impl Convolution {
    /// He-normal weights (He et al. 2015, eq. 10) from the stream that `index` names.
    fn new(input: i64, output: i64, index: u64, device: Device) -> Self {
        let normal = |purpose, count: i64, deviation: f64| {
            let mut stream = RunSeed(WEIGHT_SEED).stream(purpose, index);
            let values: Vec<f32> =
                (0..count).map(|_| (stream.sample::<f64, _>(StandardNormal) * deviation) as f32).collect();
            Tensor::from_slice(&values).to_device(device)
        };
        let fan_in = input * 9;
        let weight = normal("random VGG weight", output * fan_in, (2.0 / fan_in as f64).sqrt());
        Self { weight: weight.view([output, input, 3, 3]), bias: normal("random VGG bias", output, BIAS_DEVIATION) }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        (fused::convolution(x, &self.weight, 1.0, 1, 1) + self.bias.reshape([1, -1, 1, 1])).relu()
    }
}

impl RandomVgg {
    /// The net for images of `channels` channels; the same weights on every machine and in every run.
    pub fn new(channels: i64, device: Device) -> Self {
        let mut input = channels;
        let mut blocks = Vec::new();
        for (i, &output) in BLOCKS.iter().enumerate() {
            let first = Convolution::new(input, output, 2 * i as u64, device);
            let second = Convolution::new(output, output, 2 * i as u64 + 1, device);
            blocks.push([first, second]);
            input = output;
        }
        Self { blocks, name: Self::title() }
    }

    /// Output of each block for `images` \[N, C, H, W\]: \[N, 16, H, W\], \[N, 32, H/2, W/2\], ...; blocks whose side
    /// would be below 4 pixels are left out.
    pub fn activations(&self, images: &Tensor) -> Vec<Tensor> {
        let mut x = at_most_largest_side(images);
        let mut outputs: Vec<Tensor> = Vec::new();
        for [first, second] in &self.blocks {
            if !outputs.is_empty() {
                x = x.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None);
            }
            let size = x.size();
            if size[2].min(size[3]) < 4 && !outputs.is_empty() {
                break;
            }
            x = second.forward(&first.forward(&x));
            outputs.push(x.shallow_clone());
        }
        outputs
    }
}

impl RandomVgg {
    /// Its name in records.
    pub fn title() -> String {
        format!("random VGG-like features (seed {WEIGHT_SEED})")
    }
}

impl FeatureNet for RandomVgg {
    fn name(&self) -> &str {
        &self.name
    }

    fn features(&self, images: &Tensor) -> Result<Tensor> {
        Ok(unit_normalised(&self.activations(images)))
    }

    fn places(&self, images: &Tensor) -> Result<Vec<Places>> {
        Ok(self.activations(images).iter().map(Places::beside).collect())
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::super::squared_distance;
    use super::*;

    #[test]
    fn weights_are_the_same_for_ever() {
        let net = RandomVgg::new(1, Device::Cpu);
        let first = &net.blocks[0][0];
        // He: standard deviation sqrt(2/9) of 144 draws.
        let deviation = first.weight.std(true).double_value(&[]);
        assert!((deviation - (2.0f64 / 9.0).sqrt()).abs() < 0.06, "{deviation}");
        let again = RandomVgg::new(1, Device::Cpu);
        assert!(net.blocks[3][1].weight.equal(&again.blocks[3][1].weight));
        assert!(!first.weight.flatten(0, -1).narrow(0, 0, 16).equal(&first.bias));
    }

    #[test]
    fn features_have_unit_length_per_position_and_block() {
        let net = RandomVgg::new(1, Device::Cpu);
        let images = Tensor::randn([2, 1, 32, 32], (Kind::Float, Device::Cpu));
        let features = net.features(&images).unwrap();
        assert_eq!(features.size(), [2, 16 * 1024 + 32 * 256 + 64 * 64 + 128 * 16]);
        let length = squared_distance(&features, &features.zeros_like());
        for value in Vec::<f64>::try_from(length).unwrap() {
            assert!((value - 4.0).abs() < 0.05, "{value} is not one per block");
        }
    }

    #[test]
    fn contrast_is_seen_and_gradients_reach_the_image() {
        let net = RandomVgg::new(1, Device::Cpu);
        let image = Tensor::randn([1, 1, 16, 16], (Kind::Float, Device::Cpu)) * 0.3;
        let target = net.features(&image).unwrap();
        let faint = (&image * 0.5).set_requires_grad(true);
        let distance = squared_distance(&net.features(&faint).unwrap(), &target).sum(Kind::Float);
        assert!(distance.double_value(&[]) > 0.01);
        let gradient = &Tensor::run_backward(&[distance], &[faint], false, false)[0];
        assert!(gradient.abs().max().double_value(&[]) > 0.0);
    }
}
