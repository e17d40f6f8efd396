//! Low-dimensional features for a Frechet distance between small sets of images during training.
//!
//! Per block of the random VGG-like net the mean and the standard deviation over positions of its first channels:
//! 64 numbers, so that some hundred images give a covariance of full rank. Never to be called FID.

use tch::{Device, Tensor};

use super::random_vgg::{RandomVgg, WEIGHT_SEED};

/// Images that pass through the net at a time.
const AT_A_TIME: i64 = 50;

/// Channels taken of each block; the weights are random, so any are as good as the first.
const CHANNELS: i64 = 8;

/// Images \[N, C, H, W\] in -1..1 to \[N, F\], F = 64 from 32 x 32 pixels on.
pub struct FrechetFeatures {
    net: RandomVgg,
    name: String,
    device: Device,
}

impl FrechetFeatures {
    /// For images of `channels` channels; features are computed on `device`.
    pub fn new(channels: i64, device: Device) -> Self {
        let name = format!("channel means and deviations of random VGG-like features (seed {WEIGHT_SEED})");
        Self { net: RandomVgg::new(channels, device), name, device }
    }

    /// What the distance is to be called after.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// [`Self::of`] of any number of images, some at a time.
    pub fn of_all(&self, images: &Tensor) -> Tensor {
        let parts: Vec<Tensor> = images.split(AT_A_TIME, 0).iter().map(|part| self.of(part)).collect();
        Tensor::cat(&parts, 0)
    }

    /// Features without gradient of images on any device, float32 \[N, F\].
    pub fn of(&self, images: &Tensor) -> Tensor {
        tch::no_grad(|| {
            let mut parts = Vec::new();
            for activation in self.net.activations(&images.to_device(self.device)) {
                let positions = activation.narrow(1, 0, CHANNELS).flatten(2, -1); // [N, 8, H*W]
                let mean = positions.mean_dim([2i64].as_slice(), true, None);
                let variance = (&positions - &mean).square().mean_dim([2i64].as_slice(), false, None);
                parts.push(mean.squeeze_dim(2));
                parts.push((variance + 1e-8).sqrt());
            }
            Tensor::cat(&parts, 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    /// Images \[n, 1, 64, 64\] of a disc (inner 0) or a ring about jittered centres, with noise.
    fn phantoms(n: i64, inner: f64, seed: i64) -> Tensor {
        tch::manual_seed(seed);
        let options = (Kind::Float, Device::Cpu);
        let axis = Tensor::arange(64, options) - 31.5;
        let jitter = || Tensor::rand([n, 1, 1], options) * 8.0 - 4.0;
        let x = axis.view([1, 1, 64]) - jitter();
        let y = axis.view([1, 64, 1]) - jitter();
        let radius = (x.square() + y.square()).sqrt();
        let outer = (144.0 + inner * inner).sqrt(); // the same area, hence the same mean
        let shape = radius.le(outer).logical_and(&radius.ge(inner)).to_kind(Kind::Float);
        (shape * 0.8 - 0.2 + Tensor::randn([n, 64, 64], options) * 0.1).unsqueeze(1)
    }

    #[test]
    fn rings_are_nearer_to_rings_than_to_discs_of_the_same_area() {
        let features = FrechetFeatures::new(1, Device::Cpu);
        let mean = |images: &Tensor| features.of(images).mean_dim([0i64].as_slice(), false, None);
        let (rings, others, discs) =
            (mean(&phantoms(32, 10.0, 1)), mean(&phantoms(32, 10.0, 2)), mean(&phantoms(32, 0.0, 3)));
        let distance = |a: &Tensor, b: &Tensor| (a - b).square().sum(Kind::Float).double_value(&[]);
        let (same, different) = (distance(&rings, &others), distance(&rings, &discs));
        assert!(different > 20.0 * same, "{different} against {same}");
    }

    #[test]
    fn a_constant_image_has_means_only_where_padding_does_not_reach() {
        let features =
            FrechetFeatures::new(2, Device::Cpu).of(&Tensor::zeros([3, 2, 64, 64], (Kind::Float, Device::Cpu)));
        assert_eq!(features.size(), [3, 64]);
        assert!(features.get(0).equal(&features.get(2)));
        assert_eq!(features.isfinite().all().int64_value(&[]), 1);
    }
}
