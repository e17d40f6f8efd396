//! Networks that are timed, and their arithmetic.

use serde::{Deserialize, Serialize};

use crate::nets::GeneratorConfig;

/// Side of the images of the small and the paper's networks: that of a prepared slice.
const SIDE: i64 = 64;

/// Networks by the names of `bench --net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BenchNet {
    /// Images of 64 pixels, for CPUs.
    Small,
    /// Images of 64 pixels, the published size.
    Paper,
    /// Slices of 256 pixels, channel base 2048, at most 64 channels.
    #[serde(rename = "slice-256")]
    Slice256,
    /// Volumes of 32 voxels each way, channel base 256, at most 32 channels.
    #[serde(rename = "volume-32")]
    Volume32,
    /// Volumes of 64 voxels each way, of the same channels.
    #[serde(rename = "volume-64")]
    Volume64,
}

impl BenchNet {
    /// Its generator, for one channel.
    pub fn generator(self) -> GeneratorConfig {
        match self {
            Self::Small => GeneratorConfig::small(SIDE, 1),
            Self::Paper => GeneratorConfig::paper(SIDE, 1),
            Self::Slice256 => GeneratorConfig { channel_base: 2048, ..GeneratorConfig::small(256, 1) },
            Self::Volume32 => GeneratorConfig::volumes(32, 1),
            Self::Volume64 => GeneratorConfig::volumes(64, 1),
        }
    }

    /// Images a step where nothing else is asked for.
    pub(super) fn batch(self) -> u64 {
        match self {
            Self::Small => 32,
            Self::Volume32 => 16,
            Self::Paper | Self::Slice256 | Self::Volume64 => 8,
        }
    }

    /// GFLOP of training on one image, by hand from the layers: for the share of the convolution rate only.
    pub(super) fn training_gflop(self) -> f64 {
        match self {
            // As they were counted first, so that shares stay comparable.
            Self::Small => 1.15,
            Self::Paper => 200.0,
            _ => of_a_step(&self.generator()),
        }
    }
}

/// Two for each product and sum of the convolutions; 4.75 forward passes of the generator and 8.4 of the discriminator,
/// which is what all phases of lazy regularisation come to for an image.
fn of_a_step(config: &GeneratorConfig) -> f64 {
    let (taps, places) = (3i64.pow(config.dimensions as u32), |side: i64| side.pow(config.dimensions as u32));
    let width = |side: i64| config.channels_at(side);
    let (mut generator, mut discriminator) = (0, taps * (width(4) + 1) * width(4) * places(4));
    let mut side = 4;
    while side <= config.resolution {
        let here = width(side);
        generator += taps * here * here * places(side) + config.channels * here * places(side);
        if side > 4 {
            let below = width(side / 2);
            generator += taps * below * here * places(side / 2);
            discriminator += taps * (here * here * places(side) + here * below * places(side / 2));
            discriminator += here * below * places(side / 2);
        }
        side *= 2;
    }
    discriminator += config.channels * width(config.resolution) * places(config.resolution);
    2e-9 * (4.75 * generator as f64 + 8.4 * discriminator as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted elsewhere from the same shapes, to one decimal.
    #[test]
    fn arithmetic_is_as_it_was_counted_before() {
        for (net, gflop) in [(BenchNet::Slice256, 6.2), (BenchNet::Volume32, 3.3), (BenchNet::Volume64, 7.0)] {
            let found = net.training_gflop();
            assert!((found / gflop - 1.0).abs() < 0.06, "{net:?}: {found}");
        }
        assert!((of_a_step(&BenchNet::Small.generator()) / 1.17 - 1.0).abs() < 0.06);
    }
}
