//! A trained discriminator's own activations: features that know the data, and the generator's opponent's taste.

use super::{FeatureNet, Places, unit_normalised};
use crate::nets::Discriminator;
use crate::problem::Result;
use tch::Tensor;

/// Activations after each residual block of a discriminator, taken as LPIPS takes a VGG's.
pub struct DiscriminatorFeatures<'a>(pub &'a Discriminator);

impl DiscriminatorFeatures<'_> {
    /// Its name in records.
    pub const TITLE: &'static str = "discriminator features";
}

impl FeatureNet for DiscriminatorFeatures<'_> {
    fn name(&self) -> &str {
        Self::TITLE
    }

    fn features(&self, images: &Tensor) -> Result<Tensor> {
        Ok(unit_normalised(&self.0.features(images)))
    }

    fn places(&self, images: &Tensor) -> Result<Vec<Places>> {
        Ok(self.0.features(images).iter().map(Places::beside).collect())
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::super::squared_distance;
    use super::*;
    use crate::nets::DiscriminatorConfig;
    use crate::seed::RunSeed;

    #[test]
    fn features_have_unit_length_per_block_and_do_not_mix_images() {
        let config =
            DiscriminatorConfig { resolution: 16, channel_base: 128, channel_max: 8, ..DiscriminatorConfig::default() };
        let discriminator = Discriminator::new(&config, RunSeed(1), Device::Cpu).unwrap();
        let net = DiscriminatorFeatures(&discriminator);
        let images = Tensor::randn([3, 1, 16, 16], (Kind::Float, Device::Cpu));
        let features = net.features(&images).unwrap();
        // Blocks end at sides 8 and 4.
        assert_eq!(features.size(), [3, 8 * 64 + 8 * 16]);
        let length = squared_distance(&features, &features.zeros_like());
        assert!((length.double_value(&[0]) - 2.0).abs() < 1e-4);
        assert!(net.features(&images.narrow(0, 1, 1)).unwrap().allclose(&features.narrow(0, 1, 1), 1e-4, 1e-6, false));
    }
}
